//! Rows of comma-separated values, as `api/auth0.md` 10.2 has them: a string stands in double
//! quotes, has its own doubled, and begins with a single quote, so that no spreadsheet takes it
//! for a formula (CON-06); our own dates, numbers and truth values stand bare.
//!
//! What would surprise: no library writes it, because those quote by what a cell looks like or
//! all alike, and here it depends on what the cell is.

use serde_json::Value;

/// What a spreadsheet may take for the beginning of a formula (CON-06).
const BEGINNINGS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A cell.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'a> {
    /// Somebody's value; what is no number or truth value is a string.
    Value(Option<&'a Value>),
    /// A moment that we wrote ourselves.
    Date(&'a str),
    /// The name of a column.
    Name(&'a str),
}

/// Writes a row with its end.
pub fn row<'a>(cells: impl IntoIterator<Item = Cell<'a>>, to: &mut Vec<u8>) {
    for (n, cell) in cells.into_iter().enumerate() {
        if n > 0 {
            to.push(b',');
        }
        match cell {
            Cell::Value(None | Some(Value::Null)) => {}
            Cell::Value(Some(Value::String(text))) => string("'", text, to),
            Cell::Value(Some(bare @ (Value::Number(_) | Value::Bool(_)))) => {
                to.extend_from_slice(bare.to_string().as_bytes());
            }
            Cell::Value(Some(nested)) => string("'", &nested.to_string(), to),
            Cell::Date(date) => to.extend_from_slice(date.as_bytes()),
            Cell::Name(name) if name.starts_with(BEGINNINGS) => string("'", name, to),
            Cell::Name(name) => string("", name, to),
        }
    }
    to.extend_from_slice(b"\r\n");
}

fn string(before: &str, text: &str, to: &mut Vec<u8>) {
    to.push(b'"');
    to.extend_from_slice(before.as_bytes());
    to.extend_from_slice(text.replace('"', "\"\"").as_bytes());
    to.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(value: &Value) -> String {
        let mut to = Vec::new();
        row([Cell::Value(Some(value))], &mut to);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn sec_con_06_what_a_spreadsheet_would_run_is_inert() {
        for text in [
            "=HYPERLINK(\"http://x\",\"y\")",
            "@SUM(A1)",
            "+1",
            "-1",
            "\tx",
            "\rx",
            "\n=1",
            "Ines",
        ] {
            let line = written(&json!(text));
            assert!(line.starts_with("\"'"), "{line:?}");
            let mut reader = csv::ReaderBuilder::new()
                .has_headers(false)
                .from_reader(line.as_bytes());
            let cells: Vec<_> = reader.records().map(Result::unwrap).collect();
            assert_eq!((cells.len(), cells[0].len()), (1, 1), "{line:?}");
            assert_eq!(&cells[0][0], format!("'{text}"));
        }
        let mut to = Vec::new();
        row([Cell::Name("=cmd"), Cell::Name("a\"b"), Cell::Name("plain")], &mut to);
        assert_eq!(to, b"\"'=cmd\",\"a\"\"b\",\"plain\"\r\n");
    }

    #[test]
    fn only_strings_are_quoted() {
        assert_eq!(written(&json!(-5)), "-5\r\n");
        assert_eq!(written(&json!(true)), "true\r\n");
        assert_eq!(written(&json!(null)), "\r\n");
        assert_eq!(written(&json!(["=1"])), "\"'[\"\"=1\"\"]\"\r\n");
        let mut to = Vec::new();
        row([Cell::Date("2026-01-02T03:04:05.000Z"), Cell::Value(None)], &mut to);
        assert_eq!(to, b"2026-01-02T03:04:05.000Z,\r\n");
    }
}

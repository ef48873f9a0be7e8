//! Every SQL text in the sources of the store, put together as the compiler does.
//!
//! A text is a literal, or made of literals by `concat!`, `format!` or a macro of ours that is
//! nothing but text. What would surprise: nothing is passed over. What looks like SQL and cannot
//! be put together, and a value beside `params![…]` that is no text and no name, is returned as
//! unreadable, which fails the test. Tests within the sources do not count, nor do the migrations,
//! which are files.

use std::path::PathBuf;

use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Expr, Macro, Token};

use super::names::{Names, arguments_of, is_template, is_test, name_of};

/// Methods that make a statement, which is read where they do.
const MADE_BY: [&str; 1] = ["select_last"];

/// A text and the file that it is in.
pub struct Text {
    pub file: String,
    pub sql: String,
    /// Whether it was seen where it is run; others are literals and constants.
    pub is_run: bool,
}

/// All of them, and what cannot be read.
pub fn all() -> (Vec<Text>, Vec<String>) {
    let files: Vec<(String, syn::File)> = super::super::files_below("src/store", "rs")
        .into_iter()
        .map(|path: PathBuf| {
            let text = std::fs::read_to_string(&path).unwrap();
            (super::super::named(&path), syn::parse_file(&text).unwrap())
        })
        .collect();
    read(&files)
}

fn read(files: &[(String, syn::File)]) -> (Vec<Text>, Vec<String>) {
    let names = Names::of(files);
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for (file, parsed) in files {
        if names.is_only_tests(file) {
            continue;
        }
        let mut reader = Reader {
            names: &names,
            file,
            run: Vec::new(),
            seen: Vec::new(),
            unreadable: Vec::new(),
        };
        reader.visit_file(parsed);
        for (texts, is_run) in [(reader.run, true), (reader.seen, false)] {
            found.extend(texts.into_iter().map(|sql| Text {
                file: file.clone(),
                sql,
                is_run,
            }));
        }
        unreadable.extend(reader.unreadable.into_iter().map(|what| format!("{file}: {what}")));
    }
    found.retain(|text| text.is_run || !names.is_piece(&text.sql));
    (found, unreadable)
}

/// Whether it is a statement, or looks like a piece of one.
fn is_sql(text: &str) -> bool {
    let padded = format!(" {} ", text.split_whitespace().collect::<Vec<_>>().join(" "));
    let begins = [
        "ALTER",
        "ANALYZE",
        "BEGIN",
        "CALL",
        "COMMENT",
        "COMMIT",
        "COPY",
        "CREATE",
        "DELETE",
        "DISCARD",
        "DO",
        "DROP",
        "EXPLAIN",
        "GRANT",
        "INSERT",
        "LISTEN",
        "LOCK",
        "MERGE",
        "NOTIFY",
        "PRAGMA",
        "RELEASE",
        "ROLLBACK",
        "SAVEPOINT",
        "SELECT",
        "SET",
        "TRUNCATE",
        "UPDATE",
        "VACUUM",
        "VALUES",
        "WITH",
    ];
    let within = [
        " WHERE ",
        " FROM ",
        " JOIN ",
        " VALUES ",
        " ORDER BY ",
        " SELECT ",
        " FOR UPDATE ",
    ];
    let numbered = padded.match_indices(['?', '$']).any(|(at, mark)| {
        let next = padded.get(at + mark.len()..).and_then(|rest| rest.chars().next());
        next.is_some_and(|next| next.is_ascii_digit())
    });
    let mut words = padded.split_whitespace();
    let first = words.next().unwrap_or_default();
    let alone = words.next().is_none() && !["BEGIN", "COMMIT", "ROLLBACK"].contains(&first);
    numbered || (begins.contains(&first) && !alone) || within.iter().any(|word| padded.contains(word))
}

/// Collects the texts of one file.
struct Reader<'a> {
    names: &'a Names,
    file: &'a str,
    run: Vec<String>,
    seen: Vec<String>,
    unreadable: Vec<String>,
}

impl Reader<'_> {
    /// What is given before `params![…]` is run, whatever it looks like.
    fn read_call(&mut self, arguments: &Punctuated<Expr, Token![,]>) {
        for (given, params) in arguments.iter().zip(arguments.iter().skip(1)) {
            let counts = matches!(params, Expr::Macro(call) if name_of(&call.mac) == "params");
            match (given, self.names.text(self.file, given)) {
                _ if !counts => {}
                (_, Some(text)) if !self.run.contains(&text) => self.run.push(text),
                (_, Some(_)) | (Expr::Path(_), None) => {}
                (given, None) if is_made_elsewhere(given) => {}
                (_, None) => {
                    let what = "what is run with params![…] is neither a text nor a name";
                    self.unreadable.push(what.into());
                }
            }
        }
    }

    fn see(&mut self, text: String) {
        if is_sql(&text) && !self.run.contains(&text) && !self.seen.contains(&text) {
            self.seen.push(text);
        }
    }
}

fn is_made_elsewhere(given: &Expr) -> bool {
    match given {
        Expr::Reference(reference) => is_made_elsewhere(&reference.expr),
        Expr::MethodCall(call) => MADE_BY.iter().any(|name| call.method == name),
        _ => false,
    }
}

impl Visit<'_> for Reader<'_> {
    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        if !is_test(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_attribute(&mut self, _: &syn::Attribute) {}

    fn visit_expr_call(&mut self, call: &syn::ExprCall) {
        self.read_call(&call.args);
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &syn::ExprMethodCall) {
        self.read_call(&call.args);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_lit_str(&mut self, text: &syn::LitStr) {
        self.see(text.value());
    }

    fn visit_macro(&mut self, call: &Macro) {
        let name = name_of(call);
        if name == "include_str" || (name == "macro_rules" && is_template(call)) {
            return;
        }
        match (self.names.expanded(self.file, call), arguments_of(call)) {
            (Some(text), _) => self.see(text),
            (None, Some(parts)) if !["concat", "format"].contains(&name.as_str()) => {
                parts.iter().for_each(|part| self.visit_expr(part));
            }
            (None, _) => {
                let tokens = call.tokens.to_string();
                if tokens.split('"').skip(1).step_by(2).any(is_sql) {
                    self.unreadable.push(format!("{name}!({tokens})"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(source: &str) -> (Vec<String>, Vec<String>) {
        let parsed = syn::parse_file(source).unwrap();
        let (texts, unreadable) = read(&[("a.rs".to_owned(), parsed)]);
        (texts.into_iter().map(|text| text.sql).collect(), unreadable)
    }

    #[test]
    fn texts_are_put_together() {
        let (texts, unreadable) = read_text(
            r#"
            macro_rules! columns { () => { "id, name" }; }
            macro_rules! of { ($rest:literal) => { concat!("SELECT ", columns!(), " FROM users ", $rest) }; }
            const ALL: &str = concat!("SELECT ", columns!(), " FROM users");
            fn a(sql: &dyn Sql) {
                sql.run(of!("WHERE id = ?1"), params![1]);
                sql.run(&format!("{ALL} WHERE name = ?1"), params![1]);
                sql.run("select odd", params![]);
                sql.run(ALL, params![]);
                log!("an error of {}", 1);
            }
            #[cfg(test)]
            mod tests { const IN_A_TEST: &str = "SELECT 1"; }
            "#,
        );
        assert_eq!(unreadable, [""; 0]);
        assert_eq!(
            texts,
            [
                "SELECT id, name FROM users WHERE id = ?1",
                "SELECT id, name FROM users WHERE name = ?1",
                "select odd",
                "SELECT id, name FROM users",
            ]
        );
    }

    #[test]
    fn what_cannot_be_put_together_is_not_passed_over() {
        for source in [
            r#"fn a() { let s = format!("SELECT {} FROM users", column()); }"#,
            r#"fn a() { let s = format!("SELECT 1 FROM {unheard_of}"); }"#,
            r#"fn a() { sql.run(&[a, b].concat(), params![]); }"#,
            r#"fn a() { sql.run(if x { A } else { B }, params![]); }"#,
            r#"fn a() { write!(out; "SELECT 1") }"#,
        ] {
            let (_, unreadable) = read_text(source);
            assert_eq!(unreadable.len(), 1, "{source}: {unreadable:?}");
        }
        let (pieces, _) = read_text(r#"fn a() { statement.push_str(" WHERE id = ?1"); }"#);
        assert_eq!(pieces, [" WHERE id = ?1"], "is read, and cannot be parsed");
    }
}

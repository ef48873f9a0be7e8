//! The log: one line an event, on stderr, in ASCII.
//!
//! What a caller wrote may stand in a field, so every value is escaped and cut at 1 kB,
//! in the JSON form and in the one for people alike; a value can neither begin a line nor
//! reach a terminal as a control sequence (OPS-01). What would surprise: a panic is logged
//! by its location only, since its message may hold anything.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{ParseError, filter_fn};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Registry};

use super::log_thread::LogThread;
use crate::clock::Clock;

/// How much of a value is kept, escapes counted as they are written.
const VALUE_LIMIT_BYTES: usize = 1_024;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line.
    Json,
    /// For people: `at LEVEL target: message name=value`.
    Pretty,
}

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not of the form `info,oneself::store=debug`.
    #[error("the log filter cannot be read: {0}")]
    Filter(#[from] ParseError),
    /// There is a log already.
    #[error("the log was started before: {0}")]
    Started(#[from] TryInitError),
    /// The system gives no thread.
    #[error("the log has no thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// The log of this process; what is not written yet is written when it is dropped.
pub struct Log(LogThread);

impl Drop for Log {
    fn drop(&mut self) {
        self.0.flush();
    }
}

/// Starts the log of this process, and logs panics from now on.
///
/// # Errors
/// [`LogError`] when the filter is malformed or there is a log already.
pub fn start(filter: &str, form: Form, clock: Arc<dyn Clock>) -> Result<Log, LogError> {
    let filter = EnvFilter::builder().parse(filter)?;
    let log = Log(LogThread::start(std::io::stderr())?);
    let thread = log.0.clone();
    let lines = Lines::new(form, clock, move |line| thread.line(line));
    Registry::default()
        .with(filter)
        .with(filter_fn(|event| !tells_all(event.target())))
        .with(lines)
        .try_init()?;
    log_panics();
    Ok(log)
}

/// Whether what is logged from there holds secrets: the client of the database tells every value
/// that it sends, so nobody may ask for that.
fn tells_all(target: &str) -> bool {
    target.starts_with("tokio_postgres")
}

fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "a panic");
    }));
}

/// Writes each event as one line.
pub struct Lines<W> {
    form: Form,
    clock: Arc<dyn Clock>,
    write: W,
}

impl<W: Fn(String)> Lines<W> {
    /// Lines in this form, each handed over whole, with its end.
    pub fn new(form: Form, clock: Arc<dyn Clock>, write: W) -> Self {
        Self { form, clock, write }
    }
}

impl<S: Subscriber, W: Fn(String) + 'static> Layer<S> for Lines<W> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let at = self.clock.now();
        let mut line = String::with_capacity(512);
        let (level, target) = (metadata.level(), metadata.target());
        let _ = match self.form {
            Form::Json => write!(line, r#"{{"at":"{at:.3}","level":"{level}","target":"{target}""#),
            Form::Pretty => write!(line, "{at:.3} {level:5} {target}:"),
        };
        event.record(&mut Members {
            line: &mut line,
            form: self.form,
        });
        line.push_str(match self.form {
            Form::Json => "}\n",
            Form::Pretty => "\n",
        });
        (self.write)(line);
    }
}

/// Writes the fields of an event to the end of a line.
struct Members<'a> {
    line: &'a mut String,
    form: Form,
}

impl Members<'_> {
    fn name(&mut self, field: &Field) {
        let name = field.name();
        match self.form {
            Form::Json => {
                self.line.push_str(",\"");
                let _ = Escaped::new(self.line).write_str(name);
                // Ours come first, and JSON has one member of each name.
                if matches!(name, "at" | "level" | "target") {
                    self.line.push('_');
                }
                self.line.push_str("\":");
            }
            Form::Pretty => {
                self.line.push(' ');
                if name != "message" {
                    let _ = Escaped::new(self.line).write_str(name);
                    self.line.push('=');
                }
            }
        }
    }

    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        self.name(field);
        let quoted = self.form == Form::Json || field.name() != "message";
        if quoted {
            self.line.push('"');
        }
        let _ = Escaped::new(self.line).write_fmt(value);
        if quoted {
            self.line.push('"');
        }
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.name(field);
        let _ = write!(self.line, "{value}");
    }
}

impl Visit for Members<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, error: &(dyn std::error::Error + 'static)) {
        self.text(field, format_args!("{}", Chain(error)));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if value.is_finite() {
            self.plain(field, value);
        } else {
            self.text(field, format_args!("{value}"));
        }
    }
}

/// An error with what caused it.
struct Chain<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Writes text as the inside of a JSON string in ASCII, and stops at the limit: the error
/// that it then returns ends the formatting of what may be a very long value.
struct Escaped<'a> {
    out: &'a mut String,
    left: usize,
}

impl<'a> Escaped<'a> {
    fn new(out: &'a mut String) -> Self {
        Self {
            out,
            left: VALUE_LIMIT_BYTES,
        }
    }

    fn push(&mut self, piece: &str) -> fmt::Result {
        if piece.len() > self.left {
            self.out.push_str("...");
            self.left = 0;
            return Err(fmt::Error);
        }
        self.left -= piece.len();
        self.out.push_str(piece);
        Ok(())
    }
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let clean = |b: u8| (b.is_ascii_graphic() || b == b' ') && b != b'"' && b != b'\\';
        if text.len() <= self.left && text.bytes().all(clean) {
            return self.push(text);
        }
        for c in text.chars() {
            match c {
                '"' => self.push("\\\"")?,
                '\\' => self.push("\\\\")?,
                '\n' => self.push("\\n")?,
                '\r' => self.push("\\r")?,
                '\t' => self.push("\\t")?,
                ' '..='~' => self.push(c.encode_utf8(&mut [0; 4]))?,
                other => {
                    let mut escapes = String::new();
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        write!(escapes, "\\u{unit:04x}")?;
                    }
                    self.push(&escapes)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use parking_lot::Mutex;

    /// What is written of the events that `work` makes.
    fn written(form: Form, work: impl FnOnce()) -> String {
        let lines = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&lines);
        let clock = Arc::new(ManualClock::at("2026-01-02T03:04:05Z".parse().unwrap()));
        let layer = Lines::new(form, clock, move |line: String| kept.lock().push_str(&line));
        tracing::subscriber::with_default(Registry::default().with(layer), work);
        std::mem::take(&mut *lines.lock())
    }

    #[test]
    fn sec_ops_01_hostile_values_stay_in_one_valid_line() {
        let long = "x\u{1b}".repeat(5_000_000);
        for hostile in [
            "\u{1b}[31mred",
            "a\r\nlevel=ERROR forged",
            "a\u{2028}b\u{2029}",
            "\u{202e}evil\u{2066}",
            "\"}\n{\"level\":\"ERROR\"",
            "a\0b\u{7f}\u{85}\u{9b}31m",
            "😀 \\",
            &long,
        ] {
            let log = || {
                tracing::info!(value = hostile, debug = ?hostile, "seen: {hostile}");
            };
            let json = written(Form::Json, log);
            assert!(json.is_ascii() && json.len() < 4_000);
            assert_eq!(json.lines().count(), 1, "{json}");
            let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
            if hostile.len() < 100 {
                assert_eq!(parsed["value"], hostile);
                assert_eq!(parsed["level"], "INFO");
            }
            let pretty = written(Form::Pretty, log);
            assert_eq!(pretty.lines().count(), 1, "{pretty}");
            assert!(
                pretty.trim_end().bytes().all(|b| (b' '..=b'~').contains(&b)),
                "{pretty}"
            );
        }
    }

    proptest::proptest! {
        #[test]
        fn sec_ops_01_every_line_parses(value in proptest::collection::vec(proptest::char::any(), 0..40)) {
            let value: String = value.into_iter().collect();
            let json = written(Form::Json, || tracing::info!(%value, debug = ?value, "{value}"));
            let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
            proptest::prop_assert_eq!(&parsed["value"], value.as_str());
            proptest::prop_assert_eq!(json.lines().count(), 1);
        }
    }

    #[test]
    fn sec_ops_04_a_panic_is_logged_by_its_location_only() {
        let json = written(Form::Json, || {
            let before = std::panic::take_hook();
            log_panics();
            let panicked = std::panic::catch_unwind(|| panic!("a secret"));
            std::panic::set_hook(before);
            assert!(panicked.is_err());
        });
        let line: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(line["location"].as_str().unwrap().contains("logging.rs:"), "{json}");
        assert!(!json.contains("secret"), "{json}");
    }

    #[test]
    fn lines_hold_values_by_type_and_ours_first() {
        let json = written(Form::Json, || {
            tracing::warn!(target: "access", n = 7_u64, f = f64::NAN, ok = true, level = "mine", "done");
        });
        assert_eq!(
            json,
            "{\"at\":\"2026-01-02T03:04:05.000Z\",\"level\":\"WARN\",\"target\":\"access\",\
             \"message\":\"done\",\"n\":7,\"f\":\"NaN\",\"ok\":true,\"level_\":\"mine\"}\n"
        );
        let pretty = written(Form::Pretty, || tracing::info!(target: "t", a = "b c", "done"));
        assert_eq!(pretty, "2026-01-02T03:04:05.000Z INFO  t: done a=\"b c\"\n");
    }
}

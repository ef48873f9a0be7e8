//! Exports (`api/auth0.md` 10.2): what is asked, and the file step by step.
//!
//! What would surprise: users are read in the order of their ids, which never change, so whoever
//! is there throughout is in the file once, whatever others write meanwhile. A step ends when its
//! part of the file is full or many users were passed over, so memory does not grow with the
//! tenant.

use serde_json::{Value, json};

use super::super::error::Problem;
use super::super::identities::{CONNECTION_ID_PATTERN, is_connection_id};
use super::super::names::Names;
use super::super::wire::{self, Tokens};
use super::csv::{self, Cell};
use crate::app::App;
use crate::app::jobs::{Job, JobStatus, Made, PART_BYTES, Then};
use crate::app::users::Page;
use crate::domain::{Caller, Object};
use crate::error::{Error, Result};
use crate::id::ConnectionId;
use crate::web::{Fault, Fields, Reason};

/// How many users are in memory at once.
const PAGE: u32 = 25;

/// How many pages a step reads at most.
const PAGES_A_STEP: usize = 100;

/// How many columns a CSV file has at most.
const COLUMNS: usize = 30;

/// The columns of a CSV file when none are asked for.
const USUAL_COLUMNS: [&str; 17] = [
    "user_id",
    "email",
    "email_verified",
    "username",
    "phone_number",
    "phone_verified",
    "name",
    "nickname",
    "given_name",
    "family_name",
    "picture",
    "blocked",
    "created_at",
    "updated_at",
    "last_login",
    "last_ip",
    "logins_count",
];

/// What we write as dates ourselves.
const DATES: [&str; 4] = ["created_at", "updated_at", "last_login", "last_password_reset"];

const FIELD_PATTERN: &str = r"^[^.\[\]]+(\[[0-9]{1,4}\])*(\.[^.\[\]]+(\[[0-9]{1,4}\])*)*$";

/// Reads what is asked, as the job keeps and shows it.
pub async fn asked(app: &App, caller: &Caller, body: Object) -> std::result::Result<Object, Problem> {
    let mut fields = Fields::new(body);
    let connection_id = fields.opt_text("connection_id")?;
    if connection_id.as_deref().is_some_and(|id| !is_connection_id(id)) {
        return Err(fields
            .fault("connection_id", Reason::Pattern(CONNECTION_ID_PATTERN))
            .into());
    }
    let format = fields.opt_word("format", &["json", "csv"])?.unwrap_or("csv");
    let limit = fields.opt_integer("limit", 1..=i64::MAX)?;
    let columns = match fields.has("fields") {
        true => Some(columns(&mut fields, format)?),
        false => None,
    };
    fields.finish()?;

    let mut asked = Object::new();
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            asked.insert(name.to_owned(), value);
        }
    };
    if let Some(id) = connection_id {
        let connection = super::connection(app, caller.tenant, &id).await?;
        put("connection_id", Some(id.into()));
        put("connection", Some(connection.name.into()));
    }
    put("format", Some(format.into()));
    put("limit", limit.map(Value::from));
    put("fields", columns);
    Ok(asked)
}

/// The columns that are asked for.
fn columns(fields: &mut Fields, format: &str) -> std::result::Result<Value, Fault> {
    let mut columns = Vec::new();
    for mut item in fields.items("fields")? {
        let mut column = Object::new();
        let name = item.text("name")?;
        check_length(&name).map_err(|reason| item.fault("name", reason))?;
        if !is_path(&name) {
            return Err(item.fault("name", Reason::Pattern(FIELD_PATTERN)));
        }
        column.insert("name".to_owned(), name.into());
        if let Some(shown) = item.opt_text("export_as")? {
            check_length(&shown).map_err(|reason| item.fault("export_as", reason))?;
            column.insert("export_as".to_owned(), shown.into());
        }
        item.finish()?;
        columns.push(Value::Object(column));
    }
    let (len, max) = (columns.len(), if format == "csv" { COLUMNS } else { usize::MAX });
    match len {
        0 => Err(fields.fault("fields", Reason::Other("There must be a field"))),
        _ if len > max => Err(fields.fault("fields", Reason::Other("A CSV file has at most 30 fields"))),
        _ => Ok(columns.into()),
    }
}

fn check_length(text: &str) -> std::result::Result<(), Reason> {
    let (len, min, max) = (text.chars().count(), 1, 100);
    match len {
        0 => Err(Reason::TooShort { len, min }),
        _ if len > max => Err(Reason::TooLong { len, max }),
        _ => Ok(()),
    }
}

/// Whether a text names a value within a user: `identities[0].connection`.
fn is_path(text: &str) -> bool {
    text.split('.').all(|part| steps(part).is_some())
}

/// The name that a part of a path begins with, and the indexes after it.
fn steps(part: &str) -> Option<(&str, Vec<usize>)> {
    let (name, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
    let mut indexes = Vec::new();
    while !rest.is_empty() {
        let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
        let digits = (1..=4).contains(&index.len()) && index.bytes().all(|b| b.is_ascii_digit());
        indexes.push(index.parse().ok().filter(|_| digits)?);
        rest = after;
    }
    (!name.is_empty() && !name.contains(']')).then_some((name, indexes))
}

/// The value that a path names.
fn value_at<'a>(user: &'a Object, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let (name, indexes) = steps(parts.next()?)?;
    let mut value = user.get(name)?;
    for index in indexes {
        value = value.get(index)?;
    }
    for part in parts {
        let (name, indexes) = steps(part)?;
        value = value.as_object()?.get(name)?;
        for index in indexes {
            value = value.get(index)?;
        }
    }
    Some(value)
}

/// How a file is written.
struct Form {
    csv: bool,
    /// The path of each column and its name; nothing for whole users.
    columns: Vec<(String, String)>,
}

impl Form {
    fn of(job: &Job) -> Self {
        let csv = job.asked.get("format").and_then(Value::as_str) != Some("json");
        let asked = job.asked.get("fields").and_then(Value::as_array);
        let text = |column: &Value, name: &str| column.get(name).and_then(Value::as_str).map(str::to_owned);
        let columns = match asked {
            Some(columns) => columns
                .iter()
                .filter_map(|column| {
                    let path = text(column, "name")?;
                    let name = text(column, "export_as").unwrap_or_else(|| path.clone());
                    Some((path, name))
                })
                .collect(),
            None if csv => USUAL_COLUMNS.map(|name| (name.to_owned(), name.to_owned())).to_vec(),
            None => Vec::new(),
        };
        Self { csv, columns }
    }

    fn head(&self, to: &mut Vec<u8>) {
        if self.csv {
            csv::row(self.columns.iter().map(|(_, name)| Cell::Name(name)), to);
        }
    }

    fn user(&self, user: Object, to: &mut Vec<u8>) {
        if self.csv {
            let cells = self.columns.iter().map(|(path, _)| match value_at(&user, path) {
                Some(Value::String(date)) if DATES.contains(&path.as_str()) => Cell::Date(date),
                value => Cell::Value(value),
            });
            return csv::row(cells, to);
        }
        let shown = match self.columns.is_empty() {
            true => user,
            false => self
                .columns
                .iter()
                .filter_map(|(path, name)| Some((name.clone(), value_at(&user, path)?.clone())))
                .collect(),
        };
        to.extend_from_slice(json!(shown).to_string().as_bytes());
        to.push(b'\n');
    }
}

/// Writes the next part of the file; `false` when nothing is left to do, or the job was lost.
///
/// # Errors
/// Those of the store and the vault; the job stands as before then.
pub async fn step(app: &App, job: &mut Job) -> Result<bool> {
    let caller = app.caller_of(job);
    let form = Form::of(job);
    let limit = job.asked.get("limit").and_then(Value::as_u64).unwrap_or(u64::MAX);
    let only = match job.asked.get("connection_id").and_then(Value::as_str) {
        None => None,
        Some(id) => Some(id.parse::<ConnectionId>().map_err(Error::internal)?),
    };
    let mut made = Made::default();
    if job.progress.after.is_none() {
        form.head(&mut made.result);
    }
    let mut ended = job.progress.done >= limit;
    for _ in 0..PAGES_A_STEP {
        if ended || made.result.len() >= PART_BYTES {
            break;
        }
        ended = page(app, &caller, &form, only, limit, job, &mut made.result).await?;
        tokio::task::yield_now().await;
    }
    let then = match ended {
        true => Then::End(JobStatus::Completed),
        false => Then::On,
    };
    Ok(app.step_job(job, made, then).await? && !ended)
}

/// Writes a page of users; whether there is no more to write.
async fn page(
    app: &App,
    caller: &Caller,
    form: &Form,
    only: Option<ConnectionId>,
    limit: u64,
    job: &mut Job,
    to: &mut Vec<u8>,
) -> Result<bool> {
    let after = job.progress.after;
    let found = app.list_users(caller, Page { after, limit: PAGE }).await?;
    for user in &found {
        job.progress.after = Some(user.user.id);
        let is_there = |id| user.identities.iter().any(|identity| identity.key.connection == id);
        if !only.is_none_or(is_there) {
            continue;
        }
        let names = Names::of(app, job.tenant, user).await?;
        form.user(wire::user(&names, user, &Tokens::default()), to);
        job.progress.done = job.progress.done.saturating_add(1);
        if job.progress.done >= limit {
            return Ok(true);
        }
    }
    Ok(found.len() < PAGE as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_into_a_user() {
        let user = wire::object(json!({
            "email": "a@x.example", "identities": [{"connection": "one"}, {"connection": "two"}],
            "user_metadata": {"a": {"b": [[1, 2]]}, "c d": 3},
        }));
        let at = |path| value_at(&user, path).cloned();
        assert_eq!(at("email"), Some(json!("a@x.example")));
        assert_eq!(at("identities[1].connection"), Some(json!("two")));
        assert_eq!(at("user_metadata.a.b[0][1]"), Some(json!(2)));
        assert_eq!(at("user_metadata.c d"), Some(json!(3)));
        for nowhere in [
            "x",
            "identities[2].connection",
            "identities.0",
            "email.x",
            "user_metadata.a.b[1]",
        ] {
            assert_eq!(at(nowhere), None, "{nowhere}");
        }
        for bad in [
            "", ".", "a.", ".a", "a..b", "[0]", "a[", "a[]", "a[x]", "a[0]b", "a]", "a[00000]", "a[-1]",
        ] {
            assert!(!is_path(bad), "{bad}");
        }
    }
}

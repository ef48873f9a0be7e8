//! Rows of an import (`api/auth0.md` 10.3): what they may hold, and what is told of one that is
//! refused.
//!
//! What would surprise: there is no second factor here, so a row with `mfa_factors` is refused
//! even when they are well-formed. Half a user would be let in without what protected her.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::user_bodies::{RESERVED, check_subject, check_text, metadata};
use crate::app::ImportedHash;
use crate::app::update_user::Text;
use crate::app::users::UserRequest;
use crate::domain::Profile;
use crate::error::{Error, Unique};
use crate::web::{Fault, Fields, Reason, json};

/// What is not shown of a row that was refused.
const SECRETS: [&str; 4] = ["password", "password_hash", "custom_password_hash", "mfa_factors"];

/// How many factors a row may have.
const FACTORS: std::ops::RangeInclusive<usize> = 1..=10;

const HASH_PATTERN: &str = r"^\$2[ab]\$10\$[./A-Za-z0-9]{53}$";

/// Why a row was refused.
#[derive(Debug, PartialEq, Eq)]
pub struct RowError {
    code: &'static str,
    message: String,
    path: String,
}

impl RowError {
    fn new(code: &'static str, path: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            path: path.to_owned(),
        }
    }

    /// Somebody of the same file or connection is the same person.
    pub fn duplicated(path: &str) -> Self {
        Self::new("DUPLICATED_USER", path, "The user already exists.")
    }

    /// What the core refuses of a row; an error of its own is nothing that a row can help.
    pub fn of(error: Error) -> Result<Self, Error> {
        Ok(match error {
            Error::Conflict(Unique::Email | Unique::UserId | Unique::PhoneNumber) | Error::IdentityTaken => {
                Self::duplicated("")
            }
            Error::Conflict(Unique::Username) => {
                Self::new("CONFLICT_USERNAME", "username", "The user name is somebody else's.")
            }
            Error::Invalid { field, reason } => {
                let field = if field == "subject" { "user_id".into() } else { field };
                Self::new("NOT_PASSED", &field, format!("{field} {reason}"))
            }
            other => return Err(other),
        })
    }
}

impl From<Fault> for RowError {
    fn from(fault: Fault) -> Self {
        let code = match &fault.reason {
            Reason::MissingRequired => "OBJECT_REQUIRED",
            Reason::WrongType { .. } => "INVALID_TYPE",
            Reason::TooShort { .. } => "MIN_LENGTH",
            Reason::TooLong { .. } => "MAX_LENGTH",
            Reason::Pattern(_) => "PATTERN",
            Reason::Format(_) | Reason::Nul | Reason::Control => "FORMAT",
            Reason::NotInEnum(_) => "ENUM_MISMATCH",
            _ => "NOT_PASSED",
        };
        Self::new(code, &shown_path(&fault), fault.to_string())
    }
}

/// Where a fault is; nothing for the whole row.
fn shown_path(fault: &Fault) -> String {
    match fault.path.is_empty() {
        true => String::new(),
        false => fault.subject(),
    }
}

/// Splits a file into its rows, each as it is written.
///
/// # Errors
/// Why it is no array of JSON.
pub fn split(file: &[u8]) -> Result<Vec<&RawValue>, &'static str> {
    let text = std::str::from_utf8(file).map_err(|_| "The users file is not UTF-8.")?;
    serde_json::from_str(text).map_err(|_| "The users file is not a JSON array.")
}

/// Reads a row.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn read(row: &RawValue) -> Result<UserRequest, RowError> {
    let members = match json::read(row.get().as_bytes())? {
        Value::Object(members) => members,
        _ => return Err(RowError::new("INVALID_TYPE", "", "A row must be an object.")),
    };
    let mut fields = Fields::new(members);
    if !fields.has("email") {
        return Err(fields.fault("email", Reason::MissingRequired).into());
    }
    let mut profile = Profile::default();
    for text in Text::ALL {
        if let Some(value) = fields.opt_text(text.name())? {
            check_text(text, &value).map_err(|reason| fields.fault(text.name(), reason))?;
            *text.of(&mut profile) = Some(value);
        }
    }
    profile.email_verified = fields.opt_bool("email_verified")?;
    profile.phone_verified = fields.opt_bool("phone_verified")?;
    let subject = fields.opt_text("user_id")?;
    if let Some(subject) = &subject {
        check_subject(subject).map_err(|reason| fields.fault("user_id", reason))?;
    }
    let request = UserRequest {
        subject: subject.filter(|id| !id.is_empty()),
        blocked: fields.opt_bool("blocked")?,
        user_metadata: metadata(&mut fields, "user_metadata", &[])?,
        app_metadata: metadata(&mut fields, "app_metadata", RESERVED)?,
        imported: password(&mut fields)?,
        profile,
        ..UserRequest::default()
    };
    let factors = fields.opt_array("mfa_factors")?;
    fields.finish()?;
    match factors {
        None => Ok(request),
        Some(factors) => {
            check_factors(&factors)?;
            Err(RowError::new(
                "MFA_FACTORS_FAILED",
                "mfa_factors",
                "There is no multi-factor authentication on this server.",
            ))
        }
    }
}

/// The hash of a password, in one of its two forms.
fn password(fields: &mut Fields) -> Result<Option<ImportedHash>, RowError> {
    let hash = fields.opt_text("password_hash")?;
    let custom = fields.opt_object("custom_password_hash")?;
    match (hash, custom) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => {
            let reason = Reason::Other("It excludes password_hash");
            Err(fields.fault("custom_password_hash", reason).into())
        }
        (Some(hash), None) => {
            if !is_bcrypt(&hash) {
                return Err(fields.fault("password_hash", Reason::Pattern(HASH_PATTERN)).into());
            }
            let refused = |error: Error| RowError::new("NOT_PASSED", "password_hash", error.to_string());
            ImportedHash::from_text("password_hash", &hash)
                .map(Some)
                .map_err(refused)
        }
        (None, Some(custom)) => ImportedHash::from_custom(&custom).map(Some).map_err(|error| {
            let path = match &error {
                Error::Invalid { field, .. } => format!("custom_password_hash.{field}"),
                _ => "custom_password_hash".to_owned(),
            };
            RowError::new("NOT_PASSED", &path, error.to_string())
        }),
    }
}

fn is_bcrypt(hash: &str) -> bool {
    let rest = ["$2a$10$", "$2b$10$"].iter().find_map(|begin| hash.strip_prefix(begin));
    let is_digit = |b: u8| b.is_ascii_alphanumeric() || b == b'.' || b == b'/';
    rest.is_some_and(|rest| rest.len() == 53 && rest.bytes().all(is_digit))
}

/// That there are so many factors as may be, each of exactly one kind.
fn check_factors(factors: &[Value]) -> Result<(), RowError> {
    let path = "mfa_factors";
    if factors.len() < *FACTORS.start() {
        return Err(RowError::new("ARRAY_LENGTH_SHORT", path, "There must be a factor."));
    }
    if factors.len() > *FACTORS.end() {
        return Err(RowError::new(
            "ARRAY_LENGTH_LONG",
            path,
            "There must be at most 10 factors.",
        ));
    }
    for (n, factor) in factors.iter().enumerate() {
        let mut factor = match factor {
            Value::Object(members) => Fields::below(&format!("{path}[{n}]"), members.clone()),
            _ => return Err(RowError::new("INVALID_TYPE", path, "A factor must be an object.")),
        };
        let mut kinds = 0;
        for (kind, member) in [("totp", "secret"), ("phone", "value"), ("email", "value")] {
            if let Some(mut inner) = factor.opt_fields(kind)? {
                inner.text(member)?;
                inner.finish()?;
                kinds += 1;
            }
        }
        factor.finish()?;
        if kinds != 1 {
            let message = "A factor must have exactly one of totp, phone and email.";
            return Err(RowError::new("ANY_OF_MISSING", path, message));
        }
    }
    Ok(())
}

/// What is told of a row that was refused: the row without its secrets, and why.
pub fn told(row: &RawValue, error: &RowError) -> Value {
    let mut shown: Value = serde_json::from_str(row.get()).unwrap_or_default();
    for (name, value) in shown.as_object_mut().into_iter().flatten() {
        if SECRETS.contains(&name.as_str()) {
            *value = "*****".into();
        }
    }
    json!({
        "user": shown,
        "errors": [{ "code": error.code, "message": error.message, "path": error.path }],
    })
}

/// Whoever was in the rows before: by each of the names that are unique in a connection.
#[derive(Default)]
pub struct Seen(std::collections::HashSet<(&'static str, String)>);

impl Seen {
    /// Counts a row in; the name by which it is somebody else's, if it is.
    pub fn add(&mut self, row: &UserRequest) -> Result<(), RowError> {
        let profile = &row.profile;
        let names = [
            ("email", profile.email.as_ref().map(|email| email.to_lowercase())),
            ("user_id", row.subject.clone()),
            ("username", profile.username.as_ref().map(|name| name.to_lowercase())),
            ("phone_number", profile.phone_number.clone()),
        ];
        let names = || names.iter().filter_map(|(kind, name)| Some((*kind, name.clone()?)));
        if let Some((kind, _)) = names().find(|name| self.0.contains(name)) {
            return Err(RowError::duplicated(kind));
        }
        self.0.extend(names());
        Ok(())
    }
}

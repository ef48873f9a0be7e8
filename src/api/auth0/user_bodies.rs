//! What the bodies of `POST` and `PATCH` of users may hold (`api/auth0.md` 8.1 and 8.3).
//!
//! What would surprise: the schema of `PATCH` is open, so members that nobody knows are
//! passed over; those that are the server's own are refused all the same, because whoever
//! sends them believes that they change (D-134). No mail is sent from here, and what is
//! said about mails is read and has no effect.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::error::Problem;
use crate::app::update_user::{Text, UserChanges};
use crate::app::users::UserRequest;
use crate::domain::email::is_address;
use crate::domain::profile::is_display_text;
use crate::domain::{Connection, ConnectionRef, Object, Profile};
use crate::secret::SecretString;
use crate::web::{Fault, Fields, Reason};

/// Names that `app_metadata` must not hold.
pub const RESERVED: &[&str] = &[
    "__tenant",
    "_id",
    "blocked",
    "clientID",
    "created_at",
    "email_verified",
    "email",
    "globalClientID",
    "global_client_id",
    "identities",
    "lastIP",
    "lastLogin",
    "loginsCount",
    "metadata",
    "multifactor_last_modified",
    "multifactor",
    "updated_at",
    "user_id",
];

/// What only the server writes.
pub const SERVERS_OWN: &[&str] = &[
    "identities",
    "user_id",
    "tenant",
    "created_at",
    "updated_at",
    "last_ip",
    "last_login",
    "last_password_reset",
    "logins_count",
    "multifactor",
    "multifactor_last_modified",
];

/// What cannot be changed together.
const ONE_AT_A_TIME: &[(&str, &str)] = &[
    ("password", "email"),
    ("password", "email_verified"),
    ("username", "email"),
    ("username", "email_verified"),
    ("username", "password"),
];

/// What a phone number must match.
pub const PHONE_PATTERN: &str = r"^\+[0-9]{1,15}$";
/// What a user name must match; and it must be nobody's address.
pub const USERNAME_PATTERN: &str = r"^[a-zA-Z0-9@`^$!\-#.+'~_]+$";

/// What an id that a caller chooses must match.
pub const USER_ID_PATTERN: &str = r"^[^\s]*$";

/// A user to be made, as the body has it.
pub struct NewUser {
    connection: String,
    request: UserRequest,
}

impl NewUser {
    /// Reads it.
    pub fn read(body: Object) -> Result<Self, Fault> {
        let mut fields = Fields::new(body);
        let name = fields.text("connection")?;
        check_length(&name, 1..=128).map_err(|reason| fields.fault("connection", reason))?;
        let mut profile = Profile::default();
        for text in Text::ALL {
            if let Some(value) = fields.opt_text(text.name())? {
                check_text(text, &value).map_err(|reason| fields.fault(text.name(), reason))?;
                *text.of(&mut profile) = Some(value);
            }
        }
        let verified = fields.opt_bool("email_verified")?;
        profile.email_verified = verified.or(profile.email.as_ref().map(|_| false));
        profile.phone_verified = fields.opt_bool("phone_verified")?;
        let subject = fields.opt_text("user_id")?;
        if let Some(subject) = &subject {
            check_subject(subject).map_err(|reason| fields.fault("user_id", reason))?;
        }
        let password = fields.opt_text("password")?;
        if let Some(password) = &password {
            check_password(password).map_err(|reason| fields.fault("password", reason))?;
        }
        let request = UserRequest {
            subject: subject.filter(|id| !id.is_empty()),
            blocked: fields.opt_bool("blocked")?,
            user_metadata: metadata(&mut fields, "user_metadata", &[])?,
            app_metadata: metadata(&mut fields, "app_metadata", RESERVED)?,
            profile,
            password: password.map(SecretString::from),
            ..UserRequest::default()
        };
        fields.opt_bool("verify_email")?;
        fields.finish()?;

        Ok(Self {
            connection: name,
            request,
        })
    }

    /// The request, for the one of these connections that the body names.
    pub fn at(self, connections: &[Connection]) -> Result<UserRequest, Problem> {
        let named = connections.iter().find(|connection| connection.name == self.connection);
        let connection =
            named.ok_or_else(|| Problem::bad_request("Connection does not exist.", "inexistent_connection"))?;
        check_login(connection, &self.request)?;
        Ok(UserRequest {
            connection: Some(ConnectionRef::Id(connection.id)),
            ..self.request
        })
    }
}

/// That a user has what people of this connection log in with.
fn check_login(connection: &Connection, request: &UserRequest) -> Result<(), Problem> {
    let profile = &request.profile;
    let missing = match connection.provider.as_str() {
        _ if connection.is_database() && profile.email.is_none() && profile.username.is_none() => "email",
        _ if connection.is_database() && request.password.is_none() => "password",
        _ if connection.is_database() => return Ok(()),
        "email" if profile.email.is_none() => "email",
        "sms" if profile.phone_number.is_none() => "phone_number",
        "email" | "sms" => return Ok(()),
        _ => {
            return Err(Problem::bad_request(
                "Connection does not support user creation through the API. It must either be a database or \
                 passwordless connection.",
                "operation_not_supported",
            ));
        }
    };
    Err(Fault::new(missing, Reason::MissingRequired).into())
}

/// Reads what shall be different about a user.
pub fn changes(body: Object) -> Result<UserChanges, Problem> {
    let mut fields = Fields::new(body);
    if let Some(name) = SERVERS_OWN.iter().find(|name| fields.has(name)) {
        return Err(fields.fault(name, Reason::UnknownMember).into());
    }
    if let Some((one, other)) = ONE_AT_A_TIME.iter().find(|(a, b)| fields.has(a) && fields.has(b)) {
        let message = format!("Cannot update {one} and {other} simultaneously");
        return Err(Problem::bad_request(message, "operation_not_supported"));
    }
    let mut changes = UserChanges {
        email_verified: fields.opt_bool("email_verified")?,
        phone_verified: fields.opt_bool("phone_verified")?,
        blocked: fields.opt_bool("blocked")?,
        connection: fields.opt_text("connection")?,
        user_metadata: metadata(&mut fields, "user_metadata", &[])?,
        app_metadata: metadata(&mut fields, "app_metadata", RESERVED)?,
        ..UserChanges::default()
    };
    for text in Text::ALL {
        if let Some(value) = fields.nullable_text(text.name())? {
            if let Some(value) = &value {
                check_text(text, value).map_err(|reason| fields.fault(text.name(), reason))?;
            }
            changes.texts.push((text, value));
        }
    }
    // A password cannot be unset, so null leaves it as it is.
    if let Some(password) = fields.nullable_text("password")?.flatten() {
        check_password(&password).map_err(|reason| fields.fault("password", reason))?;
        changes.password = Some(password.into());
    }
    fields.opt_text("client_id")?;
    fields.opt_bool("verify_email")?;
    fields.opt_bool("verify_phone_number")?;
    Ok(changes)
}

pub(super) fn check_text(text: Text, value: &str) -> Result<(), Reason> {
    match text {
        Text::Email => is_address(value).then_some(()).ok_or(Reason::Format("email")),
        Text::PhoneNumber => is_phone(value).then_some(()).ok_or(Reason::Pattern(PHONE_PATTERN)),
        Text::Username => {
            check_length(value, 1..=128)?;
            // Whoever has somebody else's address as a user name would log in by it.
            match is_username(value) && !is_address(value) {
                true => Ok(()),
                false => Err(Reason::Pattern(USERNAME_PATTERN)),
            }
        }
        Text::Picture => is_web_address(value).then_some(()).ok_or(Reason::Format("uri")),
        Text::Name | Text::Nickname => check_display(value, 300),
        Text::GivenName | Text::FamilyName => check_display(value, 150),
    }
}

fn check_display(value: &str, max: usize) -> Result<(), Reason> {
    check_length(value, 1..=max)?;
    is_display_text(value).then_some(()).ok_or(Reason::Control)
}

fn check_length(value: &str, allowed: RangeInclusive<usize>) -> Result<(), Reason> {
    let (len, min, max) = (value.chars().count(), *allowed.start(), *allowed.end());
    match len {
        _ if len < min => Err(Reason::TooShort { len, min }),
        _ if len > max => Err(Reason::TooLong { len, max }),
        _ => Ok(()),
    }
}

pub(super) fn check_subject(subject: &str) -> Result<(), Reason> {
    let (len, max) = (subject.len(), 255);
    if len > max {
        return Err(Reason::TooLong { len, max });
    }
    match subject.chars().any(|c| c.is_whitespace() || c.is_control()) {
        true => Err(Reason::Pattern(USER_ID_PATTERN)),
        false => Ok(()),
    }
}

/// Counted in bytes: what a password may be is limited by what hashes of old took.
fn check_password(password: &str) -> Result<(), Reason> {
    let (len, min, max) = (password.len(), 1, 72);
    match len {
        0 => Err(Reason::TooShort { len, min }),
        _ if len > max => Err(Reason::TooLong { len, max }),
        _ => Ok(()),
    }
}

fn is_phone(value: &str) -> bool {
    let digits = value.strip_prefix('+').unwrap_or_default();
    (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

fn is_username(value: &str) -> bool {
    value
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"@`^$!-#.+'~_".contains(&b))
}

fn is_web_address(value: &str) -> bool {
    let absolute = |uri: http::Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    is_display_text(value) && value.parse().is_ok_and(absolute)
}

/// Reads a bag of metadata. The keys of all its levels can be written in a search, where a
/// dot leads a level down.
pub(super) fn metadata(fields: &mut Fields, name: &str, reserved: &[&str]) -> Result<Option<Object>, Fault> {
    let Some(bag) = fields.opt_object(name)? else {
        return Ok(None);
    };
    if let Some(key) = bag.keys().find(|key| reserved.contains(&key.as_str())) {
        return Err(fields.fault(&format!("{name}.{key}"), Reason::Other("The name is reserved")));
    }
    match bag.iter().any(|(key, value)| !is_key(key) || !has_keys(value)) {
        true => Err(fields.fault(name, Reason::Other("Names must not contain . or $"))),
        false => Ok(Some(bag)),
    }
}

fn is_key(key: &str) -> bool {
    !key.contains(['.', '$'])
}

/// Whether every name within a value is a key. The reader of bodies has bounded its depth.
fn has_keys(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.iter().all(|(key, value)| is_key(key) && has_keys(value)),
        Value::Array(items) => items.iter().all(has_keys),
        _ => true,
    }
}

//! One line of a file: a user, as `docs/import.md` describes her. Every object is closed, but for
//! profiles and metadata.

use jiff::Timestamp;

use crate::api::link::wire;
use crate::app::ImportedHash;
use crate::app::import::{ImportedIdentity, ImportedUser};
use crate::domain::{Object, Proof, TokenSet};
use crate::error::Error;
use crate::web::{Fault, Fields, JsonType, Reason, json};

/// Who is in a line, or the path of what is wrong and the reason.
pub type Outcome = Result<ImportedUser, (String, String)>;

/// Reads a line.
pub fn read(text: &[u8]) -> Outcome {
    match json::read(text).map_err(say)? {
        serde_json::Value::Object(members) => user(Fields::new(members)),
        other => {
            let (expected, found) = (JsonType::Object, JsonType::of(&other));
            Err(say(Fault::new("", Reason::WrongType { expected, found })))
        }
    }
}

fn say(fault: Fault) -> (String, String) {
    let path = match fault.path.as_str() {
        "" => String::new(),
        _ => fault.subject(),
    };
    (path, fault.reason.to_string())
}

fn user(mut fields: Fields) -> Outcome {
    let mut user = ImportedUser {
        profile: fields.opt_object("profile").map_err(say)?.unwrap_or_default(),
        blocked: fields.opt_bool("blocked").map_err(say)?,
        created_at: moment(&mut fields, "created_at").map_err(say)?,
        user_metadata: fields.opt_object("user_metadata").map_err(say)?,
        app_metadata: fields.opt_object("app_metadata").map_err(say)?,
        identities: Vec::new(),
    };
    if fields.has("identities") {
        for (n, item) in fields.items("identities").map_err(say)?.into_iter().enumerate() {
            user.identities.push(identity(n, item)?);
        }
    }
    fields.finish().map_err(say)?;
    Ok(user)
}

fn moment(fields: &mut Fields, name: &str) -> Result<Option<Timestamp>, Fault> {
    match fields.opt_text(name)? {
        None => Ok(None),
        Some(text) => match text.parse() {
            Ok(at) => Ok(Some(at)),
            Err(_) => Err(fields.fault(name, Reason::Format("date-time"))),
        },
    }
}

fn identity(n: usize, mut fields: Fields) -> Result<ImportedIdentity, (String, String)> {
    let proof = fields.opt_text("proof").map_err(say)?;
    let proof = proof.map_or(Ok(Proof::Asserted), |name| {
        let reason = Reason::Other("must be asserted, id_token, audience_checked, code_flow or two_proof");
        Proof::named(&name).ok_or_else(|| say(fields.fault("proof", reason)))
    })?;
    if n == 0 && fields.has("profile") {
        let reason = Reason::Other("is the user's own for the first identity: say it beside identities");
        return Err(say(fields.fault("profile", reason)));
    }
    let password = password(n, &mut fields)?;
    let identity = ImportedIdentity {
        connection: fields.text("connection").map_err(say)?,
        subject: fields.opt_text("subject").map_err(say)?,
        proof,
        claims: fields.opt_object("profile").map_err(say)?.unwrap_or_default(),
        tokens: match fields.opt_fields("tokens").map_err(say)? {
            Some(tokens) => token_set(tokens).map_err(say)?,
            None => TokenSet::default(),
        },
        password,
    };
    fields.finish().map_err(say)?;
    Ok(identity)
}

/// A token set as `/link/v1` takes it, but for its end: a file is not read at a known moment.
fn token_set(mut fields: Fields) -> Result<TokenSet, Fault> {
    if fields.has("expires_in") {
        return Err(fields.fault(
            "expires_in",
            Reason::Other("counts from no known moment: give expires_at"),
        ));
    }
    let expires_at = moment(&mut fields, "expires_at")?;
    Ok(TokenSet {
        expires_at,
        ..wire::tokens(fields, Timestamp::UNIX_EPOCH)?
    })
}

fn password(n: usize, fields: &mut Fields) -> Result<Option<ImportedHash>, (String, String)> {
    let text = fields.opt_text("password_hash").map_err(say)?;
    let custom: Option<Object> = fields.opt_object("custom_password_hash").map_err(say)?;
    let hash = match (text, custom) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(say(
                fields.fault("password_hash", Reason::Other("excludes custom_password_hash"))
            ));
        }
        (Some(text), None) => ImportedHash::from_text("password_hash", &text),
        (None, Some(object)) => ImportedHash::from_custom(&object).map_err(|error| match error {
            Error::Invalid { field, reason } => Error::invalid(format!("custom_password_hash.{field}"), reason),
            error => error,
        }),
    };
    hash.map(Some).map_err(|error| match error {
        Error::Invalid { field, reason } => {
            let fault = Fault::new(format!("identities[{n}].{field}"), Reason::Other(""));
            (fault.subject(), reason.into_owned())
        }
        error => (format!("identities[{n}]"), error.to_string()),
    })
}

//! What a person says of herself when she signs up or changes (`api/kii.md` 4.1 and 5.2), read and checked.
//!
//! What would surprise: what is not predefined is a custom field, except for names that this interface uses itself:
//! those are passed over, because clients post back what they have read.

use serde_json::Value;

use super::error::Problem;
use super::{phone, wire};
use crate::domain::profile::is_display_text;
use crate::domain::{Object, Settings, email};
use crate::secret::{ExposeSecret, SecretString};
use crate::web::Fields;
use http::StatusCode;

/// The longest password, in characters.
const PASSWORD_CHARS: usize = 50;

/// How many bytes all custom fields together may have.
const CUSTOM_LIMIT_BYTES: usize = 63 * 1024;

/// What was said.
#[derive(Debug, Default)]
pub struct Said {
    /// A name to log in with.
    pub login_name: Option<String>,
    /// An e-mail address.
    pub email: Option<String>,
    /// A phone number in the international form.
    pub phone: Option<String>,
    /// A password.
    pub password: Option<SecretString>,
    /// A name to be shown.
    pub display_name: Option<String>,
    /// A country.
    pub country: Option<String>,
    /// A language.
    pub locale: Option<String>,
    /// That the phone number is verified, which counts from the administrator.
    pub phone_verified: Option<bool>,
    /// Custom fields.
    pub custom: Object,
}

impl Said {
    /// Reads it. `known` is the country of whoever has one already.
    ///
    /// # Errors
    /// 400, naming the field.
    pub fn read(mut fields: Fields, settings: &Settings, known: Option<&str>) -> Result<Self, Problem> {
        let mut text = |name: &str| -> Result<Option<String>, Problem> {
            if fields.take_null(name) {
                return Ok(None);
            }
            Ok(fields.opt_text(name)?)
        };
        let mut said = Self {
            login_name: text("loginName")?,
            email: text("emailAddress")?,
            phone: text("phoneNumber")?,
            password: text("password")?.map(SecretString::from),
            display_name: text("displayName")?,
            country: text("country")?,
            locale: text("locale")?,
            ..Self::default()
        };
        said.phone_verified = match fields.take("phoneNumberVerified") {
            Some(Value::Bool(verified)) => Some(verified),
            _ => None,
        };
        said.custom = fields.into_rest();
        said.custom.retain(|name, _| wire::is_custom(name));
        let size = serde_json::to_string(&said.custom).map_or(usize::MAX, |text| text.len());
        if size > CUSTOM_LIMIT_BYTES {
            return Err(Problem::invalid("body", "Custom fields have more than 63 KB"));
        }
        if let Some(number) = &said.phone {
            let country = said.country.as_deref().or(known);
            said.phone = Some(phone_number(number, country)?);
        }
        said.check(settings)?;
        Ok(said)
    }

    fn check(&self, settings: &Settings) -> Result<(), Problem> {
        if let Some(name) = &self.login_name
            && !((3..=64).contains(&name.len())
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)))
        {
            return Err(Problem::invalid(
                "loginName",
                "A login name has 3 to 64 letters, digits, hyphens, underscores and dots",
            ));
        }
        if let Some(address) = &self.email {
            check_email(address)?;
        }
        if let Some(name) = &self.display_name
            && !((1..=50).contains(&name.chars().count()) && is_display_text(name))
        {
            return Err(Problem::invalid("displayName", "A display name has 1 to 50 characters"));
        }
        if let Some(country) = &self.country
            && !(country.len() == 2 && country.bytes().all(|b| b.is_ascii_alphabetic()))
        {
            return Err(Problem::invalid("country", "A country has two letters"));
        }
        if let Some(locale) = &self.locale
            && !is_language(locale)
        {
            return Err(Problem::invalid("locale", "A locale is a tag of BCP 47"));
        }
        self.password
            .as_ref()
            .map_or(Ok(()), |password| check_password("password", password, settings))
    }

    /// Whether there is anything to log in with.
    pub const fn names_somebody(&self) -> bool {
        self.login_name.is_some() || self.email.is_some() || self.phone.is_some()
    }

    /// That there is a name which is not only an address that has still to be verified.
    ///
    /// # Errors
    /// 400.
    pub fn check_names(&self, settings: &Settings) -> Result<(), Problem> {
        let counts = self.login_name.is_some()
            || (self.email.is_some() && !settings.kii_email_verification)
            || (self.phone.is_some() && !settings.kii_phone_verification);
        match counts {
            true => Ok(()),
            false => Err(Problem::invalid(
                "loginName",
                "A login name is needed, or an address that need not be verified",
            )),
        }
    }
}

/// The international form of a phone number.
///
/// # Errors
/// 400.
pub fn phone_number(number: &str, country: Option<&str>) -> Result<String, Problem> {
    phone::international(number, country).ok_or_else(|| {
        Problem::invalid(
            "phoneNumber",
            "The phone number must be international, with a plus, or of a country that is known here",
        )
    })
}

/// That this is an e-mail address.
///
/// # Errors
/// 400.
pub fn check_email(address: &str) -> Result<(), Problem> {
    match email::is_address(address) {
        true => Ok(()),
        false => Err(Problem::invalid("emailAddress", "This is no e-mail address")),
    }
}

/// That a new password will do.
///
/// # Errors
/// 400, with the least length when it is too short.
pub fn check_password(field: &str, password: &SecretString, settings: &Settings) -> Result<(), Problem> {
    let password = password.expose_secret();
    let least = settings.kii_password_length;
    let chars = password.chars().count();
    if u32::try_from(chars).unwrap_or(u32::MAX) < least {
        let message = format!("A password has at least {least} characters");
        let problem = Problem::new(
            StatusCode::BAD_REQUEST,
            "PasswordTooShortException",
            "PASSWORD_TOO_SHORT",
            message,
        );
        return Err(problem.with("minimumLength", least));
    }
    match chars <= PASSWORD_CHARS && !password.chars().any(char::is_control) {
        true => Ok(()),
        false => Err(Problem::invalid(
            field,
            "A password has at most 50 printable characters",
        )),
    }
}

/// The form of a language tag (RFC 5646, 2.1), whose parts are not looked up.
fn is_language(tag: &str) -> bool {
    let mut parts = tag.split('-');
    let first = parts.next().unwrap_or_default();
    (1..=8).contains(&first.len())
        && first.bytes().all(|b| b.is_ascii_alphabetic())
        && tag.len() <= 35
        && parts.all(|part| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

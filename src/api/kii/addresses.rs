//! E-mail addresses and phone numbers: shown, changed, and proved by a code (`api/kii.md` 5.7).
//!
//! A code is not kept: it is made of what it stands for, so the administrator can ask for it and a copy of
//! the data tells none. What would surprise: an address that must be verified and is not the user's yet waits
//! beside the one she has; and this server sends no text messages, so the code of a phone number is the
//! administrator's to hand on.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;

use super::bag::{self, Bag, ToProve};
use super::caller::Asking;
use super::error::Problem;
use super::profile::{check_email, phone_number};
use super::tokens::members;
use super::{body, wire};
use crate::app::App;
use crate::app::update_user::{Text, UserChanges};
use crate::app::verify_email::Letter;
use crate::domain::{Profile, Settings, UserWithIdentities};
use crate::id::UserId;
use crate::secret::SecretString;
use crate::web::path::Segments;

/// How many digits a code has, and how often one may be tried.
const DIGITS: u32 = 8;
const TRIES: u32 = 10;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
}

impl Kind {
    const fn field(self) -> &'static str {
        match self {
            Self::Email => "emailAddress",
            Self::Phone => "phoneNumber",
        }
    }

    const fn account_type(self) -> &'static str {
        match self {
            Self::Email => "EMAIL",
            Self::Phone => "PHONE",
        }
    }

    const fn text(self) -> Text {
        match self {
            Self::Email => Text::Email,
            Self::Phone => Text::PhoneNumber,
        }
    }

    fn is(self, profile: &Profile) -> Option<&str> {
        match self {
            Self::Email => profile.email.as_deref(),
            Self::Phone => profile.phone_number.as_deref(),
        }
    }

    const fn is_verified(self, profile: &Profile) -> bool {
        let verified = match self {
            Self::Email => profile.email_verified,
            Self::Phone => profile.phone_verified,
        };
        matches!(verified, Some(true))
    }

    const fn to_prove(self, bag: &mut Bag) -> &mut Option<ToProve> {
        match self {
            Self::Email => &mut bag.email,
            Self::Phone => &mut bag.phone,
        }
    }

    const fn must_be_verified(self, settings: &Settings) -> bool {
        match self {
            Self::Email => settings.kii_email_verification,
            Self::Phone => settings.kii_phone_verification,
        }
    }

    const fn set_verified(self, changes: &mut UserChanges, verified: bool) {
        match self {
            Self::Email => changes.email_verified = Some(verified),
            Self::Phone => changes.phone_verified = Some(verified),
        }
    }
}

/// The code that proves an address.
fn code(app: &App, asking: &Asking, user: UserId, kind: Kind, to_prove: &ToProve) -> String {
    let words = [kind.field(), &to_prove.address, &to_prove.nonce];
    app.code_for(asking.tenant, user, &words, DIGITS)
}

/// A user whose addresses change, and what comes of that.
pub struct Changing<'a> {
    /// What the application wants of addresses.
    pub settings: &'a Settings,
    /// What she is.
    pub profile: &'a Profile,
    /// What this interface keeps with her from then on.
    pub bag: &'a mut Bag,
    /// What becomes of her.
    pub changes: &'a mut UserChanges,
}

impl Changing<'_> {
    /// Gives her an address: at once when it need not be verified or the administrator says that it is.
    pub fn set(&mut self, app: &App, kind: Kind, address: &str, verified: Option<bool>) {
        let (profile, settings) = (self.profile, self.settings);
        let is_same = kind.is(profile) == Some(address);
        let verified = verified.unwrap_or(!kind.must_be_verified(settings) || (is_same && kind.is_verified(profile)));
        let to_prove = kind.to_prove(self.bag);
        if verified {
            *to_prove = None;
        } else if to_prove.as_ref().is_none_or(|waiting| waiting.address != address) {
            *to_prove = Some(ToProve::new(app, address));
        }
        // One that is proved stays until the new one is.
        if verified || !kind.is_verified(profile) {
            if !is_same {
                self.changes.texts.push((kind.text(), Some(address.to_owned())));
            }
            if !is_same || verified != kind.is_verified(profile) {
                kind.set_verified(self.changes, verified);
            }
        }
    }
}

/// Sends the code to whoever reads the address. That it could not be sent is told to the operator: the user
/// can ask for it again.
pub async fn tell(app: &App, asking: &Asking, found: &UserWithIdentities, kind: Kind, to_prove: &ToProve) {
    if kind == Kind::Email
        && let Err(problem) = send_code(app, asking, found.user.id, to_prove).await
    {
        tracing::warn!(?problem, "a code to verify an e-mail address was not sent");
    }
}

async fn send_code(app: &App, asking: &Asking, user: UserId, to_prove: &ToProve) -> Result<(), Problem> {
    let code = code(app, asking, user, Kind::Email, to_prove);
    let text = format!(
        "Somebody, probably you, uses this e-mail address for an account.\r\n\r\n\
         The code to confirm that it is yours is {code}\r\n\r\nIf it was not you, you need do nothing.\r\n"
    );
    send(app, &to_prove.address, "Confirm your e-mail address", text).await
}

/// Sends a letter.
///
/// # Errors
/// 503; 409 when this server sends no mail.
pub async fn send(app: &App, to: &str, subject: &str, text: String) -> Result<(), Problem> {
    use crate::app::verify_email::NotSent;
    let letter = Letter {
        id: format!("kii_{}", app.new_nonce()),
        to: to.to_owned(),
        subject: subject.to_owned(),
        html: format!("<p>{}</p>\n", text.trim_end().replace("\r\n\r\n", "</p>\n<p>")),
        text,
        at: app.now(),
    };
    match app.send_mail(&letter).await {
        Ok(()) => Ok(()),
        Err(NotSent::Yet(why)) => {
            tracing::warn!(%why, "mail was not sent");
            Err(Problem::later("RESOURCE_TEMPORARILY_UNAVAILABLE", 30))
        }
        Err(NotSent::Ever(why)) => {
            tracing::warn!(%why, "mail cannot be sent");
            Err(invalid_status("Mail cannot be sent from here"))
        }
    }
}

/// That the application or the account is not set up for it.
pub fn invalid_status(message: &str) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "InvalidStatusException",
        "INVALID_STATUS",
        message,
    )
}

fn without_address(asking: &Asking, user: UserId) -> Problem {
    let problem = Problem::new(
        StatusCode::NOT_FOUND,
        "UserWithoutAddressException",
        "USER_ADDRESS_NOT_FOUND",
        "The user has no such address",
    );
    asking.about(problem, user)
}

fn no_code(asking: &Asking, user: UserId, kind: Kind) -> Problem {
    let problem = Problem::new(
        StatusCode::NOT_FOUND,
        "VerificationCodeNotFoundException",
        "VERIFICATION_CODE_NOT_FOUND",
        "There is no code to be verified",
    );
    asking.about(problem, user).with("accountType", kind.account_type())
}

/// That a code is not the one.
pub fn wrong_code(asking: &Asking, user: UserId) -> Problem {
    let problem = Problem::new(
        StatusCode::FORBIDDEN,
        "InvalidVerificationCodeException",
        "INVALID_VERIFICATION_CODE",
        "The code is not valid",
    );
    asking.about(problem, user)
}

/// `GET …/email-address` and `…/phone-number`.
pub async fn find(app: &App, asking: &Asking, text: &str, kind: Kind) -> Result<Response, Problem> {
    let found = asking.over(app, text).await?;
    let profile = &found.user.profile;
    let address = kind.is(profile).ok_or_else(|| without_address(asking, found.user.id))?;
    let answer = members(json!({kind.field(): address, "verified": kind.is_verified(profile)}));
    let name = match kind {
        Kind::Email => "EmailAddressRetrievalResponse",
        Kind::Phone => "PhoneNumberRetrievalResponse",
    };
    Ok(wire::answer(StatusCode::OK, name, &answer))
}

/// `PUT …/email-address` and `…/phone-number`.
pub async fn put(
    app: &App,
    asking: &Asking,
    text: &str,
    kind: Kind,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let user = asking.over(app, text).await?.user.id;
    let mut fields = incoming
        .object(match kind {
            Kind::Email => "EmailAddressModificationRequest",
            Kind::Phone => "PhoneNumberModificationRequest",
        })
        .await?;
    let settings = app.settings_of(asking.tenant).await?;
    let given = fields.text(kind.field())?;
    let address = match kind {
        Kind::Email => {
            check_email(&given)?;
            given
        }
        Kind::Phone => {
            let bag = Bag::of(app, &asking.caller, user).await?;
            phone_number(&given, bag.country.as_deref())?
        }
    };
    let verified = fields.opt_bool("verified")?.filter(|_| asking.is_admin());
    let changed = bag::change(app, &asking.caller, user, |found, bag| {
        if !wire::has_password(found) {
            return Err(Problem::not_allowed(
                "The user has no password, so no address to log in with",
            ));
        }
        let mut changes = UserChanges::default();
        let mut changing = Changing {
            settings: &settings,
            profile: &found.user.profile,
            bag,
            changes: &mut changes,
        };
        changing.set(app, kind, &address, verified);
        Ok(changes)
    })
    .await;
    let changed = changed.map_err(|problem| match problem.is("USER_ALREADY_EXISTS") {
        true => problem.of_value(&address),
        false => problem,
    })?;
    let mut bag = Bag::of(app, &asking.caller, user).await?;
    if let Some(to_prove) = kind.to_prove(&mut bag) {
        tell(app, asking, &changed, kind, to_prove).await;
    }
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What waits to be proved of a user who may do so.
async fn waiting(app: &App, asking: &Asking, found: &UserWithIdentities, kind: Kind) -> Result<ToProve, Problem> {
    let user = found.user.id;
    let mut bag = Bag::of(app, &asking.caller, user).await?;
    if let Some(to_prove) = kind.to_prove(&mut bag).take() {
        return Ok(to_prove);
    }
    let profile = &found.user.profile;
    if kind.is(profile).is_none() {
        return Err(without_address(asking, user));
    }
    let problem = Problem::new(
        StatusCode::BAD_REQUEST,
        "InvalidAccountStatusException",
        "INVALID_ACCOUNT_STATUS",
        "The address need not be verified",
    );
    Err(asking.about(problem, user).with("accountType", kind.account_type()))
}

/// `POST …/verify`.
pub async fn verify(
    app: &App,
    asking: &Asking,
    text: &str,
    kind: Kind,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let found = asking.over(app, text).await?;
    let user = found.user.id;
    let mut fields = incoming.object("AddressVerificationRequest").await?;
    let given: SecretString = fields.text("verificationCode")?.into();
    let to_prove = waiting(app, asking, &found, kind).await?;
    if found.user.blocked == Some(true) {
        return Err(asking.unauthorized());
    }
    // The try counts before the code is looked at, however many are sent at once.
    bag::change(app, &asking.caller, user, |_, bag| {
        let waiting = kind.to_prove(bag).as_mut();
        let waiting = waiting.filter(|waiting| waiting.nonce == to_prove.nonce && waiting.tries < TRIES);
        waiting.ok_or_else(|| no_code(asking, user, kind))?.tries += 1;
        Ok(UserChanges::default())
    })
    .await?;
    if !app.is_code(&code(app, asking, user, kind, &to_prove), &given) {
        return Err(wrong_code(asking, user));
    }
    let verified = bag::change(app, &asking.caller, user, |found, bag| {
        let waiting = kind.to_prove(bag);
        if waiting.as_ref().map(|waiting| &waiting.nonce) != Some(&to_prove.nonce) {
            return Err(no_code(asking, user, kind));
        }
        *waiting = None;
        let mut changes = UserChanges::default();
        if kind.is(&found.user.profile) != Some(&to_prove.address) {
            changes.texts.push((kind.text(), Some(to_prove.address.clone())));
        }
        kind.set_verified(&mut changes, true);
        Ok(changes)
    })
    .await;
    verified.map_err(|problem| match problem.is("USER_ALREADY_EXISTS") {
        true => problem.of_value(&to_prove.address),
        false => problem,
    })?;
    let answer = members(json!({"verificationStatus": "VERIFIED"}));
    Ok(wire::answer(StatusCode::OK, "AddressVerificationResponse", &answer))
}

/// `POST …/resend-verification`.
pub async fn resend(
    app: &App,
    asking: &Asking,
    text: &str,
    kind: Kind,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let found = asking.over(app, text).await?;
    incoming.empty_or(None).await?;
    if kind == Kind::Phone {
        return Err(Problem::not_implemented());
    }
    waiting(app, asking, &found, kind).await?;
    let to_prove = renewed(app, asking, &found, kind).await?;
    send_code(app, asking, found.user.id, &to_prove).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Another code for what waits, after which the ones before are none.
async fn renewed(app: &App, asking: &Asking, found: &UserWithIdentities, kind: Kind) -> Result<ToProve, Problem> {
    let user = found.user.id;
    let fresh = ToProve::new(app, "");
    bag::change(app, &asking.caller, user, |_, bag| {
        let waiting = kind.to_prove(bag).as_mut().ok_or_else(|| no_code(asking, user, kind))?;
        *waiting = ToProve {
            address: waiting.address.clone(),
            ..fresh.clone()
        };
        Ok(UserChanges::default())
    })
    .await?;
    waiting(app, asking, found, kind).await
}

/// `GET …/verification-code`: the administrator's.
pub async fn show_code(app: &App, asking: &Asking, text: &str, kind: Kind) -> Result<Response, Problem> {
    let found = asking.as_admin(app, text).await?;
    let user = found.user.id;
    let mut bag = Bag::of(app, &asking.caller, user).await?;
    let to_prove = kind
        .to_prove(&mut bag)
        .take()
        .ok_or_else(|| no_code(asking, user, kind))?;
    let answer = members(json!({"verificationCode": code(app, asking, user, kind, &to_prove)}));
    Ok(wire::answer(
        StatusCode::OK,
        "VerificationCodeRetrievalResponse",
        &answer,
    ))
}

/// `POST …/phone-number/reset-verification-code`: the administrator's.
pub async fn reset_code(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, text]): Segments<2>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let found = asking.as_admin(&app, &text).await?;
    incoming.empty_or(None).await?;
    let to_prove = renewed(&app, &asking, &found, Kind::Phone).await?;
    let code = code(&app, &asking, found.user.id, Kind::Phone, &to_prove);
    let answer = members(json!({"verificationCode": code}));
    Ok(wire::answer(StatusCode::OK, "ResetVerificationCodeResponse", &answer))
}

//! Passwords: changed, and replaced when they are forgotten (`api/kii.md` 5.4 and 5.5).
//!
//! What would surprise: all of a user's tokens end with her password, the one that changed it too; and a reset
//! is a code by mail, because there is no page here that a link could lead to, and no text message.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::SignedDuration;

use super::addresses::{self, invalid_status, wrong_code};
use super::bag::{self, Bag, ToProve};
use super::caller::{Asking, app_id};
use super::error::Problem;
use super::profile::check_password;
use super::{body, wire};
use crate::app::App;
use crate::app::update_user::UserChanges;
use crate::app::users::PasswordRule;
use crate::domain::{UserWithIdentities, spelling};
use crate::error::Error;
use crate::id::UserId;
use crate::secret::SecretString;
use crate::web::path::Segments;

/// How many digits the code of a reset has, how often one may be tried, and for how long.
const DIGITS: u32 = 10;
const TRIES: u32 = 10;
const LIVES_FOR: SignedDuration = SignedDuration::from_hours(1);

/// `PUT /apps/{appID}/users/{user}/password`.
pub async fn change(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, text]): Segments<2>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let found = asking.over(&app, &text).await?;
    let user = found.user.id;
    let mut fields = incoming.object("ChangePasswordRequest").await?;
    let settings = app.settings_of(asking.tenant).await?;
    let new: SecretString = fields.text("newPassword")?.into();
    let identity = found.identities.iter().find(|identity| identity.has_password);
    let Some(identity) = identity else {
        return Err(Problem::not_allowed("The user has no password"));
    };
    if !asking.is_admin() {
        let old: SecretString = fields.text("oldPassword")?.into();
        match app.check_own_password(&asking.caller, identity, &old).await {
            Err(Error::WrongCredentials) => return Err(wrong_password(&asking, user)),
            other => other?,
        }
    }
    check_password("newPassword", &new, &settings)?;
    bag::change(&app, &asking.caller, user, |found, _| with_password(found, &new)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn with_password(found: &UserWithIdentities, new: &SecretString) -> Result<UserChanges, Problem> {
    match wire::has_password(found) {
        true => Ok(UserChanges {
            password: Some(new.clone()),
            password_rule: PasswordRule::OfCaller,
            ..UserChanges::default()
        }),
        false => Err(Problem::not_allowed("The user has no password")),
    }
}

fn wrong_password(asking: &Asking, user: UserId) -> Problem {
    let problem = Problem::new(
        StatusCode::UNAUTHORIZED,
        "WrongPasswordException",
        "WRONG_PASSWORD",
        "The old password is not right",
    );
    asking.about(problem, user).with("principalID", spelling::uuid(user))
}

/// `POST …/password/request-reset`: anybody may ask, and it is sent to the user's own address.
pub async fn request_reset(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, text]): Segments<2>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let mut fields = incoming.empty_or(Some("ResetPasswordRequest")).await?;
    let found = asking.find(&app, &text).await?.ok_or_else(|| asking.no_user(&text))?;
    let user = found.user.id;
    if found.user.blocked == Some(true) {
        let problem = Problem::new(
            StatusCode::UNAUTHORIZED,
            "UserDisabledException",
            "USER_DISABLED",
            "The user is disabled",
        );
        return Err(asking.about(problem, user));
    }
    with_password(&found, &String::new().into())?;
    let status = |message| invalid_status(message).with("appID", app_id(asking.tenant));
    if fields.opt_text("notificationMethod")?.as_deref() == Some("SMS") {
        return Err(status("This server sends no text messages"));
    }
    let profile = &found.user.profile;
    let address = match (&profile.email, profile.email_verified) {
        (Some(address), Some(true)) => address.clone(),
        _ => return Err(status("The user has no verified e-mail address")),
    };
    let server = asking.server(&app);
    let to_prove = ToProve::new(&app, &address);
    bag::change(&app, &server, user, |_, bag| {
        bag.reset = Some(to_prove.clone());
        Ok(UserChanges::default())
    })
    .await?;
    let pin = pin(&app, &asking, user, &to_prove);
    let text = format!(
        "Somebody, probably you, asked for a new password for your account.\r\n\r\n\
         The PIN code to set one within an hour is {pin}\r\n\r\nIf it was not you, you need do nothing.\r\n"
    );
    addresses::send(&app, &address, "Reset your password", text).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn pin(app: &App, asking: &Asking, user: UserId, to_prove: &ToProve) -> String {
    let words = ["reset", &to_prove.address, &to_prove.nonce];
    app.code_for(asking.tenant, user, &words, DIGITS)
}

/// `POST …/password/complete-reset`: whoever has the code sets a new password.
pub async fn complete_reset(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, text]): Segments<2>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let mut fields = incoming.object("CompletePasswordResetRequest").await?;
    let (given, new): (SecretString, SecretString) =
        (fields.text("pinCode")?.into(), fields.text("newPassword")?.into());
    check_password("newPassword", &new, &app.settings_of(asking.tenant).await?)?;
    let found = asking.find(&app, &text).await?.ok_or_else(|| asking.no_user(&text))?;
    let user = found.user.id;
    if found.user.blocked == Some(true) {
        return Err(wrong_code(&asking, user));
    }
    let server = asking.server(&app);
    let to_prove = Bag::of(&app, &server, user).await?.reset;
    let to_prove = to_prove.ok_or_else(|| wrong_code(&asking, user))?;
    let age = app.now().as_millisecond().saturating_sub(to_prove.at);
    if i128::from(age) >= LIVES_FOR.as_millis() {
        let problem = Problem::plain(StatusCode::GONE, "PIN_CODE_EXPIRED", "The PIN code has expired");
        return Err(problem.with("appID", app_id(asking.tenant)));
    }
    // The try counts before the code is looked at, however many are sent at once.
    bag::change(&app, &server, user, |_, bag| {
        let waiting = bag.reset.as_mut();
        let waiting = waiting.filter(|waiting| waiting.nonce == to_prove.nonce && waiting.tries < TRIES);
        waiting.ok_or_else(|| wrong_code(&asking, user))?.tries += 1;
        Ok(UserChanges::default())
    })
    .await?;
    if !app.is_code(&pin(&app, &asking, user, &to_prove), &given) {
        return Err(wrong_code(&asking, user));
    }
    bag::change(&app, &server, user, |found, bag| {
        if bag.reset.take().map(|waiting| waiting.nonce) != Some(to_prove.nonce.clone()) {
            return Err(wrong_code(&asking, user));
        }
        with_password(found, &new)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

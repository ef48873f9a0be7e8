//! Users: made, shown, changed, disabled, erased (`api/kii.md` 4, 5.1 to 5.3, 5.6, 5.8).
//!
//! What would surprise: a person without a password is what this interface calls a pseudo user, however
//! she came to be; she gets one by an update that names her too, and by nothing else.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::addresses::{self, Changing, Kind};
use super::bag::{self, Bag};
use super::caller::{Asking, app_id};
use super::error::{Problem, field_of};
use super::profile::Said;
use super::tokens::members;
use super::wire::{self, Sight};
use super::{body, tokens};
use crate::app::App;
use crate::app::opaque::Holder;
use crate::app::update_user::{Text, UserChanges};
use crate::app::users::{PasswordRule, UserRequest};
use crate::domain::{Profile, Settings, UserRef, UserWithIdentities, spelling};
use crate::error::Error;
use crate::secret::ExposeSecret;
use crate::web::path::Segments;

const REGISTRATION: &str = "RegistrationRequest";
const WITH_TOKEN: &str = "RegistrationAndAuthorizationRequest";

/// `POST /apps/{appID}/users`: signs up, with a token if the type of the request says so.
pub async fn create(
    State(app): State<Arc<App>>,
    asking: Asking,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let wants_token = incoming.is_one_of(&[REGISTRATION, WITH_TOKEN])? == WITH_TOKEN;
    let settings = app.settings_of(asking.tenant).await?;
    if !settings.kii_sign_up && !asking.is_admin() {
        return Err(asking.unauthorized());
    }
    let said = Said::read(incoming.read().await?, &settings, None)?;
    match (&said.password, said.names_somebody()) {
        (Some(_), true) => said.check_names(&settings)?,
        (None, false) if wants_token => {}
        (None, _) => return Err(Problem::invalid("password", "A password is needed")),
        (Some(_), false) => return Err(Problem::invalid("loginName", "A name to log in with is needed")),
    }
    let (found, bag) = sign_up(&app, &asking, &settings, &said).await?;
    let id = spelling::uuid(found.user.id);
    let mut shown = wire::user(&app, asking.tenant, &found, &bag, Sight::Whole).await?;
    shown.shift_remove("_thirdPartyAccounts");
    let mut name = "RegistrationResponse";
    if wants_token {
        name = "RegistrationAndAuthorizationResponse";
        // One who has no password could not get back in when a refresh token is lost.
        let can_refresh = settings.kii_refresh_tokens && said.password.is_some();
        let terms = tokens::terms(&app, &settings, None, can_refresh)?;
        let handed = tokens::hand(&app, &asking, &found, terms).await?;
        shown.insert("_accessToken".to_owned(), handed.access.expose_secret().into());
        if let Some(refresh) = &handed.refresh {
            shown.insert("_refreshToken".to_owned(), refresh.expose_secret().into());
        }
    }
    let mut response = wire::answer(StatusCode::CREATED, name, &shown);
    let location = format!("{}api/apps/{}/users/{id}", asking.origin, app_id(asking.tenant));
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

async fn sign_up(
    app: &App,
    asking: &Asking,
    settings: &Settings,
    said: &Said,
) -> Result<(UserWithIdentities, Bag), Problem> {
    let mut bag = Bag {
        country: said.country.clone(),
        locale: said.locale.clone(),
        custom: said.custom.clone(),
        ..Bag::default()
    };
    let phone_verified = said.phone_verified.filter(|_| asking.is_admin());
    let email_verified = said.email.as_ref().map(|_| !settings.kii_email_verification);
    let phone_verified = said
        .phone
        .as_ref()
        .map(|_| phone_verified.unwrap_or(!settings.kii_phone_verification));
    if email_verified == Some(false) {
        bag.email = said.email.as_deref().map(|address| bag::ToProve::new(app, address));
    }
    if phone_verified == Some(false) {
        bag.phone = said.phone.as_deref().map(|number| bag::ToProve::new(app, number));
    }
    let request = UserRequest {
        profile: Profile {
            email: said.email.clone(),
            email_verified,
            phone_number: said.phone.clone(),
            phone_verified,
            username: said.login_name.clone(),
            name: said.display_name.clone(),
            ..Profile::default()
        },
        password: said.password.clone(),
        password_rule: PasswordRule::OfCaller,
        bag: Some(bag.clone().into_kept()?),
        ..UserRequest::default()
    };
    // Whoever may ask at all may sign up.
    let caller = app.caller_by(
        asking.tenant,
        match asking.holder {
            Holder::Admin => Holder::Admin,
            Holder::Anybody | Holder::User(_) => Holder::Anybody,
        },
        crate::domain::Dialect::Kii,
        None,
        &asking.origin,
    );
    let (found, _) = app
        .create_user(&caller, request)
        .await
        .map_err(|error| taken(error, said))?;
    if let Some(to_prove) = &bag.email {
        addresses::tell(app, asking, &found, Kind::Email, to_prove).await;
    }
    Ok((found, bag))
}

/// What is in use already, with what was said.
fn taken(error: Error, said: &Said) -> Problem {
    let field = match &error {
        Error::Conflict(unique) => field_of(*unique),
        _ => None,
    };
    let value = match field {
        Some("loginName") => said.login_name.as_deref(),
        Some("emailAddress") => said.email.as_deref(),
        Some("phoneNumber") => said.phone.as_deref(),
        _ => None,
    };
    match (field, value) {
        (Some(field), Some(value)) => Problem::taken(field).of_value(value),
        _ => error.into(),
    }
}

/// `GET /apps/{appID}/users/{user}`, with the listing of her accounts elsewhere.
pub async fn find(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, text]): Segments<2>,
) -> Result<Response, Problem> {
    if asking.holder == Holder::Anybody {
        return Err(asking.unauthorized());
    }
    let found = asking.find(&app, &text).await?.ok_or_else(|| asking.no_user(&text))?;
    let sight = match asking.user() {
        Some(user) if user != found.user.id => match app.settings_of(asking.tenant).await?.kii_expose_users {
            true => Sight::Exposed,
            false => Sight::Name,
        },
        _ => Sight::Whole,
    };
    let bag = Bag::of(&app, &asking.server(&app), found.user.id).await?;
    let shown = wire::user(&app, asking.tenant, &found, &bag, sight).await?;
    Ok(wire::answer(StatusCode::OK, "UserDataRetrievalResponse", &shown))
}

/// `POST /apps/{appID}/users/{user}`: changes her. Custom fields that are not sent are gone.
pub async fn update(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, text]): Segments<2>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let user = asking.over(&app, &text).await?.user.id;
    let settings = app.settings_of(asking.tenant).await?;
    let fields = incoming.object("UserUpdateRequest").await?;
    let known = Bag::of(&app, &asking.caller, user).await?.country;
    let said = Said::read(fields, &settings, known.as_deref())?;
    let changed = bag::change(&app, &asking.caller, user, |found, bag| {
        changes(&app, &asking, &settings, &said, found, bag)
    })
    .await;
    let changed = changed.map_err(|problem| valued(problem, &said))?;
    let bag = Bag::of(&app, &asking.caller, user).await?;
    if let (Some(to_prove), Some(_)) = (&bag.email, &said.email) {
        addresses::tell(&app, &asking, &changed, Kind::Email, to_prove).await;
    }
    let answer = members(json!({"modifiedAt": changed.updated_at().as_millisecond()}));
    Ok(wire::answer(StatusCode::OK, "UserDataRetrievalResponse", &answer))
}

/// The same problem with the value that is in use.
fn valued(problem: Problem, said: &Said) -> Problem {
    let value = match problem.member("field").and_then(Value::as_str) {
        Some("loginName") => said.login_name.clone(),
        Some("emailAddress") => said.email.clone(),
        Some("phoneNumber") => said.phone.clone(),
        _ => None,
    };
    match value {
        Some(value) if problem.is("USER_ALREADY_EXISTS") => problem.of_value(&value),
        _ => problem,
    }
}

/// What an update changes of a user as she is.
fn changes(
    app: &App,
    asking: &Asking,
    settings: &Settings,
    said: &Said,
    found: &UserWithIdentities,
    bag: &mut Bag,
) -> Result<UserChanges, Problem> {
    let profile = &found.user.profile;
    let mut changes = UserChanges {
        password_rule: PasswordRule::OfCaller,
        ..UserChanges::default()
    };
    if !wire::has_password(found) {
        let named = said.names_somebody() || profile.username.is_some();
        match (&said.password, named) {
            (Some(password), true) => {
                said.check_names(settings).or(match profile.username {
                    Some(_) => Ok(()),
                    None => Err(Problem::invalid("loginName", "A name to log in with is needed")),
                })?;
                changes.password = Some(password.clone());
            }
            (Some(_), false) => return Err(Problem::invalid("loginName", "A name to log in with is needed")),
            (None, _) if said.names_somebody() => {
                return Err(Problem::invalid("password", "A name to log in with needs a password"));
            }
            (None, _) => {}
        }
    } else if said.password.is_some() {
        return Err(Problem::invalid(
            "password",
            "The password is changed by its own resource",
        ));
    }
    for (text, value, is) in [
        (Text::Username, &said.login_name, &profile.username),
        (Text::Name, &said.display_name, &profile.name),
    ] {
        if value.is_some() && value != is {
            changes.texts.push((text, value.clone()));
        }
    }
    let mut changing = Changing {
        settings,
        profile,
        bag: &mut *bag,
        changes: &mut changes,
    };
    if let Some(address) = &said.email {
        changing.set(app, Kind::Email, address, None);
    }
    if let Some(number) = &said.phone {
        let verified = said.phone_verified.filter(|_| asking.is_admin());
        changing.set(app, Kind::Phone, number, verified);
    }
    bag.country = said.country.clone().or(bag.country.take());
    bag.locale = said.locale.clone().or(bag.locale.take());
    bag.custom.clone_from(&said.custom);
    Ok(changes)
}

/// `DELETE /apps/{appID}/users/{user}`.
pub async fn remove(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, text]): Segments<2>,
) -> Result<Response, Problem> {
    let user = asking.over(&app, &text).await?.user.id;
    match app.delete_user(&asking.caller, &UserRef::Id(user)).await? {
        true => Ok(StatusCode::NO_CONTENT.into_response()),
        false => Err(asking.no_user(&text)),
    }
}

/// `GET /apps/{appID}/users/{user}/status`.
pub async fn status(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, text]): Segments<2>,
) -> Result<Response, Problem> {
    let found = asking.as_admin(&app, &text).await?;
    let answer = members(json!({"disabled": found.user.blocked == Some(true)}));
    Ok(wire::answer(StatusCode::OK, "UserStatusRetrievalResponse", &answer))
}

/// `PUT /apps/{appID}/users/{user}/status`.
pub async fn set_status(
    State(app): State<Arc<App>>,
    asking: Asking,
    Segments([_, text]): Segments<2>,
    incoming: body::Incoming,
) -> Result<Response, Problem> {
    let user = asking.as_admin(&app, &text).await?.user.id;
    let mut fields = incoming.object("UserStatusUpdateRequest").await?;
    let changes = UserChanges {
        blocked: Some(fields.bool("disabled")?),
        ..UserChanges::default()
    };
    app.update_user(&asking.caller, &UserRef::Id(user), &changes).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /apps/{appID}/users/{user}/display-name`, `country` and `locale`: the bare value.
pub async fn field(app: Arc<App>, asking: Asking, text: &str, field: Field) -> Result<Response, Problem> {
    let found = asking.over(&app, text).await?;
    let user = found.user.id;
    let bag = Bag::of(&app, &asking.caller, user).await?;
    let (value, exception, code) = match field {
        Field::DisplayName => (
            found.user.profile.name,
            "UserWithoutDisplayNameException",
            "USER_DISPLAY_NAME_NOT_FOUND",
        ),
        Field::Country => (bag.country, "UserWithoutCountryException", "USER_COUNTRY_NOT_FOUND"),
        Field::Locale => (bag.locale, "UserWithoutLocaleException", "USER_LOCALE_NOT_FOUND"),
    };
    let Some(value) = value else {
        let problem = Problem::new(StatusCode::NOT_FOUND, exception, code, "The user has none");
        return Err(asking.about(problem, user));
    };
    let mut response = value.into_response();
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    Ok(response)
}

/// A field that is shown alone.
#[derive(Debug, Clone, Copy)]
pub enum Field {
    /// `displayName`.
    DisplayName,
    /// `country`.
    Country,
    /// `locale`.
    Locale,
}

//! `/customers`: the customer who asks, and its applications at networks (`api/knodes.md` 6).
//!
//! What would surprise: a customer is one object and not a list, and nobody sees another one.

use std::sync::Arc;

use axum::extract::State;

use super::error::Problem;
use super::params::Asked;
use super::wire;
use crate::app::App;
use crate::domain::spelling::knodes_network;
use crate::web::Json;
use crate::web::path::Segments;

type Answer = Result<Json<wire::Customer>, Problem>;

/// `GET /customers`.
pub async fn find(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    let applications = app.connections_of(asked.caller.tenant).await?;
    Ok(Json(wire::Customer::of(&asked, &applications)))
}

/// `GET /customers/:CUSTOMER_ID`.
pub async fn find_named(app: State<Arc<App>>, Segments([id]): Segments<1>, asked: Asked) -> Answer {
    check(&id, &asked)?;
    find(app, asked).await
}

/// `POST /customers/connect`: deposits the application of a network, or replaces its secret.
pub async fn connect(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    let params = &asked.params;
    let (network, id) = (params.text("network")?, params.text("id")?);
    let secret = params.secret("secret")?;
    let provider =
        knodes_network(network).ok_or_else(|| Problem::bad_request("network is not a network that is known here"))?;
    app.deposit_application(&asked.caller, provider, id, secret).await?;
    find(State(app), asked).await
}

/// `POST /customers/:CUSTOMER_ID/connect`.
pub async fn connect_named(app: State<Arc<App>>, Segments([id]): Segments<1>, asked: Asked) -> Answer {
    check(&id, &asked)?;
    connect(app, asked).await
}

/// `POST /customers/disconnect`: takes the application of a network back.
pub async fn disconnect(State(app): State<Arc<App>>, asked: Asked) -> Answer {
    let provider = wire::provider(asked.params.text("network")?)?;
    app.withdraw_application(&asked.caller, provider).await?;
    find(State(app), asked).await
}

/// `POST /customers/:CUSTOMER_ID/disconnect`.
pub async fn disconnect_named(app: State<Arc<App>>, Segments([id]): Segments<1>, asked: Asked) -> Answer {
    check(&id, &asked)?;
    disconnect(app, asked).await
}

/// That a path names whoever asks.
fn check(id: &str, asked: &Asked) -> Result<(), Problem> {
    let well_formed = id.len() == 24 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if !well_formed {
        return Err(Problem::invalid_action());
    }
    match id == asked.tenant.credentials.knodes_customer_id {
        true => Ok(()),
        false => Err(Problem::forbidden("that is another customer")),
    }
}

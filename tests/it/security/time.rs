//! Clocks that jump (OPS-06).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use jiff::Timestamp;
use oneself::clock::{Clock, ManualClock};
use serde_json::json;

use crate::support::people::{PASSWORD, Side};
use crate::support::server::{BEGINNING, TestServer};

/// A clock that a test moves both ways, and that says whether it can be trusted.
struct Jumping {
    seconds: AtomicI64,
    suspect: AtomicBool,
}

impl Clock for Jumping {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.seconds.load(Ordering::SeqCst)).unwrap()
    }

    fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::SeqCst)
    }
}

async fn server() -> (TestServer, Arc<Jumping>) {
    let beginning: Timestamp = BEGINNING.parse().unwrap();
    let clock = Arc::new(Jumping {
        seconds: AtomicI64::new(beginning.as_second()),
        suspect: AtomicBool::new(false),
    });
    let unused = Arc::new(ManualClock::at(beginning));
    let server = TestServer::start_with(unused, clock.clone(), |store| store).await;
    (server, clock)
}

#[tokio::test]
async fn sec_ops_06_a_clock_that_is_set_back_issues_nothing() {
    let (server, clock) = server().await;
    let side = Side::new(&server, "acme").await;
    let person = side.person("ines").await;
    let request = json!({"grant_type": "client_credentials", "client_id": side.web.0, "client_secret": side.web.1,
        "audience": format!("{}api/v2/", server.issuer())});
    clock.suspect.store(true, Ordering::SeqCst);
    let refused = server.client().post("/oauth/token", request.clone()).await.expect(503);
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    side.try_log_in(&server, &person, PASSWORD).await.expect(503);
    side.client.get("/api/v2/users").await.expect(200);
    clock.suspect.store(false, Ordering::SeqCst);
    server.client().post("/oauth/token", request).await.expect(200);
}

#[tokio::test]
async fn sec_ops_06_a_jump_ends_what_it_passes_and_begins_nothing_early() {
    let (server, clock) = server().await;
    let side = Side::new(&server, "acme").await;
    let (a, b, c) = (side.person("a").await, side.person("b").await, side.person("c").await);
    let (_, proof) = side.log_in(&server, &b).await;
    let link = format!("{}/identities", a.path());
    side.client.post(&link, json!({"link_with": proof})).await.expect(201);
    let cursor = side.client.get("/link/v1/users?limit=1").await.expect(200).json();
    let cursor = format!("/link/v1/users?after={}", cursor["next"].as_str().unwrap());

    // An hour back: what was made then is from the future, and a spent proof stays spent.
    clock.seconds.fetch_sub(3_600, Ordering::SeqCst);
    server
        .client()
        .bearer(&side.token)
        .get("/api/v2/users")
        .await
        .expect(200);
    side.client.post(&link, json!({"link_with": proof})).await.expect(400);
    clock.seconds.fetch_add(3_600, Ordering::SeqCst);
    side.client.post(&link, json!({"link_with": proof})).await.expect(409);

    // A day and more ahead: everything has ended.
    let (_, late) = side.log_in(&server, &c).await;
    clock.seconds.fetch_add(86_400 + 31, Ordering::SeqCst);
    server.app.forget_ended().await.unwrap();
    side.client.get("/api/v2/users").await.expect(401);
    let token = server
        .client()
        .post(
            "/oauth/token",
            json!({"grant_type": "client_credentials", "client_id": side.web.0, "client_secret": side.web.1,
                "audience": format!("{}api/v2/", server.issuer())}),
        )
        .await
        .expect(200)
        .json();
    let fresh = server.client().bearer(token["access_token"].as_str().unwrap());
    fresh.post(&link, json!({"link_with": late})).await.expect(400);
    fresh.post(&link, json!({"link_with": proof})).await.expect(400);
    fresh.get(&cursor).await.expect(200);

    // Back again, with everything forgotten that had ended: no window for a replay opens, not even
    // when the account that was proved is a user of its own again.
    clock.seconds.fetch_sub(86_400 + 31, Ordering::SeqCst);
    side.client.post(&link, json!({"link_with": proof})).await.expect(400);
    side.client
        .delete(&format!("{link}/auth0/{}", b.core))
        .await
        .expect(200);
    side.client.post(&link, json!({"link_with": proof})).await.expect(400);
    clock.seconds.fetch_add(31 * 86_400, Ordering::SeqCst);
    fresh.get(&cursor).await.expect(401);
}

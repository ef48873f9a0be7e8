//! Accounts elsewhere: linked, listed and unlinked, by networks that are simulated on the wire.

use std::ops::Deref;

use serde_json::{Value, json};

use super::*;
use crate::support::sandbox::{Account, Sandbox};

/// The networks that are configured, with the keys of their accounts in the listing.
pub(super) const NETWORKS: [(&str, &str); 4] = [
    ("twitter", "twitter"),
    ("facebook", "facebook"),
    ("google", "googleplus"),
    ("qq", "qq"),
];

/// An application with networks.
pub(super) struct Social {
    w: World,
    pub networks: Sandbox,
}

impl Deref for Social {
    type Target = World;

    fn deref(&self) -> &World {
        &self.w
    }
}

impl Social {
    pub async fn new() -> Self {
        let (server, networks) = TestServer::start_with_networks().await;
        let w = World::on(server).await;
        for (network, _) in NETWORKS {
            networks.application(network, "our-app", "our-secret");
            let request = oneself::app::connections::ConnectionRequest {
                name: network.to_owned(),
                provider: network.to_owned(),
                client_id: Some("our-app".to_owned()),
                client_secret: Some("our-secret".to_owned().into()),
                ..Default::default()
            };
            w.server.app.add_connection("shop", request).await.unwrap();
        }
        Self { w, networks }
    }

    /// An account whose tokens are for our application.
    pub fn account(&self, network: &str, name: &str) -> Account {
        self.networks
            .account(network, json!({"name": name, "client_id": "our-app"}))
    }

    /// Links an account of the caller's own.
    pub async fn link(&self, who: &Client, network: &str, account: &Account) -> Reply {
        let path = self.at(&format!("users/me/{network}/link"));
        who.post(&path, body(network, account)).await
    }

    pub async fn unlink(&self, who: &Client, network: &str) -> Reply {
        who.post(&self.at(&format!("users/me/{network}/unlink")), ()).await
    }

    pub async fn social(&self, network: &str, account: &Account) -> Reply {
        let path = self.at(&format!("integration/{network}"));
        self.anybody().post(&path, body(network, account)).await
    }

    pub async fn identities(&self) -> i64 {
        self.server.directory.number("SELECT count(*) FROM identities").await
    }
}

/// What proves an account, as this interface writes it.
pub(super) fn body(network: &str, account: &Account) -> Value {
    let mut body = json!({"accessToken": account.access_token, "unknown": true});
    match network {
        "twitter" => body["accessTokenSecret"] = json!(account.token_secret),
        "qq" => body["openID"] = json!(account.id),
        _ => {}
    }
    body
}

/// The exception, the code and the field that a network's conflict has.
fn conflict(network: &str) -> (&'static str, &'static str, &'static str) {
    match network {
        "twitter" => (
            "TwitterUserAlreadyLinkedException",
            "TWITTER_USER_ALREADY_LINKED",
            "twitterID",
        ),
        "facebook" => (
            "FacebookUserAlreadyLinkedException",
            "FACEBOOK_USER_ALREADY_LINKED",
            "facebookID",
        ),
        "google" => (
            "GoogleUserAlreadyLinkedException",
            "GOOGLE_USER_ALREADY_LINKED",
            "googleID",
        ),
        _ => ("QQUserAlreadyLinkedException", "QQ_USER_ALREADY_LINKED", "qqID"),
    }
}

/// That the account or the user has a link, and nothing of whose it is.
#[track_caller]
pub(super) fn already_linked(reply: Reply, network: &str, account: &Account) {
    let (exception, code, field) = conflict(network);
    let said = refused(reply, 409, exception, code);
    assert_eq!(said[field], account.id.as_str());
    let members: Vec<_> = said.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["errorCode", "message", field, "suppressed"]);
}

#[track_caller]
pub(super) fn not_allowed(reply: Reply) {
    refused(reply, 409, "OperationNotAllowedException", "OPERATION_NOT_ALLOWED");
}

#[tokio::test]
async fn check_05_each_network_is_linked_with_its_type_with_json_and_with_odd_case() {
    let s = Social::new().await;
    for (network, types) in [
        (
            "twitter",
            [
                "application/vnd.kii.LinkTwitterRequest+json",
                "application/vnd.kii.linktwitterrequest+json",
            ],
        ),
        (
            "facebook",
            [
                "application/vnd.kii.LinkFacebookRequest+json",
                "APPLICATION/VND.KII.LINKFACEBOOKREQUEST+JSON",
            ],
        ),
        (
            "google",
            [
                "application/vnd.kii.LinkGoogleRequest+json",
                "application/json; charset=utf-8",
            ],
        ),
        (
            "qq",
            [
                "application/vnd.kii.LinkQQRequest+json",
                "application/vnd.kii.LinkQqRequest+json",
            ],
        ),
    ] {
        for (n, media_type) in types.into_iter().chain(["application/json"]).enumerate() {
            let name = format!("{network}-{n}");
            let who = s.person(&name).await;
            let account = s.account(network, &name);
            let path = s.at(&format!("users/me/{network}/link"));
            let reply = vendor(&who.client, "POST", &path, media_type, body(network, &account))
                .await
                .expect(204);
            assert_eq!(
                (reply.text().as_str(), reply.header("content-type")),
                ("", ""),
                "{media_type}"
            );
        }
    }
    let who = s.person("who").await;
    let path = s.at("users/me/twitter/link");
    let account = body("twitter", &s.account("twitter", "who"));
    let other = vendor(
        &who.client,
        "POST",
        &path,
        "application/vnd.kii.LinkFacebookRequest+json",
        account,
    )
    .await;
    refused(other, 400, "", "INVALID_DATA_TYPE");
    let renren = who
        .client
        .post(&s.at("users/me/renren/link"), json!({"accessToken": "t"}))
        .await;
    not_allowed(renren);
}

#[tokio::test]
async fn check_06_the_listing_has_the_right_keys_and_whole_numbers() {
    let s = Social::new().await;
    let who = s.person("mika").await;
    let mut expected = json!({});
    for (network, key) in NETWORKS {
        let account = s.account(network, "Mika");
        s.link(&who.client, network, &account).await.expect(204);
        let at = s.server.app.now().as_millisecond();
        expected[key] = json!({"id": account.id, "type": key, "createdAt": at});
    }
    let by_id = who
        .client
        .get(&s.at(&format!("users/{}", who.id)))
        .await
        .expect(200)
        .json();
    assert_eq!(by_id["_thirdPartyAccounts"], expected);
    assert_eq!(by_id["displayName"], Value::Null, "a link changes no profile");
    let linked = s.account("twitter", "Mika");
    assert!(!s.server.directory.holds(&linked.access_token).await);
    let kept = s.server.directory.number("SELECT count(*) FROM token_sets").await;
    assert_eq!(kept, 4, "their tokens are kept, sealed");
}

#[tokio::test]
async fn check_07_what_is_linked_is_refused_without_a_word_about_whose_it_is() {
    let s = Social::new().await;
    let (mika, nina) = (s.person("mika").await, s.person("nina").await);
    for (network, _) in NETWORKS {
        let (own, other) = (s.account(network, "Mika"), s.account(network, "Other"));
        s.link(&mika.client, network, &own).await.expect(204);
        let before = (s.me(&mika).await, s.identities().await);
        already_linked(s.link(&mika.client, network, &own).await, network, &own);
        already_linked(s.link(&nina.client, network, &own).await, network, &own);
        already_linked(s.link(&mika.client, network, &other).await, network, &other);
        assert_eq!(
            (s.me(&mika).await, s.identities().await),
            before,
            "nothing was replaced"
        );
        s.link(&nina.client, network, &other).await.expect(204);
    }
}

#[tokio::test]
async fn check_08_of_two_links_of_one_account_at_once_one_is_done() {
    let s = Social::new().await;
    let (mika, nina) = (s.person("mika").await, s.person("nina").await);
    let account = s.account("facebook", "Both");
    let (one, other) = tokio::join!(
        s.link(&mika.client, "facebook", &account),
        s.link(&nina.client, "facebook", &account)
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409]);
    let (first, second) = (s.account("twitter", "1"), s.account("twitter", "2"));
    let (one, other) = tokio::join!(
        s.link(&mika.client, "twitter", &first),
        s.link(&mika.client, "twitter", &second)
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409], "one account of a network, also of two at once");
}

#[tokio::test]
async fn check_09_a_token_for_another_application_links_nothing() {
    let s = Social::new().await;
    let who = s.person("mika").await;
    for (network, _) in NETWORKS {
        s.networks.application(network, "other-app", "other-secret");
        let account = s
            .networks
            .account(network, json!({"name": "Mika", "client_id": "other-app"}));
        let before = s.identities().await;
        let said = refused(
            s.link(&who.client, network, &account).await,
            400,
            "ValidationException",
            "INVALID_INPUT_DATA",
        );
        assert_eq!(said["field"], "accessToken");
        refused(s.social(network, &account).await, 400, "", "invalid_grant");
        assert_eq!(s.identities().await, before, "{network}");
    }
    let mut garbage = s.account("twitter", "Mika");
    garbage.access_token = "771230045-abc".to_owned();
    let reply = s.link(&who.client, "twitter", &garbage).await;
    refused(reply, 400, "ValidationException", "INVALID_INPUT_DATA");
    for (field, body) in [
        ("accessToken", json!({})),
        ("accessToken", json!({"accessToken": "", "accessTokenSecret": "s"})),
        ("accessToken", json!({"accessToken": 7, "accessTokenSecret": "s"})),
        ("accessTokenSecret", json!({"accessToken": "t"})),
    ] {
        let reply = who.client.post(&s.at("users/me/twitter/link"), body).await;
        let said = refused(reply, 400, "ValidationException", "INVALID_INPUT_DATA");
        assert_eq!(said["field"], field);
    }
}

#[tokio::test]
async fn check_10_an_open_id_that_is_not_the_tokens_links_nothing() {
    let s = Social::new().await;
    let who = s.person("mika").await;
    let (own, other) = (s.account("qq", "Mika"), s.account("qq", "Other"));
    let path = s.at("users/me/qq/link");
    let mixed = json!({"accessToken": own.access_token, "openID": other.id});
    refused(
        who.client.post(&path, mixed.clone()).await,
        400,
        "ValidationException",
        "INVALID_INPUT_DATA",
    );
    refused(
        s.anybody().post(&s.at("integration/qq"), mixed).await,
        400,
        "",
        "invalid_grant",
    );
    assert_eq!(s.me(&who).await["_thirdPartyAccounts"], json!({}));
    s.link(&who.client, "qq", &own).await.expect(204);
}

#[tokio::test]
async fn check_11_an_unlink_is_done_once_in_every_form_of_its_empty_body() {
    let s = Social::new().await;
    let who = s.person("mika").await;
    let path = s.at("users/me/facebook/unlink");
    for headers in [
        &[][..],
        &[("content-type", "application/json")],
        &[("content-type", "text/html")],
    ] {
        s.link(&who.client, "facebook", &s.account("facebook", "Mika"))
            .await
            .expect(204);
        let reply = who.client.request("POST", &path, headers, ()).await.expect(204);
        assert_eq!(reply.text(), "");
        let said = refused(
            who.client.request("POST", &path, headers, ()).await,
            409,
            "UserNotLinkedException",
            "USER_NOT_LINKED",
        );
        assert_eq!(said["userID"], who.id.as_str());
    }
    s.link(&who.client, "facebook", &s.account("facebook", "Mika"))
        .await
        .expect(204);
    let full = who.client.post(&path, json!({"accessToken": "t"})).await;
    refused(full, 400, "ValidationException", "INVALID_INPUT_DATA");
    who.client.post(&path, json!({})).await.expect(204);
    assert_eq!(
        s.me(&who).await["_thirdPartyAccounts"],
        json!({}),
        "the next read shows it"
    );
    let sina = s.unlink(&who.client, "sina").await;
    refused(sina, 409, "UserNotLinkedException", "USER_NOT_LINKED");
}

#[tokio::test]
async fn the_administrator_links_by_id_and_by_name_and_others_do_not() {
    let s = Social::new().await;
    let (mika, nina, admin) = (s.person("mika").await, s.person("nina").await, s.admin().await);
    let asked = s.networks.log().len();
    let media_type = "application/vnd.kii.LinkTwitterRequest+json";
    let nobody = "01a3185c-5000-8536-91a8-2e79b0000000";
    for (client, id, status) in [
        (&nina.client, mika.id.as_str(), 401),
        (&nina.client, nobody, 401),
        (&admin, nobody, 404),
    ] {
        let path = s.at(&format!("users/{id}/twitter/link"));
        let account = json!({"accessToken": "t", "accessTokenSecret": "s"});
        let reply = vendor(client, "POST", &path, media_type, account).await;
        match status {
            401 => drop(unauthorized(reply)),
            _ => drop(refused(reply, 404, "UserNotFoundException", "USER_NOT_FOUND")),
        }
    }
    unauthorized(admin.post(&s.at("users/me/twitter/link"), json!({})).await);
    assert_eq!(
        s.networks.log().len(),
        asked,
        "the network is asked for whoever may link, and nobody else"
    );
    for user in [mika.id.as_str(), "LOGIN_NAME:nina"] {
        let account = s.account("twitter", user);
        let path = s.at(&format!("users/{user}/twitter/link"));
        vendor(&admin, "POST", &path, media_type, body("twitter", &account))
            .await
            .expect(204);
        let shown = admin.get(&s.at(&format!("users/{user}"))).await.expect(200).json();
        assert_eq!(shown["_thirdPartyAccounts"]["twitter"]["id"], account.id.as_str());
        admin
            .post(&s.at(&format!("users/{user}/twitter/unlink")), ())
            .await
            .expect(204);
    }
}

#[tokio::test]
async fn a_link_made_here_is_seen_and_undone_through_the_other_interfaces() {
    let s = Social::new().await;
    let who = s.person("mika").await;
    let account = s.account("twitter", "Mika");
    s.link(&who.client, "twitter", &account).await.expect(204);
    let ours = s.tenant.client().await;
    let path = format!("/link/v1/identities/twitter/{}", account.id);
    let found = ours.get(&path).await.expect(200).json();
    let identity = found["identities"]
        .as_array()
        .unwrap()
        .iter()
        .find(|identity| identity["connection"] == "twitter");
    assert_eq!(identity.unwrap()["proof"], "audience_checked");
    let auth0 = ours
        .get(&format!("/api/v2/users/auth0%7C{}", found["id"].as_str().unwrap()))
        .await
        .expect(200)
        .json();
    assert_eq!(auth0["identities"][1]["provider"], "twitter");
    let unlink = format!("/link/v1/users/{}/identities/{}", who.id, text(identity.unwrap(), "id"));
    ours.delete(&unlink).await.expect(204);
    assert_eq!(s.me(&who).await["_thirdPartyAccounts"], json!({}));
    who.client.get(&s.at("users/me")).await.expect(200);
}

//! The description that is served is the one that is checked in, and it is of every route.

use std::collections::BTreeSet;

use oneself::api::auth0::GUARDED;

use super::World;

/// The routes that take no bearer token, but for the description itself.
const OPEN: [(&str, &str); 3] = [
    ("POST", "/oauth/token"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/.well-known/openid-configuration"),
];

#[tokio::test]
async fn auth0s_interface_is_described_and_that_is_checked_in() {
    let w = World::new().await;
    let served = w.server.client().get("/api/v2/openapi.json").await.expect(200);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/auth0.json");
    if std::env::var_os("ONESELF_WRITE_OPENAPI").is_some() {
        std::fs::write(path, served.text()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == served.text(),
        "run ONESELF_WRITE_OPENAPI=1 ./test checked_in, and commit it"
    );

    let json = served.json();
    let mut described = BTreeSet::new();
    for (path, item) in json["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let scopes = operation["security"].as_array().unwrap();
            let scopes = scopes.iter().map(|one| one["oauth2"][0].as_str().unwrap().to_owned());
            described.insert((method.to_uppercase(), path.clone(), scopes.collect::<Vec<_>>()));
        }
    }
    let guarded = GUARDED.iter().map(|route| {
        let scopes = route.any_of.iter().map(|scope| scope.name().to_owned());
        (route.method.to_owned(), route.path.to_owned(), scopes.collect())
    });
    let open = OPEN.map(|(method, path)| (method.to_owned(), path.to_owned(), Vec::new()));
    let routes: BTreeSet<_> = guarded.chain(open).collect();
    assert_eq!(
        described.symmetric_difference(&routes).collect::<Vec<_>>(),
        Vec::<&(String, String, Vec<String>)>::new(),
        "each route is described in src/api/auth0/openapi/, and nothing else"
    );
}

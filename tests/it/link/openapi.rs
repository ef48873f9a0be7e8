//! The description that is served is the one that is checked in.

use super::World;

#[tokio::test]
async fn the_description_is_checked_in() {
    let w = World::new().await;
    let served = w.server.client().get("/link/v1/openapi.json").await.expect(200);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/link-v1.json");
    if std::env::var_os("ONESELF_WRITE_OPENAPI").is_some() {
        std::fs::write(path, served.text()).unwrap();
    }
    let kept = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        kept == served.text(),
        "run ONESELF_WRITE_OPENAPI=1 ./test checked_in, and commit it"
    );
    let json = served.json();
    assert_eq!(json["openapi"], "3.1.0");
    let paths = json["paths"].as_object().unwrap();
    assert_eq!(paths.len(), 7, "{:?}", paths.keys().collect::<Vec<_>>());
}

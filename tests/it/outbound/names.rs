//! Names that lie: resolved once for each attempt, every answer checked, and only those dialed.

use std::net::SocketAddr;
use std::sync::Arc;

use oneself::outbound::{Outbound, OutboundError, OutboundSettings};

use super::{Answers, Fake, get, not_allowed};

/// A client that may use the port of the trap, and asks this resolver. Its connections to the
/// public internet are given up at once.
fn client(trap: SocketAddr, resolver: &Arc<Answers>) -> Outbound {
    let mut settings = OutboundSettings {
        ports: vec![trap.port()],
        resolver: resolver.clone(),
        ..OutboundSettings::default()
    };
    settings.limits.connect = std::time::Duration::from_millis(50);
    Outbound::new(settings)
}

#[tokio::test]
async fn sec_egr_02_one_bad_answer_refuses_all() {
    let trap = Fake::trap().await;
    let url = format!("https://evil.example:{}/", trap.address.port());
    let mut many: Vec<String> = (1..500).map(|n| format!("93.184.{}.{}", n / 250, n % 250)).collect();
    many.push("127.0.0.1".into());
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let answers: [&[&str]; 8] = [
        &["127.0.0.1"],
        &["93.184.216.34", "127.0.0.1"],
        &["127.0.0.1", "93.184.216.34"],
        &["93.184.216.34", "10.0.0.1"],
        &["93.184.216.34", "::1"],
        &["93.184.216.34", "::ffff:127.0.0.1"],
        // What a name that leads to metadata.google.internal comes to (D-16), and nip.io (D-13).
        &["169.254.169.254"],
        &many,
    ];
    for answer in answers {
        let resolver = Answers::of(&[answer]);
        let outcome = get(&client(trap.address, &resolver), &url).await;
        assert!(not_allowed(&outcome), "{answer:?}: {outcome:?}");
        assert_eq!(resolver.asked(), 1);
    }
    assert_eq!(trap.came(), 0);
}

#[tokio::test]
async fn sec_egr_02_what_was_checked_is_dialed_and_nobody_is_asked_again() {
    let trap = Fake::trap().await;
    let url = format!("https://evil.example:{}/", trap.address.port());
    // Nobody is at the first address: it is for documentation, and allowed here only.
    let resolver = Answers::of(&[&["192.0.2.1"], &["127.0.0.1"]]);
    let mut settings = OutboundSettings {
        nets: vec!["192.0.2.0/24".parse().unwrap()],
        ports: vec![trap.address.port()],
        resolver: resolver.clone(),
        ..OutboundSettings::default()
    };
    settings.limits.connect = std::time::Duration::from_millis(50);
    let client = Outbound::new(settings);
    let first = get(&client, &url).await.unwrap_err();
    assert!(
        matches!(first, OutboundError::TimedOut | OutboundError::Unreachable(_)),
        "{first}"
    );
    assert_eq!(resolver.asked(), 1, "asked once for an attempt");
    assert!(not_allowed(&get(&client, &url).await), "the second answer is refused");
    assert_eq!(trap.came(), 0);
}

#[tokio::test]
async fn sec_egr_02_a_name_without_an_address_is_unreachable() {
    let trap = Fake::trap().await;
    let url = format!("https://nowhere.example:{}/", trap.address.port());
    let resolver = Answers::of(&[&[], &["127.0.0.1"]]);
    let client = client(trap.address, &resolver);
    assert!(matches!(get(&client, &url).await, Err(OutboundError::Unreachable(_))));
    assert!(not_allowed(&get(&client, &url).await));
    assert_eq!(trap.came(), 0);
}

#[tokio::test]
async fn sec_egr_02_local_names_are_not_asked_for() {
    let resolver = Answers::of(&[&["93.184.216.34"]]);
    let client = Outbound::new(OutboundSettings {
        resolver: resolver.clone(),
        ..OutboundSettings::default()
    });
    assert!(not_allowed(&get(&client, "https://printer.local/").await));
    assert_eq!(resolver.asked(), 0);
}

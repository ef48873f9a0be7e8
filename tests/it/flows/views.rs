//! One user, four views: whoever is made in one interface is found, linked and unlinked in all others,
//! under the id and the names that each of them has (`design.md`, *Ids* and *Connections*).

use std::collections::BTreeMap;

use oneself::domain::spelling;
use serde_json::json;

use super::site::{COMMON, NAMES, Site, VIEWS, View, core};

#[tokio::test]
async fn whoever_is_made_in_one_interface_is_found_in_all_by_its_spelling() {
    let site = Site::new().await;
    for maker in VIEWS {
        let spelled = site.make(maker, &format!("ines-{maker:?}").to_lowercase()).await;
        let id = core(&spelled);
        for view in VIEWS {
            let shown = site.get(view, id).await;
            let (member, wanted) = match view {
                View::Link | View::Knodes => ("id", id.to_string()),
                View::Auth0 => ("user_id", format!("auth0|{id}")),
                View::Kii => ("userID", spelling::uuid(id)),
            };
            assert_eq!(shown[member], wanted.as_str(), "made by {maker:?}, seen by {view:?}");
            assert_eq!(
                site.accounts(view, id).await.len(),
                0,
                "made by {maker:?}, seen by {view:?}"
            );
        }
        // Our own interface takes any spelling.
        for spelled in [id.to_string(), format!("auth0%7C{id}"), spelling::uuid(id)] {
            let shown = site.hands.admin.get(&format!("/link/v1/users/{spelled}")).await;
            assert_eq!(shown.expect(200).json()["id"], id.to_string().as_str());
        }
    }
}

#[tokio::test]
async fn what_one_interface_links_all_show_and_any_unlinks() {
    let site = Site::new().await;
    let mut networks = COMMON.iter().cycle();
    for maker in VIEWS {
        let id = core(&site.make(maker, &format!("rosa-{maker:?}").to_lowercase()).await);
        for linker in VIEWS {
            for unlinker in VIEWS {
                let network = networks.next().unwrap();
                let at = format!("{network}: made by {maker:?}, linked by {linker:?}, unlinked by {unlinker:?}");
                let account = site.world.account(network, "Rosa");
                let linked = site.hands.link(linker, id, &account).await;
                assert!(linked.status < 300, "{at}: {}", linked.text());
                let names = NAMES.iter().find(|(core, ..)| core == network).unwrap();
                for view in VIEWS {
                    let name = match view {
                        View::Link => names.0,
                        View::Auth0 => names.1,
                        View::Kii => names.2.unwrap(),
                        View::Knodes => names.3.unwrap(),
                    };
                    let wanted = BTreeMap::from([(name.to_owned(), account.id.clone())]);
                    assert_eq!(site.accounts(view, id).await, wanted, "{at}, seen by {view:?}");
                }
                // However it was linked, it is hers for the one that only recognises.
                let known = site.world.acme.post("/users/connect.json", &account.named()).await;
                assert_eq!(known.expect(200).json()["id"], id.to_string().as_str(), "{at}");
                let unlinked = site.hands.unlink(unlinker, id, &account).await;
                assert!(unlinked.status < 300, "{at}: {}", unlinked.text());
                for view in VIEWS {
                    assert_eq!(site.accounts(view, id).await.len(), 0, "{at}, seen by {view:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn every_network_has_its_name_in_each_interface() {
    let site = Site::new().await;
    let id = core(&site.make(View::Link, "rosa").await);
    for (n, (network, ..)) in NAMES.iter().enumerate() {
        let body = json!({"connection": network, "subject": format!("77{n}")});
        let path = format!("/link/v1/users/{id}/identities");
        site.hands.admin.post(&path, body).await.expect(201);
    }
    for view in VIEWS {
        let mut wanted = BTreeMap::new();
        for (n, (core, auth0, kii, knodes)) in NAMES.iter().enumerate() {
            let name = match view {
                View::Link => Some(*core),
                View::Auth0 => Some(*auth0).filter(|name| *name != "oauth2"),
                View::Kii => *kii,
                View::Knodes => *knodes,
            };
            wanted.extend(name.map(|name| (name.to_owned(), format!("77{n}"))));
        }
        let mut shown = site.accounts(view, id).await;
        // Those that Auth0 has no name for have their connection's in their id.
        shown.remove("oauth2");
        assert_eq!(shown, wanted, "{view:?}");
    }
    let shown = site.get(View::Auth0, id).await;
    for (network, provider, ..) in NAMES {
        let all = shown["identities"].as_array().unwrap();
        let identity = all.iter().find(|one| one["connection"] == network).unwrap();
        assert_eq!(identity["provider"], provider);
    }
}

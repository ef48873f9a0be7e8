//! Many clients of all interfaces at once, on a few accounts: whatever comes of it, every answer is one of
//! those that are documented, and all invariants hold.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use oneself::clock::{Random, SeededRandom};
use oneself::domain::{UserWithIdentities, spelling};
use oneself::id::UserId;
use oneself::store::Page;

use super::site::{COMMON, Hands, Site, VIEWS, View, core};
use crate::knodes::{Account, text};
use crate::support::http::Reply;
use crate::support::invariants::check_invariants;

const ACCOUNTS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_connects_and_disconnects_a_few_accounts_through_all_interfaces() {
    let (crowd, lasts) = match std::env::var_os("ONESELF_TEST_ALL") {
        Some(_) => (64, Duration::from_secs(60)),
        // So many that they meet, and so few that the tests beside this one get their turn.
        None => (16, Duration::from_secs(1)),
    };
    let site = Site::new().await;
    let accounts: Vec<Account> = (0..ACCOUNTS)
        .map(|n| site.world.account(COMMON[n % COMMON.len()], &format!("Nr {n}")))
        .collect();
    let mut users = Vec::new();
    for n in 0..ACCOUNTS {
        users.push(core(&site.make(VIEWS[n % VIEWS.len()], &format!("nr{n}")).await));
    }
    let ends = Instant::now() + lasts;
    let clients: Vec<_> = (0..crowd)
        .map(|n| {
            tokio::spawn(one_of_many(
                site.hands.again(),
                n,
                users.clone(),
                accounts.clone(),
                ends,
            ))
        })
        .collect();
    let mut answers: BTreeMap<(View, u16), usize> = BTreeMap::new();
    for client in clients {
        for (answer, count) in client.await.unwrap() {
            *answers.entry(answer).or_default() += count;
        }
    }
    println!("{answers:?}");
    for view in VIEWS {
        let good = answers.iter().filter(|((of, status), _)| *of == view && *status < 300);
        assert!(good.count() > 0, "{view:?}: {answers:?}");
    }
    // 503 is for whoever finds one account in the hands of all others again and again.
    let odd = answers.keys().filter(|(_, status)| *status >= 500 && *status != 503);
    assert_eq!(odd.count(), 0, "{answers:?}");

    let tenant = site.world.acme.tenant.id();
    let store = &*site.world.server.store;
    let mut all: Vec<_> = Vec::new();
    loop {
        let after = all.last().map(|last: &UserWithIdentities| last.user.id);
        let page = store.list_users(tenant, Page { after, limit: 100 }).await.unwrap();
        if page.is_empty() {
            break;
        }
        all.extend(page);
    }
    check_invariants(store, &site.world.server.vault, tenant, &all).await;
}

type Answers = BTreeMap<(View, u16), usize>;

/// Links and unlinks what chance says, until it is over.
async fn one_of_many(hands: Hands, seed: u64, users: Vec<UserId>, accounts: Vec<Account>, ends: Instant) -> Answers {
    let random = SeededRandom::new(seed);
    let mut answers = Answers::new();
    while Instant::now() < ends {
        let mut chance = [0; 4];
        random.fill(&mut chance);
        let [view, user, account, what] = chance.map(usize::from);
        let (view, user, account) = (
            VIEWS[view % VIEWS.len()],
            users[user % users.len()],
            &accounts[account % ACCOUNTS],
        );
        let (of, reply) = match what % 4 {
            0 | 1 => free(&hands, view, account).await,
            2 => (view, hands.link(view, user, account).await),
            _ => {
                // Whoever it is.
                let mut pairs = account.named();
                pairs.push(("token", &account.token));
                pairs.extend(account.secret.as_deref().map(|secret| ("secret", secret)));
                (View::Knodes, hands.knodes_post("/users/connect.json", &pairs).await)
            }
        };
        *answers.entry((of, reply.status)).or_default() += 1;
    }
    answers
}

/// Takes an account off whoever has it; whoever was born with it goes herself.
async fn free(hands: &Hands, view: View, account: &Account) -> (View, Reply) {
    let (network, subject) = (account.network, &account.id);
    let path = format!("/link/v1/identities/{network}/{subject}");
    let found = hands.admin.get(&path).await;
    if found.status != 200 {
        return (View::Link, found);
    }
    let user = found.json();
    let born = &user["identities"][0];
    if born["provider"] == network {
        let id = format!("{}%7C{subject}", spelling::auth0_provider(network));
        return (View::Auth0, hands.admin.delete(&format!("/api/v2/users/{id}")).await);
    }
    (view, hands.unlink(view, core(text(&user["id"])), account).await)
}

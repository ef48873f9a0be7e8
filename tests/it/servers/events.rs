//! Whoever follows the events of one server misses none of those that others write, however late
//! their commits come.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::{Servers, account, make_user};
use crate::blackbox::http::Client;
use crate::blackbox::rounds;
use crate::support::proxy::{Delay, Faults};

/// Reads a list of events again and again, and sees to it that it only ever grows at its end.
struct Follower {
    client: Client,
    /// Where the page begins that is not full yet.
    after: Option<String>,
    /// What that page had when it was read last.
    page: Vec<String>,
    /// The identities that were linked, in order.
    linked: Vec<String>,
}

impl Follower {
    fn new(client: Client) -> Self {
        Self {
            client,
            after: None,
            page: Vec::new(),
            linked: Vec::new(),
        }
    }

    /// Reads one page.
    fn read(&mut self) {
        let path = match &self.after {
            Some(after) => format!("/link/v1/events?limit=50&after={after}"),
            None => "/link/v1/events?limit=50".to_owned(),
        };
        let answer = self.client.get(&path).unwrap().expect(200);
        let events = answer.body["events"].as_array().unwrap();
        let ids: Vec<String> = events
            .iter()
            .map(|event| event["id"].as_str().unwrap().to_owned())
            .collect();
        assert!(
            ids.starts_with(&self.page),
            "something came before what was read: {ids:?}"
        );
        for event in &events[self.page.len()..] {
            if event["type"] == "identity.linked" {
                self.linked.push(event["identity"].as_str().unwrap().to_owned());
            }
        }
        self.page = ids;
        if let Some(next) = answer.body["next"].as_str() {
            self.after = Some(next.to_owned());
            self.page.clear();
        }
    }
}

#[test]
fn events_of_three_servers_are_followed_from_one_each_once_and_none_skipped() {
    let servers = Servers::start(3);
    let mut clients = servers.clients();
    let users: Vec<String> = clients.iter_mut().map(make_user).collect();
    let mut follower = Follower::new(servers.servers[0].client());
    let faults = Faults {
        delay: Some(Delay::Commits(Duration::from_millis(40))),
        ..Faults::default()
    };
    servers.networks[1].set(faults);
    servers.networks[2].set(Faults {
        delay: Some(Delay::Commits(Duration::from_millis(7))),
        ..Faults::default()
    });
    let done = AtomicBool::new(false);
    let each = rounds(80, 400);
    let written: Vec<String> = thread::scope(|scope| {
        let following = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                follower.read();
                thread::sleep(Duration::from_millis(3));
            }
        });
        let writing: Vec<_> = clients
            .iter_mut()
            .enumerate()
            .map(|(n, client)| {
                let user = &users[n];
                scope.spawn(move || {
                    let path = format!("/link/v1/users/{user}/identities");
                    let link = |round| {
                        let body = account(&format!("{n}-{round}"));
                        let linked = client.post(&path, &body).unwrap().expect(201);
                        linked.text("id").to_owned()
                    };
                    (0..each).map(link).collect::<Vec<_>>()
                })
            })
            .collect();
        let written = writing
            .into_iter()
            .flat_map(|writing| writing.join().unwrap())
            .collect();
        done.store(true, Ordering::Relaxed);
        following.join().unwrap();
        written
    });
    assert!(servers.networks[1].counts().delayed > 0, "commits came late");
    for _ in 0..=written.len() / 50 + 2 {
        follower.read();
    }
    let seen: HashSet<&String> = follower.linked.iter().collect();
    assert_eq!(seen.len(), follower.linked.len(), "each is told once");
    assert_eq!(seen, written.iter().collect(), "and none is skipped");
}

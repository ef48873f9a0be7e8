//! One process per data directory (OPS-08): who comes second is told who came first.

use super::Folder;

#[test]
fn sec_ops_08_a_second_process_on_the_directory_is_refused_by_name() {
    let folder = Folder::new();
    let running = folder.serve();
    let holder = format!("oneself serve, process {}", running.child.id());
    for command in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["migrate"],
        &["demo", "--data", "data"],
    ] {
        let refused = folder.run(command);
        assert_eq!(refused.exit, 78, "{command:?}: {}", refused.err);
        assert!(refused.err.contains(&holder), "{command:?}: {}", refused.err);
    }
    assert_eq!(running.signal("TERM").exit, 0);
    folder.done(&["migrate"]);
}

#[test]
fn a_killed_server_leaves_the_directory_to_the_next() {
    let folder = Folder::new();
    let running = folder.serve();
    folder.done(&["tenant", "create", "acme"]);
    running.signal("KILL");
    assert!(folder.join("data/control.sock").exists(), "it was killed, not ended");
    assert!(folder.done(&["tenant", "list"]).contains("acme"));
    let again = folder.serve();
    assert!(folder.done(&["tenant", "list"]).contains("acme"));
    assert_eq!(again.signal("INT").exit, 0);
    assert!(!folder.join("data/control.sock").exists());
}

#[test]
fn migrate_wants_a_directory_that_is_there() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["migrate"]).exit, 78);
    assert!(!folder.join("data").exists());
    folder.done(&["tenant", "create", "acme"]);
    assert!(folder.done(&["migrate"]).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_directory_is_not_spread_over_a_cluster() {
    let folder = Folder::new();
    folder.done(&["tenant", "create", "acme"]);
    let refused = folder.run(&["migrate", "--citus"]);
    assert_eq!(refused.exit, 2, "{}", refused.err);
    assert!(refused.err.contains("--database-url"), "{}", refused.err);
}

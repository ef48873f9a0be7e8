//! That each test which `docs/kii.md` names exists, and each row names one.

use super::auth0::{named_in, tests};
use super::{none, root};

#[test]
fn every_row_of_kiis_interface_names_a_test_that_exists() {
    let page = std::fs::read_to_string(root().join("docs/kii.md")).unwrap();
    let tests = tests();
    let mut complaints = Vec::new();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    for row in rows.clone() {
        let last = row.trim_end_matches('|').rsplit('|').next().unwrap();
        let named = named_in(last);
        if named.is_empty() || named.iter().any(|name| !tests.contains(name)) {
            complaints.push(format!("{row}: {named:?}"));
        }
    }
    assert!(rows.count() > 10, "docs/kii.md has its table");
    none(&complaints, "Give each row of docs/kii.md the tests that show it.");
}

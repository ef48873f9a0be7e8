//! A database that is to be spread over a cluster, as far as it can be tested without one.

use super::wait;
use crate::blackbox::server::Installation;
use crate::support::kept;

#[test]
fn a_database_without_citus_is_told_of_the_extension() {
    let database = wait(kept::database(""));
    let installation = Installation::in_database(&database.url());
    let output = installation.run(&["migrate", "--citus"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    assert!(said.contains("CREATE EXTENSION citus"), "{said}");
}

//! That `oneself migrate --citus` spreads every table that the migrations make, and how.
//!
//! No cluster is within reach of the tests, so what is held here is the text.

use std::collections::BTreeSet;

use sqlparser::ast::Statement;

use super::rules::{WITHOUT_TENANT, last_of, parsed};
use oneself::store::postgres::citus::statements;

#[test]
fn every_table_is_spread_by_tenant_or_copied_to_every_node() {
    let mut expected = BTreeSet::new();
    for step in super::steps("src/store/postgres/migrations") {
        for statement in parsed(&step.sql, false).unwrap() {
            let Statement::CreateTable(table) = statement else {
                continue;
            };
            let has_tenant = table.columns.iter().any(|column| column.name.value == "tenant");
            assert_eq!(has_tenant, !WITHOUT_TENANT.contains(&last_of(&table.name).as_str()));
            expected.insert(match (table.name.to_string().as_str(), has_tenant) {
                (name @ "oneself.users", _) => {
                    format!("SELECT create_distributed_table('{name}', 'tenant', colocate_with => 'none')")
                }
                (name, true) => {
                    format!("SELECT create_distributed_table('{name}', 'tenant', colocate_with => 'oneself.users')")
                }
                (name, false) => format!("SELECT create_reference_table('{name}')"),
            });
        }
    }
    let spread = statements();
    assert!(
        spread.first().is_some_and(|first| first.contains("'none'")),
        "what the others lie beside comes first"
    );
    assert_eq!(spread.len(), expected.len());
    assert_eq!(
        spread.into_iter().collect::<BTreeSet<_>>(),
        expected,
        "src/store/postgres/citus.rs lists every table"
    );
}

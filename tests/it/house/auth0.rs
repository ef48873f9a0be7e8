//! That `docs/auth0.md` is true: every route that takes a token has its rows, no cell is empty, and
//! each test that it names exists; and so does each that `docs/knodes.md` names.

use std::collections::BTreeSet;

use oneself::api::auth0::{GUARDED, openapi};
use serde_json::Value;

use super::{files_below, none, root};

/// A row of a table: its cells.
type Row = Vec<String>;

fn rows() -> Vec<Row> {
    let page = std::fs::read_to_string(root().join("docs/auth0.md")).unwrap();
    let tables = page.lines().filter(|line| line.starts_with('|'));
    let rows = tables.map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect::<Row>()
    });
    let is_head = |row: &Row| row.iter().all(|cell| cell == "---") || row.last().is_some_and(|cell| cell == "tests");
    rows.filter(|row| !is_head(row)).collect()
}

/// Every function that is a test.
pub fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for path in [files_below("src", "rs"), files_below("tests", "rs")].concat() {
        let text = std::fs::read_to_string(path).unwrap();
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                is_test = true;
            } else if let Some((before, after)) = line.split_once("fn ") {
                if is_test && ["", "async "].contains(&before) {
                    tests.insert(after.split('(').next().unwrap().to_owned());
                }
                is_test = false;
            }
        }
    }
    tests
}

#[test]
fn every_test_that_knodes_page_names_exists() {
    let page = std::fs::read_to_string(root().join("docs/knodes.md")).unwrap();
    let rows = page
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let cells = rows.filter_map(|row| row.trim_end_matches(" |").rsplit_once("| "));
    let tests = tests();
    let named: Vec<String> = cells.flat_map(|(_, cell)| named_in(cell)).collect();
    assert!(named.len() > 30, "{named:?}");
    let gone: Vec<String> = named.into_iter().filter(|name| !tests.contains(name)).collect();
    none(&gone, "Name in docs/knodes.md the tests that show it.");
}

pub(super) fn named_in(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_row_of_auth0s_interface_names_a_test_that_exists() {
    let (rows, tests) = (rows(), tests());
    assert!(rows.len() > 200 && tests.len() > 200, "{} {}", rows.len(), tests.len());
    let mut complaints = Vec::new();
    let mut seen = BTreeSet::new();
    for row in &rows {
        if row.len() != 4 || row.iter().any(String::is_empty) {
            complaints.push(format!("{row:?} has not four cells that say something"));
            continue;
        }
        if !seen.insert((&row[0], &row[1])) {
            complaints.push(format!("{} {} stands there twice", row[0], row[1]));
        }
        let named = named_in(&row[3]);
        if named.is_empty() {
            complaints.push(format!("{} {} names no test", row[0], row[1]));
        }
        let gone = named.iter().filter(|name| !tests.contains(*name));
        complaints.extend(gone.map(|name| format!("{} {} names {name}, which is no test", row[0], row[1])));
    }
    none(&complaints, "Give each row of docs/auth0.md the tests that show it.");
}

#[test]
fn every_route_of_auth0s_interface_has_its_rows() {
    let rows = rows();
    let mut complaints = Vec::new();
    for route in GUARDED {
        let name = format!("`{} {}`", route.method, route.path.trim_start_matches("/api/v2"));
        let answers: Vec<&str> = rows
            .iter()
            .filter(|row| row[0] == name)
            .map(|row| row[1].as_str())
            .collect();
        let good = answers.iter().any(|answer| answer.starts_with('2'));
        let refused = ["401", "403", "429"].iter().all(|status| answers.contains(status));
        if !good || !refused {
            complaints.push(format!("{name} has {answers:?}"));
        }
    }
    none(
        &complaints,
        "Give each route its rows in docs/auth0.md, with every answer that it has.",
    );
}

type IsOf = fn(&Value) -> bool;

/// The rows that are about more than one endpoint, and which endpoints those are.
const COMMON: [(&str, IsOf); 2] = [
    ("every route below `/api/v2`", |operation| {
        operation["security"].as_array().is_some_and(|ways| !ways.is_empty())
    }),
    ("every route that reads a body", |operation| {
        operation["requestBody"].is_object()
    }),
];

#[test]
fn every_answer_of_auth0s_interface_is_described_and_has_its_row() {
    let rows = rows();
    let statuses = |endpoint: &str| -> BTreeSet<String> {
        let of_endpoint = rows
            .iter()
            .filter(|row| row[0] == endpoint && !row[2].starts_with("never"));
        let numbers = of_endpoint.filter_map(|row| row[1].get(..3));
        numbers
            .filter(|number| number.parse::<u16>().is_ok())
            .map(str::to_owned)
            .collect()
    };
    let described: Value = serde_json::from_str(openapi::text()).unwrap();
    let mut complaints = Vec::new();
    for (path, item) in described["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("`{} {}`", method.to_uppercase(), path.trim_start_matches("/api/v2"));
            let common = COMMON.iter().filter(|(_, is_of)| is_of(operation));
            let told: BTreeSet<String> = common
                .flat_map(|(row, _)| statuses(row))
                .chain(statuses(&name))
                .collect();
            let answers: BTreeSet<String> = operation["responses"].as_object().unwrap().keys().cloned().collect();
            for status in told.symmetric_difference(&answers) {
                let where_it_is = if told.contains(status) {
                    "docs/auth0.md"
                } else {
                    "the description"
                };
                complaints.push(format!("{name}: {status} is in {where_it_is} only"));
            }
        }
    }
    none(
        &complaints,
        "Keep docs/auth0.md and src/api/auth0/openapi/ together: each answer has a row and is described.",
    );
}

//! That `docs/security.md` is true: every row that is due has tests, each test that it names exists,
//! and each test that is named after a row stands there.

use std::collections::{BTreeMap, BTreeSet};

use super::{files_below, none, root};

/// The rows that are due for what is built.
const DUE: [(&str, &[u32]); 8] = [
    ("LNK", &[1, 2, 3, 6, 7, 8, 11, 12, 13, 14, 15, 16, 18]),
    ("JWT", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ("VLT", &[1, 2, 3, 5, 6, 12, 13]),
    ("API", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]),
    ("EGR", &[1, 2, 3, 4, 5, 6, 9]),
    ("FLW", &[9, 12]),
    ("CON", &[6]),
    ("OPS", &[1, 4, 5, 6, 7, 8, 10, 11]),
];

/// The tests that each row of the page names.
fn rows() -> BTreeMap<String, BTreeSet<String>> {
    let page = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    let mut rows = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, row, _, tests, _] = cells.as_slice() else {
            continue;
        };
        if row.contains('-') && row.ends_with(|c: char| c.is_ascii_digit()) {
            let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
            let twice = rows.insert((*row).to_owned(), tests);
            assert!(twice.is_none(), "{row} stands there twice");
        }
    }
    rows
}

/// Every test that is named after a row.
fn tests() -> BTreeSet<String> {
    let mut tests = BTreeSet::new();
    for path in [files_below("src", "rs"), files_below("tests", "rs")].concat() {
        for line in std::fs::read_to_string(path).unwrap().lines() {
            if let Some((before, after)) = line.split_once("fn sec_")
                && (before.trim().is_empty() || before.trim() == "async")
            {
                let name = after.split('(').next().unwrap();
                tests.insert(format!("sec_{name}"));
            }
        }
    }
    tests
}

#[test]
fn every_security_row_that_is_due_has_a_test() {
    let rows = rows();
    let due = DUE
        .iter()
        .flat_map(|(area, numbers)| numbers.iter().map(move |n| format!("{area}-{n:02}")));
    let missing: Vec<String> = due.filter(|row| rows.get(row).is_none_or(BTreeSet::is_empty)).collect();
    none(&missing, "Name the tests that show the row in docs/security.md.");
}

#[test]
fn every_security_test_stands_at_its_row() {
    let (rows, tests) = (rows(), tests());
    assert!(tests.len() > 100, "{}", tests.len());
    let named: BTreeSet<String> = rows.values().flatten().cloned().collect();
    let gone = named.difference(&tests).map(|name| format!("{name} is not a test"));
    let missing = tests
        .difference(&named)
        .map(|name| format!("{name} is not in the page"));
    let complaints: Vec<String> = gone.chain(missing).collect();
    none(
        &complaints,
        "Keep docs/security.md and the tests named after its rows together.",
    );

    let misplaced: Vec<String> = rows
        .iter()
        .flat_map(|(row, tests)| tests.iter().map(move |test| (row, test)))
        .filter(|(row, test)| {
            let (area, number) = row.split_once('-').unwrap();
            let words: Vec<&str> = test.split('_').collect();
            let after_area = words.iter().position(|word| *word == area.to_lowercase());
            !after_area.is_some_and(|at| words[at + 1..].iter().take(2).any(|word| *word == number))
        })
        .map(|(row, test)| format!("{test} stands at {row}"))
        .collect();
    none(&misplaced, "A test is named after its row.");
}

//! Reads the test vectors of project Wycheproof, as they are in `tests/data/wycheproof`.
//!
//! How many vectors a file has is pinned by whoever reads it, so that a file that is cut
//! or exchanged does not pass for a smaller one that holds.

use serde_json::Value;

/// One vector with the group that it belongs to.
pub struct Vector {
    pub group: Value,
    pub test: Value,
}

impl Vector {
    /// Bytes that the vector spells in hex.
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        hex::decode(self.text(name)).unwrap()
    }

    pub fn text(&self, name: &str) -> &str {
        self.test[name].as_str().unwrap()
    }

    pub fn number(&self, name: &str) -> usize {
        usize::try_from(self.test[name].as_u64().unwrap()).unwrap()
    }

    /// What must come out: `Some(true)` valid, `Some(false)` invalid, `None` either.
    pub fn verdict(&self) -> Option<bool> {
        match self.text("result") {
            "valid" => Some(true),
            "invalid" => Some(false),
            "acceptable" => None,
            other => panic!("unknown result {other}"),
        }
    }

    /// Asserts that what we found is what must come out.
    pub fn check(&self, valid: bool) {
        if let Some(expected) = self.verdict() {
            assert_eq!(
                valid, expected,
                "vector {}: {}",
                self.test["tcId"], self.test["comment"]
            );
        }
    }
}

/// All vectors of a file, which must be so many.
pub fn vectors(file: &str, pinned: usize) -> Vec<Vector> {
    let path = format!("{}/tests/data/wycheproof/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut document: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut all = Vec::new();
    for group in document["testGroups"].as_array_mut().unwrap() {
        let tests = group["tests"].take();
        for test in tests.as_array().unwrap() {
            all.push(Vector {
                group: group.clone(),
                test: test.clone(),
            });
        }
    }
    assert_eq!(document["numberOfTests"].as_u64(), Some(pinned as u64), "{file}");
    assert_eq!(all.len(), pinned, "{file}");
    all
}

//! The fences: what a comment would beg people to remember, as tests.
//!
//! Each prints every place that breaks it, and what to do there.

pub mod auth0;
mod dependencies;
mod directions;
mod files;
mod kii;
mod profile;
mod security;

use std::path::{Path, PathBuf};

/// The package, wherever it was cloned to.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file with this ending below a folder of the package, in order.
pub(crate) fn files_below(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The path as people write it: from the root of the package.
fn named(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// Fails with all complaints at once.
#[track_caller]
fn none(complaints: &[String], what_to_do: &str) {
    assert!(complaints.is_empty(), "\n{}\n\n{what_to_do}\n", complaints.join("\n"));
}

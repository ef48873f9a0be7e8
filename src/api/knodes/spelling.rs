//! The many spellings of a path, and the one that they mean (`api/knodes.md` 2).
//!
//! What would surprise: an empty segment counts as none, because the best known client asks for
//! `/customers//connect.json` when it has no id to put there.

use http::Uri;
use http::uri::PathAndQuery;

/// The path without `/v1`, `.json` and empty segments.
pub fn plain_path(path: &str) -> String {
    let path = path
        .strip_prefix("/v1")
        .filter(|rest| rest.starts_with('/'))
        .unwrap_or(path);
    let path = path.strip_suffix(".json").unwrap_or(path);
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.fold(String::new(), |plain, segment| format!("{plain}/{segment}"))
}

/// The address with its path so spelled; `None` when it cannot be one.
pub fn plain(uri: &Uri) -> Option<Uri> {
    let path = plain_path(uri.path());
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    PathAndQuery::try_from(target).ok().map(Uri::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_of_a_path_are_one() {
        for path in [
            "/users/connect",
            "/users/connect.json",
            "/v1/users/connect",
            "/v1/users/connect.json",
            "/users//connect.json",
            "/users/connect/",
        ] {
            assert_eq!(plain_path(path), "/users/connect", "{path}");
        }
        for (path, plain) in [
            ("/customers//connect.json", "/customers/connect"),
            ("/users/.json", "/users"),
            ("/users.json", "/users"),
            ("/v1", "/v1"),
            ("/v1.json", "/v1"),
            ("/v1/v1/users", "/v1/users"),
            ("/v1users", "/v1users"),
            ("/users/connect.json.json", "/users/connect.json"),
            ("/users/connect%2Ejson", "/users/connect%2Ejson"),
            ("//", ""),
        ] {
            assert_eq!(plain_path(path), plain, "{path}");
        }
        let uri: Uri = "/v1/users.json?num=2&q=a%2Fb".parse().unwrap();
        assert_eq!(super::plain(&uri).unwrap(), "/users?num=2&q=a%2Fb");
    }
}

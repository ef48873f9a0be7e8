//! The language as it is written: what is read, what is refused, and that nothing is too much.

use std::time::{Duration, Instant};

use oneself::api::auth0::search::syntax::{DEPTH_LIMIT, LENGTH_LIMIT_BYTES, TERMS_LIMIT, read};
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::written;

#[track_caller]
fn reads_as(text: &str, meaning: &str) {
    let read = read(text).unwrap_or_else(|why| panic!("{text}: {why}"));
    assert_eq!(written::print(&read), meaning, "{text}");
}

#[track_caller]
fn refused(text: &str, why: &str) {
    let refused = read(text).expect_err(text).to_string();
    assert!(refused.contains(why), "{text}: {refused}");
}

#[test]
fn every_construct_is_read() {
    for (text, meaning) in [
        ("", ""),
        (" \t ", ""),
        ("email:\"a@b.c\"", "email:\"a@b.c\""),
        ("email:a@b.c", "email:\"a@b.c\""),
        ("email: a@b.c", "email:\"a@b.c\""),
        ("email:a*", "email:a*"),
        ("name:*jan*", "name:*jan*"),
        ("jane", "\"jane\""),
        ("\"jane doe\"", "\"jane doe\""),
        ("logins_count:[10 TO 100}", "logins_count:[\"10\" TO \"100\"}"),
        ("last_login:[* TO 2024-12-31]", "last_login:[* TO \"2024-12-31\"]"),
        ("x:{a TO *}", "x:{\"a\" TO *]"),
        ("x:[\"a b\" TO c]", "x:[\"a b\" TO \"c\"]"),
        ("x:[2024-01-01T10:00:00Z TO *]", "x:[\"2024-01-01T10:00:00Z\" TO *]"),
        ("x:[* TO *]", "_exists_:x"),
        ("_exists_:a.b", "_exists_:a.b"),
        (
            "NOT _exists_:logins_count OR logins_count:0",
            "(NOT _exists_:logins\u{5f}count) OR logins_count:\"0\"",
        ),
        ("a b", "\"a\" OR \"b\""),
        ("a AND b OR c", "(\"a\" AND \"b\") OR \"c\""),
        ("a OR b AND c", "\"a\" OR (\"b\" AND \"c\")"),
        ("a && b || c", "(\"a\" AND \"b\") OR \"c\""),
        ("a AND -b", "\"a\" AND (NOT \"b\")"),
        ("a -b", "\"a\" AND (NOT \"b\")"),
        ("a b -c", "(\"a\" OR \"b\") AND (NOT \"c\")"),
        ("a NOT b", "\"a\" AND (NOT \"b\")"),
        ("-a -b", "(NOT \"a\") AND (NOT \"b\")"),
        ("-a OR b", "(NOT \"a\") OR \"b\""),
        ("a OR NOT b", "\"a\" OR (NOT \"b\")"),
        ("!a", "NOT \"a\""),
        ("NOT NOT a", "\"a\""),
        ("(a OR b) AND c", "(\"a\" OR \"b\") AND \"c\""),
        ("NOT (a OR b)", "NOT (\"a\" OR \"b\")"),
        ("email:(a OR b)", "email:\"a\" OR email:\"b\""),
        (
            "email:(a (b x:c) \"d e\")",
            "email:\"a\" OR (email:\"b\" OR x:\"c\") OR email:\"d e\"",
        ),
        ("x:a\\:b\\*\\\"\\ c", "x:\"a:b*\\\" c\""),
        ("x:\"a\\\"b*\"", "x:\"a\\\"b*\""),
        ("user_id:auth0|1", "user_id:\"auth0|1\""),
        ("\\AND", "\"AND\""),
        ("x:a-b+c", "x:\"a-b+c\""),
        ("x:l?e", "x:l?e"),
        ("a\\ b:c", "a\\ b:\"c\""),
        ("and or not", "\"and\" OR \"or\" OR \"not\""),
    ] {
        reads_as(text, meaning);
    }
}

#[test]
fn what_is_not_of_the_language_is_refused_with_the_reason() {
    for (text, why) in [
        ("*", "at least 3 characters"),
        ("*ab", "at least 3 characters"),
        ("?ab*", "at least 3 characters"),
        ("name:*", "_exists_"),
        ("*a*b*c*", "at least 3 characters"),
        ("x:roam~", "Fuzzy"),
        ("x:\"a b\"~4", "proximity"),
        ("x:a^2", "Boosting"),
        ("(a)^2", "Boosting"),
        ("x:[a TO b]~", "Fuzzy"),
        ("/(a+)+$/", "Regular expressions"),
        ("x:/a/", "Regular expressions"),
        ("+a", "+ is not supported"),
        ("a AND", "on each side"),
        ("AND a", "on each side"),
        ("a AND OR b", "on each side"),
        ("a OR", "on each side"),
        ("NOT", "on each side"),
        ("-", "on each side"),
        ("(a AND )", "on each side"),
        ("a NOT AND b", "on each side"),
        ("()", "empty"),
        ("x:()", "empty"),
        ("(a", "not closed"),
        ("a)", "not opened"),
        (")", "not opened"),
        ("\"a", "not closed"),
        ("x:", "needs a value"),
        ("x: AND b", "needs a value"),
        ("x:)", "needs a value"),
        (":a", "missing"),
        ("a:b:c", "missing"),
        ("_exists_:", "needs a value"),
        ("_exists_:a*", "name of a field"),
        ("_exists_:[a TO b]", "needs a value"),
        ("a*:b", "no wildcards"),
        ("[a TO b]", "needs a field"),
        ("x:[a TO b", "A range is written"),
        ("x:[a to b]", "A range is written"),
        ("x:[a b]", "A range"),
        ("x:[a TO ]", "missing an end"),
        ("x:[a* TO b]", "no wildcards"),
        ("x:[TO b]", "A range"),
        ("x]", "missing"),
        ("a\\", "nothing to escape"),
        ("\"a\\", "nothing to escape"),
        ("a & b", "doubled"),
        ("a | b", "doubled"),
        ("'; DROP TABLE users;--", "quotation marks"),
        ("logins_count:>10", "quotation marks"),
    ] {
        refused(text, why);
    }
}

#[test]
fn sec_api_02_limits_are_exact_and_named() {
    let phrase = |len: usize| format!("\"{}\"", "a".repeat(len - 2));
    assert!(read(&phrase(LENGTH_LIMIT_BYTES)).is_ok());
    refused(&phrase(LENGTH_LIMIT_BYTES + 1), "too long (1001 bytes), maximum 1000");
    let terms = |n: usize| vec!["a"; n].join(" OR ");
    assert!(read(&terms(TERMS_LIMIT)).is_ok());
    refused(&terms(TERMS_LIMIT + 1), "more than 64 terms");
    let deep = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(read(&deep(DEPTH_LIMIT)).is_ok());
    refused(&deep(DEPTH_LIMIT + 1), "deeper than 16");
    refused(&"abc* ".repeat(9), "more than 8 terms with wildcards");
    refused("a*b*c*d*e*f*g*h*i*", "more than 8 wildcards");
    assert!(read(&"abc* ".repeat(8)).is_ok());
}

#[test]
fn sec_api_02_what_is_too_much_costs_nothing() {
    for hostile in [
        "(".repeat(10_000),
        "(".repeat(1_000),
        "NOT ".repeat(10_000),
        "NOT ".repeat(249),
        "a OR ".repeat(10_000),
        "a ".repeat(10_000),
        "a AND ".repeat(166),
        "x:(".repeat(333),
        "-".repeat(1_000),
        "*a*b*c*".repeat(100),
        "?".repeat(1_000),
        "[".repeat(1_000),
        "\\".repeat(999),
        "\"".repeat(999),
    ] {
        // The quickest of several, because others use the machine too.
        let times = (0..5).map(|_| {
            let began = Instant::now();
            assert!(read(&hostile).is_err(), "{}", &hostile[..20]);
            began.elapsed()
        });
        let quickest = times.min().unwrap();
        assert!(quickest < Duration::from_millis(5), "{quickest:?} {}", &hostile[..20]);
    }
}

proptest! {
    #![proptest_config(Config { cases: 4_000, failure_persistence: None, ..Config::default() })]

    /// Whatever is read means what it means when it is written out and read again.
    #[test]
    fn sec_api_02_any_text_is_read_or_refused(
        text in prop_oneof![
            any::<String>(),
            "[a-c:()\\[\\]{}\"*?~^/\\\\ +!&|.;-]{0,30}",
            "((a|b|x:|NOT |AND |OR | |\\(|\\)|\\[a TO b\\]|\"c d\"|-|_exists_:|abc\\*){1,2}){0,12}",
        ]
    ) {
        if let Ok(syntax) = read(&text) {
            let once = written::print(&syntax);
            let again = read(&once).map(|again| written::print(&again));
            prop_assert_eq!(again, Ok(once), "{}", text);
        }
    }

    #[test]
    fn what_is_written_out_is_read_back(syntax in written::syntax()) {
        let text = written::print(&syntax);
        let again = read(&text).map(|again| written::print(&again));
        prop_assert_eq!(again, Ok(text));
    }
}

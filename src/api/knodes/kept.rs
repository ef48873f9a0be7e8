//! What this interface keeps with a user, and no other sees: its bag (`api/knodes.md` 7, 8.3, 9).
//!
//! What is wanted of an indexing and of notifications stays here until there is something that does
//! it. What would surprise: options of notifications are kept flat, as they were sent.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::params::Asked;
use crate::app::App;
use crate::domain::{Dialect, Object, UserRef, UserWithIdentities};
use crate::error::{Error, Result};

pub const DIALECT: Dialect = Dialect::Knodes;

/// How many options of notifications a user may have.
const MOST_NOTICES: usize = 128;

/// What is kept with a user. Times are in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Kept {
    /// When an account of hers was first verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified_at: Option<i64>,
    /// When she was last said to be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub active_at: Option<i64>,
    /// When she was last said to have gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inactive_at: Option<i64>,
    /// Since when an indexing is wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub index_wanted_at: Option<i64>,
    /// Options of notifications, by what follows `notifications.` in their names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub notices: BTreeMap<String, String>,
}

/// What an act changes of it.
#[derive(Debug, Clone, Default)]
pub struct News {
    /// An account of hers was verified.
    pub verified: bool,
    /// She is there.
    pub active: bool,
    /// She has gone.
    pub inactive: bool,
    /// An indexing is wanted.
    pub index: bool,
    /// Options of notifications that replace those of the same name.
    pub notices: BTreeMap<String, String>,
}

impl Kept {
    /// The same after the news. Of too many options those of the news stay.
    fn after(mut self, news: &News, now: i64) -> Self {
        if news.verified {
            self.verified_at.get_or_insert(now);
        }
        if news.active {
            self.active_at = Some(now);
        }
        if news.inactive {
            self.inactive_at = Some(now);
        }
        if news.index {
            // One that is under way covers whoever asks meanwhile.
            self.index_wanted_at.get_or_insert(now);
        }
        self.notices.extend(news.notices.clone());
        let mut old = self.notices.len().saturating_sub(MOST_NOTICES);
        self.notices.retain(|name, _| {
            let goes = old > 0 && !news.notices.contains_key(name);
            old = old.saturating_sub(goes.into());
            !goes
        });
        self
    }
}

/// What is kept with a user.
pub async fn of(app: &App, asked: &Asked, found: &UserWithIdentities) -> Result<Kept> {
    read(app.find_bag(&asked.caller, found.user.id, DIALECT).await?)
}

/// Keeps the news with a user; her as she is then.
pub async fn note(app: &App, asked: &Asked, which: &UserRef, news: &News) -> Result<UserWithIdentities> {
    let now = app.now().as_second();
    let change = |bag: Object| changed(bag, news, now);
    app.change_bag(&asked.caller, which, DIALECT, &change).await
}

/// What is kept after the news.
pub fn changed(bag: Object, news: &News, now: i64) -> Result<Object> {
    match serde_json::to_value(read(bag)?.after(news, now)).map_err(Error::internal)? {
        Value::Object(bag) => Ok(bag),
        _ => Err(Error::internal("what is kept with a user is no object")),
    }
}

fn read(bag: Object) -> Result<Kept> {
    serde_json::from_value(Value::Object(bag)).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_bounded_and_the_last_value_wins() {
        let notices = |names: std::ops::Range<usize>, value: &str| {
            names
                .map(|n| (format!("first_index_complete.q{n:03}"), value.to_owned()))
                .collect()
        };
        let with = |notices| News {
            notices,
            ..News::default()
        };
        let kept = Kept::default().after(&with(notices(0..100, "a")), 1);
        let kept = kept.after(&with(notices(90..150, "b")), 2);
        assert_eq!(kept.notices.len(), MOST_NOTICES);
        let count = |value: &str| kept.notices.values().filter(|kept| *kept == value).count();
        assert_eq!((count("a"), count("b")), (MOST_NOTICES - 60, 60));
    }

    #[test]
    fn what_was_first_stays() {
        let news = News {
            verified: true,
            active: true,
            index: true,
            ..News::default()
        };
        let kept = Kept::default().after(&news, 1).after(&news, 2);
        assert_eq!(
            (kept.verified_at, kept.active_at, kept.index_wanted_at),
            (Some(1), Some(2), Some(1))
        );
    }
}

//! How many requests somebody may make: a token bucket, as numbers.
//!
//! A bucket that was never seen is full. What would surprise: it is counted in thousandths
//! of a request, because then a rate of so many a second is the same number a millisecond.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One request.
const WHOLE: u64 = 1000;

/// The greatest number on either side of a rate.
const MOST: u32 = 1_000_000;

/// What is shown where nothing is limited.
const GENEROUS: u32 = 1000;

/// A number of requests at once, and how many of them come back each second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many at once.
    pub burst: u32,
    /// How many come back each second.
    pub per_second: u32,
}

/// A limit that may be off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RateLimit(pub Option<Rate>);

/// What is left of a rate, as answers say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// How many requests at once there may be.
    pub limit: u32,
    /// How many of them are left.
    pub remaining: u32,
    /// When there will be more: Unix seconds.
    pub reset: i64,
    /// In how many seconds that is, for who has none left.
    pub retry_after: u32,
}

/// What is left of a rate.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    thousandths: u64,
    at_ms: i64,
}

impl RateLimit {
    /// What it takes, as a setting.
    pub const TAKES: &'static str = "takes off or BURST/PER_SECOND, each 1 to 1000000";
}

impl Quota {
    /// What is shown where nothing is limited.
    pub fn generous(now: Timestamp) -> Self {
        Self {
            limit: GENEROUS,
            remaining: GENEROUS - 1,
            reset: now.as_second().saturating_add(1),
            retry_after: 1,
        }
    }

    /// The one of which less is left.
    #[must_use]
    pub fn tighter(self, other: Self) -> Self {
        if other.remaining < self.remaining { other } else { self }
    }
}

impl Bucket {
    /// A full one.
    pub fn full(rate: Rate, now: Timestamp) -> Self {
        Self {
            thousandths: capacity(rate),
            at_ms: now.as_millisecond(),
        }
    }

    /// Takes one request out.
    ///
    /// # Errors
    /// When there is none, what is left all the same.
    pub fn take(&mut self, rate: Rate, now: Timestamp) -> Result<Quota, Quota> {
        let left = self.look(rate, now)?;
        self.thousandths = self.thousandths.saturating_sub(WHOLE);
        Ok(Quota {
            remaining: left.remaining.saturating_sub(1),
            ..left
        })
    }

    /// What is left, without taking anything.
    ///
    /// # Errors
    /// The same when it is not a whole request.
    pub fn look(&mut self, rate: Rate, now: Timestamp) -> Result<Quota, Quota> {
        let now_ms = now.as_millisecond();
        let passed = u64::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(0);
        self.at_ms = self.at_ms.max(now_ms);
        let gained = passed.saturating_mul(rate.per_second.into());
        self.thousandths = self.thousandths.saturating_add(gained).min(capacity(rate));
        let missing = WHOLE - self.thousandths % WHOLE;
        let wait_ms = missing.div_ceil(u64::from(rate.per_second.max(1)));
        let next_ms = now_ms.saturating_add(i64::try_from(wait_ms).unwrap_or(i64::MAX));
        let this_second = now_ms.div_euclid(1000);
        let quota = Quota {
            limit: rate.burst,
            remaining: u32::try_from(self.thousandths / WHOLE).unwrap_or(u32::MAX),
            reset: next_ms
                .saturating_add(999)
                .div_euclid(1000)
                .max(this_second.saturating_add(1)),
            retry_after: u32::try_from(wait_ms.div_ceil(1000)).unwrap_or(1).max(1),
        };
        if quota.remaining == 0 { Err(quota) } else { Ok(quota) }
    }
}

/// What an address is counted as: addresses that one host has at will count as one.
pub fn host(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        v4 => v4,
    }
}

fn capacity(rate: Rate) -> u64 {
    u64::from(rate.burst.max(1)).saturating_mul(WHOLE)
}

impl FromStr for RateLimit {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" {
            return Ok(Self(None));
        }
        let (burst, per_second) = text.split_once('/').ok_or(Self::TAKES)?;
        let number = |text: &str| match text.parse() {
            Ok(number @ 1..=MOST) => Ok(number),
            _ => Err(Self::TAKES),
        };
        Ok(Self(Some(Rate {
            burst: number(burst)?,
            per_second: number(per_second)?,
        })))
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("off"),
            Some(rate) => write!(f, "{}/{}", rate.burst, rate.per_second),
        }
    }
}

impl Serialize for RateLimit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn a_bucket_empties_and_fills_with_time() {
        let rate = Rate {
            burst: 3,
            per_second: 2,
        };
        let mut bucket = Bucket::full(rate, at(10_000));
        let first = bucket.take(rate, at(10_000)).unwrap();
        assert_eq!((first.limit, first.remaining, first.reset), (3, 2, 11));
        assert_eq!(bucket.take(rate, at(10_000)).unwrap().remaining, 1);
        assert_eq!(bucket.take(rate, at(10_000)).unwrap().remaining, 0);
        let none = bucket.take(rate, at(10_400)).unwrap_err();
        assert_eq!((none.remaining, none.reset, none.retry_after), (0, 11, 1));
        bucket.take(rate, at(10_500)).unwrap();
        bucket.take(rate, at(10_500)).unwrap_err();
        assert!(
            bucket.take(rate, at(9_000)).is_err(),
            "time that runs backwards gives nothing"
        );
        for _ in 0..3 {
            bucket.take(rate, at(1_000_000)).unwrap();
        }
        bucket.take(rate, at(1_000_000)).unwrap_err();
    }

    #[test]
    fn limits_read_back_what_they_write() {
        for text in ["off", "50/16", "1/1", "1000000/1000000"] {
            assert_eq!(text.parse::<RateLimit>().unwrap().to_string(), text);
        }
        for bad in ["", "on", "0/1", "1/0", "1", "1/1/1", "-1/1", "1000001/1", "a/b", "+5/x"] {
            assert!(bad.parse::<RateLimit>().is_err(), "{bad}");
        }
    }
}

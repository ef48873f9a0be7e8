//! Moments as searches write them: a day, or a day with a time (`api/auth0.md` section 9).
//!
//! What would surprise: what is written stands for all of the time that it names, so a day is from
//! its first moment to before the first of the next; without a zone it is UTC.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::domain::search::Span;

/// Reads a moment; `None` for what is none.
pub fn read(text: &str) -> Option<Span> {
    let fits = |shape: &str, text: &str| {
        text.len() == shape.len()
            && text
                .bytes()
                .zip(shape.bytes())
                .all(|(c, s)| if s == b'0' { c.is_ascii_digit() } else { c == s })
    };
    let (day, time) = match text.split_once('T') {
        None => (text, None),
        Some((day, time)) => (day, Some(time)),
    };
    if !fits("0000-00-00", day) {
        return None;
    }
    let date: Date = day.parse().ok()?;
    let Some(time) = time else {
        let first = date.to_zoned(TimeZone::UTC).ok()?.timestamp();
        return span(first, SignedDuration::from_hours(24));
    };
    let (clock, zone) = match time.find(['Z', '+', '-']) {
        Some(at) => time.split_at_checked(at)?,
        None => (time, "Z"),
    };
    if zone != "Z" && !fits("+00:00", zone) && !fits("-00:00", zone) {
        return None;
    }
    let (whole, fraction) = match clock.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (clock, None),
    };
    let lasts = match fraction {
        None if fits("00:00", whole) => SignedDuration::from_mins(1),
        None if fits("00:00:00", whole) => SignedDuration::from_secs(1),
        Some(fraction)
            if fits("00:00:00", whole)
                && (1..=9).contains(&fraction.len())
                && fraction.bytes().all(|digit| digit.is_ascii_digit()) =>
        {
            // Times are kept in milliseconds.
            match fraction.len() {
                1 => SignedDuration::from_millis(100),
                2 => SignedDuration::from_millis(10),
                _ => SignedDuration::from_millis(1),
            }
        }
        _ => return None,
    };
    let first: Timestamp = format!("{day}T{clock}{zone}").parse().ok()?;
    span(Timestamp::from_millisecond(first.as_millisecond()).ok()?, lasts)
}

fn span(from: Timestamp, lasts: SignedDuration) -> Option<Span> {
    Some(Span {
        from: Some(from),
        until: Some(from.checked_add(lasts).ok()?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_all_of_the_time_that_it_names() {
        for (text, from, until) in [
            ("2024-12-31", "2024-12-31T00:00:00Z", "2025-01-01T00:00:00Z"),
            ("2024-12-31T10:05", "2024-12-31T10:05:00Z", "2024-12-31T10:06:00Z"),
            ("2024-12-31T10:05:07Z", "2024-12-31T10:05:07Z", "2024-12-31T10:05:08Z"),
            (
                "2024-12-31T10:05:07.1Z",
                "2024-12-31T10:05:07.1Z",
                "2024-12-31T10:05:07.2Z",
            ),
            (
                "2024-12-31T10:05:07.123Z",
                "2024-12-31T10:05:07.123Z",
                "2024-12-31T10:05:07.124Z",
            ),
            (
                "2024-12-31T10:05:07.123456",
                "2024-12-31T10:05:07.123Z",
                "2024-12-31T10:05:07.124Z",
            ),
            (
                "2024-12-31T10:05:07+02:00",
                "2024-12-31T08:05:07Z",
                "2024-12-31T08:05:08Z",
            ),
            ("2024-02-29", "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z"),
        ] {
            let read = read(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(read.from, Some(from.parse().unwrap()), "{text}");
            assert_eq!(read.until, Some(until.parse().unwrap()), "{text}");
        }
        for other in [
            "",
            "2024",
            "2024-12",
            "20241231",
            "2024-02-30",
            "2024-13-01",
            "2024-12-31T",
            "2024-12-31T25:00",
            "2024-12-31t10:00",
            "2024-12-31T10:05:07.",
            "2024-12-31T10:05:07.1234567890",
            "2024-12-31T10:05:07[UTC]",
            "2024-12-31 10:05",
            "now",
            "-2024-12-31",
            "2024-12-31T10:05Z+01:00",
            "2024-12-31T10.5",
            "2024-12-31Té",
        ] {
            assert_eq!(read(other), None, "{other}");
        }
        let _ = read("9999-12-31");
    }
}

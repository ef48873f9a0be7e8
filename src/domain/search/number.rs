//! Numbers as searches compare them: whole numbers of 64 bits and floating ones in one exact order.
//!
//! What would surprise: a number is kept as the bytes that sort like it, so that every store has
//! the same order without knowing what they mean. Two whole numbers that one floating number
//! stands for both are still two.

use serde_json::Number as JsonNumber;

/// A number, as bytes that sort like it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Number([u8; 10]);

impl Number {
    /// A whole number.
    pub fn from_i64(whole: i64) -> Self {
        Self::exact(i128::from(whole), whole as f64)
    }

    /// A number of JSON; `None` for one that is not finite.
    pub fn from_json(number: &JsonNumber) -> Option<Self> {
        match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(whole), ..) => Some(Self::from_i64(whole)),
            (None, Some(whole), _) => Some(Self::exact(i128::from(whole), whole as f64)),
            (None, None, Some(float)) if float.is_finite() => Some(Self::near(float, 0)),
            _ => None,
        }
    }

    /// Reads the spelling that JSON has for numbers; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        if text.trim() != text {
            return None;
        }
        Self::from_json(&serde_json::from_str::<JsonNumber>(text).ok()?)
    }

    /// The bytes that sort like the number.
    pub const fn as_bytes(&self) -> &[u8; 10] {
        &self.0
    }

    fn exact(whole: i128, nearest: f64) -> Self {
        let rest = whole.saturating_sub(nearest as i128);
        Self::near(nearest, i16::try_from(rest).unwrap_or(0))
    }

    /// The number that is so much more than the floating one next to it.
    fn near(float: f64, rest: i16) -> Self {
        // Both zeros are one.
        let bits = if float == 0.0 { 0 } else { float.to_bits() };
        let ordered = match bits >> 63 {
            0 => bits ^ (1 << 63),
            _ => !bits,
        };
        let rest = (rest as u16) ^ (1 << 15);
        let [a, b, c, d, e, f, g, h] = ordered.to_be_bytes();
        let [i, j] = rest.to_be_bytes();
        Self([a, b, c, d, e, f, g, h, i, j])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_as_they_count() {
        let ordered = [
            "-1e300",
            "-9223372036854775808",
            "-9223372036854775807",
            "-2.5",
            "-2",
            "-1e-300",
            "0",
            "1e-300",
            "0.5",
            "1",
            "10",
            "9007199254740992",
            "9007199254740993",
            "9007199254740994",
            "9223372036854775807",
            "9223372036854775808",
            "18446744073709551614",
            "18446744073709551615",
            "1e300",
        ];
        let read: Vec<Number> = ordered.iter().map(|text| Number::parse(text).unwrap()).collect();
        assert!(read.is_sorted_by(|a, b| a < b), "{read:?}");
        for (one, other) in [
            ("1", "1.0"),
            ("1000", "1e3"),
            ("0", "-0"),
            ("0", "-0.0"),
            ("-5", "-5.0"),
        ] {
            assert_eq!(Number::parse(one), Number::parse(other), "{one}");
            assert!(Number::parse(one).is_some());
        }
        for other in [
            "", " 1", "1 ", "01", "+1", "1.", ".5", "NaN", "inf", "1e999", "0x10", "1,0", "--1",
        ] {
            assert_eq!(Number::parse(other), None, "{other}");
        }
        assert_eq!(Number::from_i64(7), Number::parse("7").unwrap());
    }
}

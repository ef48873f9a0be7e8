//! How texts are compared in searches: case, words, and patterns with wildcards.
//!
//! What would surprise: case is folded letter by letter, whatever stands beside it, so that a
//! piece of a text folds to the same piece of the folded text; and a pattern is matched without
//! recursion, in at most as many steps as pattern and text are long together, multiplied.

/// A text without the difference between capital and small letters.
pub fn fold(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// The words of a text, folded: what stands between anything but letters and digits.
pub fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric());
    parts.filter(|part| !part.is_empty()).map(fold).collect()
}

/// A text in which some places are left open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<Piece>);

/// A piece of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// This character.
    Char(char),
    /// Any one character.
    One,
    /// Any characters, or none.
    Many,
}

impl Pattern {
    /// A pattern of these pieces.
    pub fn new(mut pieces: Vec<Piece>) -> Self {
        pieces.dedup_by(|a, b| *a == Piece::Many && *b == Piece::Many);
        Self(pieces)
    }

    /// Its pieces; no two of them are [`Piece::Many`] side by side.
    pub fn pieces(&self) -> &[Piece] {
        &self.0
    }

    /// The same without the difference between capital and small letters.
    pub fn folded(&self) -> Self {
        let fold = |piece: &Piece| -> Vec<Piece> {
            match piece {
                Piece::Char(c) => c.to_lowercase().map(Piece::Char).collect(),
                open => vec![*open],
            }
        };
        Self(self.0.iter().flat_map(fold).collect())
    }

    /// What every text that fits begins with.
    pub fn head(&self) -> String {
        let known = self.0.iter().map_while(|piece| match piece {
            Piece::Char(c) => Some(*c),
            _ => None,
        });
        known.collect()
    }

    /// Whether every text with the head fits.
    pub fn is_prefix(&self) -> bool {
        self.0.iter().position(|piece| *piece == Piece::Many) == self.0.len().checked_sub(1)
            && !self.0.contains(&Piece::One)
    }

    /// Whether the whole of a text fits.
    pub fn fits(&self, text: &str) -> bool {
        let (mut pieces, mut rest) = (self.0.as_slice(), text);
        // Where to try again, with one more character given to the last `Many`.
        let mut again: Option<(&[Piece], &str)> = None;
        loop {
            let mut chars = rest.chars();
            match (pieces.split_first(), chars.next()) {
                (Some((Piece::Many, after)), _) => {
                    pieces = after;
                    again = Some((after, rest));
                    continue;
                }
                (Some((Piece::One, after)), Some(_)) => {
                    (pieces, rest) = (after, chars.as_str());
                    continue;
                }
                (Some((Piece::Char(c), after)), Some(found)) if *c == found => {
                    (pieces, rest) = (after, chars.as_str());
                    continue;
                }
                (None, None) => return true,
                _ => {}
            }
            let Some((after, from)) = again else { return false };
            let mut chars = from.chars();
            if chars.next().is_none() {
                return false;
            }
            (pieces, rest) = (after, chars.as_str());
            again = Some((after, rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn pattern(text: &str) -> Pattern {
        let piece = |c| match c {
            '*' => Piece::Many,
            '?' => Piece::One,
            c => Piece::Char(c),
        };
        Pattern::new(text.chars().map(piece).collect())
    }

    #[test]
    fn patterns_fit_whole_texts() {
        for (written, fits, not) in [
            ("jan*", vec!["jan", "jane"], vec!["ja", "Jan", "xjan"]),
            ("*jan*", vec!["jan", "marijane"], vec!["", "ja n"]),
            ("j*n", vec!["jn", "jan", "jann", "jnxn"], vec!["j", "jane"]),
            ("a?c", vec!["abc", "aéc"], vec!["ac", "abbc"]),
            ("*ab*ab", vec!["abab", "xabyab", "ababab"], vec!["ab", "abba"]),
            ("*", vec!["", "x"], vec![]),
            ("", vec![""], vec!["x"]),
        ] {
            for text in fits {
                assert!(pattern(written).fits(text), "{written} {text}");
            }
            for text in not {
                assert!(!pattern(written).fits(text), "{written} {text}");
            }
        }
        assert!(pattern("ab*").is_prefix() && pattern("ab**").is_prefix());
        assert!(!pattern("a*b").is_prefix() && !pattern("a?*").is_prefix() && !pattern("ab").is_prefix());
        assert_eq!(pattern("ab*c").head(), "ab");
    }

    #[test]
    fn words_are_folded_and_free_of_signs() {
        assert_eq!(words("  Inés O'Neil-Roth, 2nd"), ["inés", "o", "neil", "roth", "2nd"]);
        assert_eq!(words("--- !"), [""; 0]);
        assert_eq!(fold("ΑΣ") + &fold("Σ"), fold("ΑΣΣ"));
    }

    /// By the definition, with recursion.
    fn naive(pieces: &[Piece], text: &[char]) -> bool {
        match (pieces.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((Piece::Many, after)), rest) => {
                naive(after, text) || rest.is_some_and(|(_, rest)| naive(pieces, rest))
            }
            (Some((Piece::One, after)), Some((_, rest))) => naive(after, rest),
            (Some((Piece::Char(c), after)), Some((found, rest))) => c == found && naive(after, rest),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_fits_what_its_definition_says(written in "[ab*?é]{0,8}", text in "[abé]{0,10}") {
            let pattern = pattern(&written);
            let chars: Vec<char> = text.chars().collect();
            prop_assert_eq!(pattern.fits(&text), naive(pattern.pieces(), &chars));
        }
    }
}

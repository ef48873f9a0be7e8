//! Sets of users, as searches put them together.
//!
//! What would surprise: a set may name those who are *not* in it, so that a negation costs
//! nothing until somebody has to be shown.

use crate::id::UserId;

/// Users, in the order of their ids; or all but those.
#[derive(Debug, Clone, PartialEq)]
pub struct Set {
    named: Vec<UserId>,
    all_but: bool,
}

impl Set {
    pub const fn everyone() -> Self {
        Self {
            named: Vec::new(),
            all_but: true,
        }
    }

    pub const fn nobody() -> Self {
        Self {
            named: Vec::new(),
            all_but: false,
        }
    }

    /// Those named, in any order and however often.
    pub fn of(mut named: Vec<UserId>) -> Self {
        // Stable, because it is fast on what is in order in parts.
        named.sort();
        named.dedup();
        Self { named, all_but: false }
    }

    /// Those in it, if they are named.
    pub fn members(&self) -> Option<&[UserId]> {
        (!self.all_but).then_some(self.named.as_slice())
    }

    /// Those who are named, be they in it or not.
    pub fn named(&self) -> &[UserId] {
        &self.named
    }

    pub const fn is_nobody(&self) -> bool {
        self.named.is_empty() && !self.all_but
    }

    pub fn holds(&self, user: &UserId) -> bool {
        self.named.binary_search(user).is_ok() != self.all_but
    }

    pub fn not(self) -> Self {
        Self {
            named: self.named,
            all_but: !self.all_but,
        }
    }

    pub fn and(self, other: Self) -> Self {
        match (self.all_but, other.all_but) {
            (false, false) => {
                let (few, many) = match self.named.len() <= other.named.len() {
                    true => (self, other),
                    false => (other, self),
                };
                few.keep(|user| many.holds(user))
            }
            (false, true) => self.keep(|user| other.holds(user)),
            (true, false) => other.keep(|user| self.holds(user)),
            (true, true) => Self::of([self.named, other.named].concat()).not(),
        }
    }

    pub fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }

    /// Those of the named who stay named.
    fn keep(mut self, stays: impl Fn(&UserId) -> bool) -> Self {
        self.named.retain(stays);
        self
    }

    /// The same without those who do not stay; an error ends it. Only of named members.
    pub fn try_keep<E>(&mut self, mut stays: impl FnMut(&UserId) -> Result<bool, E>) -> Result<(), E> {
        let mut kept = Vec::with_capacity(self.named.len());
        for user in &self.named {
            if stays(user)? {
                kept.push(*user);
            }
        }
        self.named = kept;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(bits: u8, all_but: bool) -> Set {
        let named = (0..8)
            .filter(|n| bits & (1 << n) != 0)
            .map(|n| UserId::from_bytes([n; 12]));
        let set = Set::of(named.rev().collect());
        if all_but { set.not() } else { set }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn sets_are_those_of_their_members(a: u8, b: u8, not_a: bool, not_b: bool) {
            for n in 0..9 {
                let user = UserId::from_bytes([n; 12]);
                let (a, b) = (set(a, not_a), set(b, not_b));
                let (in_a, in_b) = (a.holds(&user), b.holds(&user));
                prop_assert_eq!(a.clone().and(b.clone()).holds(&user), in_a && in_b);
                prop_assert_eq!(a.clone().or(b).holds(&user), in_a || in_b);
                prop_assert_eq!(a.not().holds(&user), !in_a);
            }
        }
    }
}

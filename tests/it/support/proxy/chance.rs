//! Which requests of one connection the faults strike.
//!
//! What would surprise: chance is drawn even where a fault cannot strike any more because enough
//! have, so that a limit changes nothing about what strikes before it.

use std::sync::Arc;

use oneself::clock::{Random, SeededRandom};

use super::statements::{Effect, Standing};
use super::{Failing, Faults, Shared};

/// The chance of one connection.
pub struct Chance {
    random: SeededRandom,
    shared: Arc<Shared>,
    doomed: Option<Doomed>,
}

/// Why the server refuses a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Because of other transactions.
    Collision,
    DiskFull,
}

/// What in the transaction that is open will fail.
enum Doomed {
    First,
    Commit,
}

impl Chance {
    pub fn new(seed: u64, shared: Arc<Shared>) -> Self {
        Self {
            random: SeededRandom::new(seed),
            shared,
            doomed: None,
        }
    }

    /// Whether a fault of this probability strikes now.
    pub fn strikes(&self, probability: f64) -> bool {
        self.draws(probability) && self.spend()
    }

    /// Why a request with this effect is refused, if it is.
    pub fn refusal(&mut self, effect: Effect, faults: Faults) -> Option<Refusal> {
        if effect.writes && self.strikes(faults.disk_full) {
            return Some(Refusal::DiskFull);
        }
        self.collides(effect, faults).then_some(Refusal::Collision)
    }

    /// Whether it is, because of other transactions.
    fn collides(&mut self, effect: Effect, faults: Faults) -> bool {
        let moment = match faults.failing {
            Failing::EachRequest => return effect.can_collide && self.strikes(faults.serialization_failure),
            Failing::FirstStatement => 1.0,
            Failing::Commit => 0.0,
            Failing::Either => 0.5,
        };
        if effect.before == Standing::Idle && (effect.can_collide || effect.after == Standing::Open) {
            let (chosen, first) = (self.draws(faults.serialization_failure), self.draws(moment));
            self.doomed = chosen.then_some(if first { Doomed::First } else { Doomed::Commit });
        }
        let is_due = match self.doomed {
            None => false,
            Some(Doomed::First) => effect.can_collide,
            Some(Doomed::Commit) => effect.can_collide && effect.after == Standing::Idle,
        };
        if is_due {
            self.doomed = None;
        }
        is_due && self.spend()
    }

    fn draws(&self, probability: f64) -> bool {
        let mut drawn = [0; 4];
        self.random.fill(&mut drawn);
        f64::from(u32::from_be_bytes(drawn)) < probability * 2_f64.powi(32)
    }

    /// Takes one of the faults that may still strike; whether there was one.
    fn spend(&self) -> bool {
        let mut left = self.shared.left.lock();
        let fewer = left.checked_sub(1);
        *left = fewer.unwrap_or_default();
        fewer.is_some()
    }
}

//! Time and chance, handed in at start and never reached for.
//!
//! `clippy.toml` forbids reading the system clock or making a random source anywhere
//! else. What would surprise: [`SystemClock`] never runs backwards. When the machine's
//! clock is set back, it stands at the last moment it told, so that nothing expired
//! becomes valid again, and says so through [`Clock::is_suspect`].

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use jiff::Timestamp;
use parking_lot::Mutex;

/// How far the machine's clock may step back before tokens are no longer issued.
const TOLERATED_STEP_BACK_MS: i64 = 30_000;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now, to the millisecond. Never before an earlier answer of the same clock.
    fn now(&self) -> Timestamp;

    /// True after the machine's clock was set back by more than half a minute, until it
    /// has caught up. Nothing that carries an expiry should be issued meanwhile.
    fn is_suspect(&self) -> bool {
        false
    }
}

/// Where chance comes from.
pub trait Random: Send + Sync {
    /// Fills the slice with bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// The machine's clock, made monotone.
#[derive(Debug, Default)]
pub struct SystemClock {
    latest_ms: AtomicI64,
    suspect: AtomicBool,
}

impl SystemClock {
    /// What the clock says when the machine's says `wall_ms`.
    fn tell(&self, wall_ms: i64) -> i64 {
        // Looks before it writes: many threads ask within one millisecond.
        let mut latest = self.latest_ms.load(Ordering::Relaxed);
        if wall_ms > latest {
            latest = self.latest_ms.fetch_max(wall_ms, Ordering::Relaxed).max(wall_ms);
        }
        let suspect = latest.saturating_sub(wall_ms) > TOLERATED_STEP_BACK_MS;
        if self.is_suspect() != suspect && self.suspect.swap(suspect, Ordering::Relaxed) != suspect {
            if suspect {
                tracing::error!(
                    behind_ms = latest.saturating_sub(wall_ms),
                    "the machine's clock was set back: no tokens are issued until it has caught up"
                );
            } else {
                tracing::warn!("the machine's clock has caught up: tokens are issued again");
            }
        }
        latest
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    fn now(&self) -> Timestamp {
        let now = self.tell(Timestamp::now().as_millisecond());
        Timestamp::from_millisecond(now).unwrap_or(Timestamp::MAX)
    }

    fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Relaxed)
    }
}

/// The operating system's random source, through the crypto library.
#[derive(Debug, Default)]
pub struct SystemRandomness(SystemRandom);

impl SystemRandomness {
    /// The source.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Random for SystemRandomness {
    #[expect(clippy::panic, reason = "without randomness nothing that we promise holds")]
    fn fill(&self, bytes: &mut [u8]) {
        if self.0.fill(bytes).is_err() {
            panic!("the operating system gives no randomness");
        }
    }
}

/// A clock that stands still until it is moved; for tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that stands at this moment.
    pub fn at(now: Timestamp) -> Self {
        Self(AtomicI64::new(now.as_millisecond()))
    }

    /// Moves the clock on.
    pub fn advance(&self, by: std::time::Duration) {
        self.0
            .fetch_add(i64::try_from(by.as_millis()).unwrap_or(0), Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::Relaxed)).unwrap_or(Timestamp::MAX)
    }
}

/// A random source that repeats itself from a seed; for tests.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// The source with this seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Random for SeededRandom {
    /// SplitMix64: good enough to make ids differ, and no more is asked of it.
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock();
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            for (to, from) in chunk.iter_mut().zip(z.to_be_bytes()) {
                *to = from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_ops_06_a_clock_that_is_set_back_stands_still() {
        let clock = SystemClock::default();
        assert_eq!(clock.tell(1_000_000), 1_000_000);
        assert_eq!(clock.tell(990_000), 1_000_000, "ten seconds back: stand still");
        assert!(!clock.is_suspect());
        assert_eq!(
            clock.tell(1_000_000 - 3_600_000),
            1_000_000,
            "an hour back: stand still"
        );
        assert!(clock.is_suspect());
        assert_eq!(clock.tell(1_000_001), 1_000_001);
        assert!(!clock.is_suspect());
        assert_eq!(clock.tell(1_000_001 + 86_400_000), 1_000_001 + 86_400_000);
    }
}

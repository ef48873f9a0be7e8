//! Passwords of people who log in here: argon2id, a few at a time.
//!
//! Each hash takes 64 MiB, so no more than a fixed number run at once and a short queue
//! waits; beyond that the answer is [`Error::Busy`] rather than memory without bound
//! (API-13). A name that nobody has costs as much as a wrong password (API-03).
//!
//! Hashes that were made elsewhere are verified too (`imported.rs`), and made one of ours when
//! they fit. Whether they fit or not, a hash of ours is computed as well, so that a cheap one
//! does not show whose password was imported.

mod digests;
mod imported;
mod wire;

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

pub use self::imported::ImportedHash;
use self::imported::Kept;
use crate::clock::Random;
use crate::error::{Error, Result};
use crate::secret::{ExposeSecret, SecretString};

/// How passwords are hashed.
#[derive(Debug, Clone, Copy)]
pub struct PasswordSettings {
    /// How many hashes run at once.
    pub at_once: usize,
    /// How many more may wait.
    pub waiting: usize,
    /// Memory of one hash, in KiB.
    pub memory_kib: u32,
    /// Passes over that memory.
    pub passes: u32,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self {
            at_once: 4,
            waiting: 60,
            memory_kib: 64 * 1024,
            passes: 3,
        }
    }
}

impl PasswordSettings {
    /// As cheap as argon2 gets; for tests, and absent from a release build.
    #[cfg(debug_assertions)]
    pub fn cheap_for_tests() -> Self {
        Self {
            memory_kib: Params::MIN_M_COST,
            passes: 1,
            ..Self::default()
        }
    }
}

/// Hashes and verifies.
pub(super) struct Passwords {
    settings: PasswordSettings,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    /// What a password of nobody is compared with.
    nobody: tokio::sync::OnceCell<String>,
}

impl Passwords {
    pub(super) fn new(settings: PasswordSettings) -> Self {
        Self {
            settings,
            running: Arc::new(Semaphore::new(settings.at_once)),
            admitted: Arc::new(Semaphore::new(settings.at_once.saturating_add(settings.waiting))),
            nobody: tokio::sync::OnceCell::new(),
        }
    }

    /// The PHC string of a password.
    pub(super) async fn hash(&self, password: &SecretString, random: &dyn Random) -> Result<String> {
        let salt = salt(random);
        let settings = self.settings;
        let password = password.clone();
        self.in_turn(move || hash(settings, &password, &salt)).await
    }

    /// Whether the password is the one of what is kept; for `None`, as much work and no.
    pub(super) async fn verify(
        &self,
        password: &SecretString,
        kept: Option<String>,
        random: &dyn Random,
    ) -> Result<Verdict> {
        let nobody = self.nobody.get_or_try_init(|| self.hash(password, random)).await?;
        let known = kept.is_some();
        let kept = kept.unwrap_or_else(|| nobody.clone());
        let (settings, password) = (self.settings, password.clone());
        if is_ours(settings, &kept) {
            let fits = self.in_turn(move || verify(settings, &password, &kept)).await?;
            return Ok(Verdict::from(fits && known));
        }
        let (nobody, salt) = (nobody.clone(), salt(random));
        self.in_turn(move || {
            let imported = Kept::read(&kept).map_err(|e| Error::internal(format!("a password that is kept: {e}")))?;
            if imported.fits(&password)? {
                return Ok(Verdict::FitsOnce(hash(settings, &password, &salt)?));
            }
            verify(settings, &password, &nobody)?;
            Ok(Verdict::Wrong)
        })
        .await
    }

    /// Runs it on a thread that may block, when its turn comes. The turn lasts as long as the work,
    /// even when whoever asked has gone away meanwhile.
    async fn in_turn<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let admitted = self.admitted.clone().try_acquire_owned();
        let admitted = admitted.map_err(|_| Error::Busy { retry_after: 1 })?;
        let running = self.running.clone().acquire_owned().await;
        let turn = (admitted, running.map_err(|e| Error::internal(e.to_string()))?);
        tokio::task::spawn_blocking(move || {
            let done = work();
            drop(turn);
            done
        })
        .await
        .map_err(|e| Error::internal(e.to_string()))?
    }
}

/// How comparing a password ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is another one.
    Wrong,
    /// It is the one.
    Fits,
    /// It is the one, and this is to be kept instead of the imported hash.
    FitsOnce(String),
}

impl From<bool> for Verdict {
    fn from(fits: bool) -> Self {
        if fits { Self::Fits } else { Self::Wrong }
    }
}

/// Whether it is a hash as we make them: everything else is replaced when it fits.
fn is_ours(settings: PasswordSettings, kept: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(kept) else {
        return false;
    };
    parsed.algorithm.as_str() == Algorithm::Argon2id.as_str()
        && parsed.version == Some(Version::V0x13.into())
        && Params::try_from(&parsed).is_ok_and(|params| {
            (params.m_cost(), params.t_cost(), params.p_cost()) == (settings.memory_kib, settings.passes, 1)
        })
}

fn salt(random: &dyn Random) -> [u8; 16] {
    let mut salt = [0; 16];
    random.fill(&mut salt);
    salt
}

fn hash(settings: PasswordSettings, password: &SecretString, salt: &[u8]) -> Result<String> {
    let hash = argon2(settings)?
        .hash_password_with_salt(password.expose_secret().as_bytes(), salt)
        .map_err(|e| Error::internal(e.to_string()))?;
    Ok(hash.to_string())
}

fn verify(settings: PasswordSettings, password: &SecretString, phc: &str) -> Result<bool> {
    let parsed = PasswordHash::new(phc).map_err(|e| Error::internal(e.to_string()))?;
    let password = password.expose_secret().as_bytes();
    Ok(argon2(settings)?.verify_password(password, &parsed).is_ok())
}

fn argon2(settings: PasswordSettings) -> Result<Argon2<'static>> {
    let params =
        Params::new(settings.memory_kib, settings.passes, 1, None).map_err(|e| Error::internal(e.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededRandom;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let passwords = Passwords::new(PasswordSettings::cheap_for_tests());
        let random = SeededRandom::new(1);
        let (right, wrong) = ("correct horse".to_owned().into(), "battery".to_owned().into());
        let phc = passwords.hash(&right, &random).await.unwrap();
        assert!(phc.starts_with("$argon2id$v=19$"), "{phc}");
        let verify = |password, kept| passwords.verify(password, kept, &random);
        assert_eq!(verify(&right, Some(phc.clone())).await.unwrap(), Verdict::Fits);
        assert_eq!(verify(&wrong, Some(phc)).await.unwrap(), Verdict::Wrong);
        let nobody = verify(&right, None).await.unwrap();
        assert_eq!(nobody, Verdict::Wrong, "nobody's password fits nothing");
    }

    #[tokio::test]
    async fn sec_api_13_too_many_at_once_are_told_to_come_back() {
        let settings = PasswordSettings {
            at_once: 1,
            waiting: 0,
            ..PasswordSettings::cheap_for_tests()
        };
        let passwords = Passwords::new(settings);
        let _held = passwords.admitted.acquire().await.unwrap();
        let refused = passwords.hash(&"x".to_owned().into(), &SeededRandom::new(1)).await;
        assert!(matches!(refused, Err(Error::Busy { retry_after: 1 })));
    }

    #[tokio::test]
    async fn sec_api_13_a_hash_that_nobody_waits_for_any_more_keeps_its_turn_to_its_end() {
        let passwords = Arc::new(Passwords::new(PasswordSettings::cheap_for_tests()));
        let (end, ending) = std::sync::mpsc::channel::<()>();
        let (begin, begun) = tokio::sync::oneshot::channel();
        let asked = passwords.clone();
        let asked = tokio::spawn(async move {
            let work = move || {
                let _ = begin.send(());
                ending.recv().map_err(Error::internal)
            };
            asked.in_turn(work).await
        });
        begun.await.unwrap();
        asked.abort();
        assert!(asked.await.unwrap_err().is_cancelled());
        let free = || passwords.running.available_permits();
        assert_eq!(free(), passwords.settings.at_once - 1);
        end.send(()).unwrap();
        while free() < passwords.settings.at_once {
            tokio::task::yield_now().await;
        }
    }
}

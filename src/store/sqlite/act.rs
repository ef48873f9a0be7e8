//! An act on its way through the writing thread, until whoever asked for it is answered.
//!
//! What would surprise: it may be run twice, and what counts is how it ended last.

use tokio::sync::oneshot;

use crate::store::sql::keys::KeyRow;
use crate::store::sql::rows::corrupt;
use crate::store::sql::{NewKeys, Stop, Tx, Verdict};
use crate::store::{StoreError, StoreResult};

/// An act in the queue, whatever its outcome is.
pub(super) trait Act: Send {
    /// The keys that were made for it.
    fn keys(&self) -> &[KeyRow];
    /// Whether it was done rather than refused. What counts is how it ended last.
    fn run(&mut self, tx: &mut dyn Tx, keys: NewKeys) -> StoreResult<bool>;
    /// Answers, once it is known that the outcome stays or why it does not.
    fn answer(self: Box<Self>, error: Option<StoreError>);
}

/// An act with what came of it, and whoever waits for that.
pub(super) struct Waiting<T, F> {
    pub keys: Vec<KeyRow>,
    pub act: F,
    pub outcome: Option<T>,
    pub reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Act for Waiting<T, F>
where
    T: Send,
    F: Fn(&mut dyn Tx, NewKeys) -> Verdict<T> + Send,
{
    fn keys(&self) -> &[KeyRow] {
        &self.keys
    }

    fn run(&mut self, tx: &mut dyn Tx, keys: NewKeys) -> StoreResult<bool> {
        let (outcome, done) = match (self.act)(tx, keys) {
            Ok(outcome) => (outcome, true),
            Err(Stop::Refused(outcome)) => (*outcome, false),
            Err(Stop::Failed(error)) => return Err(error),
        };
        self.outcome = Some(outcome);
        Ok(done)
    }

    fn answer(self: Box<Self>, error: Option<StoreError>) {
        let answer = match (error, self.outcome) {
            (Some(error), _) => Err(error),
            (None, Some(outcome)) => Ok(outcome),
            (None, None) => Err(corrupt("an act has no outcome")),
        };
        // Whoever asked may have gone away; the act stands all the same.
        let _ = self.reply.send(answer);
    }
}

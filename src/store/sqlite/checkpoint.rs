//! Keeping the log of `data.db` short without making writers wait.
//!
//! A thread of its own copies the log into the file while the writer goes on. Because a
//! log never starts over under a steady writer, the writer itself asks for that, once the
//! log is long and the thread has just copied all but its end. Once nobody writes, the thread
//! copies the rest, because a reader is quicker in the file than in the log. What would
//! surprise: it is the log's pages that are counted, not its length on disk, which stays
//! what it once was.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;

use crate::store::{StoreError, StoreResult};

/// From how many pages on the log is copied and then started over: 32 MiB. Pages that are
/// written again and again are copied once each time, so a longer log is cheaper.
const LONG_PAGES: u32 = 8_000;

/// How long the writer waits for readers of the log when it is to start over. Only a
/// backup reads for longer, and then it grows on.
const WAIT_FOR_READERS: Duration = Duration::from_millis(20);

/// After how long without a write the rest is copied.
const IDLE: Duration = Duration::from_millis(200);

/// The writer's side of it.
pub(super) struct Log {
    pages: Arc<AtomicU32>,
    copied: Arc<AtomicBool>,
    pages_asked: u32,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Log {
    /// Watches the log that `writer` makes, and has `copier` copy it.
    pub fn watch(writer: &mut Connection, copier: Connection) -> StoreResult<Self> {
        writer.busy_timeout(WAIT_FOR_READERS)?;
        let pages = Arc::new(AtomicU32::new(0));
        let seen = Arc::clone(&pages);
        // This takes the place of SQLite's own checkpoints in the writer.
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count: std::ffi::c_int| {
            seen.store(u32::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let copied = Arc::new(AtomicBool::new(false));
        let (done, written) = (Arc::clone(&copied), Arc::clone(&pages));
        let (wake, asked) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || copy_when_asked(&copier, &asked, &done, &written))
            .map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(Self {
            pages,
            copied,
            pages_asked: 0,
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    /// To be called by the writer between batches.
    pub fn after_commit(&mut self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        if self.copied.swap(false, Ordering::Acquire) && pages >= LONG_PAGES {
            // It starts over with the next commit, unless somebody reads from it just now.
            if checkpoint(writer, "RESTART") {
                self.pages_asked = 0;
                return;
            }
        }
        if pages < self.pages_asked {
            self.pages_asked = 0;
        }
        if pages - self.pages_asked >= LONG_PAGES
            && let Some(wake) = &self.wake
            && !matches!(wake.try_send(()), Err(TrySendError::Full(())))
        {
            self.pages_asked = pages;
        }
    }

    /// To be called by the writer at the end.
    pub fn close(&mut self, writer: &Connection) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        checkpoint(writer, "TRUNCATE");
    }
}

fn copy_when_asked(copier: &Connection, asked: &Receiver<()>, done: &AtomicBool, pages: &AtomicU32) {
    let (mut seen, mut rested) = (0, 0);
    loop {
        match asked.recv_timeout(IDLE) {
            Ok(()) => {
                checkpoint(copier, "PASSIVE");
                done.store(true, Ordering::Release);
            }
            Err(RecvTimeoutError::Timeout) => {
                let now = pages.load(Ordering::Relaxed);
                if now == seen && now != rested && checkpoint(copier, "PASSIVE") {
                    rested = now;
                }
                seen = now;
            }
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// Whether all that was meant to be copied was. What was not is tried again with more.
fn checkpoint(connection: &Connection, how: &str) -> bool {
    let mut busy = true;
    let ran = connection.pragma(None, "wal_checkpoint", how, |row| {
        busy = row.get(0)?;
        Ok(())
    });
    if let Err(error) = ran {
        tracing::warn!(%error, how, "the log was not copied into the data file");
        return false;
    }
    !busy
}

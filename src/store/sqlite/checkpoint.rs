//! Keeping the log of `data.db` short without making writers wait.
//!
//! A thread of its own copies the log into the file while the writer goes on. Because a
//! log never starts over under a steady writer, the writer itself asks for that, once the
//! log is long and the thread has just copied all but its end. What is left when nobody
//! writes is copied too: readers look straight into the file once nothing is. What would surprise: it is
//! the log's pages that are counted, not its length on disk, which stays what it once was.

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

/// After how long without being asked the thread copies what is left.
const COPY_REST_AFTER: Duration = Duration::from_secs(1);

/// How long the writer waits for readers of the log when it is to start over. Only a
/// backup reads for longer, and then it grows on.
const WAIT_FOR_READERS: Duration = Duration::from_millis(20);

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
        let fresh = Arc::new(AtomicBool::new(false));
        let (seen, written) = (Arc::clone(&pages), Arc::clone(&fresh));
        // This takes the place of SQLite's own checkpoints in the writer.
        writer.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, count: std::ffi::c_int| {
            seen.store(u32::try_from(count).unwrap_or(0), Ordering::Relaxed);
            written.store(true, Ordering::Release);
            Ok(())
        }))?;
        let copied = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&copied);
        let (wake, asked) = sync_channel(1);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || copy_until_closed(&copier, &asked, &fresh, &done))
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

fn copy_until_closed(copier: &Connection, asked: &Receiver<()>, fresh: &AtomicBool, done: &AtomicBool) {
    while asked.recv_timeout(COPY_REST_AFTER) != Err(RecvTimeoutError::Disconnected) {
        if fresh.swap(false, Ordering::Acquire) {
            checkpoint(copier, "PASSIVE");
            done.store(true, Ordering::Release);
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

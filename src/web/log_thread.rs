//! Writes the log on a thread of its own, so that a reader of it who stops reading never
//! holds up a request.
//!
//! Lines wait in a queue of bounded length. When it is full they are lost, and how many is
//! the next thing that the log says. What would surprise: after a write the thread sleeps for
//! a moment, because waking it for every line would cost a request more than the line does.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

/// How many lines may wait.
const QUEUE: usize = 8_192;

/// How much is written at once.
const WRITE_BYTES: usize = 64 * 1_024;

/// How long lines are gathered after a write.
const GATHER_FOR: Duration = Duration::from_millis(10);

/// How long the end of the process waits for lines that are not written yet.
const FLUSH_FOR: Duration = Duration::from_secs(1);

enum Told {
    Line(String),
    /// Answered when everything told before is written.
    Flush(SyncSender<()>),
}

/// The way to the thread; dropping the last one flushes nothing, see [`LogThread::flush`].
#[derive(Clone)]
pub struct LogThread {
    queue: SyncSender<Told>,
    lost: Arc<AtomicU64>,
}

impl LogThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(sink: impl Write + Send + 'static) -> std::io::Result<Self> {
        let (queue, told) = sync_channel(QUEUE);
        let lost = Arc::new(AtomicU64::new(0));
        let counted = lost.clone();
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write_all(&told, &counted, sink))?;
        Ok(Self { queue, lost })
    }

    /// Queues a line, with its end.
    pub fn line(&self, line: String) {
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Told::Line(line)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was queued is written, but not longer than two seconds.
    pub fn flush(&self) {
        let (done, written) = sync_channel(1);
        let mut flush = Told::Flush(done);
        for _ in 0..FLUSH_FOR.as_millis() / GATHER_FOR.as_millis() {
            match self.queue.try_send(flush) {
                Err(TrySendError::Full(again)) => flush = again,
                _ => break,
            }
            std::thread::sleep(GATHER_FOR);
        }
        let _ = written.recv_timeout(FLUSH_FOR);
    }
}

fn write_all(told: &Receiver<Told>, lost: &AtomicU64, mut sink: impl Write) {
    let mut text = String::new();
    let mut waiting = Vec::new();
    while let Ok(first) = told.recv() {
        let mut next = Some(first);
        while let Some(one) = next {
            match one {
                Told::Line(line) => text.push_str(&line),
                Told::Flush(done) => waiting.push(done),
            }
            next = if text.len() < WRITE_BYTES {
                told.try_recv().ok()
            } else {
                None
            };
        }
        let count = lost.swap(0, Ordering::Relaxed);
        if count > 0 {
            text.push_str(&format!(
                "{{\"level\":\"WARN\",\"target\":\"log\",\"message\":\"lines were lost\",\"count\":{count}}}\n"
            ));
        }
        // A log that cannot be written must not stop what it tells of.
        let _ = sink.write_all(text.as_bytes()).and_then(|()| sink.flush());
        text.clear();
        for done in waiting.drain(..) {
            let _ = done.send(());
        }
        std::thread::sleep(GATHER_FOR);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;

    /// Takes nothing until it is let.
    struct Slow(Arc<Mutex<()>>, Arc<Mutex<String>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let _let = self.0.lock();
            self.1.lock().push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_who_does_not_read_holds_nobody_up() {
        let (gate, seen) = (Arc::new(Mutex::new(())), Arc::new(Mutex::new(String::new())));
        let log = LogThread::start(Slow(gate.clone(), seen.clone())).unwrap();
        let shut = gate.lock();
        for n in 0..3 * QUEUE {
            log.line(format!("{n}\n"));
        }
        drop(shut);
        log.flush();
        assert!(seen.lock().contains("lines were lost"));
        log.line("the last\n".to_owned());
        log.flush();
        let seen = seen.lock();
        assert!(seen.starts_with("0\n1\n"), "what was first is there");
        assert!(seen.ends_with("the last\n"));
    }
}

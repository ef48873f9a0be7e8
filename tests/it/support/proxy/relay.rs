//! One connection by way of the proxy, once it is open.
//!
//! What would surprise: a client need not wait for one answer before it sends the next request, so
//! whether a request will find a transaction open is foretold from those before it, and corrected
//! whenever the server has answered all.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::chance::{Chance, Refusal};
use super::frames::{Frame, Frames, server};
use super::requests::{Request, Requests, Sent};
use super::statements::{Effect, Standing};
use super::{Counts, Delay, Faults, Mode, Orders, Shared};

/// As which the server's refusal of a replaced request comes back, unless the transaction had
/// failed before.
const DIVISION_BY_ZERO: &str = "22012";

/// What one connection is about, and what is under way on it. Where a function gives `None`, the
/// connection is to be closed.
pub struct Relay {
    to_client: mpsc::UnboundedSender<Bytes>,
    /// `None` when the client is gone and the server need not hear more.
    to_server: Option<mpsc::UnboundedSender<Bytes>>,
    shared: Arc<Shared>,
    chance: Chance,
    requests: Requests,
    waiting: VecDeque<(Instant, Sent)>,
    /// What the server has not answered.
    in_flight: VecDeque<InFlight>,
    /// As it will be when the server has answered all.
    standing: Standing,
}

struct InFlight {
    fate: Fate,
    is_extended: bool,
    /// Whether the server is reading rows and so has passed over the Sync of this request.
    missed_sync: bool,
}

enum Fate {
    Answered,
    /// With what fails, and comes back as this.
    Replaced(Refusal),
    /// With what the client does not get to see.
    Swallowed(BytesMut),
}

impl Relay {
    pub fn new(
        to_client: mpsc::UnboundedSender<Bytes>,
        to_server: mpsc::UnboundedSender<Bytes>,
        chance: Chance,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            to_client,
            to_server: Some(to_server),
            shared,
            chance,
            requests: Requests::default(),
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            standing: Standing::Idle,
        }
    }

    /// Passes on what comes from both sides, until one of them or an order ends it.
    pub async fn run(
        &mut self,
        mut client: Frames,
        mut server: Frames,
        mut orders: watch::Receiver<Orders>,
    ) -> Option<()> {
        let mut client_is_there = true;
        loop {
            let now = *orders.borrow_and_update();
            let flows = now.mode != Mode::Stalled;
            let wake = match flows {
                true => self.release(now.faults)?,
                false => None,
            };
            if !client_is_there && self.waiting.is_empty() {
                self.to_server = None;
            }
            tokio::select! {
                changed = orders.changed() => changed.ok()?,
                () = sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
                frame = client.next(), if flows && client_is_there => match frame {
                    Some(frame) => {
                        let sent = self.requests.add(&frame);
                        self.waiting.extend(sent.map(|sent| (Instant::now(), sent)));
                    }
                    None => client_is_there = false,
                },
                frame = server.next(), if flows => self.answer(frame?)?,
            }
        }
    }

    /// Sends what is due, and says when the next will be.
    fn release(&mut self, faults: Faults) -> Option<Option<Instant>> {
        while let Some((came_at, sent)) = self.waiting.front() {
            if let Sent::Request(request) = sent {
                let due_at = *came_at + self.delay(request, faults);
                if Instant::now() < due_at {
                    return Some(Some(due_at));
                }
                if self.is_swallowing() && !self.ends_rows(request) {
                    return Some(None);
                }
                self.count(|counts| counts.delayed += u64::from(due_at > *came_at));
            }
            match self.waiting.pop_front()?.1 {
                Sent::Other(bytes) => self.send(bytes),
                Sent::Request(request) => self.request(request, faults)?,
            }
        }
        Some(None)
    }

    /// Whether the answer to what was sent last will be kept from the client, so that nothing more
    /// is sent.
    fn is_swallowing(&self) -> bool {
        let last = self.in_flight.back().map(|request| &request.fate);
        matches!(last, Some(Fate::Swallowed(_)))
    }

    /// Whether it is the second end of a request, behind the rows that the server has read for it.
    fn ends_rows(&self, request: &Request) -> bool {
        request.is_bare && self.in_flight.front().is_some_and(|copying| copying.missed_sync)
    }

    fn delay(&self, request: &Request, faults: Faults) -> Duration {
        match faults.delay {
            Some(Delay::Requests(delay)) => delay,
            Some(Delay::Commits(delay)) if Effect::of(&request.texts, self.standing).commits => delay,
            _ => Duration::ZERO,
        }
    }

    /// Sends a request, or lets it meet its fault.
    fn request(&mut self, request: Request, faults: Faults) -> Option<()> {
        if self.ends_rows(&request) {
            self.in_flight.front_mut()?.missed_sync = false;
            self.send(request.bytes);
            return Some(());
        }
        self.count(|counts| counts.requests += 1);
        if self.chance.strikes(faults.cut) {
            self.count(|counts| counts.cut += 1);
            return None;
        }
        let effect = Effect::of(&request.texts, self.standing);
        let refusal = match request.is_rest {
            true => None,
            false => self.chance.refusal(effect, faults),
        };
        let (fate, bytes) = if let Some(refusal) = refusal {
            (Fate::Replaced(refusal), self.replace(effect))
        } else {
            self.standing = effect.after;
            let swallowed = !request.is_rest && effect.commits && self.chance.strikes(faults.swallow_commit_answer);
            let fate = if swallowed {
                Fate::Swallowed(BytesMut::new())
            } else {
                Fate::Answered
            };
            (fate, request.bytes)
        };
        self.in_flight.push_back(InFlight {
            fate,
            is_extended: request.is_extended,
            missed_sync: false,
        });
        self.send(bytes);
        Some(())
    }

    /// What fails at the server and leaves the transaction as the request would, had it failed.
    fn replace(&mut self, effect: Effect) -> Bytes {
        let (text, after) = match (effect.before, effect.after) {
            (Standing::Idle, Standing::Idle) => ("SELECT 1/0", Standing::Idle),
            (Standing::Idle, _) => ("BEGIN; SELECT 1/0", Standing::Failed),
            (_, Standing::Idle) => ("ROLLBACK; SELECT 1/0", Standing::Idle),
            _ => ("SELECT 1/0", Standing::Failed),
        };
        self.standing = after;
        Frame::query(text).bytes
    }

    /// Passes on what the server says.
    fn answer(&mut self, frame: Frame) -> Option<()> {
        let is_ready = frame.tag == server::READY;
        let status = Standing::told(frame.bytes.last().copied().unwrap_or_default());
        let Some(request) = self.in_flight.front_mut() else {
            if is_ready {
                self.standing = status;
            }
            self.tell(frame.bytes);
            return Some(());
        };
        if frame.tag == server::WANTS_ROWS {
            request.missed_sync = request.is_extended;
        }
        match &mut request.fate {
            Fate::Answered => self.tell(frame.bytes),
            Fate::Replaced(refusal) if frame.is_error(DIVISION_BY_ZERO) => {
                let refusal = *refusal;
                self.tell(Frame::refusal(refusal).bytes);
                self.count(|counts| match refusal {
                    Refusal::Collision => counts.serialization_failures += 1,
                    Refusal::DiskFull => counts.full += 1,
                });
            }
            Fate::Replaced(_) if server::OF_REFUSALS.contains(&frame.tag) => self.tell(frame.bytes),
            Fate::Replaced(_) => {}
            Fate::Swallowed(_) if is_ready => {
                self.count(|counts| counts.swallowed += 1);
                return None;
            }
            Fate::Swallowed(kept) => {
                kept.extend_from_slice(&frame.bytes);
                if frame.tag == server::WANTS_ROWS {
                    let asked = kept.split().freeze();
                    self.tell(asked);
                }
            }
        }
        if is_ready {
            self.in_flight.pop_front();
            if self.in_flight.is_empty() {
                self.standing = status;
            }
        }
        Some(())
    }

    fn send(&self, bytes: Bytes) {
        let _ = self.to_server.as_ref().map(|to_server| to_server.send(bytes));
    }

    fn tell(&self, bytes: Bytes) {
        let _ = self.to_client.send(bytes);
    }

    fn count(&self, add: impl FnOnce(&mut Counts)) {
        add(&mut self.shared.counts.lock());
    }
}

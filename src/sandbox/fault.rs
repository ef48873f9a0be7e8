//! Faults on order: what a network does instead of answering well.

use std::time::Duration;

use http::header::RETRY_AFTER;
use serde::Deserialize;
use serde_json::json;

use super::answer::Answer;
use super::network::Network;

/// How long `slow` takes unless it is told.
const SLOW: Duration = Duration::from_secs(10);

/// What `rate_limited` tells callers to wait.
const RETRY_AFTER_SECONDS: &str = "30";

/// What a network does to requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// It answers as it should.
    #[default]
    None,
    /// It answers as it should, later.
    Slow,
    /// It answers 503, or closes the connection.
    Down,
    /// It does what it is asked, and the answer does not arrive.
    Lost,
    /// It answers 429, with `Retry-After`.
    RateLimited,
    /// It takes every token for an expired one.
    Expired,
    /// It takes every token for a revoked one.
    Revoked,
    /// It answers 200 with a page.
    Garbage,
}

impl Mode {
    /// The names of all, as the control API has them.
    pub const NAMES: &'static str = "none, slow, down, lost, rate_limited, expired, revoked or garbage";
}

/// A fault of one network.
#[derive(Debug, Clone, Copy, Default)]
pub struct Fault {
    /// What it does.
    pub mode: Mode,
    /// To how many requests more; to all, when it is not said.
    pub left: Option<u32>,
    /// How long it waits before that.
    pub delay: Option<Duration>,
    /// Whether `down` closes the connection in place of an answer.
    pub closes: bool,
}

impl Fault {
    /// The fault that the next request meets, which may be the last one.
    pub fn next(&mut self) -> Self {
        match self.left.as_mut() {
            Some(0) => *self = Self::default(),
            Some(left) => *left = left.saturating_sub(1),
            None => {}
        }
        *self
    }

    /// How long the request waits.
    pub fn wait(&self) -> Duration {
        let own = if self.mode == Mode::Slow { SLOW } else { Duration::ZERO };
        self.delay.unwrap_or(own)
    }

    /// The answer in place of the network's, where the fault has one.
    pub fn answer(&self, network: Network) -> Option<Answer> {
        match self.mode {
            Mode::None | Mode::Slow | Mode::Lost | Mode::Expired | Mode::Revoked => None,
            Mode::Down => Some(Answer::text(503, "Service Unavailable")),
            Mode::RateLimited => Some(rate_limited(network).with(RETRY_AFTER, RETRY_AFTER_SECONDS)),
            Mode::Garbage => Some(Answer::html(
                200,
                "<!DOCTYPE html><html><head><title>Sign in</title></head><body><p>Something else.</p></body></html>",
            )),
        }
    }
}

/// 429 in the words of the network, where they are known.
fn rate_limited(network: Network) -> Answer {
    let body = match network {
        Network::Twitter => json!({"errors": [{"code": 88, "message": "Rate limit exceeded"}]}),
        Network::Facebook => json!({"error": {
            "message": "(#4) Application request limit reached", "type": "OAuthException", "code": 4,
        }}),
        Network::GitHub => json!({"message": "API rate limit exceeded"}),
        Network::Discord => json!({"message": "You are being rate limited.", "retry_after": 30.0, "global": false}),
        Network::Slack => json!({"ok": false, "error": "ratelimited"}),
        Network::Foursquare => json!({"meta": {
            "code": 429, "errorType": "rate_limit_exceeded", "errorDetail": "Quota exceeded",
        }, "response": {}}),
        _ => json!({"error": "too_many_requests"}),
    };
    Answer::json(429, &body)
}

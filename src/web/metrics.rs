//! What the server counts, for Prometheus.
//!
//! Labels come from closed lists: a dialect's name, a method, a route's template, a class
//! of status. No id and nothing that a caller wrote becomes one (OPS-07), so the number of
//! series is bounded by the number of routes.

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus::core::Collector;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// Seconds: a look-up takes microseconds, a password half a second, the limit ten.
const BUCKETS: &[f64] = &[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10.0,
];

/// The counters of the front, and the registry that they and others are in.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    duration: HistogramVec,
    /// Connections that are open.
    pub connections_open: IntGauge,
    /// Connections that were closed at once because a cap was reached.
    pub connections_refused: IntCounter,
    /// Requests that ended in a panic.
    pub panics: IntCounter,
    /// Requests whose head could not be read as HTTP.
    pub malformed: IntCounter,
}

impl Metrics {
    /// The counters, all at nought.
    ///
    /// # Errors
    /// Never, as long as the names below are well-formed and distinct.
    pub fn new() -> prometheus::Result<Self> {
        let labels = ["dialect", "method", "route", "status"];
        let metrics = Self {
            registry: Registry::new_custom(Some("oneself".to_owned()), None)?,
            requests: IntCounterVec::new(Opts::new("http_requests_total", "Requests answered."), &labels)?,
            duration: HistogramVec::new(
                HistogramOpts::new("http_request_seconds", "From the end of the header to the answer.")
                    .buckets(BUCKETS.to_vec()),
                labels.get(..3).unwrap_or_default(),
            )?,
            connections_open: IntGauge::new("http_connections_open", "Connections that are open.")?,
            connections_refused: IntCounter::new(
                "http_connections_refused_total",
                "Connections closed at once because a cap was reached.",
            )?,
            panics: IntCounter::new("http_panics_total", "Requests that ended in a panic.")?,
            malformed: IntCounter::new("http_malformed_total", "Requests that could not be read as HTTP.")?,
        };
        metrics.register(metrics.requests.clone())?;
        metrics.register(metrics.duration.clone())?;
        metrics.register(metrics.connections_open.clone())?;
        metrics.register(metrics.connections_refused.clone())?;
        metrics.register(metrics.panics.clone())?;
        metrics.register(metrics.malformed.clone())?;
        Ok(metrics)
    }

    /// Takes in a counter of somebody else's, under our prefix `oneself_`.
    ///
    /// # Errors
    /// When one of that name is there.
    pub fn register(&self, collector: impl Collector + 'static) -> prometheus::Result<()> {
        self.registry.register(Box::new(collector))
    }

    /// Counts a request that was answered.
    pub fn answered(&self, dialect: &str, method: &Method, route: &str, status: StatusCode, took: Duration) {
        let method = known_method(method);
        let labels = [dialect, method, route, class(status)];
        self.requests.with_label_values(&labels).inc();
        let [labels @ .., _] = labels;
        self.duration.with_label_values(&labels).observe(took.as_secs_f64());
    }

    /// Everything, in Prometheus' text format.
    ///
    /// # Errors
    /// When a collector gives what the format cannot hold.
    pub fn text(&self) -> prometheus::Result<String> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        String::from_utf8(text).map_err(|error| prometheus::Error::Msg(error.to_string()))
    }
}

fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

const fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_ops_07_labels_come_from_closed_lists() {
        let metrics = Metrics::new().unwrap();
        let odd = Method::from_bytes(b"BREW-auth0|123").unwrap();
        metrics.answered(
            "link",
            &odd,
            "/users/{id}",
            StatusCode::IM_A_TEAPOT,
            Duration::from_millis(1),
        );
        let text = metrics.text().unwrap();
        let line = r#"oneself_http_requests_total{dialect="link",method="other",route="/users/{id}",status="4xx"} 1"#;
        assert!(text.contains(line), "{text}");
        assert!(!text.contains("auth0|123"));
    }
}

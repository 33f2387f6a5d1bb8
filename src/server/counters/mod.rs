//! What is counted while requests are answered, and how Prometheus gets to see it.
//!
//! Must not know what is protected or how: it sees operations, answers and how long they took.

pub(crate) mod operation_counters;

use jiff::Timestamp;
use prometheus::{
    Error, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, Result,
};

use crate::server::http::refusal::Refusal;
use crate::{diagnostics::Diagnostic, oauth::GrantType};

/// From a token that is checked in microseconds to a login that takes a good part of a second.
const BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// What one process counts from its start on. Everything else that is shown is looked up when it is asked for.
#[derive(Debug)]
pub(crate) struct Metrics {
    pub(crate) registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    refusals: IntCounterVec,
    tokens: IntCounterVec,
    pub(crate) started: Timestamp,
}

impl Metrics {
    /// Counts from zero.
    ///
    /// # Errors
    /// Two metrics of one name, or one with a name that Prometheus does not take: a fault of this file.
    pub(crate) fn new() -> Result<Self> {
        let durations = HistogramOpts::new(
            "hallpass_request_duration_seconds",
            "From the request's headers to the answer's, by operation.",
        );
        let metrics = Self {
            registry: Registry::new(),
            requests: counters(
                "hallpass_requests_total",
                "Requests answered, by operation and status; what the document does not know is `none`.",
                &["operation", "method", "status"],
            )?,
            durations: HistogramVec::new(
                durations.buckets(BUCKETS.to_vec()),
                &["operation", "method"],
            )?,
            refusals: counters(
                "hallpass_refusals_total",
                "Requests refused, by the code that the caller was told.",
                &["code"],
            )?,
            tokens: counters(
                "hallpass_tokens_issued_total",
                "Access tokens issued, by what was presented for them.",
                &["grant"],
            )?,
            started: Timestamp::now(),
        };
        for collector in [&metrics.requests, &metrics.refusals, &metrics.tokens] {
            metrics.registry.register(Box::new(collector.clone()))?;
        }
        metrics.registry.register(Box::new(metrics.durations.clone()))?;
        for grant in GrantType::ALL.map(Some).into_iter().chain([None]) {
            metrics.tokens.get_metric_with_label_values(&[word(grant)])?;
        }
        Ok(metrics)
    }

    /// Counts a request that was refused.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        let counter = self.refusals.get_metric_with_label_values(&[refusal.word()]);
        counter.iter().for_each(IntCounter::inc);
    }

    /// Counts a token that was issued, at `/token` for a grant or at `/login` for an API key.
    pub(crate) fn issued(&self, grant: Option<GrantType>) {
        let counter = self.tokens.get_metric_with_label_values(&[word(grant)]);
        counter.iter().for_each(IntCounter::inc);
    }
}

/// What the start of the program says of an error that only a fault of this room makes.
pub(crate) fn fault(error: Error) -> Diagnostic {
    Diagnostic::new("metrics", error.to_string())
}

fn word(grant: Option<GrantType>) -> &'static str {
    match grant {
        None => "api_key",
        Some(GrantType::ClientCredentials) => "client_credentials",
        Some(GrantType::Password) => "password",
    }
}

pub(crate) fn counters(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

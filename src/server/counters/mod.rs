//! What one process counts from its start on.

pub(crate) mod operation_counters;

use jiff::Timestamp;
use prometheus::{
    Error, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts, Registry, Result,
};

use crate::{diagnostics::Diagnostic, oauth::GrantType, policy::operation::Operation};

/// From a token that is checked in microseconds to a login that takes most of a second.
const BUCKETS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];

/// The label of tokens for the backends of proxies.
const VERIFY_GRANT: &str = "verify";
/// The label of tokens for accounts of the application.
const ACCOUNT_GRANT: &str = "account";

/// The counters of the process. Every other metric is looked up when it is asked for.
#[derive(Debug)]
pub(crate) struct Counters {
    pub(crate) registry: Registry,
    requests: IntCounterVec,
    durations: HistogramVec,
    refusals: IntCounterVec,
    tokens: IntCounterVec,
    pub(crate) connections_refused: IntCounter,
    verified: IntCounterVec,
    pub(crate) started: Timestamp,
}

impl Counters {
    /// # Errors
    /// Two metrics of one name, or a name that Prometheus does not take: a mistake in this file.
    pub(crate) fn new() -> Result<Self> {
        let durations = HistogramOpts::new(
            "hallpass_request_duration_seconds",
            "Time from a request's headers to its answer's, by operation.",
        );
        let counters = Self {
            registry: Registry::new(),
            requests: counter_vec(
                "hallpass_requests_total",
                "Requests answered, by operation and status; requests for no operation of the document are `none`.",
                &["operation", "method", "status"],
            )?,
            durations: HistogramVec::new(
                durations.buckets(BUCKETS.to_vec()),
                &["operation", "method"],
            )?,
            refusals: counter_vec(
                "hallpass_refusals_total",
                "Requests refused, by the code that the caller was told.",
                &["code"],
            )?,
            tokens: counter_vec(
                "hallpass_tokens_issued_total",
                "Access tokens issued, by what was presented for them; those for backends of proxies are `verify`, those for accounts of an application `account`.",
                &["grant"],
            )?,
            connections_refused: IntCounter::new(
                "hallpass_connections_refused_total",
                "Connections closed at once, because their address had an eighth of all connections.",
            )?,
            verified: counter_vec(
                "hallpass_verify_total",
                "Answers to proxies at /verify, by operation of the policy file, decision (allow, challenge, forbid, unavailable; under HALLPASS_POLICY_MODE=report also would-challenge, would-forbid, would-be-unavailable) and reason.",
                &["operation", "method", "decision", "reason"],
            )?,
            started: Timestamp::now(),
        };
        for collector in
            [&counters.requests, &counters.refusals, &counters.tokens, &counters.verified]
        {
            counters.registry.register(Box::new(collector.clone()))?;
        }
        counters.registry.register(Box::new(counters.durations.clone()))?;
        counters.registry.register(Box::new(counters.connections_refused.clone()))?;
        let grants = GrantType::ALL.map(Some).into_iter().chain([None]).map(grant_label);
        for grant in grants.chain([VERIFY_GRANT, ACCOUNT_GRANT]) {
            counters.tokens.get_metric_with_label_values(&[grant])?;
        }
        Ok(counters)
    }

    /// Counts a request that was refused with this code.
    pub(crate) fn refused(&self, code: &str) {
        let counter = self.refusals.get_metric_with_label_values(&[code]);
        counter.iter().for_each(IntCounter::inc);
    }

    /// Counts an answer of `/verify`; none of the policy's operations is `none`.
    pub(crate) fn verified(&self, operation: Option<&Operation>, decision: &str, reason: &str) {
        let name = operation.map_or("none".into(), Operation::name);
        let method = operation.map_or("", |operation| &operation.method);
        let labels = [&*name, method, decision, reason];
        let counter = self.verified.get_metric_with_label_values(&labels);
        counter.iter().for_each(IntCounter::inc);
    }

    /// Counts a token that was issued, at `/token` for a grant type or at `/login` for an API key.
    pub(crate) fn issued(&self, grant_type: Option<GrantType>) {
        self.issued_for(grant_label(grant_type));
    }

    /// Counts a token that was issued to the backend of a proxy.
    pub(crate) fn issued_to_backend(&self) {
        self.issued_for(VERIFY_GRANT);
    }

    /// Counts a token that was issued to an account of the application.
    pub(crate) fn issued_to_account(&self) {
        self.issued_for(ACCOUNT_GRANT);
    }

    fn issued_for(&self, grant: &str) {
        let counter = self.tokens.get_metric_with_label_values(&[grant]);
        counter.iter().for_each(IntCounter::inc);
    }
}

/// The diagnostic for an error that only a mistake in this room causes.
pub(crate) fn diagnostic(error: Error) -> Diagnostic {
    Diagnostic::new("metrics", error.to_string())
}

fn grant_label(grant_type: Option<GrantType>) -> &'static str {
    match grant_type {
        None => "api_key",
        Some(GrantType::ClientCredentials) => "client_credentials",
        Some(GrantType::Password) => "password",
    }
}

pub(crate) fn counter_vec(name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
    IntCounterVec::new(Opts::new(name, help), labels)
}

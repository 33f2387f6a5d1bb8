//! Counts the answers of one operation. Every request passes here: nothing is locked, allocated or looked up by name,
//! but for the first of its status.
//!
//! Must not know who reads it.

use std::{ops::Range, sync::OnceLock, time::Duration};

use actix_web::{Error, dev::ServiceResponse, http::StatusCode};
use prometheus::{Histogram, IntCounter, IntCounterVec};

use crate::policy::{compiled::Policy, operation::Operation};

use crate::server::counters::Metrics;

/// The statuses that there are (RFC 9110 §15).
const STATUSES: Range<usize> = 100..600;

/// The meters of all operations of a document, and the one of all that is not in it.
#[derive(Debug)]
pub(crate) struct Meters {
    operations: Vec<Meter>,
    none: Meter,
}

/// Counts the answers of one operation.
#[derive(Debug)]
pub(crate) struct Meter {
    operation: String,
    method: String,
    durations: Histogram,
    requests: IntCounterVec,
    /// By status, from 100 on; made when a status first occurs, so that only those are shown.
    statuses: Box<[OnceLock<Option<IntCounter>>]>,
}

impl Meters {
    /// The meters for the operations of `policy`, which go on counting where those of an equal operation are.
    ///
    /// # Errors
    /// Only by a fault of this room.
    pub(crate) fn for_all(policy: &Policy, metrics: &Metrics) -> prometheus::Result<Self> {
        let meter = |operation: &Operation| {
            let unnamed = || format!("{} {}", operation.method, operation.path);
            let name = operation.operation_id.clone().unwrap_or_else(unnamed);
            Meter::new(name, operation.method.clone(), metrics)
        };
        Ok(Self {
            operations: policy.operations().map(meter).collect::<prometheus::Result<_>>()?,
            // Whatever a stranger asks for is one series, with no word of the stranger's in it.
            none: Meter::new("none".to_owned(), String::new(), metrics)?,
        })
    }

    /// The meter of an operation of that policy.
    pub(crate) fn of(&self, operation: &Operation) -> &Meter {
        self.operations.get(operation.position).unwrap_or(&self.none)
    }

    /// The meter of whatever the document has no operation for.
    pub(crate) fn of_none(&self) -> &Meter {
        &self.none
    }
}

impl Meter {
    fn new(operation: String, method: String, metrics: &Metrics) -> prometheus::Result<Self> {
        Ok(Self {
            durations: metrics.durations.get_metric_with_label_values(&[&operation, &method])?,
            requests: metrics.requests.clone(),
            statuses: STATUSES.map(|_| OnceLock::new()).collect(),
            operation,
            method,
        })
    }

    /// Counts an answer and the time that it took.
    pub(crate) fn record(&self, answer: &Result<ServiceResponse, Error>, took: Duration) {
        self.durations.observe(took.as_secs_f64());
        let status = match answer {
            Ok(answer) => answer.status(),
            Err(error) => error.as_response_error().status_code(),
        };
        self.counter(status).into_iter().for_each(IntCounter::inc);
    }

    fn counter(&self, status: StatusCode) -> Option<&IntCounter> {
        let slot = usize::from(status.as_u16()).checked_sub(STATUSES.start)?;
        let counter = self.statuses.get(slot)?.get_or_init(|| {
            let labels = [&self.operation, &self.method, status.as_str()];
            self.requests.get_metric_with_label_values(&labels).ok()
        });
        counter.as_ref()
    }
}

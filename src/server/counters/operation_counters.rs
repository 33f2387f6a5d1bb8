//! Counts the answers of one operation. Every request passes here: nothing is locked, allocated or looked up by name,
//! except for the first answer of a status.

use std::{sync::OnceLock, time::Duration};

use actix_web::http::StatusCode;
use prometheus::{Histogram, IntCounter, IntCounterVec, Result};

use crate::{policy::operation::Operation, server::counters::Counters};

/// The statuses of RFC 9110 §15.
const STATUSES: std::ops::Range<usize> = 100..600;

#[derive(Debug)]
pub(crate) struct OperationCounters {
    operation: String,
    method: String,
    durations: Histogram,
    requests: IntCounterVec,
    /// By status, from 100 on; made when a status first occurs, so that only those are exposed.
    statuses: Box<[OnceLock<Option<IntCounter>>]>,
}

impl OperationCounters {
    /// The counters of an operation, which continue those of an operation of the same name.
    ///
    /// # Errors
    /// Only by a mistake in this room.
    pub(crate) fn new(operation: &Operation, counters: &Counters) -> Result<Self> {
        Self::with_labels(operation.name().into_owned(), operation.method.clone(), counters)
    }

    /// The counters of all requests that the document has no operation for: one series, whatever strangers ask for.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn for_unknown(counters: &Counters) -> Result<Self> {
        Self::with_labels("none".to_owned(), String::new(), counters)
    }

    fn with_labels(operation: String, method: String, counters: &Counters) -> Result<Self> {
        Ok(Self {
            durations: counters.durations.get_metric_with_label_values(&[&operation, &method])?,
            requests: counters.requests.clone(),
            statuses: STATUSES.map(|_| OnceLock::new()).collect(),
            operation,
            method,
        })
    }

    /// Counts an answer of this status and the time that it took.
    pub(crate) fn record(&self, status: StatusCode, took: Duration) {
        self.durations.observe(took.as_secs_f64());
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

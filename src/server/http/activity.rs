//! What happens on a connection: requests in progress, bytes that are read by the peer.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use actix_web::HttpRequest;

/// The activity of one connection. Its worker keeps it among the data of the connection.
#[derive(Debug)]
pub(crate) struct Activity {
    requests_in_progress: Cell<usize>,
    events: Cell<usize>,
    /// Events of all connections of the service.
    service_events: Arc<AtomicUsize>,
}

impl Activity {
    pub(crate) fn new(service_events: Arc<AtomicUsize>) -> Self {
        Self { requests_in_progress: Cell::new(0), events: Cell::new(0), service_events }
    }

    /// The activity of the connection that a request came on; none where the connection is not watched.
    pub(crate) fn find(request: &HttpRequest) -> Option<Rc<Self>> {
        request.conn_data::<Rc<Self>>().map(Rc::clone)
    }

    /// Notes that the peer read or sent something.
    pub(crate) fn record(&self) {
        self.events.set(self.events.get().wrapping_add(1));
    }

    /// A number that changes with every event.
    pub(crate) fn events(&self) -> usize {
        self.events.get()
    }

    pub(crate) fn has_request_in_progress(&self) -> bool {
        self.requests_in_progress.get() > 0
    }
}

/// A request that is being answered: as long as it is held, its connection does not count as stuck.
#[derive(Debug)]
pub(crate) struct RequestInProgress(Rc<Activity>);

impl RequestInProgress {
    /// Begins a request; none where its connection is not watched.
    pub(crate) fn begin(request: &HttpRequest) -> Option<Self> {
        let activity = Activity::find(request)?;
        activity.requests_in_progress.set(activity.requests_in_progress.get() + 1);
        Some(Self(activity))
    }
}

impl Drop for RequestInProgress {
    fn drop(&mut self) {
        let activity = &self.0;
        activity.requests_in_progress.set(activity.requests_in_progress.get().saturating_sub(1));
        activity.record();
        activity.service_events.fetch_add(1, Ordering::Relaxed);
    }
}

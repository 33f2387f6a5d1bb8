//! Serves hallpass' own operations on a listener until told to stop.
//!
//! Must not know where the listener or the order to stop came from.

mod connections;
pub(crate) mod heartbeats;
mod metrics_listener;
pub(crate) mod run;

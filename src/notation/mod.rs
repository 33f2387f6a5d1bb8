//! Durations and networks as people write them, in settings, in the roster and on the command line.
//!
//! Must not know what they are used for.

pub(crate) mod duration;
pub(crate) mod network;

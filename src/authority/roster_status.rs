//! How the roster in use relates to its file.

use jiff::Timestamp;

use crate::diagnostics::Diagnostics;

/// How the roster in use relates to its file. The default is that of the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RosterStatus {
    /// Counts the rosters that were in use: 1 at the start, one more with every reload.
    pub(crate) generation: u64,
    /// When the roster in use was taken over; none if it is still the first.
    pub(crate) reloaded: Option<Timestamp>,
    /// Why the roster in use is not that of the file.
    pub(crate) broken: Option<BrokenRoster>,
}

impl Default for RosterStatus {
    fn default() -> Self {
        Self { generation: 1, reloaded: None, broken: None }
    }
}

/// A roster file that cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BrokenRoster {
    /// When that was first found.
    pub(crate) since: Timestamp,
    /// What is wrong with it, as found last.
    pub(crate) diagnostics: Diagnostics,
}

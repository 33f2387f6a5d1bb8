//! Taking over a roster that was read again, as a whole or not at all.
//!
//! Must not know when or why the roster was read.

use std::sync::Arc;

use jiff::Timestamp;

use super::Authority;
use crate::{diagnostics::Diagnostics, roster::LoadedRoster};

/// How the roster in use stands to its file. The default is a roster as it was at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RosterStatus {
    /// Counts the rosters that were in use: the first is 1, and every reload makes it one more.
    pub generation: u64,
    /// When the roster in use was taken over; `None`, if it is still the first.
    pub reloaded: Option<Timestamp>,
    /// What is wrong with the file, which is why the roster in use is an older one.
    pub broken: Option<BrokenRoster>,
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
    pub since: Timestamp,
    /// All its faults as they were found last.
    pub diagnostics: Diagnostics,
}

impl Authority {
    /// Takes over a roster that was read again, for everything that is asked from now on; one with faults is
    /// noted, and the roster in use stays. Returns what is worth a warning.
    ///
    /// # Errors
    /// The faults, given back.
    pub(crate) fn reload(
        &self,
        read: Result<LoadedRoster, Diagnostics>,
        now: Timestamp,
    ) -> Result<Diagnostics, Diagnostics> {
        match read {
            Ok(LoadedRoster { roster, warnings }) => {
                self.uses.keep(|key| roster.key(key).is_some());
                self.roster.store(Arc::new(roster));
                self.roster_status.rcu(|before| RosterStatus {
                    generation: before.generation + 1,
                    reloaded: Some(now),
                    broken: None,
                });
                Ok(warnings)
            }
            Err(diagnostics) => {
                self.roster_status.rcu(|before| RosterStatus {
                    generation: before.generation,
                    reloaded: before.reloaded,
                    broken: Some(BrokenRoster {
                        since: before.broken.as_ref().map_or(now, |broken| broken.since),
                        diagnostics: diagnostics.clone(),
                    }),
                });
                Err(diagnostics)
            }
        }
    }

    /// How the roster in use stands to its file.
    pub(crate) fn roster_status(&self) -> Arc<RosterStatus> {
        self.roster_status.load_full()
    }
}

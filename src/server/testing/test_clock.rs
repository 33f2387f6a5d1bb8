//! The clock of a gate in tests.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use crate::server::clock::Clock;

/// What a [`TestGate`](crate::testing::TestGate) takes for the time, with all its sites: that of the system, and as far
/// ahead of it as a test has moved it. Clones are the same clock.
///
/// By it tokens, API keys and [`AccountStatus::valid_since`](crate::AccountStatus::valid_since) are judged; the limits of
/// failed attempts and of tokens a second are not.
#[derive(Debug, Clone)]
pub struct TestClock(pub(super) Clock);

impl TestClock {
    /// The time by this clock, for the parts of an application that compare with it.
    pub fn now(&self) -> SystemTime {
        let since = self.0.now().duration_since(Timestamp::UNIX_EPOCH);
        SystemTime::UNIX_EPOCH + since.unsigned_abs()
    }

    /// Moves it forward, in steps of a millisecond.
    pub fn advance(&self, by: Duration) {
        self.0.advance(by);
    }
}

//! A thread that looks after the revocations: those that are over are forgotten, and a state file that a restart would
//! not find is reported. It also reminds of a policy that is not enforced.

use std::{
    io,
    sync::Weak,
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::{authority::authority::Authority, config::policy_settings::REPORTS_ONLY};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time between two reminders.
const REMINDER_INTERVAL: Duration = Duration::from_secs(60 * 60);

/// Starts the thread; it ends with the authority. `reports_only`: `/verify` refuses nothing.
///
/// # Errors
/// The system provides no thread.
pub(crate) fn start(authority: Weak<Authority>, reports_only: bool) -> io::Result<()> {
    thread::Builder::new().name("upkeep".to_owned()).spawn(move || {
        let (started, mut fault) = (Instant::now(), None);
        let mut reminders = Reminders::default();
        while let Some(authority) = authority.upgrade() {
            let found = authority.tend_revocations(Timestamp::now(), started.elapsed()).err();
            drop(authority);
            match &found {
                _ if found == fault => {}
                Some(error) => log::error!("HALLPASS_STATE: {error}"),
                None => log::info!("HALLPASS_STATE: revocations are kept again"),
            }
            fault = found;
            if reports_only && reminders.is_due(started.elapsed()) {
                log::warn!("{REPORTS_ONLY}");
            }
            thread::sleep(INTERVAL);
        }
    })?;
    Ok(())
}

/// When something has to be said again.
#[derive(Debug, Default)]
struct Reminders {
    /// Since the start, when it is said for the first time.
    last: Duration,
}

impl Reminders {
    /// Whether the interval is over since it was last due.
    fn is_due(&mut self, since_start: Duration) -> bool {
        let is_due = since_start.saturating_sub(self.last) >= REMINDER_INTERVAL;
        if is_due {
            self.last = since_start;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_is_due_once_an_hour() {
        let mut reminders = Reminders::default();
        let due = (0..4 * 3600).filter(|second| reminders.is_due(Duration::from_secs(*second)));
        assert_eq!(due.collect::<Vec<_>>(), [3600, 7200, 10800]);
    }
}

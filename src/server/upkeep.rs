//! A thread that looks after the state: revocations that are over are forgotten, what a restart or another replica would
//! not find is reported, and when API keys were last used is recorded. It also reminds of a policy that is not enforced,
//! and of what expires soon.

use std::{
    io,
    sync::Weak,
    thread,
    time::{Duration, Instant},
};

use crate::{
    config::policy_settings::REPORTS_ONLY,
    server::{context::Context, expiry},
};

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);
/// Time between two reminders of a policy that is not enforced.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Time between two warnings of what expires soon.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Time between two looks at when API keys were last used.
const KEY_USES: Duration = Duration::from_secs(5);

/// Starts the thread; it ends with the context.
///
/// # Errors
/// The system provides no thread.
pub(crate) fn start(context: Weak<Context>) -> io::Result<()> {
    thread::Builder::new().name("upkeep".to_owned()).spawn(move || {
        let (started, mut fault) = (Instant::now(), None);
        // A start says by itself that nothing is enforced.
        let (mut reports_only, mut expiring) =
            (Reminders::every(HOUR, HOUR), Reminders::every(DAY, Duration::ZERO));
        let mut key_uses = Reminders::every(KEY_USES, Duration::ZERO);
        while let Some(context) = context.upgrade() {
            let (authority, now) = (&context.authority, context.clock.now());
            let found = authority.tend_revocations(now, started.elapsed()).err();
            match (&found, &fault) {
                _ if found == fault => {}
                (Some(error), _) => log::error!("HALLPASS_STATE: {error}"),
                (None, Some(before)) => {
                    log::info!("HALLPASS_STATE: {}: revocations are kept again", before.location);
                }
                (None, None) => {}
            }
            fault = found;
            if key_uses.is_due(started.elapsed()) {
                // What is wrong with the state is told above, once.
                let _ = authority.exchange_key_uses();
            }
            if context.settings.reports_only && reports_only.is_due(started.elapsed()) {
                log::warn!("{REPORTS_ONLY}");
            }
            if expiring.is_due(started.elapsed()) {
                expiry::warn(&authority.roster(), context.tls.as_deref(), now);
            }
            drop(context);
            thread::sleep(INTERVAL);
        }
    })?;
    Ok(())
}

/// When something has to be said again.
#[derive(Debug)]
struct Reminders {
    interval: Duration,
    /// Since the start.
    next: Duration,
}

impl Reminders {
    fn every(interval: Duration, first: Duration) -> Self {
        Self { interval, next: first }
    }

    /// Whether the interval is over since it was last due.
    fn is_due(&mut self, since_start: Duration) -> bool {
        let is_due = since_start >= self.next;
        if is_due {
            self.next = since_start.saturating_add(self.interval);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reminder_is_due_once_an_interval() {
        let due = |mut reminders: Reminders, seconds: u64| {
            (0..seconds)
                .filter(|second| reminders.is_due(Duration::from_secs(*second)))
                .collect::<Vec<_>>()
        };
        assert_eq!(due(Reminders::every(HOUR, HOUR), 4 * 3600), [3600, 7200, 10800]);
        let days = due(Reminders::every(DAY, Duration::ZERO), 3 * 24 * 3600);
        assert_eq!(days, [0, 24 * 3600, 48 * 3600]);
    }
}

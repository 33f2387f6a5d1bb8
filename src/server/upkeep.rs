//! A thread that looks after the revocations: those that are over are forgotten, and a state file that a restart would
//! not find is reported.

use std::{
    io,
    sync::Weak,
    thread,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crate::authority::authority::Authority;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Starts the thread; it ends with the authority.
///
/// # Errors
/// The system provides no thread.
pub(crate) fn start(authority: Weak<Authority>) -> io::Result<()> {
    thread::Builder::new().name("upkeep".to_owned()).spawn(move || {
        let (started, mut fault) = (Instant::now(), None);
        while let Some(authority) = authority.upgrade() {
            let found = authority.tend_revocations(Timestamp::now(), started.elapsed()).err();
            drop(authority);
            match &found {
                _ if found == fault => {}
                Some(error) => log::error!("HALLPASS_STATE: {error}"),
                None => log::info!("HALLPASS_STATE: revocations are kept again"),
            }
            fault = found;
            thread::sleep(INTERVAL);
        }
    })?;
    Ok(())
}

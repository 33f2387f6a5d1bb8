//! Watching files that may change, each in a thread of its own, as long as there is somebody to tell.
//!
//! Must not know requests, or how a change is noticed: whoever looks does.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    authority::Authority,
    diagnostics::Diagnostics,
    roster::{LoadedRoster, RosterFile},
};

use crate::server::prepare::warn;

/// A thread that looks at a file now and then.
#[derive(Debug)]
pub(crate) struct Watch {
    thread: Thread,
    asked: Arc<AtomicBool>,
}

impl Watch {
    /// Has `look` called again and again. It is told whether somebody asked for it, and says how long to wait before
    /// the next time; where there is nobody to tell any more, it says `None`, and the thread ends.
    ///
    /// Polling costs microseconds, sees through every kind of link, and works on network file systems.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn start(
        name: &str,
        mut look: impl FnMut(bool) -> Option<Duration> + Send + 'static,
    ) -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let heard = Arc::clone(&asked);
        let handle = thread::Builder::new().name(name.to_owned()).spawn(move || {
            while let Some(pause) = look(heard.swap(false, Ordering::Acquire)) {
                // Being asked before it parks is not forgotten: the token of `unpark` stays.
                thread::park_timeout(pause);
            }
        })?;
        Ok(Self { thread: handle.thread().clone(), asked })
    }

    /// Has the file read at once, whether it seems changed or not.
    pub(crate) fn read_now(&self) {
        self.asked.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Watches a roster file for an authority.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn watch_roster(
    mut source: RosterFile,
    authority: &Arc<Authority>,
) -> io::Result<Watch> {
    let authority = Arc::downgrade(authority);
    Watch::start("roster", move |asked| {
        if authority.strong_count() == 0 {
            return None;
        }
        let read = if asked { Some(source.read()) } else { source.look() };
        if let (Some(read), Some(authority)) = (read, authority.upgrade()) {
            take_over(&authority, read);
        }
        Some(source.pause())
    })
}

fn take_over(authority: &Authority, read: Result<LoadedRoster, Diagnostics>) {
    match authority.reload(read, Timestamp::now()) {
        Ok(warnings) => {
            let roster = authority.roster();
            let (clients, users) = (roster.clients().count(), roster.users().count());
            log::info!(clients, users; "reloaded the roster");
            warn(&warnings);
        }
        Err(diagnostics) => {
            for diagnostic in diagnostics.iter() {
                log::error!("{diagnostic}");
            }
            log::error!(
                "the roster was not reloaded: the last good one stays until the file is mended"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::PathBuf,
        time::{Duration, Instant},
    };

    use super::*;
    use crate::config::RawSettings;
    use crate::server::{gate::Gate, prepare::prepare};

    /// A gate that watches a roster with one client, and the roster.
    fn watching() -> (tempfile::TempDir, PathBuf, Gate) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        fs::write(&path, "[clients.a]").unwrap();
        let mut raw = RawSettings::default();
        raw.set("HALLPASS_SECRET_KEY", &"x".repeat(32), "test");
        raw.set("HALLPASS_ROSTER", path.to_str().unwrap(), "test");
        raw.set("HALLPASS_STATE", "memory", "test");
        let gate = prepare(&raw).unwrap().gate("http://localhost").unwrap();
        (directory, path, gate)
    }

    /// Waits until something holds, for longer than it may take.
    fn eventually(holds: impl Fn() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_secs(20), "still not");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn changes_reach_the_authority_and_broken_files_its_status() {
        let (_directory, path, gate) = watching();
        let clients = || gate.authority().roster().clients().count();
        let broken = || gate.authority().roster_status().broken.is_some();
        fs::write(&path, "[clients.a]\n[clients.b]").unwrap();
        eventually(|| clients() == 2);
        fs::write(&path, "[clients.a").unwrap();
        eventually(broken);
        assert_eq!(clients(), 2);
        fs::write(&path, "[clients.a]").unwrap();
        eventually(|| clients() == 1 && !broken());
    }

    #[test]
    fn a_reload_that_is_asked_for_happens_though_nothing_changed() {
        let (_directory, _path, gate) = watching();
        assert_eq!(gate.authority().roster_status().reloaded, None);
        gate.reload();
        eventually(|| gate.authority().roster_status().reloaded.is_some());
    }

    #[test]
    fn the_thread_ends_with_the_gate() {
        let (_directory, path, gate) = watching();
        let (source, _) = RosterFile::open(&path);
        let watch = watch_roster(source, gate.shared_authority()).unwrap();
        thread::sleep(Duration::from_millis(700));
        assert_eq!(Arc::strong_count(&watch.asked), 2, "it lives as long as the gate does");
        drop(gate);
        eventually(|| Arc::strong_count(&watch.asked) == 1);
    }
}

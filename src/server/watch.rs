//! Watching the roster file in a thread of its own, as long as there is an authority to tell.
//!
//! Must not know requests, or how a change is noticed: the roster's source does.

use std::{
    io,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, Thread},
};

use jiff::Timestamp;

use crate::{
    authority::Authority,
    problem::Problems,
    roster::{Checked, Source},
};

use super::prepare::warn;

/// The watching thread, which ends by itself soon after the authority is gone.
#[derive(Debug)]
pub(super) struct Watch {
    thread: Thread,
    asked: Arc<AtomicBool>,
}

impl Watch {
    /// Starts to watch.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(super) fn start(source: Source, authority: &Arc<Authority>) -> io::Result<Self> {
        let asked = Arc::new(AtomicBool::new(false));
        let (authority, heard) = (Arc::downgrade(authority), Arc::clone(&asked));
        let thread = thread::Builder::new().name("roster".to_owned());
        let handle = thread.spawn(move || watch(source, &authority, &heard))?;
        Ok(Self { thread: handle.thread().clone(), asked })
    }

    /// Has the file read at once, whether it seems changed or not.
    pub(super) fn read_now(&self) {
        self.asked.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Polls: looking costs microseconds, sees through every kind of link, and works on network file systems.
fn watch(mut source: Source, authority: &Weak<Authority>, asked: &AtomicBool) {
    loop {
        // Being asked before it parks is not forgotten: the token of `unpark` stays.
        thread::park_timeout(source.pause());
        if authority.strong_count() == 0 {
            return;
        }
        let read = match asked.swap(false, Ordering::Acquire) {
            true => Some(source.read()),
            false => source.look(),
        };
        if let (Some(read), Some(authority)) = (read, authority.upgrade()) {
            take_over(&authority, read);
        }
    }
}

fn take_over(authority: &Authority, read: Result<Checked, Problems>) {
    match authority.reload(read, Timestamp::now()) {
        Ok(warnings) => {
            let roster = authority.roster();
            let (clients, users) = (roster.clients().count(), roster.users().count());
            log::info!("reloaded the roster: clients={clients} users={users}");
            warn(&warnings);
        }
        Err(problems) => {
            for problem in problems.iter() {
                log::error!("{problem}");
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
    use crate::{
        config::Raw,
        server::{Gate, prepare},
    };

    /// A gate that watches a roster with one client, and the roster.
    fn watching() -> (tempfile::TempDir, PathBuf, Gate) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        fs::write(&path, "[clients.a]").unwrap();
        let mut raw = Raw::default();
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
        let (source, _) = Source::open(&path);
        let watch = Watch::start(source, gate.shared_authority()).unwrap();
        thread::sleep(Duration::from_millis(700));
        assert_eq!(Arc::strong_count(&watch.asked), 2, "it lives as long as the gate does");
        drop(gate);
        eventually(|| Arc::strong_count(&watch.asked) == 1);
    }
}

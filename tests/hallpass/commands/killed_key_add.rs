//! After `kill -9` during `key add` the roster is the old or the new one.

use std::{
    process::Child,
    thread,
    time::{Duration, Instant},
};

use crate::support::{
    api_key::ApiKey,
    folder::{CommandOutput, Folder},
    roster::Roster,
};

const NEW: &str = ".roster.toml.new";

/// A roster on which `key add` is killed again and again, and the keys that were printed.
struct KillTest {
    folder: Folder,
    printed: Vec<ApiKey>,
    keys: usize,
}

impl KillTest {
    fn new() -> Self {
        let folder = Folder::new();
        // Long enough that writing it takes a while.
        let comment = "# a roster that has grown over the years\n".repeat(400);
        folder.write("roster.toml", &format!("{comment}[clients.billing]\n"));
        Self { folder, printed: Vec::new(), keys: 0 }
    }

    /// Starts `key add`, kills it when `moment` returns, and checks the roster.
    fn kill_key_add(&mut self, moment: impl FnOnce(&Folder, &mut Child)) {
        let mut child = self.folder.command("key add billing").spawn().unwrap();
        moment(&self.folder, &mut child);
        // Fails if the command has ended already.
        let _ended_before = child.kill();
        let output = child.wait_with_output().unwrap();
        let roster = Roster::load(&self.folder.path("roster.toml"));
        let before = self.keys;
        self.keys = roster.keys().len();
        assert!((before..=before + 1).contains(&self.keys), "{before} became {}", self.keys);
        let out = String::from_utf8(output.stdout).unwrap();
        let printed = out.strip_suffix('\n').map(ApiKey::parse);
        // A key is printed before it counts, so a kill in between leaves one that opens nothing.
        let in_force = printed.filter(|key| roster.has(key));
        assert_eq!(in_force.is_some(), self.keys > before, "a key that nobody has seen");
        self.printed.extend(in_force);
        assert!(self.printed.iter().all(|key| roster.has(key)), "a key was lost");
        let mut names = self.folder.names();
        names.retain(|name| !["roster.toml", "roster.toml.lock", NEW].contains(&&**name));
        assert!(names.is_empty(), "leftover files: {names:?}");
    }

    /// The next edit succeeds and removes what a kill has left behind.
    fn next_edit_succeeds(&self) {
        let outcome = self.folder.run("key add billing").success();
        let key = ApiKey::parse(outcome.out.trim_end());
        let roster = Roster::load(&self.folder.path("roster.toml"));
        assert_eq!(roster.key(&key).expires, None);
        assert_eq!(roster.keys().len(), self.keys + 1);
        assert_eq!(self.folder.names(), ["roster.toml"]);
        assert_eq!(self.folder.mode("roster.toml"), 0o600);
    }
}

/// How long `key add` takes on this machine.
fn duration_of_key_add() -> Duration {
    let folder = Folder::new();
    let started = Instant::now();
    folder.run("key add billing").success();
    started.elapsed()
}

#[test]
fn killing_key_add_at_any_moment_loses_no_printed_key() {
    let whole = duration_of_key_add() * 6 / 5;
    let mut test = KillTest::new();
    for part in 0..50 {
        test.kill_key_add(|_, _| thread::sleep(whole * part / 50));
    }
    test.next_edit_succeeds();
}

#[test]
fn killing_key_add_during_the_write_leaves_the_old_or_the_new_roster() {
    let mut test = KillTest::new();
    let mut caught = 0;
    for part in 0..50 {
        test.kill_key_add(|folder, child| {
            // The write is too short to be hit by sleeping, so poll.
            let new = folder.path(NEW);
            let before = new.symlink_metadata().ok().map(|found| found.modified().unwrap());
            while child.try_wait().unwrap().is_none() {
                let now = new.symlink_metadata().ok().map(|found| found.modified().unwrap());
                if now.is_some() && now != before {
                    caught += 1;
                    break;
                }
            }
            let seen = Instant::now();
            while seen.elapsed() < Duration::from_micros(part * 40) {
                thread::yield_now();
            }
        });
    }
    assert!(caught > 0, "no kill hit the write");
    test.next_edit_succeeds();
}

#[test]
fn killing_key_add_while_it_waits_for_the_lock_has_no_effect() {
    let folder = Folder::with_roster("[clients.billing]\n");
    folder.run("key add billing").success();
    let before = folder.read("roster.toml");
    let lock = std::fs::File::create(folder.path("roster.toml.lock")).unwrap();
    lock.lock().unwrap();
    let mut waiting = folder.command("key add billing").spawn().unwrap();
    thread::sleep(duration_of_key_add() * 2);
    assert!(waiting.try_wait().unwrap().is_none(), "it waits for the lock");
    waiting.kill().unwrap();
    let killed = waiting.wait_with_output().unwrap();
    assert!(killed.stdout.is_empty());
    let said = String::from_utf8(killed.stderr).unwrap();
    assert!(said.contains("waiting for it to end") && said.lines().count() == 1, "{said}");
    assert_eq!(folder.read("roster.toml"), before);
    let patient = folder.command("key add billing").spawn().unwrap();
    drop(lock);
    CommandOutput::new("key add", patient.wait_with_output().unwrap()).success();
    assert_eq!(Roster::load(&folder.path("roster.toml")).clients(), ["billing"]);
    assert_eq!(folder.names(), ["roster.toml"], "the lock is gone");
}

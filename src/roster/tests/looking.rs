//! Roster files that change under the eyes of a source.
//!
//! Must not know what becomes of the rosters.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::super::RosterFile;

/// A source on a roster with this text, which it has read long ago.
fn source(text: &str) -> (tempfile::TempDir, PathBuf, RosterFile) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roster.toml");
    fs::write(&path, text).unwrap();
    let (mut source, read) = RosterFile::open(&path);
    assert!(read.is_ok());
    rest(&mut source);
    (directory, path, source)
}

/// Lets so much time pass that only the file's fingerprint is looked at.
fn rest(source: &mut RosterFile) {
    for _ in 0..3 {
        assert_eq!(seen(source), []);
    }
}

/// What as many looks see as a watcher has in two seconds: how many clients, or what is wrong.
fn seen(source: &mut RosterFile) -> Vec<Result<usize, String>> {
    let (mut left, mut seen) = (Duration::from_secs(2), Vec::new());
    while let Some(rest) = left.checked_sub(source.pause()) {
        left = rest;
        seen.extend(source.look().map(|read| match read {
            Ok(checked) => Ok(checked.roster.clients().count()),
            Err(diagnostics) => Err(diagnostics.to_string()),
        }));
    }
    seen
}

fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn a_file_that_lies_still_is_not_read() {
    let (_directory, path, mut source) = source("[clients.a]");
    assert_eq!(seen(&mut source), []);
    // Another file, another time, the same text.
    replace(&path, "[clients.a]");
    assert_eq!(seen(&mut source), []);
}

#[test]
fn a_rename_and_a_write_in_place_are_seen_once() {
    let (_directory, path, mut source) = source("[clients.a]");
    replace(&path, "[clients.a]\n[clients.b]");
    assert_eq!(seen(&mut source), [Ok(2)]);
    fs::write(&path, "[clients.a]").unwrap();
    assert_eq!(seen(&mut source), [Ok(1)]);
}

#[test]
fn a_change_that_leaves_no_trace_is_seen_by_its_text() {
    let (_directory, path, mut source) = source("# 1\n");
    assert!(source.read().is_ok());
    // The same length in the same file; as if within one tick, the source is told what it would find.
    fs::write(&path, "x=1\n").unwrap();
    source.pretend_to_know();
    assert!(matches!(seen(&mut source).as_slice(), [Err(what)] if what.contains("unknown field")));
}

#[cfg(unix)]
#[test]
fn a_copy_that_brings_its_times_along_is_seen() {
    let (_directory, path, mut source) = source("# 1\n");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "x=1\n").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert_eq!(seen(&mut source).len(), 1);
}

#[test]
fn a_file_that_is_being_written_is_waited_for_and_not_for_ever() {
    let (_directory, path, mut source) = source("[clients.a]\n[clients.b]\n");
    // Emptied first, as `cp` does, and then filled: nobody may see it empty.
    fs::write(&path, "").unwrap();
    assert!(source.look().is_none() && source.pause() < Duration::from_millis(200));
    fs::write(&path, "[clients.a]\n[clients.b]\n[clients.c]\n").unwrap();
    assert_eq!(seen(&mut source), [Ok(3)]);
    let mut looks = 0;
    let read = loop {
        looks += 1;
        fs::write(&path, "#".repeat(looks)).unwrap();
        if let Some(read) = source.look() {
            break read;
        }
    };
    assert!(read.is_ok() && looks == 5);
}

#[test]
fn what_is_broken_or_gone_is_said_once_and_what_is_mended_too() {
    let (_directory, path, mut source) = source("[clients.a]");
    fs::write(&path, "\n[clients.a").unwrap();
    assert!(matches!(seen(&mut source).as_slice(), [Err(what)] if what.contains("roster.toml:2")));
    fs::remove_file(&path).unwrap();
    assert!(matches!(seen(&mut source).as_slice(), [Err(what)] if what.contains("no roster")));
    assert_eq!(seen(&mut source), []);
    fs::write(&path, "[clients.a]").unwrap();
    assert_eq!(seen(&mut source), [Ok(1)]);
}

#[test]
fn it_is_read_again_when_asked_for() {
    let (_directory, path, mut source) = source("[clients.a]");
    assert!(source.read().is_ok());
    fs::write(&path, "[clients.a").unwrap();
    assert!(source.read().is_err());
    assert_eq!(seen(&mut source), []);
}

#[cfg(unix)]
#[test]
fn the_link_of_a_directory_may_be_swapped() {
    use std::os::unix::fs::symlink;
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for (version, text) in [("1", "[clients.a]"), ("2", "[clients.b]\n[clients.c]")] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("roster.toml"), text).unwrap();
    }
    symlink("1", at("..data")).unwrap();
    symlink("..data/roster.toml", at("roster.toml")).unwrap();
    let (mut source, read) = RosterFile::open(&at("roster.toml"));
    assert_eq!(read.unwrap().roster.clients().count(), 1);
    rest(&mut source);
    symlink("2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    assert_eq!(seen(&mut source), [Ok(2)]);
}

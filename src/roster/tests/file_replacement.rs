//! Locking and replacement of the roster file.

use std::{fs, path::Path, thread};

use super::COST;
use super::name;
use super::now;

use crate::roster::{
    edit::{self, Entitlements},
    edit_error::EditError,
    roster::Roster,
};

fn add(path: &Path, client: &str) -> Result<(), EditError> {
    edit::add_key(path, &name(client), &Entitlements::default(), None, None, COST, now())?
        .commit()
        .map(drop)
}

#[test]
fn concurrent_edits_are_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roster.toml");
    thread::scope(|scope| {
        for client in 0..8 {
            let path = &path;
            scope.spawn(move || {
                for _ in 0..5 {
                    add(path, &format!("c{client}")).unwrap();
                }
            });
        }
    });
    let roster = Roster::load(&path).unwrap().roster;
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no lock stays behind");
    let keys: Vec<_> = roster.clients().map(|client| client.keys.len()).collect();
    assert_eq!(keys, [5; 8]);
}

#[test]
fn leftovers_of_a_crash_do_not_matter_and_are_removed_by_the_next_edit() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roster.toml");
    let left = directory.path().join(".roster.toml.new");
    fs::write(&left, "half of a ros").unwrap();
    add(&path, "a").unwrap();
    assert!(!left.exists());
    assert_eq!(Roster::load(&path).unwrap().roster.clients().count(), 1);
}

#[test]
fn a_missing_folder_and_an_unwritable_file_are_reported() {
    let directory = tempfile::tempdir().unwrap();
    let error = add(&directory.path().join("no/roster.toml"), "a").unwrap_err();
    assert!(matches!(&error, EditError::NoFolder { .. }), "{error}");
    assert!(error.to_string().contains("no/roster.toml: `mkdir -p -m 700 "), "{error}");
    assert!(matches!(add(directory.path(), "a").unwrap_err(), EditError::Io { .. }));
    assert!(Roster::load(directory.path()).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn a_file_that_is_not_utf_8_names_the_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("roster.toml");
    fs::write(&path, b"# ok\n# \xff\n").unwrap();
    assert!(Roster::load(&path).unwrap_err().to_string().contains("roster.toml:2: not UTF-8"));
    assert!(add(&path, "a").is_err());
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn new_files_are_readable_by_their_owner_only_and_replaced_atomically() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        edit::create(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let before = fs::metadata(&path).unwrap().ino();
        add(&path, "a").unwrap();
        assert_eq!(mode(&path), 0o644);
        assert_ne!(fs::metadata(&path).unwrap().ino(), before);
        let mut names: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["roster.toml"]);
    }

    #[test]
    fn a_link_is_followed_and_kept() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("real")).unwrap();
        let (link, target) =
            (directory.path().join("roster.toml"), directory.path().join("real/r.toml"));
        edit::create(&target).unwrap();
        symlink(&target, &link).unwrap();
        add(&link, "a").unwrap();
        assert!(link.is_symlink());
        assert_eq!(Roster::load(&target).unwrap().roster.clients().count(), 1);
    }

    #[test]
    fn a_dangling_link_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("roster.toml");
        symlink(directory.path().join("nothing"), &link).unwrap();
        assert!(add(&link, "a").is_err());
        assert!(matches!(edit::create(&link), Err(EditError::Exists(_))));
        assert!(link.is_symlink());
    }
}

//! State files that are whole, of other programs, damaged, in use.

use redb::MultimapTableDefinition;

use super::*;

fn error_kind(path: &Path) -> StateErrorKind {
    let error = StateFile::open(path).unwrap_err();
    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    error.kind
}

#[test]
fn what_is_no_state_file_is_refused_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    for foreign in ["x", "[clients]\n", &"a longer text\n".repeat(10_000), &"\0".repeat(70_000)] {
        fs::write(&path, foreign).unwrap();
        let found = error_kind(&path);
        assert!(matches!(found, StateErrorKind::NotOurs(_)), "{} bytes: {found}", foreign.len());
        assert_eq!(fs::read_to_string(&path).unwrap(), foreign);
    }
    assert!(matches!(error_kind(folder.path()), StateErrorKind::NotOurs(_)));
    let missing = StateErrorKind::NoDirectory(folder.path().join("no"));
    assert_eq!(error_kind(&folder.path().join("no/state")), missing);
}

#[test]
fn the_store_of_another_program_or_of_another_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, multimap: bool| {
        let path = folder.path().join(name);
        let database = Database::create(&path).unwrap();
        let transaction = database.begin_write().unwrap();
        if multimap {
            drop(transaction.open_multimap_table(MultimapTableDefinition::<u8, u8>::new(name)));
        } else {
            drop(transaction.open_table(TableDefinition::<u8, u8>::new(name)));
        }
        transaction.commit().unwrap();
        path
    };
    assert!(matches!(error_kind(&made("songs", false)), StateErrorKind::NotOurs(_)));
    assert!(matches!(error_kind(&made("albums", true)), StateErrorKind::NotOurs(_)));
    assert!(matches!(error_kind(&made("revocations_v2", false)), StateErrorKind::Version(_)));
    assert!(matches!(error_kind(&made("key_uses_v2", false)), StateErrorKind::Version(_)));
    let error = StateFile::open(&made("revocations_v1", false)).unwrap().load().unwrap_err();
    assert!(error.to_string().contains("revocations_v1"), "{error}");
}

#[test]
fn a_damaged_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let entries: Vec<_> =
        (0..2000).map(|until| Revocation { id: format!("id {until}"), until }).collect();
    StateFile::open(&path).unwrap().write(&entries, &[]).unwrap();
    let whole = fs::read(&path).unwrap();
    let place = whole.windows(7).position(|seven| seven == b"id 1500").unwrap();
    let mut damaged = whole.clone();
    damaged[place + 3] = b'9';
    for bytes in [&damaged[..], &whole[..whole.len() / 2], &whole[..4096], &whole[..100]] {
        fs::write(&path, bytes).unwrap();
        let found = error_kind(&path);
        assert!(
            matches!(found, StateErrorKind::Damaged(_) | StateErrorKind::NotOurs(_)),
            "{found}"
        );
        assert_eq!(check(&path).unwrap_err().kind, found);
    }
    fs::write(&path, "").unwrap();
    assert_eq!(error_kind(&path), StateErrorKind::Empty, "it would become a new one");
    assert_eq!(check(&path).unwrap_err().kind, StateErrorKind::Empty);
    assert_eq!(fs::metadata(&path).unwrap().len(), 0);
    fs::write(&path, whole).unwrap();
    assert_eq!(StateFile::open(&path).unwrap().load().unwrap().len(), 2000);
}

#[test]
fn checking_makes_nothing_and_locks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    check(&path).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let held = StateFile::open(&path).unwrap();
    check(&path).unwrap();
    assert_eq!(error_kind(&path), StateErrorKind::InUse);
    drop(held);
    StateFile::open(&path).unwrap();
    assert!(check(folder.path()).is_err());
    assert!(check(&folder.path().join("no/folder")).is_err());
}

#[test]
fn what_others_do_to_an_open_file_is_noticed_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (path, aside) = (folder.path().join("state"), folder.path().join("aside"));
    let entry = |id: &str| [Revocation { id: id.to_owned(), until: 10 }];
    let mut file = StateFile::open(&path).unwrap();
    file.write(&entry("older"), &[]).unwrap();
    let older = fs::read(&path).unwrap();
    file.write(&entry("first"), &[]).unwrap();
    let whole = fs::read(&path).unwrap();
    let cut = || OpenOptions::new().write(true).open(&path).unwrap().set_len(4096).unwrap();
    let changes: [(&str, &dyn Fn()); 6] = [
        ("removed", &|| fs::rename(&path, &aside).unwrap()),
        ("replaced", &|| {
            fs::rename(&path, &aside).unwrap();
            fs::copy(&aside, &path).unwrap();
        }),
        ("changed by another program", &|| fs::write(&path, "").unwrap()),
        ("changed by another program", &|| fs::write(&path, "x".repeat(whole.len())).unwrap()),
        ("changed by another program", &|| fs::write(&path, &older).unwrap()),
        ("changed by another program", &cut),
    ];
    for (what, change) in changes {
        file.check().unwrap();
        change();
        let found = fs::read(&path).ok();
        for refused in [file.check(), file.write(&entry("second"), &[])] {
            assert_eq!(refused.unwrap_err().kind, StateErrorKind::Changed(what));
        }
        assert_eq!(fs::read(&path).ok(), found, "{what}: it is left as it is");
        if aside.exists() {
            fs::rename(&aside, &path).unwrap();
        } else {
            fs::write(&path, &whole).unwrap();
        }
    }
    file.write(&entry("second"), &[]).unwrap();
    assert_eq!(file.load().unwrap().len(), 3);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_a_new_file() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    drop(StateFile::open(&path).unwrap());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
}

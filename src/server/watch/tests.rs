//! Files that change while they are followed.

use std::{
    os::unix::fs::{PermissionsExt, symlink},
    process::Command,
};

use super::*;

/// Files that are looked at, and the time, which passes only here.
struct Looks {
    files: FollowedFiles,
    now: Instant,
}

impl Looks {
    fn at(paths: Vec<PathBuf>) -> (Self, String) {
        let (files, read) = FollowedFiles::open(paths);
        let mut looks = Self { now: files.changed, files };
        let read = texts(&read);
        assert_eq!(looks.seen(5), [""; 0]);
        (looks, read)
    }

    /// What is read in so many seconds: each text, or why there is none.
    fn seen(&mut self, seconds: u64) -> Vec<String> {
        let (mut left, mut seen) = (Duration::from_secs(seconds), Vec::new());
        while let Some(rest) = left.checked_sub(self.files.interval()) {
            left = rest;
            seen.extend(self.look());
        }
        seen
    }

    /// What the next look reads.
    fn look(&mut self) -> Option<String> {
        self.now += self.files.interval();
        self.files.look(self.now).map(|read| texts(&read))
    }
}

/// A followed file with this text that was read long ago.
fn followed(text: &str) -> (tempfile::TempDir, PathBuf, Looks) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, text).unwrap();
    let (looks, read) = Looks::at(vec![path.clone()]);
    assert_eq!(read, text);
    (directory, path, looks)
}

fn texts(read: &FilesRead) -> String {
    let text = |read: &FileRead| match read {
        Ok(content) => String::from_utf8(content.bytes().to_vec()).unwrap(),
        Err(error) => error.to_string(),
    };
    read.iter().map(|(_, read)| text(read)).collect::<Vec<_>>().join("|")
}

fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn files_that_do_not_change_are_not_read() {
    let (_directory, path, mut looks) = followed("one");
    assert_eq!(looks.seen(5), [""; 0]);
    // Another file and another time, but the same text.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    looks.seen(5);
    replace(&path, "one");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(looks.seen(5), [""; 0]);
}

#[test]
fn a_rename_and_a_write_in_place_are_each_seen_once_within_two_seconds() {
    let (_directory, path, mut looks) = followed("one");
    replace(&path, "two");
    assert_eq!(looks.seen(2), ["two"]);
    fs::write(&path, "three").unwrap();
    assert_eq!(looks.seen(2), ["three"]);
    assert_eq!(looks.seen(5), [""; 0]);
}

#[test]
fn a_change_counts_once_it_has_stayed_for_a_second() {
    let (_directory, path, mut looks) = followed("one");
    // Emptied first, as `cp` does, and then filled bit by bit: only the end is seen.
    for text in ["", "t", "tw", "two"] {
        fs::write(&path, text).unwrap();
        let written = looks.now;
        while looks.now - written < Duration::from_millis(800) {
            assert_eq!(looks.look(), None);
        }
    }
    assert_eq!(looks.seen(1), ["two"]);
    // A change that is taken back is none.
    fs::write(&path, "").unwrap();
    assert_eq!(looks.look(), None);
    fs::write(&path, "two").unwrap();
    assert_eq!(looks.seen(5), [""; 0]);
}

#[test]
fn a_file_that_never_stays_the_same_is_reported_once_and_read_when_it_does() {
    let (_directory, path, mut looks) = followed("one");
    let started = looks.now;
    let mut reports = Vec::new();
    while looks.now - started < Duration::from_secs(30) {
        fs::write(&path, format!("{:?}", looks.now)).unwrap();
        reports.extend(looks.look());
    }
    assert!(matches!(&reports[..], [report] if report.contains("has been changing for 10 s")));
    // Also where it is what it was.
    fs::write(&path, "one").unwrap();
    assert_eq!(looks.seen(2), ["one"]);
}

#[test]
fn a_change_within_one_tick_of_the_clock_is_seen_by_the_content() {
    let (_directory, path, mut looks) = followed("one");
    looks.files.read(looks.now);
    fs::write(&path, "two").unwrap();
    // As if the change had left size and times as they were.
    looks.files.metadata = looks.files.current_metadata();
    assert_eq!(looks.seen(2), ["two"]);
}

#[test]
fn a_copy_with_preserved_times_is_seen() {
    let (_directory, path, mut looks) = followed("one");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "two").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert_eq!(looks.seen(2), ["two"]);
}

#[test]
fn another_mode_is_seen() {
    let (_directory, path, mut looks) = followed("one");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    assert_eq!(looks.seen(2), ["one"]);
}

#[test]
fn a_file_that_is_missing_is_reported_once_and_its_return_too() {
    let (_directory, path, mut looks) = followed("one");
    fs::remove_file(&path).unwrap();
    let reports = looks.seen(5);
    assert!(matches!(&reports[..], [report] if report.contains("No such file")), "{reports:?}");
    fs::write(&path, "one").unwrap();
    assert_eq!(looks.seen(2), ["one"]);
}

#[test]
fn what_is_no_regular_file_is_reported_and_never_waited_for() {
    let (directory, path, mut looks) = followed("one");
    let fifo = directory.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    for (target, report) in [
        (&*fifo, "it is a pipe"),
        ("/dev/zero".as_ref(), "no regular file"),
        (directory.path(), "a directory"),
    ] {
        fs::remove_file(&path).unwrap();
        symlink(target, &path).unwrap();
        let reports = looks.seen(2);
        assert!(matches!(&reports[..], [seen] if seen.contains(report)), "{reports:?}");
    }
    fs::remove_file(&path).unwrap();
    fs::write(&path, "two").unwrap();
    assert_eq!(looks.seen(2), ["two"]);
}

#[test]
fn a_file_of_unbounded_size_is_reported() {
    let (_directory, path, mut looks) = followed("one");
    // Sparse: it takes no space.
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let reports = looks.seen(2);
    assert!(matches!(&reports[..], [seen] if seen.contains("larger than 64 MiB")), "{reports:?}");
}

#[test]
fn a_read_on_request_counts_as_seen() {
    let (_directory, path, mut looks) = followed("one");
    fs::write(&path, "two").unwrap();
    assert_eq!(texts(&looks.files.read(looks.now)), "two");
    assert_eq!(looks.seen(5), [""; 0]);
}

#[test]
fn a_change_of_one_of_several_files_reads_all() {
    let (directory, path, _) = followed("one");
    let other = directory.path().join("other");
    fs::write(&other, "a").unwrap();
    let (mut looks, _) = Looks::at(vec![path, other.clone()]);
    fs::write(&other, "b").unwrap();
    assert_eq!(looks.seen(2), ["one|b"]);
}

#[test]
fn the_symbolic_link_of_a_directory_may_be_swapped() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    for version in ["1", "2"] {
        fs::create_dir(at(version)).unwrap();
        fs::write(at(version).join("file"), version).unwrap();
    }
    symlink("1", at("..data")).unwrap();
    symlink("..data/file", at("file")).unwrap();
    let (mut looks, read) = Looks::at(vec![at("file")]);
    assert_eq!(read, "1");
    symlink("2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    assert_eq!(looks.seen(2), ["2"]);
}

#[test]
fn a_watcher_whose_thread_has_ended_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "one").unwrap();
    let user = Arc::new(());
    let (files, _) = FollowedFiles::open(vec![path]);
    let watcher =
        Watcher::start("test file", files, Arc::downgrade(&user), |&(), _| panic!("as told"));
    assert!(watcher.is_following());
    watcher.read_now();
    let started = Instant::now();
    while watcher.is_following() {
        assert!(started.elapsed() < Duration::from_secs(20), "the panic is not noticed");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_watcher_that_is_stuck_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let (files, _) = FollowedFiles::open(vec![directory.path().join("file")]);
    let user = Arc::new(());
    let mut watcher = Watcher::start("test file", files, Arc::downgrade(&user), |&(), _| {});
    // As if it had been started long ago and had not looked since.
    watcher.signals = Arc::new(Signals {
        asked: AtomicU64::new(0),
        answered: AtomicU64::new(0),
        started: Instant::now().checked_sub(STUCK).unwrap(),
        last_look: AtomicU64::new(0),
    });
    assert!(!watcher.is_following());
}

#[test]
fn files_that_come_to_a_directory_and_leave_it_are_seen() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("b.pem"), "b").unwrap();
    fs::write(at("other"), "not one of them").unwrap();
    let (files, read) = FollowedFiles::open_directory(directory.path().to_owned(), "pem");
    assert_eq!(texts(&read), "b");
    let mut looks = Looks { now: files.changed, files };
    fs::write(at(".c.pem"), "not finished").unwrap();
    assert_eq!(looks.seen(5), [""; 0]);
    fs::write(at("a.pem"), "a").unwrap();
    assert_eq!(looks.seen(5), ["a|b"]);
    fs::rename(at("a.pem"), at("c.pem")).unwrap();
    assert_eq!(looks.seen(5), ["b|a"]);
    fs::remove_file(at("b.pem")).unwrap();
    assert_eq!(looks.seen(5), ["a"]);
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let [seen] = &*looks.seen(5) else { panic!("it is seen once") };
    assert!(seen.contains("may put files into it (mode 0777)"), "{seen}");
    fs::remove_dir_all(directory.path()).unwrap();
    looks.seen(5);
    fs::create_dir(directory.path()).unwrap();
    assert_eq!(looks.seen(5), [""]);
}

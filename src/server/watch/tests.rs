//! Files that change while they are followed.

use std::os::unix::fs::symlink;

use super::*;

/// A followed file with this text that was read long ago.
fn followed(text: &str) -> (tempfile::TempDir, PathBuf, FollowedFiles) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, text).unwrap();
    let (mut files, read) = FollowedFiles::open(vec![path.clone()]);
    assert!(read[0].is_ok());
    settle(&mut files);
    (directory, path, files)
}

/// Lets so much time pass that only the metadata is looked at.
fn settle(files: &mut FollowedFiles) {
    for _ in 0..3 {
        assert_eq!(seen(files), [""; 0]);
    }
}

/// What is read in two seconds: each text, or the kind of its error.
fn seen(files: &mut FollowedFiles) -> Vec<String> {
    let (mut left, mut seen) = (Duration::from_secs(2), Vec::new());
    while let Some(rest) = left.checked_sub(files.interval()) {
        left = rest;
        seen.extend(files.look().map(|read| texts(&read)));
    }
    seen
}

fn texts(read: &[FileContent]) -> String {
    let text = |read: &FileContent| match read {
        Ok(content) => String::from_utf8(content.expose_secret().clone()).unwrap(),
        Err(error) => error.kind().to_string(),
    };
    read.iter().map(text).collect::<Vec<_>>().join("|")
}

fn replace(path: &Path, text: &str) {
    let new = path.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, path).unwrap();
}

#[test]
fn files_that_do_not_change_are_not_read() {
    let (_directory, path, mut files) = followed("one");
    assert_eq!(seen(&mut files), [""; 0]);
    // Another file and another time, but the same text.
    replace(&path, "one");
    assert_eq!(seen(&mut files), [""; 0]);
}

#[test]
fn a_rename_and_a_write_in_place_are_each_seen_once() {
    let (_directory, path, mut files) = followed("one");
    replace(&path, "two");
    assert_eq!(seen(&mut files), ["two"]);
    fs::write(&path, "three").unwrap();
    assert_eq!(seen(&mut files), ["three"]);
}

#[test]
fn a_change_within_one_tick_of_the_clock_is_seen_by_the_content() {
    let (_directory, path, mut files) = followed("one");
    files.read();
    fs::write(&path, "two").unwrap();
    // As if the change had left size and times as they were.
    files.metadata = files.current_metadata();
    assert_eq!(seen(&mut files), ["two"]);
}

#[test]
fn a_copy_with_preserved_times_is_seen() {
    let (_directory, path, mut files) = followed("one");
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "two").unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert_eq!(seen(&mut files), ["two"]);
}

#[test]
fn a_file_that_is_being_written_is_waited_for_but_not_for_ever() {
    let (_directory, path, mut files) = followed("one");
    // Emptied first, as `cp` does, and then filled: it is never seen empty.
    fs::write(&path, "").unwrap();
    assert!(files.look().is_none() && files.interval() < Duration::from_millis(200));
    fs::write(&path, "two").unwrap();
    assert_eq!(seen(&mut files), ["two"]);
    let mut looks = 0;
    let read = loop {
        looks += 1;
        fs::write(&path, "#".repeat(looks)).unwrap();
        if let Some(read) = files.look() {
            break read;
        }
    };
    assert_eq!((texts(&read).len(), looks), (5, 5));
}

#[test]
fn a_file_that_is_missing_is_reported_once_and_its_return_too() {
    let (_directory, path, mut files) = followed("one");
    fs::remove_file(&path).unwrap();
    assert_eq!(seen(&mut files), [io::ErrorKind::NotFound.to_string()]);
    assert_eq!(seen(&mut files), [""; 0]);
    fs::write(&path, "one").unwrap();
    assert_eq!(seen(&mut files), ["one"]);
}

#[test]
fn a_read_on_request_counts_as_seen() {
    let (_directory, path, mut files) = followed("one");
    fs::write(&path, "two").unwrap();
    assert_eq!(texts(&files.read()), "two");
    assert_eq!(seen(&mut files), [""; 0]);
}

#[test]
fn a_change_of_one_of_several_files_reads_all() {
    let (directory, path, _) = followed("one");
    let other = directory.path().join("other");
    fs::write(&other, "a").unwrap();
    let (mut files, _) = FollowedFiles::open(vec![path, other.clone()]);
    settle(&mut files);
    fs::write(&other, "b").unwrap();
    assert_eq!(seen(&mut files), ["one|b"]);
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
    let (mut files, read) = FollowedFiles::open(vec![at("file")]);
    assert_eq!(texts(&read), "1");
    settle(&mut files);
    symlink("2", at("..data_tmp")).unwrap();
    fs::rename(at("..data_tmp"), at("..data")).unwrap();
    assert_eq!(seen(&mut files), ["2"]);
}

//! `hallpass signing-key rotate`: its steps, its waits, and what a kill leaves behind.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    thread,
    time::{Duration, Instant, SystemTime},
};

use crate::support::folder::{CommandOutput, Folder};

const KEYS: (&str, &str) = ("HALLPASS_SIGNING_KEY", "keys");

/// A folder with an empty directory of keys and a roster.
fn folder() -> Folder {
    let folder = Folder::with_roster("");
    fs::create_dir(folder.path("keys")).unwrap();
    folder
}

/// The same with a first key.
fn with_key() -> Folder {
    let folder = folder();
    rotate(&folder, "").success();
    folder
}

fn rotate(folder: &Folder, arguments: &str) -> CommandOutput {
    folder.run_with(&[KEYS], &format!("signing-key rotate {arguments}"))
}

/// The names in the directory of keys, in order.
fn names(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path("keys")).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Makes a key file older.
pub(crate) fn age(folder: &Folder, name: &str, time: Duration) {
    let file = fs::File::options().append(true).open(folder.path(name)).unwrap();
    file.set_modified(SystemTime::now() - time).unwrap();
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn each_call_takes_one_step_and_says_what_it_did() {
    let folder = folder();
    let first = folder.run("signing-key rotate keys --algorithm p256").success();
    assert!(first.out.starts_with("keys: made the first key, current.pem (kid "), "{first:?}");
    assert!(folder.read("keys/current.pem").starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let old = folder.read("keys/current.pem");
    rotate(&folder, "").success().stdout_contains(&["keys: made next.pem (kid ", "may sign from "]);
    assert_eq!(names(&folder), ["current.pem", "next.pem"]);
    let new = folder.read("keys/next.pem");
    assert_eq!(folder.read("keys/current.pem"), old);
    age(&folder, "keys/next.pem", 10 * MINUTE);
    rotate(&folder, "").success().stdout_contains(&["current.pem is the new key", "former.pem"]);
    assert_eq!(names(&folder), ["current.pem", "former.pem"]);
    assert_eq!(folder.read("keys/current.pem"), new);
    assert_eq!(folder.read("keys/former.pem"), old);
    for name in ["keys/current.pem", "keys/former.pem"] {
        assert_eq!(folder.mode(name), 0o600, "{name}");
    }
    age(&folder, "keys/former.pem", 40 * MINUTE);
    rotate(&folder, "").success().stdout_contains(&["removed former.pem", "complete"]);
    assert_eq!(names(&folder), ["current.pem"]);
    folder.run_with(&[KEYS], "check").success();
    rotate(&folder, "").success().stdout_contains(&["made next.pem"]);
}

#[test]
fn a_step_before_its_time_is_refused_and_changes_nothing() {
    let folder = with_key();
    rotate(&folder, "").success();
    let too_early = |arguments: &[(&str, &str)], why: &str| {
        let before = names(&folder);
        let settings: Vec<_> = [&[KEYS], arguments].concat();
        let refused = folder.run_with(&settings, "signing-key rotate").failure();
        let told = refused.err.trim_end();
        assert!(told.contains(why) && told.contains("the next step may be taken from 2"), "{told}");
        assert_eq!(names(&folder), before);
    };
    let published = "the next key was published a short time ago";
    too_early(&[], published);
    // Others may keep the JWK Set for five minutes.
    age(&folder, "keys/next.pem", 5 * MINUTE);
    too_early(&[], published);
    age(&folder, "keys/next.pem", 7 * MINUTE);
    rotate(&folder, "").success();
    let signed = "tokens that the former key has signed are still accepted";
    age(&folder, "keys/former.pem", 30 * MINUTE);
    too_early(&[], signed);
    age(&folder, "keys/former.pem", 60 * MINUTE);
    too_early(&[("HALLPASS_TOKEN_LIFETIME", "1h")], signed);
    age(&folder, "keys/former.pem", 65 * MINUTE);
    too_early(&[("HALLPASS_TOKEN_LIFETIME", "1h"), ("HALLPASS_LEEWAY", "5m")], signed);
    // The settings of .env are those of the service.
    folder.write(".env", "HALLPASS_TOKEN_LIFETIME=2h\nHALLPASS_SIGNING_KEY=keys\n");
    folder.run("signing-key rotate").failure();
    folder.write(".env", "HALLPASS_TOKEN_LIFETIME=1h\nHALLPASS_SIGNING_KEY=keys\n");
    folder.run("signing-key rotate").success();
}

#[test]
fn a_time_in_the_future_is_counted_from_now_on() {
    let folder = with_key();
    rotate(&folder, "").success();
    let file = fs::File::options().append(true).open(folder.path("keys/next.pem")).unwrap();
    file.set_modified(SystemTime::now() + 1000 * MINUTE).unwrap();
    rotate(&folder, "").failure();
    let modified = fs::metadata(folder.path("keys/next.pem")).unwrap().modified().unwrap();
    assert!(modified <= SystemTime::now());
}

#[test]
fn a_new_key_is_of_the_kind_of_the_current_one_unless_told_otherwise() {
    for (algorithm, least, most) in
        [("ed25519", 100, 150), ("p256", 200, 300), ("rsa3072", 2000, 3000)]
    {
        let folder = folder();
        rotate(&folder, &format!("--algorithm {algorithm}")).success();
        rotate(&folder, "").success();
        for name in ["keys/current.pem", "keys/next.pem"] {
            let length = folder.read(name).len();
            assert!((least..most).contains(&length), "{algorithm} {name}: {length}");
        }
    }
    let folder = with_key();
    rotate(&folder, "--algorithm p256").success();
    assert!(folder.read("keys/next.pem").len() > 200);
    rotate(&folder, "--algorithm dsa").usage_error();
}

#[test]
fn new_keys_keep_whether_the_group_may_read_them() {
    let folder = with_key();
    folder.set_mode("keys/current.pem", 0o644);
    rotate(&folder, "").success();
    assert_eq!(folder.mode("keys/next.pem"), 0o640);
    let [current, next] =
        ["keys/current.pem", "keys/next.pem"].map(|name| fs::metadata(folder.path(name)).unwrap());
    assert_eq!((current.uid(), current.gid()), (next.uid(), next.gid()));
}

#[test]
fn what_cannot_be_rotated_is_refused_with_its_reason() {
    let folder = folder();
    folder.write("signing.pem", "");
    for (line, why) in [
        (
            "signing-key rotate elsewhere",
            "elsewhere: there is no such directory: `mkdir -m 700 elsewhere`",
        ),
        ("signing-key rotate signing.pem", "signing.pem: it is a file"),
        ("signing-key rotate", "set HALLPASS_SIGNING_KEY"),
    ] {
        folder.run(line).failure().stderr_contains(&[why]);
    }
    folder.write("keys/mine.pem", "");
    rotate(&folder, "")
        .failure()
        .stderr_contains(&["keys: holds no current.pem", "mine.pem: holds no PEM"]);
    fs::remove_file(folder.path("keys/mine.pem")).unwrap();
    rotate(&folder, "").success();
    rotate(&folder, "").success();
    age(&folder, "keys/next.pem", 10 * MINUTE);
    let next = folder.read("keys/next.pem");
    folder.write("keys/next.pem", "half");
    rotate(&folder, "").failure().stderr_contains(&["keys/next.pem: holds no PEM"]);
    folder.write("keys/next.pem", &next);
    folder.set_mode("keys", 0o777);
    rotate(&folder, "").failure().stderr_contains(&["may put files into it", "chmod o-w keys"]);
    folder.set_mode("keys", 0o755);
    fs::rename(folder.path("keys/next.pem"), folder.path("elsewhere")).unwrap();
    symlink("../elsewhere", folder.path("keys/next.pem")).unwrap();
    rotate(&folder, "").failure().stderr_contains(&["keys/next.pem: it is a symbolic link"]);
}

#[test]
fn a_step_that_was_killed_between_its_parts_is_finished_by_the_next_call() {
    let folder = with_key();
    rotate(&folder, "").success();
    let (old, new) = (folder.read("keys/current.pem"), folder.read("keys/next.pem"));
    age(&folder, "keys/next.pem", 10 * MINUTE);
    folder.write("keys/former.pem", &old);
    age(&folder, "keys/former.pem", 1000 * MINUTE);
    folder.write("keys/.key.new", "half");
    folder.run_with(&[KEYS], "check").success();
    rotate(&folder, "").success().stdout_contains(&["current.pem is the new key"]);
    assert_eq!((folder.read("keys/current.pem"), folder.read("keys/former.pem")), (new, old));
    assert_eq!(names(&folder), ["current.pem", "former.pem"]);
    // Until now the former key has signed.
    rotate(&folder, "").failure();
}

#[test]
fn a_kill_at_any_moment_loses_no_key() {
    let folder = with_key();
    let started = Instant::now();
    let other = with_key();
    let whole = started.elapsed() * 3 / 2;
    drop(other);
    let mut steps = 0;
    let contents = |name: &str| fs::read_to_string(folder.path(&format!("keys/{name}"))).ok();
    for part in 0..40 {
        for name in ["keys/next.pem", "keys/former.pem"] {
            if folder.path(name).exists() {
                age(&folder, name, 1000 * MINUTE);
            }
        }
        let before = contents("current.pem").unwrap();
        let next = contents("next.pem");
        let mut child = folder.command("signing-key rotate keys").spawn().unwrap();
        thread::sleep(whole * part / 40);
        let _ended_before = child.kill();
        steps += usize::from(child.wait().unwrap().success());
        let all: Vec<_> =
            ["current.pem", "next.pem", "former.pem"].into_iter().filter_map(contents).collect();
        assert!(all.contains(&before), "{part}: the key that signed is gone");
        assert!(next.is_none_or(|next| all.contains(&next)), "{part}: the next key is gone");
        folder.run_with(&[KEYS], "check").success();
        let mut names = names(&folder);
        names.retain(|name| {
            !["current.pem", "next.pem", "former.pem", "current.pem.lock", ".key.new"]
                .contains(&&**name)
        });
        assert!(names.is_empty(), "leftover files: {names:?}");
    }
    assert!(steps > 0, "no step came to its end");
    // What a kill left behind is gone after the next call.
    rotate(&folder, "");
    assert!(names(&folder).iter().all(|name| name.ends_with(".pem")), "{:?}", names(&folder));
}

#[test]
fn check_covers_the_directory() {
    let folder = folder();
    let check = || folder.run_with(&[KEYS], "check --bind 127.0.0.1:0");
    check()
        .exit_code(1)
        .stdout_contains(&["keys: holds no signing key: `hallpass signing-key rotate`"]);
    rotate(&folder, "").success();
    check().success();
    folder.write("keys/a.pem", "nothing");
    folder.write("keys/b.pem", &folder.read("keys/current.pem"));
    folder.set_mode("keys/b.pem", 0o602);
    folder.write("keys/notes.txt", "not a key");
    let found = check().exit_code(1).stdout_contains(&[
        "keys/a.pem: holds no PEM",
        "keys/b.pem: every user of this machine may write it",
    ]);
    assert_eq!(found.out.lines().count(), 2, "{found:?}");
    fs::remove_file(folder.path("keys/a.pem")).unwrap();
    folder.set_mode("keys/b.pem", 0o644);
    check()
        .success()
        .stdout_contains(&["keys/b.pem: every user of this machine may read it", "(a warning)"]);
    folder.set_mode("keys", 0o1777);
    check().exit_code(1).stdout_contains(&[
        "keys: cannot be used: every user of this machine may put files into it",
    ]);
}

#[test]
fn a_former_key_is_withdrawn_before_the_next_one_signs() {
    let folder = with_key();
    rotate(&folder, "").success();
    let old = folder.read("keys/next.pem");
    age(&folder, "keys/next.pem", 10 * MINUTE);
    rotate(&folder, "").success();
    // Somebody has published another key by hand.
    folder.write("keys/next.pem", &old);
    age(&folder, "keys/next.pem", 10 * MINUTE);
    rotate(&folder, "").failure();
    age(&folder, "keys/former.pem", 40 * MINUTE);
    rotate(&folder, "").success().stdout_contains(&["removed former.pem"]);
    assert_eq!(names(&folder), ["current.pem", "next.pem"]);
}

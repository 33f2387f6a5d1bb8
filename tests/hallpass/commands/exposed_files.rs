//! Files with secrets that everybody may write are refused; that everybody may read is warned about.

use super::SECRET;
use crate::{support::folder::Folder, tls::Pair};

/// Checks that the mode of one file matters, with a setting that names it.
fn assert_mode_matters(folder: &Folder, file: &str, environment: &[(&str, &str)]) {
    let run = |line: &str| folder.run_with(environment, line);
    for (mode, who) in [(0o602, "0602"), (0o666, "0666"), (0o646, "0646")] {
        folder.set_mode(file, mode);
        let text = format!(
            "{file}: every user of this machine may write it (mode {who}): `chmod o-w {file}`"
        );
        let check = run("check --bind 127.0.0.1:0").exit_code(1);
        assert_eq!(check.out.lines().collect::<Vec<_>>(), [&text]);
        assert_eq!(run("serve --bind 127.0.0.1:0").failure().err, check.out);
    }
    folder.set_mode(file, 0o644);
    let text =
        format!("{file}: every user of this machine may read it (mode 0644): `chmod o-r {file}`");
    run("check").success().stdout_contains(&[&text]);
    for mode in [0o660, 0o600, 0o400] {
        folder.set_mode(file, mode);
        assert!(!run("check").success().out.contains("every user"), "{mode:o}");
    }
}

#[test]
fn the_modes_of_files_with_secrets_are_checked() {
    let Pair { key, certificate, .. } = Pair::new();
    let folder = Folder::with_roster("");
    folder.write("key.pem", &key);
    folder.write("cert.pem", &certificate);
    folder.set_mode("cert.pem", 0o644);
    let tls = [SECRET, ("HALLPASS_TLS_CERT", "cert.pem"), ("HALLPASS_TLS_KEY", "key.pem")];
    assert_mode_matters(&folder, "roster.toml", &[SECRET]);
    assert_mode_matters(&folder, "key.pem", &tls);
    assert_mode_matters(&folder, "key.pem", &[("HALLPASS_SIGNING_KEY", "key.pem")]);
    let previous = [SECRET, ("HALLPASS_PREVIOUS_SIGNING_KEYS", "key.pem")];
    assert_mode_matters(&folder, "key.pem", &previous);
    folder.write(".env", "HALLPASS_DOCS=on\n");
    assert_mode_matters(&folder, ".env", &[SECRET]);
}

#[test]
fn a_device_in_the_place_of_env_is_nothing_to_complain_about() {
    let folder = Folder::with_roster("");
    std::os::unix::fs::symlink("/dev/null", folder.path(".env")).unwrap();
    let out = folder.run_with(&[SECRET], "check").success().out;
    assert_eq!(out.lines().count(), 1, "{out}");
}

#[test]
fn a_signing_key_may_come_from_a_pipe() {
    let key = Pair::new().key;
    let folder = Folder::with_roster("");
    let fifo = folder.path("fifo");
    assert!(
        std::process::Command::new("mkfifo")
            .args(["-m", "600"])
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let writer = std::thread::spawn(move || std::fs::write(fifo, key).unwrap());
    folder.run_with(&[("HALLPASS_SIGNING_KEY", "fifo")], "check").success();
    writer.join().unwrap();
}

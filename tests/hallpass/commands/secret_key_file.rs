//! `HALLPASS_SECRET_KEY_FILE`, and credentials of systemd.

use crate::support::folder::{CommandOutput, Folder};

const SECRET: &str = "0123456789abcdef0123456789abcdef";
const FILE: (&str, &str) = ("HALLPASS_SECRET_KEY_FILE", "secret");

fn check(folder: &Folder, settings: &[(&str, &str)]) -> CommandOutput {
    folder.run_with(settings, "check --bind 127.0.0.1:0")
}

#[test]
fn one_newline_at_the_end_is_not_part_of_the_secret() {
    let folder = Folder::with_roster("");
    for (text, is_long_enough) in [
        (SECRET.to_owned(), true),
        (format!("{SECRET}\n"), true),
        (format!("{}\n", &SECRET[1..]), false),
        (format!("{}\r\n", &SECRET[1..]), false),
        (format!("{}\n\n", &SECRET[1..]), true),
        (format!(" {}", &SECRET[1..]), true),
    ] {
        folder.write("secret", &text);
        let checked = check(&folder, &[FILE]);
        match is_long_enough {
            true => checked.success(),
            false => checked.exit_code(1).stdout_contains(&[
                "HALLPASS_SECRET_KEY_FILE names secret, which is shorter than 32 bytes",
            ]),
        };
    }
}

#[test]
fn what_is_wrong_with_the_file_is_told_without_what_is_in_it() {
    let folder = Folder::with_roster("");
    folder.write("secret", SECRET);
    for other in [("HALLPASS_SECRET_KEY", SECRET), ("HALLPASS_SIGNING_KEY", "key.pem")] {
        let both = check(&folder, &[FILE, other]).exit_code(1);
        let both = both.stdout_contains(&["are both set", "HALLPASS_SECRET_KEY_FILE"]);
        assert_eq!(both.out.lines().count(), 1, "{both:?}");
    }
    folder.set_mode("secret", 0o602);
    check(&folder, &[FILE])
        .exit_code(1)
        .stdout_contains(&["secret: every user of this machine may write it"]);
    folder.set_mode("secret", 0o644);
    check(&folder, &[FILE]).success().stdout_contains(&["may read it", "(a warning)"]);
    folder.write("secret", "-----BEGIN PRIVATE KEY-----\nMC4CAQ\n-----END PRIVATE KEY-----\n");
    check(&folder, &[FILE]).exit_code(1).stdout_contains(&["names secret, which is a PEM"]);
    // The secret in the wrong variable.
    let missing = check(&folder, &[("HALLPASS_SECRET_KEY_FILE", SECRET)]).exit_code(1);
    let missing =
        missing.stdout_contains(&["HALLPASS_SECRET_KEY_FILE names a file that cannot be read"]);
    assert!(!missing.out.contains(SECRET), "{missing:?}");
}

#[test]
fn a_relative_path_is_that_of_a_credential_of_systemd_if_there_is_one() {
    let folder = Folder::with_roster("");
    std::fs::create_dir(folder.path("credentials")).unwrap();
    let directory = folder.path("credentials").to_str().unwrap().to_owned();
    let credentials = ("CREDENTIALS_DIRECTORY", &*directory);
    folder.write("secret", "too short");
    check(&folder, &[FILE, credentials]).exit_code(1);
    folder.write("credentials/secret", &format!("{SECRET}\n"));
    check(&folder, &[FILE, credentials]).success();
    // As with %d in a unit.
    let absolute = folder.path("credentials/secret").to_str().unwrap().to_owned();
    check(&folder, &[("HALLPASS_SECRET_KEY_FILE", &absolute)]).success();
    // As in .env, where variables are replaced.
    folder.write(".env", "HALLPASS_SECRET_KEY_FILE=${CREDENTIALS_DIRECTORY}/secret\n");
    check(&folder, &[credentials]).success();
    folder.write(".env", "");
    let key = crate::tls::Pair::new();
    folder.write("credentials/key.pem", &key.key);
    check(&folder, &[("HALLPASS_SIGNING_KEY", "key.pem"), credentials]).success();
    folder.write("credentials/cert.pem", &key.certificate);
    let tls = [("HALLPASS_TLS_CERT", "cert.pem"), ("HALLPASS_TLS_KEY", "key.pem")];
    check(&folder, &[&[FILE, credentials], &tls[..]].concat()).success();
}

//! The command line: every test runs the real program in its own directory.

mod check;
mod check_expiring;
mod closed_pipes;
mod explain;
mod explain_files;
mod explain_matrix;
mod exposed_files;
mod health;
mod hints;
mod init;
mod key_list;
mod keys;
mod killed_key_add;
mod logging;
mod precedence;
mod roster_edits;
mod secret_key_file;
mod secrets_in_output;
mod serve;
mod signing_key_rotation;
mod token_inspect;
mod usage;

/// The setting that `serve` and `check` need besides a roster.
const SECRET: (&str, &str) = ("HALLPASS_SECRET_KEY", "0123456789abcdefghijABCDEFGHIJ-_.~!");

/// The part of a bcrypt hash after the cost; from the test suite of jBCrypt.
const TAIL: &str = "DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";

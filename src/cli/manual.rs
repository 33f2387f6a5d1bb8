//! What manual pages and completions are made from. A crate of its own makes them (`docs/deploy/manual`), so that
//! neither the program nor an application builds what they need.

use clap::CommandFactory;

use crate::{cli::Arguments, config::variables::VARIABLES};

/// Exit codes, and what they mean.
pub const EXIT_CODES: &[[&str; 2]] = &[
    ["0", "Done."],
    [
        "1",
        "Refused, or diagnostics were found: what and how to fix it is on stderr, for `check` on stdout.",
    ],
    ["2", "Wrong usage of the command line."],
];

/// The commands and their arguments.
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Each setting: the name of its variable, its default, and its meaning.
pub fn settings() -> impl Iterator<Item = (&'static str, Option<&'static str>, &'static str)> {
    VARIABLES.iter().map(|variable| (variable.name, variable.default, variable.about))
}

//! Why a roster file was not changed.

use std::{io, path::PathBuf};

use toml_edit::{DatetimeParseError, TomlError};

use crate::{
    diagnostics::Diagnostics,
    oauth::{key_id::KeyId, subject::Subject},
    roster::{secret_hash::HashError, verified_password::NewPasswordError},
};

/// Why a roster file was not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EditError {
    /// The file, or its lock, cannot be read or written.
    #[error("cannot change {}: {error}", path.display())]
    Io {
        /// The roster file.
        path: PathBuf,
        /// What went wrong. It is no `source`, since the message holds it already.
        error: io::Error,
    },
    /// A roster should be made where something is already.
    #[error("{} exists already and was left as it is", .0.display())]
    Exists(PathBuf),
    /// There is no roster to change.
    #[error("there is no roster {}: `hallpass key add CLIENT` makes one", .0.display())]
    NoRoster(PathBuf),
    /// The roster has faults, which an edit could only make worse.
    #[error("the roster was left as it is, mend it first:\n{0}")]
    Broken(Diagnostics),
    /// The edit would have made a roster with faults, and was not done.
    #[error("the roster was left as it is, since the change would break it:\n{0}")]
    WouldBreak(Diagnostics),
    /// Roles or scopes were given for a client that has its own.
    #[error(
        "the client {0} exists already and keeps its roles and scopes: leave out --role and --scope, \
         or change them in the roster"
    )]
    ClientExists(Subject),
    /// No client of this name.
    #[error(
        "there is no client {0}: `hallpass key list` shows all, `hallpass key add {0}` makes it"
    )]
    UnknownClient(Subject),
    /// There is a user of this name, who has a password.
    #[error(
        "the user {0} exists already: for another password, `hallpass user remove {0}` and add the user \
         again; roles and scopes can be changed in the roster"
    )]
    UserExists(Subject),
    /// The other kind has the name, and a `sub` must name one of them.
    #[error("there is a {taken_by} {name} already, and a name must mean one: take another")]
    NameTaken {
        /// The name.
        name: Subject,
        /// `client` or `user`.
        taken_by: &'static str,
    },
    /// No user of this name.
    #[error("there is no user {0} in the roster")]
    UnknownUser(Subject),
    /// The password is none that can be kept.
    #[error(transparent)]
    Password(#[from] NewPasswordError),
    /// The client has no key that could be replaced.
    #[error("the client {0} has no key to rotate: `hallpass key add {0}` makes one")]
    NoKeys(Subject),
    /// No key of this id.
    #[error("there is no key {0}: `hallpass key list` shows all")]
    UnknownKey(KeyId),
    /// The new key could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The text cannot be edited although it could be read.
    #[error("cannot edit the roster")]
    Document(#[from] TomlError),
    /// A moment cannot be written.
    #[error("cannot write the time")]
    Moment(#[from] DatetimeParseError),
}

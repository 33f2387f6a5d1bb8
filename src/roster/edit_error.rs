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
        /// Not a `source`, because the message contains it.
        error: io::Error,
    },
    /// `create` found an existing file.
    #[error("{} exists already and was left as it is", .0.display())]
    Exists(PathBuf),
    /// There is no file to change.
    #[error("there is no roster {}: `hallpass key add CLIENT` makes one", .0.display())]
    NoRoster(PathBuf),
    /// The roster is invalid already.
    #[error("the roster was left as it is, fix it first:\n{0}")]
    Broken(Diagnostics),
    /// The change would make the roster invalid.
    #[error("the roster was left as it is, since the change would break it:\n{0}")]
    WouldBreak(Diagnostics),
    /// Roles or scopes were given for an existing client.
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
    /// A user of this name exists.
    #[error(
        "the user {0} exists already: for another password, `hallpass user remove {0}` and add the user \
         again; roles and scopes can be changed in the roster"
    )]
    UserExists(Subject),
    /// A client has the user's name or the reverse: a `sub` must be unambiguous.
    #[error("there is a {taken_by} {name} already, and a name must mean one: take another")]
    NameTaken {
        name: Subject,
        /// `client` or `user`.
        taken_by: &'static str,
    },
    /// No user of this name.
    #[error("there is no user {0} in the roster")]
    UnknownUser(Subject),
    /// The password cannot be set.
    #[error(transparent)]
    Password(#[from] NewPasswordError),
    /// The client has no key to rotate.
    #[error("the client {0} has no key to rotate: `hallpass key add {0}` makes one")]
    NoKeys(Subject),
    /// No key of this id.
    #[error("there is no key {0}: `hallpass key list` shows all")]
    UnknownKey(KeyId),
    /// The new key could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The text cannot be edited although it could be parsed.
    #[error("cannot edit the roster")]
    Document(#[from] TomlError),
    /// A time cannot be written.
    #[error("cannot write the time")]
    Timestamp(#[from] DatetimeParseError),
}

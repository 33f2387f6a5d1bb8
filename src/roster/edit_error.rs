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
    #[error("cannot change {}: {error}", path.display())]
    Io {
        path: PathBuf,
        /// Not a `source`, because the message contains it.
        error: io::Error,
    },
    #[error("there is no directory for the roster {}: `mkdir -p -m 700 {}` makes one", path.display(), folder.display())]
    NoFolder { path: PathBuf, folder: PathBuf },
    #[error("{} exists already and was left as it is", .0.display())]
    Exists(PathBuf),
    #[error("there is no roster {}: `hallpass key add CLIENT` makes one", .0.display())]
    NoRoster(PathBuf),
    #[error("the roster was left as it is, fix it first:\n{0}")]
    Broken(Diagnostics),
    #[error("the roster was left as it is, since the change would break it:\n{0}")]
    WouldBreak(Diagnostics),
    #[error(
        "the client {0} exists already and keeps what the roster says of it: leave out --role, --scope, --from, \
         --token-lifetime, --audience and --claim, or change them in the roster"
    )]
    ClientExists(Subject),
    #[error(
        "there is no client {0}: `hallpass key list` shows all, `hallpass key add {0}` makes it"
    )]
    UnknownClient(Subject),
    #[error("{0} is a user, who has a password and no API keys")]
    IsUser(Subject),
    #[error(
        "the user {0} exists already: for another password, `hallpass user remove {0}` and add the user \
         again; roles and scopes can be changed in the roster"
    )]
    UserExists(Subject),
    #[error("there is a {taken_by} {name} already, and a name must mean one: take another")]
    NameTaken {
        name: Subject,
        /// `client` or `user`.
        taken_by: &'static str,
    },
    #[error("there is no user {0} in the roster")]
    UnknownUser(Subject),
    #[error(transparent)]
    Password(#[from] NewPasswordError),
    #[error("the client {0} has no key to rotate: `hallpass key add {0}` makes one")]
    NoKeys(Subject),
    #[error("there is no key {0}: `hallpass key list` shows all")]
    UnknownKey(KeyId),
    #[error(transparent)]
    Hash(#[from] HashError),
    #[error("cannot edit the roster")]
    Document(#[from] TomlError),
    #[error("cannot write the time")]
    Timestamp(#[from] DatetimeParseError),
}

//! Why the state cannot be used.

use std::path::PathBuf;

use crate::store::shared::redis_connection::RedisFault;

/// Why the state cannot be used; its text says what is wrong and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location} {kind}")]
pub(crate) struct StateError {
    /// The file, or where Redis is.
    pub(crate) location: String,
    /// What is wrong with it.
    pub(crate) kind: StateErrorKind,
}

impl StateError {
    /// Whether it may pass by itself.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(
            self.kind,
            StateErrorKind::OutOfStep(RedisFault::Unreachable(_) | RedisFault::Answered(_))
        )
    }
}

/// What is wrong with the state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StateErrorKind {
    /// Another process holds the file.
    #[error("is in use by another process: stop that one, or name another file")]
    InUse,
    /// The file holds something else, and is left as it is.
    #[error("is no state file of hallpass ({0}): name another file, or move this one away")]
    NotOurs(String),
    /// The file holds nothing, which no state file ever does.
    #[error(
        "is empty: put a copy back, or remove it to begin anew; without it, revoked tokens are accepted again until \
         they expire"
    )]
    Empty,
    /// Somebody else removed, replaced or changed the file while it was in use; which of these.
    #[error(
        "was {0} while in use, so a restart would accept revoked tokens again until they expire: put the file back \
         that was there"
    )]
    Changed(&'static str),
    /// Another version wrote the file.
    #[error("was written by another version of hallpass ({0}): use that one, or name another file")]
    Version(String),
    /// The file was a state file, and cannot be trusted any more.
    #[error(
        "is damaged ({0}): put a copy back, or move it away; without it, revoked tokens are accepted again until \
         they expire"
    )]
    Damaged(String),
    /// The file has never been made, and cannot be.
    #[error(
        "cannot be made, since there is no directory {}: make it, writable for the account that serves; systemd makes \
         that of StateDirectory= when it starts the service", .0.display()
    )]
    NoDirectory(PathBuf),
    /// The system refuses.
    #[error(
        "cannot be read and written ({0}): make room on its disk, or correct its owner and mode"
    )]
    Unusable(String),
    /// Redis does not do what it should.
    #[error("cannot share revocations now: {0}")]
    OutOfStep(RedisFault),
}

//! A client that the application keeps elsewhere than in the roster, found by the id of one of its API keys.

use std::time::SystemTime;

use jiff::Timestamp;

use crate::{
    oauth::{
        checked_string::SyntaxError,
        key_id::KeyId,
        role::{Role, Roles},
        scope::{Scope, Scopes},
        subject::Subject,
    },
    roster::{
        roster_entries::{Client, EntryOptions, KeyRecord},
        secret_hash::{HashSyntaxError, SecretHash},
    },
};

/// What an application knows of an API key and its client.
#[derive(Debug, Clone)]
pub struct ClientRecord {
    name: Subject,
    hash: SecretHash,
    roles: Roles,
    scopes: Scopes,
    disabled: bool,
    expires: Option<Timestamp>,
}

/// What is wrong with a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientRecordError {
    /// The name of the client, a role or a scope has characters that it must not have.
    #[error(transparent)]
    Syntax(#[from] SyntaxError),
    /// The hash is none of bcrypt, or of a cost that is not allowed.
    #[error("the hash {0}")]
    Hash(String),
}

impl From<HashSyntaxError> for ClientRecordError {
    fn from(error: HashSyntaxError) -> Self {
        Self::Hash(error.to_string())
    }
}

impl ClientRecord {
    /// The client `name`, and the hash of its key, as [`NewApiKey`](crate::NewApiKey) made it.
    ///
    /// # Errors
    /// The name is none, or the hash is not one of bcrypt.
    pub fn new(name: &str, hash: &str) -> Result<Self, ClientRecordError> {
        Ok(Self {
            name: Subject::parse(name)?,
            hash: SecretHash::parse(hash)?,
            roles: Roles::new(),
            scopes: Scopes::default(),
            disabled: false,
            expires: None,
        })
    }

    /// The same with these roles.
    ///
    /// # Errors
    /// One of them is no role.
    pub fn roles<R: AsRef<str>>(
        self,
        roles: impl IntoIterator<Item = R>,
    ) -> Result<Self, ClientRecordError> {
        let roles = roles.into_iter().map(|role| Role::parse(role.as_ref()));
        Ok(Self { roles: roles.collect::<Result<_, _>>()?, ..self })
    }

    /// The same with these scopes.
    ///
    /// # Errors
    /// One of them is no scope.
    pub fn scopes<S: AsRef<str>>(
        self,
        scopes: impl IntoIterator<Item = S>,
    ) -> Result<Self, ClientRecordError> {
        let scopes = scopes.into_iter().map(|scope| Scope::parse(scope.as_ref()));
        Ok(Self { scopes: scopes.collect::<Result<_, _>>()?, ..self })
    }

    /// Whether the key and all its tokens are refused.
    #[must_use]
    pub fn disabled(self, disabled: bool) -> Self {
        Self { disabled, ..self }
    }

    /// The first instant at which the key is no longer valid.
    #[must_use]
    pub fn expires(self, time: SystemTime) -> Self {
        // A time that no calendar holds is one that is over.
        let time = Timestamp::try_from(time).unwrap_or(Timestamp::MIN);
        Self { expires: Some(time), ..self }
    }
}

/// A client of the application and the key by which it was found.
#[derive(Debug, Clone)]
pub(crate) struct SourcedClient {
    pub(super) client: Client,
    pub(super) key: KeyRecord,
}

impl SourcedClient {
    /// What the application knows of the key with this id.
    pub(crate) fn new(id: KeyId, record: ClientRecord) -> Self {
        let ClientRecord { name, hash, roles, scopes, disabled, expires } = record;
        Self {
            client: Client {
                name,
                roles,
                scopes,
                disabled,
                options: EntryOptions::default(),
                keys: Vec::new(),
            },
            // Nobody asks when a key that is not in the roster was made.
            key: KeyRecord { id, created: Timestamp::UNIX_EPOCH, expires, label: None, hash },
        }
    }
}

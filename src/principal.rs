//! Whoever a proven request speaks for.
//!
//! Must not know how it was proven over the wire.

use jiff::Timestamp;

use crate::{
    oauth::{KeyId, Role, Roles, Scope, Scopes, Subject},
    roster::{VerifiedKey, VerifiedPassword},
    tokens::VerifiedToken,
};

/// What sort of name the subject is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A machine that holds API keys.
    Client,
    /// A person with a password.
    User,
}

/// What proved the principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// An API key.
    ApiKey {
        /// Its public name.
        key_id: KeyId,
        /// When it ends, if ever.
        expires_at: Option<Timestamp>,
    },
    /// A user's password.
    Password,
    /// An access token.
    Token {
        /// Its `jti`.
        id: String,
        /// The API key that it was issued for, if it was one.
        key_id: Option<KeyId>,
        /// Its `iat`.
        issued_at: Timestamp,
        /// Its `exp`.
        expires_at: Timestamp,
    },
}

/// Whoever a proven request speaks for; it can only be made from a proof.
///
/// ```compile_fail
/// let principal = hallpass::principal::Principal { subject: todo!() }; // its fields are private
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    subject: Subject,
    client_id: Subject,
    roles: Roles,
    scopes: Scopes,
    proof: Proof,
}

impl Principal {
    /// The name of the client or user (`sub`).
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The client through which it speaks (`client_id`): itself, where it is a client.
    pub fn client_id(&self) -> &Subject {
        &self.client_id
    }

    /// Whether it is a client or a user: a client was proven, now or at login, by an API key.
    pub fn kind(&self) -> Kind {
        if self.key_id().is_some() { Kind::Client } else { Kind::User }
    }

    /// Its roles.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Its scopes.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Whether it has this role.
    pub fn has_role(&self, role: &Role) -> bool {
        self.roles.contains(role)
    }

    /// Whether it has this scope.
    pub fn has_scope(&self, scope: &Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// What proved it.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }

    /// The public name of the API key that stands behind it, if one does.
    pub fn key_id(&self) -> Option<&KeyId> {
        match &self.proof {
            Proof::ApiKey { key_id, .. } => Some(key_id),
            Proof::Password => None,
            Proof::Token { key_id, .. } => key_id.as_ref(),
        }
    }

    /// When its proof was issued; unknown of API keys and passwords.
    pub fn issued_at(&self) -> Option<Timestamp> {
        match &self.proof {
            Proof::ApiKey { .. } | Proof::Password => None,
            Proof::Token { issued_at, .. } => Some(*issued_at),
        }
    }

    /// When its proof ends, if ever.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match &self.proof {
            Proof::ApiKey { expires_at, .. } => *expires_at,
            Proof::Password => None,
            Proof::Token { expires_at, .. } => Some(*expires_at),
        }
    }

    /// The same user, speaking through a client that was proven as well (RFC 6749 §4.3). A client speaks for
    /// itself, and users do not speak through each other: those are left as they are.
    #[must_use]
    pub fn through(mut self, client: &Principal) -> Self {
        if self.kind() == Kind::User && client.kind() == Kind::Client {
            self.client_id = client.subject.clone();
        }
        self
    }

    /// A principal out of nothing, for the tests of the rooms to the right.
    #[cfg(test)]
    pub(crate) fn unproven(subject: &str, roles: &[&str], scopes: &[&str]) -> Self {
        let subject = Subject::parse(subject).unwrap();
        Self {
            client_id: subject.clone(),
            subject,
            roles: roles.iter().map(|role| Role::parse(role).unwrap()).collect(),
            scopes: scopes.iter().map(|scope| Scope::parse(scope).unwrap()).collect(),
            proof: Proof::ApiKey {
                key_id: KeyId::parse("000000000000").unwrap(),
                expires_at: None,
            },
        }
    }
}

impl From<VerifiedKey> for Principal {
    fn from(key: VerifiedKey) -> Self {
        Self {
            subject: key.client().clone(),
            client_id: key.client().clone(),
            roles: key.roles().clone(),
            scopes: key.scopes().clone(),
            proof: Proof::ApiKey { key_id: key.key_id().clone(), expires_at: key.expires() },
        }
    }
}

impl From<VerifiedPassword> for Principal {
    fn from(password: VerifiedPassword) -> Self {
        Self {
            subject: password.user().clone(),
            client_id: password.user().clone(),
            roles: password.roles().clone(),
            scopes: password.scopes().clone(),
            proof: Proof::Password,
        }
    }
}

impl From<VerifiedToken> for Principal {
    fn from(token: VerifiedToken) -> Self {
        Self {
            subject: token.subject().clone(),
            client_id: token.client_id().clone(),
            roles: token.roles().clone(),
            scopes: token.scopes().clone(),
            proof: Proof::Token {
                id: token.id().to_owned(),
                key_id: token.key_id().cloned(),
                issued_at: token.issued_at(),
                expires_at: token.expires_at(),
            },
        }
    }
}

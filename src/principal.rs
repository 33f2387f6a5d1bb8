//! Whoever a proven request speaks for.
//!
//! Must not know how it was proven over the wire.

use crate::oauth::{Role, Roles, Scope, Scopes, Subject};

/// Whoever a proven request speaks for; it can only be made from a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    subject: Subject,
    roles: Roles,
    scopes: Scopes,
}

impl Principal {
    /// The name of the client or user.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Whether it has this role.
    pub fn has_role(&self, role: &Role) -> bool {
        self.roles.contains(role)
    }

    /// Whether it has this scope.
    pub fn has_scope(&self, scope: &Scope) -> bool {
        self.scopes.contains(scope)
    }

    /// A principal out of nothing, for the tests of the rooms to the right.
    #[cfg(test)]
    pub(crate) fn unproven(subject: &str, roles: &[&str], scopes: &[&str]) -> Self {
        Self {
            subject: Subject::parse(subject).unwrap(),
            roles: roles.iter().map(|role| Role::parse(role).unwrap()).collect(),
            scopes: scopes.iter().map(|scope| Scope::parse(scope).unwrap()).collect(),
        }
    }
}

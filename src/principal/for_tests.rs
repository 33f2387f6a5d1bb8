//! Principals out of nothing, for the tests of the rooms to the right.

use jiff::Timestamp;

use super::*;

use crate::{
    oauth::{
        AccountId, ExternalName, KeyId, Role, Scope, Subject, account_id::AccountSubject,
        custom_claims::CustomClaims,
    },
    principal::principal::Names,
};

impl Principal {
    /// A client of the roster.
    pub(crate) fn for_tests(subject: &str, roles: &[&str], scopes: &[&str]) -> Self {
        let subject = Subject::parse(subject).unwrap();
        Self {
            names: Names::Ours { client_id: subject.clone(), subject },
            roles: roles.iter().map(|role| Role::parse(role).unwrap()).collect(),
            scopes: scopes.iter().map(|scope| Scope::parse(scope).unwrap()).collect(),
            custom: CustomClaims::default(),
            proof: Proof::ApiKey {
                key_id: KeyId::parse("000000000000").unwrap(),
                expires_at: None,
            },
        }
    }

    /// An account of the application.
    pub(crate) fn account_for_tests(id: &str) -> Self {
        let account = AccountSubject::new(AccountId::parse(id).unwrap());
        Self { names: Names::Account(account), ..Self::for_tests("nobody", &[], &[]) }
    }

    /// Somebody to whom another issuer gave the name.
    pub(crate) fn external_for_tests(issuer: &str, subject: &str, scopes: &[&str]) -> Self {
        Self {
            names: Names::Foreign {
                issuer: Subject::parse(issuer).unwrap(),
                subject: ExternalName::parse(subject).unwrap(),
                client_id: None,
            },
            proof: Proof::ExternalToken { issued_at: None, expires_at: Timestamp::MAX },
            ..Self::for_tests("nobody", &[], scopes)
        }
    }
}

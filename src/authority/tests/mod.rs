//! Reloads as an authority sees them: what living tokens are still worth, what stays.
//!
//! Must not know files.

mod accounts;
mod for_backends;
mod remembering;

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use secrecy::ExposeSecret;

use crate::{
    authority::{
        authority::Authority,
        issue_request::{IssueRequest, RevokeError},
        key_usage::KeyUsage,
    },
    diagnostics::Diagnostic,
    oauth::Scopes,
    principal::{Principal, PrincipalKind, Proof},
    roster::{api_key::ApiKey, edit, roster::Roster, verified_password::PasswordError},
    store::revocations::Revocations,
    tokens::{
        access_tokens::Tokens, keyring::Keyring, signing_key::SigningKey, token_error::TokenError,
    },
};

const START: Timestamp = Timestamp::UNIX_EPOCH;

/// An authority over a roster with the client `billing` and the users `alice` and `bob`.
struct Case {
    authority: Authority,
    text: String,
    key: ApiKey,
}

fn tokens(secret: &str) -> Tokens {
    Tokens {
        keyring: ArcSwap::from_pointee(
            Keyring::new(SigningKey::from_secret(&secret.into()).unwrap(), Vec::new()).unwrap(),
        ),
        issuer: "http://i".to_owned(),
        audience: "a".to_owned(),
        lifetime: Duration::from_secs(1800),
        leeway: Duration::ZERO,
    }
}

impl Case {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("roster.toml");
        let name = |text: &str| crate::oauth::Subject::parse(text).unwrap();
        let grants =
            edit::Entitlements { scopes: Scopes::parse("a:b").unwrap(), ..Default::default() };
        let key = edit::add_key(&path, &name("billing"), &grants, None, None, 4, START);
        let key = key.and_then(edit::StagedKey::commit).unwrap();
        for user in ["alice", "bob"] {
            edit::add_user(&path, &name(user), &grants, &"open sesame".into(), 4, START).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let roster = Roster::parse(&text, "r.toml").unwrap().roster;
        Self {
            authority: Authority::new(roster, tokens(&"x".repeat(32)), Revocations::default()),
            text,
            key,
        }
    }

    /// Reloads the roster, with one text in it replaced.
    fn change(&self, old: &str, new: &str) {
        assert!(self.text.contains(old), "{old} is not in\n{}", self.text);
        let text = self.text.replace(old, new);
        self.authority.reload(Roster::parse(&text, "r.toml"), START).unwrap();
    }

    fn token_of(&self, principal: &Principal) -> String {
        let issued = self.authority.issue(principal, IssueRequest::default(), START).unwrap();
        issued.token.expose_secret().to_owned()
    }

    fn client(&self) -> Principal {
        Arc::unwrap_or_clone(self.authority.authenticate_key(&self.key, None, START).unwrap())
    }

    fn alice(&self) -> Principal {
        self.authority.authenticate_password("alice", &"open sesame".into(), None).unwrap()
    }

    fn accepts(&self, token: &str) -> bool {
        match self.authority.authenticate_token(token, START) {
            Ok(_) => true,
            Err(TokenError::Withdrawn) => false,
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn a_password_makes_a_user_and_a_token_without_key_id() {
    let case = Case::new();
    let alice = case.alice();
    assert_eq!((alice.kind(), alice.proof()), (PrincipalKind::User, &Proof::Password));
    assert_eq!(alice.client_id(), Some(alice.subject()));
    assert_eq!((alice.key_id(), alice.issued_at(), alice.expires_at()), (None, None, None));
    assert_eq!(case.authority.revoke(&alice, START), Err(RevokeError::NoToken));
    let again = case.authority.authenticate_token(&case.token_of(&alice), START).unwrap();
    assert_eq!((again.kind(), again.key_id()), (PrincipalKind::User, None));
    assert_eq!((again.subject(), again.scopes()), (alice.subject(), alice.scopes()));
    let refused = case.authority.authenticate_password("alice", &"sesame".into(), None);
    assert_eq!(refused.unwrap_err(), PasswordError::WrongPassword);
}

#[test]
fn a_user_may_speak_through_a_client_and_nobody_else_through_anybody() {
    let case = Case::new();
    let through = case.alice().through(&case.client());
    assert_eq!(through.client_id(), Some(case.client().subject()));
    assert_eq!((through.kind(), through.key_id()), (PrincipalKind::User, None));
    let bob = case.authority.authenticate_password("bob", &"open sesame".into(), None).unwrap();
    assert_eq!(case.alice().through(&bob), case.alice());
    assert_eq!(case.client().through(&case.alice()), case.client());

    let token = case.token_of(&through);
    assert!(case.accepts(&token));
    case.change("[clients.billing]", "[clients.billing]\ndisabled = true");
    assert!(!case.accepts(&token) && case.accepts(&case.token_of(&bob)));
}

#[test]
fn what_is_taken_from_a_client_ends_its_living_tokens_alone() {
    let case = Case::new();
    let (token, other) = (case.token_of(&case.client()), case.token_of(&case.alice()));
    let key = format!("id = \"{}\"", case.key.id());
    let expired = format!("{key}\nexpires = 1970-01-01T00:00:00Z");
    for (old, new) in [
        (key.as_str(), "id = \"000000000000\""),
        (&key, &expired),
        ("[clients.billing]", "[clients.billing]\ndisabled = true"),
        ("clients.billing", "clients.renamed"),
    ] {
        case.change(old, new);
        assert!(!case.accepts(&token) && case.accepts(&other), "{new}");
        case.change("", "");
        assert!(case.accepts(&token), "{new}");
    }
}

#[test]
fn what_is_taken_from_a_user_ends_the_living_tokens_of_that_user_alone() {
    let case = Case::new();
    let (token, other) = (case.token_of(&case.alice()), case.token_of(&case.client()));
    for (old, new) in
        [("users.alice", "users.renamed"), ("[users.alice]", "[users.alice]\ndisabled = true")]
    {
        case.change(old, new);
        assert!(!case.accepts(&token) && case.accepts(&other), "{new}");
    }
}

#[test]
fn a_broken_roster_changes_nothing_but_the_status() {
    let case = Case::new();
    let (authority, token) = (&case.authority, case.token_of(&case.client()));
    assert_eq!(*authority.roster_status(), Default::default());
    let second = |second| Timestamp::from_second(second).unwrap();
    for (now, what) in [(5, "first"), (7, "second")] {
        let diagnostics =
            authority.reload(Err(Diagnostic::new("r.toml:3", what).into()), second(now));
        let status = authority.roster_status();
        let broken = status.broken.as_ref().unwrap();
        assert_eq!((broken.since, &broken.diagnostics), (second(5), &diagnostics.unwrap_err()));
        assert_eq!((status.generation, status.reloaded), (1, None));
        assert!(case.accepts(&token));
    }
    authority.reload(Roster::parse(&case.text, "r.toml"), second(9)).unwrap();
    let status = authority.roster_status();
    assert_eq!((status.generation, status.reloaded), (2, Some(second(9))));
    assert_eq!(status.broken, None);
}

#[test]
fn how_often_and_when_a_key_was_used_outlives_reloads() {
    let case = Case::new();
    case.client();
    case.client();
    case.change("[clients.billing]", "[clients.billing]\ndisabled = true");
    assert_eq!(case.authority.key_usage(case.key.id()).map(|usage| usage.last), Some(START));
    let known = KeyUsage { count: 2, last: START };
    assert_eq!(case.authority.key_usage(case.key.id()), Some(known));
    case.change(case.key.id().as_str(), "000000000000");
    assert_eq!(case.authority.key_usage(case.key.id()), None, "gone from the roster");
}

#[test]
fn a_claim_is_that_of_the_roster_as_long_as_token_and_roster_agree() {
    let case = Case::new();
    let tenant = |principal: &Principal| principal.claim::<String>("tenant");
    assert_eq!(tenant(&case.client()), None);
    let with = |claims: &str| {
        case.change("[clients.billing]\n", &format!("[clients.billing]\nclaims = {claims}\n"));
    };
    with("{ tenant = 'acme', level = 3 }");
    let client = case.client();
    assert_eq!(tenant(&client).as_deref(), Some("acme"));
    assert_eq!((client.claim::<u8>("level"), client.claim::<String>("level")), (Some(3), None));
    let token = case.token_of(&client);
    let of_token = || case.authority.authenticate_token(&token, START).unwrap();
    for (claims, expected) in [
        ("{ tenant = 'acme', level = 4 }", Some("acme")),
        ("{ tenant = 'other' }", None),
        ("{}", None),
        ("{ tenant = 'acme' }", Some("acme")),
    ] {
        with(claims);
        for _ in 0..2 {
            assert_eq!(tenant(&of_token()).as_deref(), expected, "{claims}");
        }
    }
}

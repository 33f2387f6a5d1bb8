//! What each kind of caller sends: good, forged, expired and revoked credentials.

use std::sync::Arc;

use actix_web::{http::header, test::TestRequest};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::utf8_percent_encode;
use secrecy::ExposeSecret;

use crate::{
    policy::{
        matrix::Caller,
        outcome::Held,
        scheme::{CredentialKind, Location},
    },
    principal::Principal,
    roster::api_key::ApiKey,
    server::testing::{TestGate, example_path::VALUE, slot::Slot, test_roster::TestRoster},
};

/// The client that all credentials belong to.
const CLIENT: &str = "matrix";

/// Credentials of one client.
pub(super) struct TestCredentials {
    token: Option<Token>,
    key: Option<String>,
}

enum Token {
    /// A new one for each request: a handler may revoke the one that it gets.
    Fresh(Arc<Principal>),
    Old(String),
}

impl TestCredentials {
    /// What a kind of caller holds that does not forge.
    pub(super) fn good(roster: &TestRoster, caller: &Caller<'_>) -> Self {
        let Some(held) = caller.token.as_ref().or(caller.key.as_ref()) else {
            return Self { token: None, key: None };
        };
        let key = add_key(roster, held);
        let token = caller.token.is_some().then(|| Token::Fresh(roster.principal(&key)));
        Self { token, key: caller.key.is_some().then(|| text(&key)) }
    }

    /// A token and a key of another service, each with everything.
    pub(super) fn forged(everything: &Held<'_>) -> Self {
        let stranger = TestGate::new();
        let key = add_key(&stranger.roster, everything);
        let token = stranger.roster.token(&stranger.roster.principal(&key));
        Self { token: Some(Token::Old(token)), key: Some(text(&key)) }
    }

    /// A token and a key that have expired, each with everything.
    pub(super) fn expired(roster: &TestRoster, everything: &Held<'_>) -> Self {
        let key = add_key(roster, everything);
        let token = roster.expired_token(&roster.principal(&key));
        roster.expire(&key, roster.now());
        Self { token: Some(Token::Old(token)), key: Some(text(&key)) }
    }

    /// A token and a key that were good until the client lost the key, each with everything.
    pub(super) fn revoked(roster: &TestRoster, everything: &Held<'_>) -> Self {
        let key = add_key(roster, everything);
        let token = roster.token(&roster.principal(&key));
        roster.revoke_key(&key);
        Self { token: Some(Token::Old(token)), key: Some(text(&key)) }
    }

    /// Whether there is something to send in this slot.
    pub(super) fn fills(&self, slot: &Slot) -> bool {
        match slot {
            Slot::Bearer | Slot::ApiKey { holds: CredentialKind::Token, .. } => {
                self.token.is_some()
            }
            Slot::Basic | Slot::ApiKey { .. } => self.key.is_some(),
        }
    }

    /// A request with what fits into each of the slots.
    pub(super) fn request(&self, roster: &TestRoster, path: &str, slots: &[Slot]) -> TestRequest {
        let token = match &self.token {
            Some(Token::Fresh(principal)) => Some(roster.token(principal)),
            Some(Token::Old(token)) => Some(token.clone()),
            None => None,
        };
        let (mut headers, mut query, mut cookies) = (Vec::new(), Vec::new(), Vec::new());
        for slot in slots {
            let (token, key) = (token.as_deref(), self.key.as_deref());
            match slot {
                Slot::Bearer => {
                    let value = token.map(|token| format!("Bearer {token}"));
                    headers.extend(value.map(|value| (header::AUTHORIZATION.to_string(), value)));
                }
                Slot::Basic => {
                    let value = key.map(|key| STANDARD.encode(format!("{CLIENT}:{key}")));
                    let value = value.map(|value| format!("Basic {value}"));
                    headers.extend(value.map(|value| (header::AUTHORIZATION.to_string(), value)));
                }
                Slot::ApiKey { location, name, holds } => {
                    let is_token = *holds == CredentialKind::Token;
                    let Some(value) = (if is_token { token } else { key }) else { continue };
                    let encoded = |text| utf8_percent_encode(text, VALUE).to_string();
                    match location {
                        Location::Header => headers.push((name.clone(), value.to_owned())),
                        Location::Query => {
                            query.push(format!("{}={}", encoded(name), encoded(value)));
                        }
                        Location::Cookie => cookies.push(format!("{name}={value}")),
                    }
                }
            }
        }
        if !cookies.is_empty() {
            headers.push((header::COOKIE.to_string(), cookies.join("; ")));
        }
        let mark = if query.is_empty() { "" } else { "?" };
        let request = TestRequest::with_uri(&format!("{path}{mark}{}", query.join("&")));
        headers.into_iter().fold(request, |request, header| request.insert_header(header))
    }
}

fn add_key(roster: &TestRoster, held: &Held<'_>) -> ApiKey {
    let roles: Vec<_> = held.roles.iter().copied().collect();
    let scopes: Vec<_> = held.scopes.iter().copied().collect();
    roster.add_key(CLIENT, &roles, &scopes)
}

fn text(key: &ApiKey) -> String {
    key.expose().expose_secret().to_owned()
}

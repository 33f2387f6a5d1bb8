//! What follows from a requirement for every request.

use serde_json::{Value, json};

use crate::policy::{
    compile_options::{CompileOptions, Undeclared},
    compiled::Policy,
    requirement::Requirement,
    scheme::CredentialKind,
    tests::{external, operation, own, secured},
};

fn requirement(security: Value) -> Requirement {
    operation(&own(&secured(security)), "GET", "/a").requirement.clone()
}

#[test]
fn every_operation_but_a_public_one_is_protected() {
    assert!(!requirement(json!([])).is_protected());
    for security in [json!([{}]), json!([{ "bearer": [] }]), json!([{ "bearer": [] }, {}])] {
        assert!(requirement(security.clone()).is_protected(), "{security}");
    }
    assert!(Requirement::Denied.is_protected());
}

#[test]
fn roles_scopes_cookies_and_several_credentials_can_be_forbidden() {
    for (security, forbids) in [
        (json!([]), false),
        (json!([{}]), false),
        (json!([{ "bearer": [] }, { "apiKey": [] }, { "basic": [] }]), false),
        (json!([{ "apiKey": [] }, { "bearer": ["admin"] }]), true),
        (json!([{ "oauth2": ["read"] }]), true),
        (json!([{ "session": [] }, { "bearer": [] }]), true),
        (json!([{ "apiKey": [], "bearer": [] }]), true),
    ] {
        assert_eq!(requirement(security.clone()).can_forbid(), forbids, "{security}");
    }
    assert!(Requirement::Denied.can_forbid());
}

#[test]
fn api_keys_and_basic_are_hashed_and_tokens_are_not() {
    for (security, hashes) in [
        (json!([]), false),
        (json!([{}]), false),
        (json!([{ "bearer": [] }, { "session": [] }, { "openIdConnect": [] }]), false),
        (json!([{ "bearer": [] }, { "apiKey": [] }]), true),
        (json!([{ "apiKeyQuery": [] }]), true),
        (json!([{ "basic": [] }]), true),
    ] {
        assert_eq!(requirement(security.clone()).hashes_secrets(), hashes, "{security}");
    }
}

#[test]
fn only_an_api_key_scheme_in_the_session_cookie_carries_a_token() {
    let names = ["apiKey", "apiKeyQuery", "session", "bearer", "basic", "oauth2", "openIdConnect"];
    let document = secured(names.iter().map(|name| json!({ *name: [] })).collect());
    let credentials = |options: &CompileOptions| {
        let policy = Policy::compile(&document, options).unwrap();
        policy.schemes().iter().map(|scheme| scheme.credential).collect::<Vec<_>>()
    };
    let (key, token, basic) =
        (CredentialKind::ApiKey, CredentialKind::Token, CredentialKind::Basic);
    let expected = [key, key, token, token, basic, token, token];
    assert_eq!(credentials(&CompileOptions::own("access_token")), expected);
    let expected = [key, key, key, token, basic, token, token];
    for cookie in ["X-API-Key", "api_key", "Access_Token"] {
        assert_eq!(credentials(&CompileOptions::own(cookie)), expected, "{cookie}");
    }
    assert_eq!(credentials(&external(Undeclared::Refuse)), expected);
}

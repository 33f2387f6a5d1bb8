//! The decision on requests.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::{
    policy::{
        decision::{Authentication, Authentications, Decision, Evaluation, Forbidden},
        scheme::Scheme,
        tests::{operation, own, secured},
    },
    principal::Principal,
};

/// A scheme and the state of its credential: `bad`, `cross-site`, or `subject role...`.
type Credential<'t> = (&'t str, &'t str);

fn authentication(scheme: &Scheme, presented: &[Credential<'_>]) -> Authentication {
    let found = presented.iter().find(|(name, _)| **name == *scheme.name);
    match found.map(|(_, what)| *what) {
        None => Authentication::Missing,
        Some("bad") => Authentication::Invalid,
        Some("cross-site") => Authentication::CrossSite,
        Some(principal) => {
            let mut words = principal.split(' ');
            let subject = words.next().unwrap();
            let words: Vec<&str> = words.collect();
            Authentication::Valid(Arc::new(Principal::for_tests(subject, &words, &words)))
        }
    }
}

/// Evaluates as the server does; returns the authenticated schemes and the decision.
fn decide(security: Value, presented: &[Credential<'_>]) -> (Vec<String>, String) {
    let policy = own(&secured(security));
    let requirement = &operation(&policy, "GET", "/a").requirement;
    let mut authentications = Authentications::default();
    let mut authenticated = Vec::new();
    loop {
        match requirement.evaluate(&authentications) {
            Evaluation::Authenticate(scheme) => {
                assert!(!authenticated.contains(&scheme.name.to_string()), "{} twice", scheme.name);
                authenticated.push(scheme.name.to_string());
                authentications.insert(scheme, authentication(scheme, presented));
            }
            Evaluation::Decided(decision) => return (authenticated, shown(&decision)),
        }
    }
}

fn shown(decision: &Decision<'_>) -> String {
    match decision {
        Decision::Allow { principal: None } => "allow".to_owned(),
        Decision::Allow { principal: Some((principal, scheme)) } => {
            format!("allow {} by {}", principal.subject(), scheme.name)
        }
        Decision::Challenge { invalid: None } => "missing".to_owned(),
        Decision::Challenge { invalid: Some(scheme) } => format!("bad {}", scheme.name),
        Decision::Forbid(Forbidden::Insufficient { demand }) => {
            format!("insufficient {}", demand.scheme.name)
        }
        Decision::Forbid(Forbidden::CrossSite { scheme }) => format!("cross-site {}", scheme.name),
        Decision::Forbid(Forbidden::OtherSubject) => "other subject".to_owned(),
        Decision::Forbid(Forbidden::Undeclared) => "undeclared".to_owned(),
    }
}

#[track_caller]
fn assert_decisions(security: Value, cases: &[(&[Credential<'_>], &str)]) {
    for (presented, wanted) in cases {
        let (_, decision) = decide(security.clone(), presented);
        assert_eq!(&decision, wanted, "{security} with {presented:?}");
    }
}

#[test]
fn a_public_operation_reads_no_credential() {
    assert_eq!(decide(json!([]), &[("bearer", "bad")]), (vec![], "allow".to_owned()));
}

#[test]
fn alternatives_are_or_and_the_most_specific_refusal_wins() {
    let security = json!([{ "bearer": ["admin"] }, { "session": ["admin"] }, { "apiKey": [] }]);
    assert_decisions(
        security,
        &[
            (&[], "missing"),
            (&[("bearer", "ann admin")], "allow ann by bearer"),
            (&[("session", "ann admin")], "allow ann by session"),
            (&[("apiKey", "ann")], "allow ann by apiKey"),
            (&[("bearer", "bad")], "bad bearer"),
            (&[("apiKey", "bad")], "bad apiKey"),
            (&[("bearer", "bad"), ("apiKey", "bad")], "bad bearer"),
            (&[("bearer", "ann")], "insufficient bearer"),
            (&[("bearer", "ann ADMIN")], "insufficient bearer"),
            (&[("bearer", "bad"), ("session", "ann")], "insufficient session"),
            (&[("bearer", "ann"), ("session", "bob")], "insufficient bearer"),
            (&[("session", "cross-site")], "cross-site session"),
            (&[("session", "cross-site"), ("apiKey", "bad")], "cross-site session"),
            (&[("bearer", "ann"), ("session", "cross-site")], "insufficient bearer"),
            (&[("bearer", "bad"), ("apiKey", "ann")], "allow ann by apiKey"),
            (&[("bearer", "ann"), ("apiKey", "bob")], "allow bob by apiKey"),
            (&[("session", "cross-site"), ("apiKey", "bob")], "allow bob by apiKey"),
        ],
    );
}

#[test]
fn subjects_of_different_issuers_are_never_the_same() {
    let policy = own(&secured(json!([{ "apiKey": [], "openIdConnect": [] }])));
    let requirement = &operation(&policy, "GET", "/a").requirement;
    let ours = || Principal::for_tests("billing", &[], &[]);
    let theirs = |issuer| Principal::external_for_tests(issuer, "billing", &[]);
    for (first, second, is_allowed) in [
        (ours(), theirs("corp"), false),
        (theirs("corp"), theirs("other"), false),
        (theirs("corp"), theirs("corp"), true),
        (ours(), ours(), true),
    ] {
        let mut authentications = Authentications::default();
        let mut proofs = [first, second].into_iter();
        for scheme in policy.schemes() {
            authentications.insert(scheme, Authentication::Valid(Arc::new(proofs.next().unwrap())));
        }
        let expected = Evaluation::Decided(Decision::Forbid(Forbidden::OtherSubject));
        assert_eq!(requirement.evaluate(&authentications) != expected, is_allowed);
    }
}

#[test]
fn one_subject_must_meet_all_demands_of_an_alternative() {
    let security = json!([{ "apiKey": [], "bearer": ["admin"] }]);
    assert_decisions(
        security,
        &[
            (&[], "missing"),
            (&[("apiKey", "ann")], "missing"),
            (&[("bearer", "ann admin")], "missing"),
            (&[("apiKey", "ann"), ("bearer", "ann admin")], "allow ann by apiKey"),
            (&[("apiKey", "ann admin"), ("bearer", "ann")], "insufficient bearer"),
            (&[("apiKey", "bob"), ("bearer", "ann admin")], "other subject"),
            (&[("apiKey", "bad"), ("bearer", "ann admin")], "bad apiKey"),
            (&[("bearer", "bad")], "bad bearer"),
        ],
    );
    let three = json!([{ "apiKey": [], "bearer": [], "session": [] }]);
    let same = [("apiKey", "ann"), ("bearer", "ann"), ("session", "ann")];
    assert_eq!(decide(three.clone(), &same).1, "allow ann by apiKey");
    let last = [("apiKey", "ann"), ("bearer", "ann"), ("session", "bob")];
    assert_eq!(decide(three, &last).1, "other subject");
}

#[test]
fn all_roles_and_all_scopes_are_required() {
    assert_decisions(
        json!([{ "bearer": ["a", "b"] }]),
        &[
            (&[("bearer", "ann a b c")], "allow ann by bearer"),
            (&[("bearer", "ann a")], "insufficient bearer"),
            (&[("bearer", "ann b")], "insufficient bearer"),
        ],
    );
    assert_decisions(
        json!([{ "oauth2": ["read", "pay"] }, { "openIdConnect": ["x"] }]),
        &[
            (&[("oauth2", "ann read pay")], "allow ann by oauth2"),
            (&[("oauth2", "ann read")], "insufficient oauth2"),
            (&[("oauth2", "ann readpay")], "insufficient oauth2"),
            (&[("openIdConnect", "ann x")], "allow ann by openIdConnect"),
        ],
    );
}

#[test]
fn scopes_are_not_roles_and_roles_are_not_scopes() {
    let principal = |roles: &[&str], scopes: &[&str]| {
        Authentication::Valid(Arc::new(Principal::for_tests("ann", roles, scopes)))
    };
    for (security, good, lacking) in [
        (json!([{ "bearer": ["read"] }]), principal(&["read"], &[]), principal(&[], &["read"])),
        (json!([{ "oauth2": ["read"] }]), principal(&[], &["read"]), principal(&["read"], &[])),
    ] {
        let policy = own(&secured(security));
        let requirement = &operation(&policy, "GET", "/a").requirement;
        for (authentication, passes) in [(good, true), (lacking, false)] {
            let mut authentications = Authentications::default();
            authentications.insert(&policy.schemes()[0], authentication);
            let decided = requirement.evaluate(&authentications);
            assert_eq!(matches!(decided, Evaluation::Decided(Decision::Allow { .. })), passes);
        }
    }
}

#[test]
fn an_empty_alternative_allows_anonymous_requests_but_no_invalid_credential() {
    for security in [
        json!([{}, { "bearer": ["admin"] }, { "session": [] }]),
        json!([{ "bearer": ["admin"] }, {}, { "session": [] }]),
        json!([{ "bearer": ["admin"] }, { "session": [] }, {}]),
    ] {
        assert_decisions(
            security,
            &[
                (&[], "allow"),
                (&[("bearer", "ann admin")], "allow ann by bearer"),
                (&[("bearer", "ann")], "allow"),
                (&[("bearer", "bad")], "bad bearer"),
                (&[("session", "cross-site")], "cross-site session"),
                (&[("bearer", "bad"), ("session", "cross-site")], "cross-site session"),
                (&[("bearer", "ann"), ("session", "cross-site")], "cross-site session"),
                (&[("bearer", "bad"), ("session", "ann")], "allow ann by session"),
            ],
        );
    }
    assert_decisions(json!([{}]), &[(&[], "allow"), (&[("bearer", "bad")], "allow")]);
    assert_decisions(
        json!([{ "apiKey": [], "bearer": ["admin"] }, {}]),
        &[
            (&[("bearer", "bad")], "bad bearer"),
            (&[("apiKey", "bad"), ("bearer", "ann")], "bad apiKey"),
            (&[("apiKey", "ann"), ("bearer", "bob admin")], "allow"),
            (&[("apiKey", "ann")], "allow"),
        ],
    );
}

#[test]
fn authentication_stops_at_the_first_alternative_that_is_met() {
    let security = json!([{ "bearer": [] }, { "basic": [] }, { "apiKey": [], "session": [] }]);
    let authenticated = |presented: &[Credential<'_>]| decide(security.clone(), presented).0;
    assert_eq!(authenticated(&[("bearer", "ann"), ("basic", "bad")]), ["bearer"]);
    assert_eq!(authenticated(&[("basic", "ann")]), ["bearer", "basic"]);
    assert_eq!(authenticated(&[]), ["bearer", "basic", "apiKey", "session"]);
}

#[test]
fn authentications_are_kept_for_many_schemes() {
    let mut document = secured(json!([]));
    let names: Vec<String> = (0..40).map(|number| format!("s{number}")).collect();
    for name in &names {
        document["components"]["securitySchemes"][name] =
            json!({ "type": "http", "scheme": "basic" });
    }
    document["paths"]["/a"]["get"]["security"] =
        names.iter().map(|name| json!({ name: [] })).collect();
    let policy = own(&document);
    let mut authentications = Authentications::default();
    for scheme in policy.schemes().iter().rev() {
        assert_eq!(authentications.get(scheme), None);
        authentications.insert(scheme, Authentication::Missing);
        assert_eq!(authentications.get(scheme), Some(&Authentication::Missing));
    }
    authentications.insert(&policy.schemes()[39], Authentication::Invalid);
    let requirement = &operation(&policy, "GET", "/a").requirement;
    let decided = requirement.evaluate(&authentications);
    assert_eq!(
        decided,
        Evaluation::Decided(Decision::Challenge { invalid: Some(&policy.schemes()[39]) })
    );
}

#[test]
fn an_undeclared_operation_is_denied() {
    let document = super::document("3.1.0", json!({ "/a": { "get": {} } }));
    let options = super::external(super::Undeclared::Deny);
    let policy = super::Policy::compile(&document, &options).unwrap();
    let requirement = &operation(&policy, "GET", "/a").requirement;
    let denied = Evaluation::Decided(Decision::Forbid(Forbidden::Undeclared));
    assert_eq!(requirement.evaluate(&Authentications::default()), denied);
}

//! The outcome for described credentials is the one that requests get.

use std::sync::Arc;

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Map, Value, json};

use crate::{
    policy::{
        compile_options::Undeclared,
        compiled::Policy,
        decision::{Authentication, Authentications, Decision, Evaluation},
        diff::changes,
        outcome::{Carried, Held, Outcome, outcome},
        requirement::Requirement,
        scheme::Scheme,
        tests::{assert_error, external, operation, secured},
    },
    principal::Principal,
};

const SCHEMES: [&str; 4] = ["bearer", "apiKey", "basic", "session"];
const ROLES: [&str; 2] = ["a", "b"];

fn some<'r>(random: &mut StdRng) -> Vec<&'r str> {
    ROLES.into_iter().filter(|_| random.random_bool(0.5)).collect()
}

/// None is no credential, an error an invalid one.
type Sent = Option<Result<Vec<&'static str>, ()>>;

fn decided(requirement: &Requirement, sent: impl Fn(&Scheme) -> Sent) -> Outcome {
    let mut authentications = Authentications::default();
    loop {
        match requirement.evaluate(&authentications) {
            Evaluation::Authenticate(scheme) => {
                let authentication = match sent(scheme) {
                    None => Authentication::Missing,
                    Some(Err(())) => Authentication::Invalid,
                    Some(Ok(roles)) => Authentication::Valid(Arc::new(Principal::for_tests(
                        "somebody",
                        &roles,
                        &[],
                    ))),
                };
                authentications.insert(scheme, authentication);
            }
            Evaluation::Decided(Decision::Allow { .. }) => return Outcome::Allowed,
            Evaluation::Decided(Decision::Challenge { .. }) => return Outcome::Challenged,
            Evaluation::Decided(Decision::Forbid(_)) => return Outcome::Forbidden,
        }
    }
}

#[test]
fn described_credentials_get_the_decision_of_real_ones() {
    let mut random = StdRng::seed_from_u64(13);
    for _ in 0..3000 {
        let mut alternatives = Vec::new();
        for _ in 0..random.random_range(0..4) {
            let mut alternative = Map::new();
            for _ in 0..random.random_range(0..3) {
                let scheme = *SCHEMES.choose(&mut random).unwrap();
                alternative.insert(scheme.to_owned(), some(&mut random).into());
            }
            alternatives.push(Value::Object(alternative));
        }
        let document = secured(alternatives.into());
        let policy = Policy::compile(&document, &external(Undeclared::Deny)).unwrap();
        let requirement = &operation(&policy, "GET", "/a").requirement;
        let is_bearer = random.random_bool(0.5);
        let sent = SCHEMES.map(|scheme| {
            let sent: Sent = match random.random_range(0..4) {
                0 => None,
                // `Authorization` holds one of them.
                _ if scheme == if is_bearer { "basic" } else { "bearer" } => None,
                1 => Some(Err(())),
                _ => Some(Ok(some(&mut random))),
            };
            (scheme, sent)
        });
        let sent = |scheme: &Scheme| {
            sent.iter().find(|(name, _)| *name == &*scheme.name).unwrap().1.clone()
        };
        let held = SCHEMES.map(|scheme| {
            let roles = policy.schemes().iter().find(|one| &*one.name == scheme);
            let roles = roles.and_then(|one| sent(one)).and_then(Result::ok).unwrap_or_default();
            (scheme, Held { roles: roles.into_iter().collect(), ..Held::default() })
        });
        let described = outcome(requirement, |scheme| match sent(scheme) {
            None => Carried::Nothing,
            Some(Err(())) => Carried::Invalid,
            Some(Ok(_)) => {
                let held = held.iter().find(|(name, _)| *name == &*scheme.name);
                held.map_or(Carried::Nothing, |(_, held)| Carried::Valid(held))
            }
        });
        assert_eq!(described, decided(requirement, sent), "{document:#}");
    }
}

#[test]
fn nobody_meets_two_schemes_that_need_the_same_header() {
    let document = secured(json!([{ "bearer": ["a"], "basic": [] }]));
    let policy = Policy::compile(&document, &external(Undeclared::Deny)).unwrap();
    let requirement = &operation(&policy, "GET", "/a").requirement;
    let answer = |roles: &[&'static str]| {
        let held = Held { roles: roles.iter().copied().collect(), ..Held::default() };
        outcome(requirement, |_| Carried::Valid(&held))
    };
    assert_eq!(answer(&["a"]), Outcome::Challenged);
    // The token is read, and lacks the role.
    assert_eq!(answer(&[]), Outcome::Forbidden);
    // It lets nobody in that the other does not let in.
    let key = secured(json!([{ "apiKey": [] }, { "bearer": [], "basic": [] }]));
    let without = secured(json!([{ "apiKey": [] }]));
    let [key, without] =
        [key, without].map(|one| Policy::compile(&one, &external(Undeclared::Deny)).unwrap());
    assert_eq!(changes(&without, &key), []);
    for conflict in [
        json!([{ "bearer": [], "basic": [] }]),
        json!([{ "basic": [], "openIdConnect": [] }]),
        json!([{}, { "apiKey": [], "oauth2": [], "basic": [] }]),
    ] {
        let what = "need the header `Authorization`";
        assert_error(&secured(conflict), "GET /a (#/paths/~1a/get/security)", what);
    }
}

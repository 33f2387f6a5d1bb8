//! Random requests for random documents: the policy decides as the contract says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

use crate::{
    policy::{
        compile_options::{CompileOptions, Undeclared},
        compiled::{Lookup, Policy},
        decision::{Authentication, Authentications, Decision, Evaluation, Forbidden},
        outcome::{Carried, Held, Outcome, outcome},
        tests::{
            contract::{Contract, Credential, Holder, OURS, Sent, Verdict},
            external,
            random_documents::{ALL_SCHEMES, CORP, ROLES, SCOPES, Vocabulary, target},
        },
    },
    principal::Principal,
};

const DOCUMENTS: usize = 1_000;
const REQUESTS_EACH: usize = 100;

/// Places for API keys that the documents name, and some that they do not.
const PLACES: &[(&str, &str)] = &[
    ("header", "x-api-key"),
    ("header", "Shop-Key"),
    ("query", "key"),
    ("cookie", "key"),
    ("query", "Key"),
    ("cookie", "X-API-Key"),
];

fn principal(holder: &Holder) -> Principal {
    match holder.issuer {
        OURS => Principal::for_tests(holder.subject, &holder.roles, &holder.scopes),
        _ => Principal::external_for_tests("corp", holder.subject, &holder.scopes),
    }
}

/// From one random number: they take a third of the time.
fn credential(random: &mut StdRng, is_token: bool) -> Option<Credential> {
    let bits: u32 = random.random();
    let words = |all: [&'static str; 2], at: u32| {
        all.into_iter()
            .zip(at..)
            .filter(|(_, at)| bits >> at & 1 == 1)
            .map(|(word, _)| word)
            .collect()
    };
    let is_foreign = is_token && bits >> 8 & 3 == 0;
    match bits >> 10 & 7 {
        0..3 => None,
        3 => Some(Credential::Bad),
        _ => Some(Credential::Good(Holder {
            issuer: if is_foreign { CORP } else { OURS },
            subject: if bits >> 16 & 3 == 0 { "bob" } else { "ann" },
            roles: if is_foreign { Vec::new() } else { words(ROLES, 0) },
            scopes: words(SCOPES, 2),
        })),
    }
}

fn sent(random: &mut StdRng) -> Sent {
    let mut sent =
        Sent { bearer: credential(random, true), basic: credential(random, false), keys: vec![] };
    // `Authorization` holds one of the two.
    match random.random_bool(0.5) {
        _ if sent.bearer.is_none() || sent.basic.is_none() => {}
        true => sent.bearer = None,
        false => sent.basic = None,
    }
    let is_cross_site = random.random_bool(0.1);
    for (location, name) in PLACES {
        let found = match credential(random, false) {
            Some(_) if is_cross_site && *location == "cookie" => Some(Credential::CrossSite),
            found => found,
        };
        sent.keys.extend(found.map(|found| (*location, *name, found)));
    }
    sent
}

/// The answer of the policy, and who passed.
fn decide(
    contract: &Contract<'_>,
    policy: &Policy,
    method: &str,
    path: &str,
    sent: &Sent,
) -> (&'static str, Option<Arc<Principal>>) {
    let Lookup::Operation(operation) = policy.find(method, path) else { return ("unknown", None) };
    let mut authentications = Authentications::default();
    loop {
        let scheme = match operation.requirement.evaluate(&authentications) {
            Evaluation::Authenticate(scheme) => scheme,
            Evaluation::Decided(Decision::Allow { principal }) => {
                return ("allowed", principal.map(|(principal, _)| principal));
            }
            Evaluation::Decided(Decision::Forbid(why)) => {
                let is_missing =
                    contract.operation(method, path).is_some_and(|it| it.security.is_none());
                assert_eq!(why == Forbidden::Undeclared, is_missing);
                return ("forbidden", None);
            }
            Evaluation::Decided(Decision::Challenge { invalid: Some(_) }) => return ("bad", None),
            Evaluation::Decided(Decision::Challenge { invalid: None }) => {
                return ("missing", None);
            }
        };
        assert!(authentications.get(scheme).is_none(), "{} is authenticated twice", scheme.name);
        let found = match contract.credential(&scheme.name, sent) {
            None => Authentication::Missing,
            Some(Credential::Bad) => Authentication::Invalid,
            Some(Credential::CrossSite) => Authentication::CrossSite,
            Some(Credential::Good(holder)) => Authentication::Valid(Arc::new(principal(&holder))),
        };
        authentications.insert(scheme, found);
    }
}

/// The outcome for credentials that are only described, where they can be: all of one subject, and none of another site.
fn described(
    contract: &Contract<'_>,
    policy: &Policy,
    method: &str,
    path: &str,
    sent: &Sent,
) -> Option<Outcome> {
    let Lookup::Operation(operation) = policy.find(method, path) else { return None };
    let schemes = operation.requirement.schemes();
    let carried: Vec<_> =
        schemes.map(|scheme| (scheme.index, contract.credential(&scheme.name, sent))).collect();
    let good = |(_, one): &(usize, Option<Credential>)| match one {
        Some(Credential::Good(holder)) => Some((holder.issuer, holder.subject)),
        _ => None,
    };
    let names: BTreeSet<_> = carried.iter().filter_map(good).collect();
    let is_cross_site = |one: &(usize, Option<Credential>)| one.1 == Some(Credential::CrossSite);
    if names.len() > 1 || carried.iter().any(is_cross_site) {
        return None;
    }
    let held: BTreeMap<_, _> = carried
        .iter()
        .filter_map(|(index, one)| match one {
            Some(Credential::Good(holder)) => {
                let (roles, scopes) = (holder.roles.iter(), holder.scopes.iter());
                let held =
                    Held { roles: roles.copied().collect(), scopes: scopes.copied().collect() };
                Some((*index, held))
            }
            _ => None,
        })
        .collect();
    Some(outcome(&operation.requirement, |scheme| match held.get(&scheme.index) {
        Some(held) => Carried::Valid(held),
        None if carried.contains(&(scheme.index, None)) => Carried::Nothing,
        None => Carried::Invalid,
    }))
}

/// Breaks one `security` of the document, which may hide behind others.
fn break_one(random: &mut StdRng, document: &mut Value) {
    let faulty = [
        json!([{ "nobody": [] }]),
        json!([{ "mutual": [] }]),
        json!([{ "digest": [] }, {}]),
        json!([{ "oauth": ["undeclared"] }]),
        json!([{ "token": ["reader"] }]),
        json!([{ "token": [1] }]),
        json!([{ "token": "reader" }]),
        json!([["token"]]),
        json!({ "token": [] }),
        json!("token"),
        Value::Null,
    ];
    let faulty = faulty.choose(random).unwrap().clone();
    if random.random_bool(0.3) {
        document["security"] = faulty;
        return;
    }
    let items: Vec<_> = document["paths"].as_object_mut().unwrap().values_mut().collect();
    let count = items.len().max(1);
    if let Some(item) = items.into_iter().nth(random.random_range(0..count)) {
        for (method, operation) in item.as_object_mut().unwrap() {
            if method != "trace" {
                operation["security"] = faulty;
                return;
            }
        }
    }
}

/// Moves a path item to the components.
fn refer_to_one(document: &mut Value) {
    let Some((path, item)) = document["paths"].as_object().unwrap().iter().next() else { return };
    let (path, item) = (path.clone(), item.clone());
    document["components"]["pathItems"]["moved"] = item;
    document["paths"][path] = json!({ "$ref": "#/components/pathItems/moved" });
}

#[test]
fn a_hundred_thousand_requests_are_decided_as_the_contract_says() {
    let mut random = StdRng::seed_from_u64(14);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut compared = 0;
    let mut documents = 0;
    while documents < DOCUMENTS {
        let version = *["3.0.3", "3.1.0", "3.1.1", "3.2.0"].choose(&mut random).unwrap();
        let vocabulary = Vocabulary { version, schemes: ALL_SCHEMES };
        let mut document = vocabulary.document(&mut random, 0);
        if random.random_bool(0.1) {
            break_one(&mut random, &mut document);
        }
        let missing_is_public = random.random_bool(0.3);
        let base = *[None, None, None, Some("/base"), Some("/")].choose(&mut random).unwrap();
        let written = document.clone();
        if version != "3.0.3" && random.random_bool(0.2) {
            refer_to_one(&mut document);
        }
        let shown = || {
            let mut shown = document.clone();
            shown["components"]["securitySchemes"].take();
            shown.to_string()
        };
        let contract = Contract::new(&document, base, missing_is_public);
        let undeclared = if missing_is_public { Undeclared::Public } else { Undeclared::Deny };
        let options = CompileOptions { base: base.map(str::to_owned), ..external(undeclared) };
        let policy = match Policy::compile(&document, &options) {
            Ok(policy) if !contract.has_fault() => policy,
            Err(_) if contract.has_fault() => {
                *seen.entry("refused document").or_default() += 1;
                continue;
            }
            Ok(_) => panic!("this must be refused: {}", shown()),
            Err(errors) => panic!("{errors}\n{}", shown()),
        };
        documents += 1;
        for _ in 0..REQUESTS_EACH {
            let (method, path) = target(&mut random, &written, &contract.base);
            let sent = sent(&mut random);
            let wanted = contract.judge(&method, &path, &sent);
            let (found, who) = decide(&contract, &policy, &method, &path, &sent);
            let (wanted, holders) = match wanted {
                Verdict::Unknown => ("unknown", vec![]),
                Verdict::Allowed(holders) => ("allowed", holders),
                Verdict::Forbidden => ("forbidden", vec![]),
                Verdict::Bad => ("bad", vec![]),
                Verdict::Missing => ("missing", vec![]),
            };
            let operation = contract.operation(&method, &path);
            let context = || format!("{method} {path}\n{sent:?}\n{operation:?}\n{}", shown());
            assert_eq!(found, wanted, "{}", context());
            let is_one_of = who
                .as_deref()
                .is_none_or(|who| holders.iter().any(|holder| principal(holder).is_same_as(who)));
            assert_eq!(who.is_none(), holders.is_empty(), "{}", context());
            assert!(is_one_of, "{who:?} passed: {}", context());
            if let Some(outcome) = described(&contract, &policy, &method, &path, &sent) {
                let wanted = match wanted {
                    "allowed" => Outcome::Allowed,
                    "forbidden" => Outcome::Forbidden,
                    _ => Outcome::Challenged,
                };
                assert_eq!(outcome, wanted, "{}", context());
            }
            if path == path.to_lowercase() && !["TRACE", "get"].contains(&method.as_str()) {
                let is_crossed = contract.is_crossed(&method, &path);
                assert_eq!(policy.is_ambiguous(&method, &path), is_crossed, "{}", context());
            }
            let kind = match holders.len() {
                0 if found == "allowed" => "allowed anonymously",
                _ => found,
            };
            *seen.entry(kind).or_default() += 1;
            compared += 1;
        }
    }
    assert_eq!(compared, 100_000);
    assert!(seen.len() == 7 && seen.values().all(|count| *count > 100), "{seen:?}");
}

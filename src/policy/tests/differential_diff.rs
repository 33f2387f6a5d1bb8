//! What changed between random documents, compared with every request of a small world.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

use crate::policy::{
    compile_options::{CompileOptions, Undeclared},
    compiled::Policy,
    diff::{Change, changes},
    tests::{
        contract::{Contract, Documented, OURS, matches},
        external,
        random_documents::{
            ALL_SCHEMES, CORP, METHODS, ROLES, SCOPES, TEMPLATES, Vocabulary, subset,
        },
    },
};

const PAIRS: usize = 400;

/// Where a request holds credentials, the bearer token first.
const PLACES: &[&str] = &[
    "bearer",
    "basic",
    "header x-api-key",
    "header shop-key",
    "query key",
    "query shop-key",
    "cookie key",
];
const BEARER: usize = 0;
const BASIC: usize = 1;

/// An issuer that no scheme names, and those that schemes name.
const ISSUERS: &[&str] = &["", OURS, CORP];

/// What a request holds in one place. All good credentials of a request name one subject.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Held {
    Nothing,
    Bad,
    /// The roles and scopes as bits.
    Good {
        issuer: usize,
        words: u8,
    },
}

type Request = [Held; PLACES.len()];

/// A part of an alternative.
#[derive(Debug, Clone, Copy)]
struct Demand {
    /// Its index in `PLACES`.
    place: usize,
    /// Whose tokens are good, by its index in `ISSUERS`; anybody's if there is none.
    issuer: Option<usize>,
    words: u8,
}

type Alternatives = Vec<Vec<Demand>>;

/// The demands of an operation; nothing where it is denied.
fn alternatives(contract: &Contract<'_>, security: &Value) -> Alternatives {
    let index = |all: &[&str], one: &str| all.iter().position(|it| *it == one).unwrap();
    let words: Vec<&str> = ROLES.into_iter().chain(SCOPES).collect();
    let demand = |(name, demanded): (&String, &Value)| {
        let scheme = contract.scheme(name).unwrap();
        let text = |field: &str| scheme[field].as_str().unwrap();
        let place = match text("type") {
            "apiKey" => format!("{} {}", text("in"), text("name").to_lowercase()),
            "http" => text("scheme").to_lowercase(),
            _ => "bearer".to_owned(),
        };
        let issuer = scheme["openIdConnectUrl"].as_str().map(|url| index(ISSUERS, url));
        let demanded = demanded.as_array().unwrap().iter().map(|one| one.as_str().unwrap());
        let words = demanded.map(|one| 1 << index(&words, one)).sum();
        Demand { place: index(PLACES, &place), issuer, words }
    };
    let objects = security.as_array().unwrap().iter().map(|one| one.as_object().unwrap());
    objects.map(|one| one.iter().map(demand).collect()).collect()
}

fn held(demand: Demand, request: &Request) -> Held {
    match (request[demand.place], demand.issuer) {
        (Held::Good { issuer, .. }, Some(wanted)) if issuer != wanted => Held::Bad,
        (held, _) => held,
    }
}

/// Whether a request passes, by the table of the contract. `None` is an operation that is denied.
fn passes(security: Option<&Alternatives>, request: &Request) -> bool {
    let Some(alternatives) = security else { return false };
    let is_met = |demand: &Demand| match held(*demand, request) {
        Held::Good { words, .. } => words & demand.words == demand.words,
        Held::Nothing | Held::Bad => false,
    };
    let is_bad = |demand: &Demand| held(*demand, request) == Held::Bad;
    alternatives.is_empty()
        || alternatives.iter().any(|one| !one.is_empty() && one.iter().all(is_met))
        || alternatives.iter().any(Vec::is_empty) && !alternatives.iter().flatten().any(is_bad)
}

/// Whether some request passes `new` that `old` refuses, and the reverse.
fn compare(old: Option<&Alternatives>, new: Option<&Alternatives>) -> (bool, bool) {
    let demands = || old.into_iter().chain(new).flatten().flatten();
    let mut requests = vec![[Held::Nothing; PLACES.len()]];
    for place in 0..PLACES.len() {
        if !demands().any(|demand| demand.place == place) {
            continue;
        }
        // Only tokens have another issuer, and only schemes of tokens demand scopes.
        let (issuers, words) = match place {
            BEARER => (ISSUERS.len(), ROLES.len() + SCOPES.len()),
            _ => (1, ROLES.len()),
        };
        let mut all = vec![Held::Nothing, Held::Bad];
        for issuer in 0..issuers {
            all.extend((0..1 << words).map(|words| Held::Good { issuer, words }));
        }
        let each = requests.iter().flat_map(|request| {
            all.iter().map(|held| {
                let mut request = *request;
                request[place] = *held;
                request
            })
        });
        // `Authorization` holds one of the two.
        let is_possible =
            |request: &Request| request[BEARER] == Held::Nothing || request[BASIC] == Held::Nothing;
        requests = each.filter(is_possible).collect();
    }
    let mut found = (false, false);
    for request in &requests {
        let (before, after) = (passes(old, request), passes(new, request));
        found = (found.0 || after && !before, found.1 || before && !after);
    }
    found
}

/// Concrete paths for every combination of templates, without the base path.
fn paths() -> Vec<String> {
    let words = ["a", "b", "c", "z", "b.json"];
    let mut paths: Vec<String> = words.map(|word| format!("/{word}")).to_vec();
    for _ in 0..2 {
        let longer = paths.iter().flat_map(|path| words.map(|word| format!("{path}/{word}")));
        paths = paths.iter().cloned().chain(longer).collect();
    }
    paths.push("/a/b/".to_owned());
    paths.sort();
    paths.dedup();
    paths
}

/// One method and path, and what became of its requests.
#[derive(Debug)]
struct Witness {
    method: &'static str,
    path: String,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum What {
    Weaker,
    Stronger,
    /// With whether it is public.
    Added(bool),
    Removed,
}

/// The `security` of an operation; null where it is denied.
fn security(contract: &Contract<'_>, operation: &Documented<'_>) -> Value {
    let missing = if contract.missing_is_public { json!([]) } else { Value::Null };
    operation.security.cloned().unwrap_or(missing)
}

/// Everything that changed, request by request.
fn witnesses(old: &Contract<'_>, new: &Contract<'_>, paths: &[String]) -> Vec<Witness> {
    let mut known: HashMap<(Value, Value), (bool, bool)> = HashMap::new();
    let mut found = Vec::new();
    let bases = BTreeSet::from([&old.base, &new.base]);
    let paths = bases.iter().flat_map(|base| paths.iter().map(move |path| format!("{base}{path}")));
    for path in paths {
        for method in ["GET", "POST", "DELETE", "HEAD", "OPTIONS", "TRACE"] {
            let mut add = |what| found.push(Witness { method, path: path.clone(), what });
            let (before, after) = (old.operation(method, &path), new.operation(method, &path));
            match (&before, &after) {
                (None, Some(after)) if !old.has(after) => {
                    let is_public = match security(new, after) {
                        Value::Array(any) => any.is_empty() || any.contains(&json!({})),
                        _ => false,
                    };
                    add(What::Added(is_public));
                    continue;
                }
                (Some(before), None) if !new.has(before) => {
                    add(What::Removed);
                    continue;
                }
                _ => {}
            }
            let security = |contract, operation: &Option<Documented<'_>>| {
                operation.as_ref().map_or(Value::Null, |it| security(contract, it))
            };
            let pair = (security(old, &before), security(new, &after));
            let (is_weaker, is_stronger) = *known.entry(pair).or_insert_with_key(|(was, is)| {
                let read = |contract, security: &Value| {
                    (!security.is_null()).then(|| alternatives(contract, security))
                };
                compare(read(old, was).as_ref(), read(new, is).as_ref())
            });
            if is_weaker {
                add(What::Weaker);
            }
            if is_stronger {
                add(What::Stronger);
            }
        }
    }
    found
}

/// Changes a document in one place.
fn mutate(random: &mut StdRng, vocabulary: &Vocabulary<'_>, document: &mut Value) {
    let template = *TEMPLATES.choose(random).unwrap();
    let method = *METHODS.choose(random).unwrap();
    let items: Vec<String> = document["paths"].as_object().unwrap().keys().cloned().collect();
    let Some(path) = items.choose(random) else { return };
    let kind = random.random_range(0..20);
    match kind {
        0 => document["security"] = vocabulary.security(random),
        1 => drop(document.as_object_mut().unwrap().remove("security")),
        2 => {
            document["servers"] = json!([{ "url": *["/api", "/v2", "/"].choose(random).unwrap() }])
        }
        3 => drop(document["paths"].as_object_mut().unwrap().remove(path)),
        4 => {
            let renamed = path.replace("{x}", "{n}").replace("{y}", "{m}");
            if let Some(item) = document["paths"].as_object_mut().unwrap().remove(path) {
                document["paths"][renamed] = item;
            }
        }
        5 | 6 => {
            let is_same =
                |path: &&String| path.replace("{n}", "{x}").replace("{m}", "{y}") == template;
            let path = items.iter().find(is_same).map_or(template, String::as_str);
            document["paths"][path][method] = vocabulary.operation(random);
        }
        7 => {
            let schemes = &mut document["components"]["securitySchemes"];
            let (name, scheme) = [
                ("headerKey", json!({ "type": "apiKey", "in": "header", "name": "X-Api-Key" })),
                ("headerKey", json!({ "type": "apiKey", "in": "query", "name": "shop-key" })),
                ("token", json!({ "$ref": "#/components/securitySchemes/oauth" })),
                ("ours", json!({ "$ref": "#/components/securitySchemes/corp" })),
                ("basic", json!({ "type": "apiKey", "in": "cookie", "name": "key" })),
                ("queryKey", json!({ "type": "http", "scheme": "bearer" })),
            ]
            .choose(random)
            .unwrap()
            .clone();
            // Roles are not scopes.
            if name != "token" {
                schemes[name] = scheme;
            }
        }
        _ => {
            let item = document["paths"][path].as_object_mut().unwrap();
            let methods: Vec<String> = item.keys().cloned().collect();
            let Some(method) = methods.choose(random) else { return };
            if kind == 8 {
                item.remove(method);
                return;
            }
            let Some(Value::Array(alternatives)) = item[method].get_mut("security") else {
                item[method]["security"] = vocabulary.security(random);
                return;
            };
            let count = alternatives.len().max(1);
            let at = random.random_range(0..count);
            match kind {
                9 | 10 => alternatives.push(vocabulary.alternative(random)),
                11 | 12 if !alternatives.is_empty() => drop(alternatives.remove(at)),
                13 => alternatives.reverse(),
                14 => alternatives.push(json!({})),
                15 => item[method] = vocabulary.operation(random),
                _ => {
                    let Some(alternative) = alternatives.get_mut(at) else { return };
                    for (name, words) in alternative.as_object_mut().unwrap() {
                        let all = if ["oauth", "ours", "corp"].contains(&name.as_str()) {
                            SCOPES
                        } else {
                            ROLES
                        };
                        *words = subset(random, &all, 0.5).into();
                    }
                }
            }
        }
    }
}

fn compile(document: &Value, undeclared: Undeclared) -> Policy {
    let options = CompileOptions { ..external(undeclared) };
    Policy::compile(document, &options).unwrap_or_else(|errors| panic!("{errors}\n{document}"))
}

/// The class, method and path of a line.
fn parts(change: &Change) -> [String; 3] {
    let line = change.to_string();
    let (operation, _) = line.split_once(": ").unwrap();
    let parts: Vec<_> = operation.split(' ').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

/// Whether a line with this class tells what a witness has seen.
fn tells(class: &str, what: What) -> bool {
    match what {
        What::Weaker => ["WEAKER", "DIFFERENT"].contains(&class),
        What::Stronger => ["STRONGER", "DIFFERENT"].contains(&class),
        // The line of the same operation may tell what changed for others of its paths.
        What::Added(_) => class != "REMOVED",
        What::Removed => class != "ADDED",
    }
}

#[test]
fn every_line_of_a_diff_is_true_and_none_is_missing() {
    let mut random = StdRng::seed_from_u64(15);
    let paths = paths();
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..PAIRS {
        // Few schemes at a time, so that all requests of a pair can be tried.
        let schemes: Vec<&str> =
            (0..4).map(|_| *ALL_SCHEMES.choose(&mut random).unwrap()).collect();
        let vocabulary = Vocabulary { version: "3.1.0", schemes: &schemes };
        let old = vocabulary.document(&mut random, 0);
        let mut new = old.clone();
        if random.random_bool(0.1) {
            new = vocabulary.document(&mut random, 0);
        }
        for _ in 0..random.random_range(0..5) {
            mutate(&mut random, &vocabulary, &mut new);
        }
        let (undeclared, missing_is_public) =
            *[(Undeclared::Deny, false), (Undeclared::Public, true)].choose(&mut random).unwrap();
        let policies = (compile(&old, undeclared), compile(&new, undeclared));
        let contracts = (
            Contract::new(&old, None, missing_is_public),
            Contract::new(&new, None, missing_is_public),
        );
        let found = witnesses(&contracts.0, &contracts.1, &paths);
        let told = changes(&policies.0, &policies.1);
        let lines: Vec<_> = told.iter().map(ToString::to_string).collect();
        let context = || {
            format!("{lines:#?}\nold: {}\nnew: {}", without_schemes(&old), without_schemes(&new))
        };
        let is_about = |[_, method, template]: &[String; 3], witness: &Witness| {
            let is_method =
                *method == witness.method || method == "GET" && witness.method == "HEAD";
            is_method && matches(template, &witness.path)
        };
        for witness in &found {
            let is_told = told
                .iter()
                .map(parts)
                .any(|parts| is_about(&parts, witness) && tells(&parts[0], witness.what));
            assert!(is_told, "{witness:?} is missing: {}", context());
        }
        for change in &told {
            let parts = parts(change);
            let wanted: &[fn(What) -> bool] = match parts[0].as_str() {
                "WEAKER" => &[|what| what == What::Weaker],
                "STRONGER" => &[|what| what == What::Stronger],
                "DIFFERENT" => &[|what| what == What::Weaker, |what| what == What::Stronger],
                "ADDED" => &[|what| matches!(what, What::Added(_))],
                _ => &[|what| what == What::Removed],
            };
            let is_true = wanted.iter().all(|wanted| {
                found.iter().any(|witness| wanted(witness.what) && is_about(&parts, witness))
            });
            assert!(is_true, "{change} is wrong: {}", context());
            let class = ["WEAKER", "STRONGER", "DIFFERENT", "ADDED", "REMOVED"];
            *seen.entry(class.iter().find(|class| **class == parts[0]).unwrap()).or_default() += 1;
        }
        let is_weaker = found.iter().any(|it| matches!(it.what, What::Weaker | What::Added(true)));
        assert_eq!(told.iter().any(Change::is_weaker), is_weaker, "the exit code: {}", context());
        if told.is_empty() {
            *seen.entry("nothing").or_default() += 1;
        }
    }
    assert!(seen.len() == 6 && seen.values().all(|count| *count > 20), "{seen:?}");
}

fn without_schemes(document: &Value) -> String {
    let mut document = document.clone();
    document["components"].take();
    document.to_string()
}

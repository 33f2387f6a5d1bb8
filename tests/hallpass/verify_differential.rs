//! Random requests for random policy files: `/verify` answers as the contract says.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::{Value, json};

use crate::{
    support::{accounts, forged_token::ForgedToken, load::Connection, server::Server},
    verify_policy,
};
use contract::{Contract, Credential, Holder, OURS, Sent, Verdict};
use random_documents::{ROLES, SCOPES, Vocabulary, target};

#[path = "../../src/policy/tests/contract.rs"]
#[allow(dead_code, reason = "the tests of the policy use the rest")]
mod contract;
#[path = "../../src/policy/tests/random_documents.rs"]
#[allow(dead_code, reason = "the tests of the policy use the rest")]
mod random_documents;

const REQUESTS_EACH: usize = 800;

const SCHEMES: &[&str] = &[
    "token",
    "token",
    "oauth",
    "ours",
    "basic",
    "headerKey",
    "otherHeader",
    "sameHeader",
    "queryKey",
    "cookieKey",
];

/// Good and bad credentials, as they are sent.
struct Wallet {
    tokens: Vec<(String, Credential)>,
    keys: Vec<(String, Credential)>,
}

fn holder(subject: &'static str, scopes: &[&'static str]) -> Credential {
    let roles = match subject {
        "admin" => ROLES.to_vec(),
        "reader" => vec!["reader"],
        _ => Vec::new(),
    };
    Credential::Good(Holder { issuer: OURS, subject, roles, scopes: scopes.to_vec() })
}

impl Wallet {
    fn new(server: &Server) -> Self {
        let key = |client: &str| server.accounts.key(client).to_owned();
        let mut tokens = Vec::new();
        let mut keys = Vec::new();
        for (client, scopes) in [("admin", &[][..]), ("reader", &[]), ("scoped", &SCOPES)] {
            tokens.push((server.login(client), holder(client, scopes)));
            keys.push((key(client), holder(client, scopes)));
        }
        for scope in SCOPES {
            let login = server.key("scoped").post("/login").json(json!({ "scope": scope }));
            let token = login.expect(200).json()["access_token"].as_str().unwrap().to_owned();
            tokens.push((token, holder("scoped", &[scope])));
        }
        let token = ForgedToken::from(&tokens[0].0);
        for bad in [
            token.clone().expired().sign(),
            token.clone().claim("roles", json!(["admin", "reader", "root"])).unsigned(),
            token.claim("iss", json!("https://corp.example")).sign(),
            "x.y.z".to_owned(),
            key("admin"),
        ] {
            tokens.push((bad, Credential::Bad));
        }
        for bad in [
            accounts::unknown_key(),
            accounts::with_wrong_secret(&key("admin")),
            key("expired"),
            key("disabled"),
            "hp__".to_owned(),
        ] {
            keys.push((bad, Credential::Bad));
        }
        Self { tokens, keys }
    }
}

/// The credentials of a random request, the headers that carry them and its query.
fn credentials(random: &mut StdRng, wallet: &Wallet) -> (Sent, String, String) {
    let (mut sent, mut headers, mut query) = (Sent::default(), String::new(), String::new());
    // Different keys in different places are ambiguous.
    let (key, found) = wallet.keys.choose(random).unwrap();
    match random.random_range(0..7) {
        0..3 => {
            let (token, found) = wallet.tokens.choose(random).unwrap();
            headers += &format!("Authorization: Bearer {token}\r\n");
            sent.bearer = Some(found.clone());
        }
        3 => {
            let client = *["admin", "reader"].choose(random).unwrap();
            headers +=
                &format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{client}:{key}")));
            let is_good = matches!(found, Credential::Good(holder) if holder.subject == client);
            sent.basic = Some(if is_good { found.clone() } else { Credential::Bad });
        }
        _ => {}
    }
    for (location, name) in
        [("header", "X-API-KEY"), ("header", "shop-key"), ("query", "key"), ("cookie", "key")]
    {
        if random.random_bool(0.75) {
            continue;
        }
        match location {
            "header" => headers += &format!("{name}: {key}\r\n"),
            "query" => query = format!("?a=b&{name}={key}"),
            _ => headers += &format!("Cookie: a=b; {name}={key}\r\n"),
        }
        sent.keys.push((location, name, found.clone()));
    }
    (sent, headers, query)
}

/// What the service takes of the credentials: a cookie of another site's unsafe request is refused, and none is read
/// beside a credential that the operation takes elsewhere, unless an alternative demands both.
fn taken(
    contract: &Contract<'_>,
    method: &str,
    path: &str,
    is_cross_site: bool,
    mut sent: Sent,
) -> Sent {
    if is_cross_site && !["GET", "HEAD", "OPTIONS"].contains(&method) {
        for (location, _, found) in &mut sent.keys {
            if *location == "cookie" {
                *found = Credential::CrossSite;
            }
        }
    }
    let mut explicit = sent.clone();
    explicit.keys.retain(|(location, ..)| *location != "cookie");
    let security = contract.operation(method, path).and_then(|operation| operation.security);
    let alternatives = || security.and_then(Value::as_array).into_iter().flatten();
    let takes_both = |alternative: &Value| {
        let alternative = alternative.as_object().unwrap();
        alternative.contains_key("cookieKey") && alternative.len() > 1
    };
    let mut schemes = alternatives().flat_map(|one| one.as_object().unwrap().keys());
    let is_explicit = schemes.any(|scheme| contract.credential(scheme, &explicit).is_some());
    if is_explicit && !alternatives().any(takes_both) { explicit } else { sent }
}

#[test]
fn random_policy_files_are_enforced_as_the_contract_says() {
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for (seed, version, base, missing_is_public) in [
        (1, "3.0.3", None, false),
        (2, "3.1.0", None, true),
        (3, "3.1.0", Some("/base"), false),
        (4, "3.2.0", None, false),
    ] {
        let mut random = StdRng::seed_from_u64(seed);
        let document = Vocabulary { version, schemes: SCHEMES }.document(&mut random, 25);
        let contract = Contract::new(&document, base, missing_is_public);
        let mut settings = vec![
            ("HALLPASS_ISSUER", "https://hallpass.example"),
            ("HALLPASS_POLICY_UNDECLARED", if missing_is_public { "public" } else { "deny" }),
            ("HALLPASS_LOG", "warn"),
        ];
        settings.extend(base.map(|base| ("HALLPASS_POLICY_BASE", base)));
        let server = verify_policy::server(&document.to_string(), &settings);
        let wallet = Wallet::new(&server);
        let mut connection = Connection::open(server.address).unwrap();
        for _ in 0..REQUESTS_EACH {
            let (method, path) = target(&mut random, &document, &contract.base);
            // A path that equals a template but for case is refused.
            let path = path.to_lowercase();
            let (sent, headers, query) = credentials(&mut random, &wallet);
            let is_cross_site = random.next_u32() % 8 == 0;
            let site = if is_cross_site { "Sec-Fetch-Site: cross-site\r\n" } else { "" };
            let request = format!(
                "GET /verify HTTP/1.1\r\nHost: x\r\nX-Original-Method: {method}\r\n\
                 X-Original-URI: {path}{query}\r\n{site}{headers}\r\n"
            );
            let answer = connection.request(&request).unwrap();
            let sent = taken(&contract, &method, &path, is_cross_site, sent);
            let verdict = match contract.is_crossed(&method, &path) {
                true => Verdict::Forbidden,
                false => contract.judge(&method, &path, &sent),
            };
            let found = match answer.status {
                200 => "allowed",
                403 => "forbidden",
                401 if answer.code() == "missing_credentials" => "missing",
                401 => "bad",
                status => panic!("{status}: {request}"),
            };
            let context = || {
                let operation = contract.operation(&method, &path);
                format!("{request}{operation:?}\n{}\n{sent:?}", answer.text())
            };
            let (wanted, subjects) = match &verdict {
                Verdict::Unknown | Verdict::Forbidden => ("forbidden", Vec::new()),
                Verdict::Bad => ("bad", Vec::new()),
                Verdict::Missing => ("missing", Vec::new()),
                Verdict::Allowed(holders) if holders.is_empty() => ("allowed", vec![""]),
                Verdict::Allowed(holders) => {
                    ("allowed", holders.iter().map(|holder| holder.subject).collect())
                }
            };
            assert_eq!(found, wanted, "{}", context());
            match answer.header("x-hallpass-subject") {
                Some(subject) => assert!(subjects.contains(&subject), "{subject}: {}", context()),
                None => assert_ne!(answer.status, 200, "{}", context()),
            }
            let kind = if verdict == Verdict::Unknown { "unknown" } else { found };
            *seen.entry(kind).or_default() += 1;
        }
    }
    assert_eq!(seen.values().sum::<usize>(), 4 * REQUESTS_EACH);
    assert!(seen.len() == 5 && seen.values().all(|count| *count > 100), "{seen:?}");
}

//! The policy as a table that is made from the published document: every operation, every credential.
//!
//! What is expected is computed from `security` here, by other code than the one that enforces it.

use serde_json::Value;

use crate::support::{
    accounts::with_wrong_secret, client::Ask, forged_token::Forged, server::Server,
};

/// One operation of the document.
#[derive(Debug, Clone)]
pub(crate) struct Documented {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) security: Value,
}

/// Every operation of a document.
pub(crate) fn operations(document: &Value) -> Vec<Documented> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let security = operation.get("security").or(document.get("security")).cloned();
            let security = security.unwrap_or_else(|| panic!("{method} {path} declares nothing"));
            operations.push(Documented {
                method: method.to_ascii_uppercase(),
                path: path.clone(),
                security,
            });
        }
    }
    assert!(operations.len() > 8, "the document was read: {operations:?}");
    operations
}

impl Documented {
    /// A path that the template matches.
    pub(crate) fn concrete(&self) -> String {
        self.path.replace("{name}", "swagger-ui.css").replace("{number}", "1")
    }

    /// Every alternative, as schemes with what each demands.
    fn alternatives(&self) -> Vec<Vec<(String, Vec<String>)>> {
        let words = |list: &Value| {
            list.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
        };
        let alternative = |one: &Value| {
            let schemes = one.as_object().unwrap().iter();
            schemes.map(|(scheme, list)| (scheme.clone(), words(list))).collect()
        };
        self.security.as_array().unwrap().iter().map(alternative).collect()
    }
}

/// What is presented for a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Wrong,
    Expired,
    /// Proven, of a client without roles or scopes.
    TooLittle,
    Enough,
    Twice,
}

/// Where a scheme of the document looks, and whether it takes a token.
struct Location<'d> {
    scheme: &'d Value,
    takes_token: bool,
}

impl<'d> Location<'d> {
    fn of(document: &'d Value, name: &str) -> Self {
        let scheme = &document["components"]["securitySchemes"][name];
        let takes_token = match scheme["type"].as_str().expect("a declared scheme") {
            "http" => scheme["scheme"] == "bearer",
            "apiKey" => scheme["name"] == "access_token",
            "oauth2" | "openIdConnect" => true,
            other => panic!("unknown type {other}"),
        };
        Self { scheme, takes_token }
    }

    fn text(&self, name: &str) -> &str {
        self.scheme[name].as_str().unwrap_or_default()
    }

    /// Puts `value` where the scheme looks.
    fn fill<'s>(&self, ask: Ask<'s>, client: &str, value: &str) -> Ask<'s> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let name = self.text("name");
        match (self.text("type"), self.text("in"), self.text("scheme")) {
            ("apiKey", "header", _) => ask.header(name, value),
            ("apiKey", "cookie", _) => ask.header("Cookie", format!("{name}={value}")),
            ("apiKey", "query", _) => ask.query(&format!("{name}={value}")),
            ("http", _, "basic") => {
                let pair = STANDARD.encode(format!("{client}:{value}"));
                ask.header("Authorization", format!("Basic {pair}"))
            }
            _ => ask.header("Authorization", format!("Bearer {value}")),
        }
    }

    /// A credential in this state, and whose it is.
    fn credential(&self, server: &Server, state: State) -> (&'static str, String) {
        let client = if state == State::TooLittle { "scoped" } else { "admin" };
        let value = match (self.takes_token, state) {
            (true, State::Wrong) => {
                Forged::from(&server.login("admin")).sign_with("x", jsonwebtoken::Algorithm::HS256)
            }
            (true, State::Expired) => Forged::from(&server.login("admin")).expired().sign(),
            (true, _) => server.login(client),
            (false, State::Wrong) => with_wrong_secret(server.cast.key("admin")),
            (false, State::Expired) => return ("expired", server.cast.key("expired").to_owned()),
            (false, _) => server.cast.key(client).to_owned(),
        };
        (client, value)
    }
}

/// Status and code of the refusal; `None` where the handler answers.
fn expected(
    operation: &Documented,
    alternative: &[(String, Vec<String>)],
    state: State,
    takes_token: bool,
) -> Option<(u16, &'static str)> {
    let all = operation.alternatives();
    let anonymous = all.iter().any(Vec::is_empty);
    let demands = alternative.iter().any(|(_, words)| !words.is_empty());
    match state {
        _ if all.is_empty() => None,
        State::Twice => Some((400, "ambiguous_credentials")),
        State::Wrong | State::Expired if takes_token => Some((401, "invalid_token")),
        State::Wrong | State::Expired => Some((401, "invalid_api_key")),
        State::TooLittle if demands && !anonymous => Some((403, "insufficient_scope")),
        State::TooLittle | State::Enough => None,
    }
}

#[test]
fn every_operation_demands_what_the_document_says_of_it() {
    let server = Server::start();
    let document = server.document();
    let mut checked = 0;
    for operation in operations(&document) {
        let what = |state| format!("{} {} {state:?}", operation.method, operation.path);
        let nothing = server.anonymous().ask(&operation.method, &operation.concrete());
        let alternatives = operation.alternatives();
        let open = alternatives.is_empty() || alternatives.iter().any(Vec::is_empty);
        let refusal = (!open).then_some((401, "missing_credentials"));
        check(nothing, refusal, "nothing presented");
        for alternative in alternatives.iter().filter(|alternative| !alternative.is_empty()) {
            use State::{Enough, Expired, TooLittle, Twice, Wrong};
            for state in [Wrong, Expired, TooLittle, Enough, Twice] {
                let mut ask = server.anonymous().ask(&operation.method, &operation.concrete());
                let mut takes_token = false;
                for (scheme, _) in alternative {
                    let place = Location::of(&document, scheme);
                    takes_token |= place.takes_token;
                    let (client, value) = place.credential(&server, state);
                    ask = place.fill(ask, client, &value);
                    if state == Twice {
                        ask = place.fill(ask, client, &value);
                    }
                }
                let refusal = expected(&operation, alternative, state, takes_token);
                check(ask, refusal, &format!("{} by {alternative:?}", what(state)));
                checked += 1;
            }
        }
    }
    assert!(checked > 30, "{checked} credentials were tried");
}

#[test]
fn a_public_operation_reads_no_credential() {
    let server = Server::start();
    for operation in operations(&server.document()) {
        if operation.security != serde_json::json!([]) {
            continue;
        }
        let ask = server.anonymous().ask(&operation.method, &operation.concrete());
        let ask = ask.header("Authorization", "Bearer x").header("Authorization", "Basic eDp4");
        let ask = ask.header("X-API-Key", "x").header("Cookie", "access_token=x; api_key=x");
        check(ask, None, &operation.path);
    }
}

/// Refusals of the handler itself (a missing form field, say) mean that it was reached.
fn check(ask: Ask<'_>, expected: Option<(u16, &str)>, what: &str) {
    let answer = ask.answer();
    let seen = (answer.status, answer.status >= 400);
    match expected {
        Some((status, code)) => {
            assert_eq!(seen, (status, true), "{what}: {}", answer.text());
            let body = answer.json();
            assert!(body["code"] == code || body["error"].is_string(), "{what}: {body}");
        }
        None => {
            let refused = [401, 403, 404, 405].contains(&answer.status);
            let ambiguous = answer.status == 400 && answer.code() == "ambiguous_credentials";
            assert!(!refused && !ambiguous, "{what}: {} {}", answer.status, answer.text());
        }
    }
}

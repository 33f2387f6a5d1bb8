//! Every operation of the published document is tried with every credential.
//!
//! The expected answers are computed from `security`, independently of the code under test.

use serde_json::Value;

use crate::support::{
    accounts::with_wrong_secret, client::RequestBuilder, forged_token::ForgedToken, server::Server,
};

/// One operation of the document.
#[derive(Debug, Clone)]
pub(crate) struct DocumentedOperation {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) security: Value,
}

/// Every operation of a document that judges the request at hand: `/verify` judges another one.
pub(crate) fn operations(document: &Value) -> Vec<DocumentedOperation> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        if path == "/verify" {
            continue;
        }
        for (method, operation) in item.as_object().unwrap() {
            let security = operation.get("security").or(document.get("security")).cloned();
            let security = security.unwrap_or_else(|| panic!("{method} {path} declares nothing"));
            operations.push(DocumentedOperation {
                method: method.to_ascii_uppercase(),
                path: path.clone(),
                security,
            });
        }
    }
    assert!(operations.len() > 8, "too few operations: {operations:?}");
    operations
}

impl DocumentedOperation {
    /// A path that the template matches.
    pub(crate) fn concrete(&self) -> String {
        self.path.replace("{name}", "swagger-ui.css").replace("{number}", "1")
    }

    /// The alternatives, as schemes with their roles or scopes.
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

/// The state of the credential that is sent for a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Wrong,
    Expired,
    /// Good, of a client without the roles.
    TooLittle,
    Enough,
    Twice,
}

/// Where a scheme's credential is sent, and whether it is a token.
struct Location<'d> {
    scheme: &'d Value,
    takes_token: bool,
}

impl<'d> Location<'d> {
    fn new(document: &'d Value, name: &str) -> Self {
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

    /// Adds `value` as the scheme's credential.
    fn fill<'s>(
        &self,
        request: RequestBuilder<'s>,
        client: &str,
        value: &str,
    ) -> RequestBuilder<'s> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let name = self.text("name");
        match (self.text("type"), self.text("in"), self.text("scheme")) {
            ("apiKey", "header", _) => request.header(name, value),
            ("apiKey", "cookie", _) => request.header("Cookie", format!("{name}={value}")),
            ("apiKey", "query", _) => request.query(&format!("{name}={value}")),
            ("http", _, "basic") => {
                let pair = STANDARD.encode(format!("{client}:{value}"));
                request.header("Authorization", format!("Basic {pair}"))
            }
            _ => request.header("Authorization", format!("Bearer {value}")),
        }
    }

    /// The client and its credential in this state.
    fn credential(&self, server: &Server, state: State) -> (&'static str, String) {
        let client = if state == State::TooLittle { "scoped" } else { "admin" };
        let value = match (self.takes_token, state) {
            (true, State::Wrong) => ForgedToken::from(&server.login("admin"))
                .sign_with("x", jsonwebtoken::Algorithm::HS256),
            (true, State::Expired) => ForgedToken::from(&server.login("admin")).expired().sign(),
            (true, _) => server.login(client),
            (false, State::Wrong) => with_wrong_secret(server.accounts.key("admin")),
            (false, State::Expired) => {
                return ("expired", server.accounts.key("expired").to_owned());
            }
            (false, _) => server.accounts.key(client).to_owned(),
        };
        (client, value)
    }
}

/// Status and code of the refusal; `None` if the handler answers.
fn expected(
    operation: &DocumentedOperation,
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
fn every_operation_enforces_its_security() {
    let server = Server::start();
    let document = server.document();
    let mut checked = 0;
    for operation in operations(&document) {
        let what = |state| format!("{} {} {state:?}", operation.method, operation.path);
        let nothing = server.anonymous().request(&operation.method, &operation.concrete());
        let alternatives = operation.alternatives();
        let open = alternatives.is_empty() || alternatives.iter().any(Vec::is_empty);
        let refusal = (!open).then_some((401, "missing_credentials"));
        check(nothing, refusal, "no credential");
        for alternative in alternatives.iter().filter(|alternative| !alternative.is_empty()) {
            use State::{Enough, Expired, TooLittle, Twice, Wrong};
            for state in [Wrong, Expired, TooLittle, Enough, Twice] {
                let mut request =
                    server.anonymous().request(&operation.method, &operation.concrete());
                let mut takes_token = false;
                for (scheme, _) in alternative {
                    let location = Location::new(&document, scheme);
                    takes_token |= location.takes_token;
                    let (client, value) = location.credential(&server, state);
                    request = location.fill(request, client, &value);
                    if state == Twice {
                        request = location.fill(request, client, &value);
                    }
                }
                let refusal = expected(&operation, alternative, state, takes_token);
                check(request, refusal, &format!("{} by {alternative:?}", what(state)));
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
        let request = server.anonymous().request(&operation.method, &operation.concrete());
        let request =
            request.header("Authorization", "Bearer x").header("Authorization", "Basic eDp4");
        let request =
            request.header("X-API-Key", "x").header("Cookie", "access_token=x; api_key=x");
        check(request, None, &operation.path);
    }
}

/// A refusal by the handler itself, such as a missing form field, shows that it was reached.
fn check(request: RequestBuilder<'_>, expected: Option<(u16, &str)>, what: &str) {
    let answer = request.answer();
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

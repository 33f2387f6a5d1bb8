//! A client that states what it expects, and checks every answer for mistakes.

use std::net::TcpStream;

use serde_json::Value;

use crate::support::{
    raw_http::{Request, Response, connect},
    server::Server,
};

/// The headers that an answer may have.
const ALLOWED_HEADERS: &[&str] = &[
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "allow",
    "cache-control",
    "connection",
    "content-length",
    "content-security-policy",
    "content-type",
    "date",
    "location",
    "pragma",
    "retry-after",
    "set-cookie",
    "vary",
    "www-authenticate",
    "x-content-type-options",
    "x-hallpass-client-id",
    "x-hallpass-issuer",
    "x-hallpass-kind",
    "x-hallpass-roles",
    "x-hallpass-scope",
    "x-hallpass-subject",
    "x-hallpass-token",
    "x-request-id",
];

/// Operations with errors in the shape of RFC 6749.
const OAUTH_PATHS: &[&str] = &["/token", "/introspect", "/revoke"];

/// Sends requests without a credential, with an API key or with a token.
pub(crate) struct Client<'s> {
    server: &'s Server,
    credential: Option<(String, String)>,
}

/// A request that is being built.
#[must_use]
pub(crate) struct RequestBuilder<'s> {
    server: &'s Server,
    request: Request,
}

impl<'s> Client<'s> {
    pub(crate) fn new(server: &'s Server, credential: Option<(String, String)>) -> Self {
        Self { server, credential }
    }

    pub(crate) fn get(&self, target: &str) -> RequestBuilder<'s> {
        self.request("GET", target)
    }

    pub(crate) fn post(&self, target: &str) -> RequestBuilder<'s> {
        self.request("POST", target)
    }

    pub(crate) fn request(&self, method: &str, target: &str) -> RequestBuilder<'s> {
        let (method, target) = (method.to_owned(), target.to_owned());
        let credential = self.credential.iter();
        let headers = credential.map(|(name, value)| (name.clone(), value.clone().into_bytes()));
        let request = Request { method, target, headers: headers.collect(), body: None };
        RequestBuilder { server: self.server, request }
    }
}

impl RequestBuilder<'_> {
    /// Adds a header, even if there is one of this name.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.request.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn headers(self, headers: &[(impl AsRef<str>, impl AsRef<[u8]>)]) -> Self {
        headers.iter().fold(self, |request, (name, value)| request.header(name.as_ref(), value))
    }

    /// Adds to the query.
    pub(crate) fn query(mut self, pair: &str) -> Self {
        let mark = if self.request.target.contains('?') { '&' } else { '?' };
        self.request.target = format!("{}{mark}{pair}", self.request.target);
        self
    }

    /// Sets a body without a content type.
    pub(crate) fn body(mut self, body: impl AsRef<[u8]>) -> Self {
        self.request.body = Some(body.as_ref().to_vec());
        self
    }

    /// Sets a JSON body.
    pub(crate) fn json(self, body: impl ToString) -> Self {
        self.header("Content-Type", "application/json").body(body.to_string())
    }

    /// Sends the request and requires this status.
    pub(crate) fn expect(self, status: u16) -> Response {
        let (line, response) = self.send();
        assert_eq!(response.status, status, "{line}\n{:?}\n{}", response.headers, response.text());
        response
    }

    /// As `expect`, and requires a problem with this code.
    pub(crate) fn refused(self, status: u16, code: &str) -> Response {
        let line = format!("{} {}", self.request.method, self.request.target);
        let response = self.expect(status);
        assert_eq!(response.code(), code, "{line}: {}", response.text());
        response
    }

    /// Sends the request; the answer may have any status below 500, or 503.
    pub(crate) fn answer(self) -> Response {
        self.send().1
    }

    /// As `answer`, over an open connection.
    pub(crate) fn over(self, stream: TcpStream) -> Response {
        self.send_over(stream).1
    }

    /// Sends the request without reading the answer.
    pub(crate) fn begin(self) -> TcpStream {
        let mut stream = connect(self.server.address);
        self.request.begin_over(&mut stream).unwrap();
        stream
    }

    fn send(self) -> (String, Response) {
        let stream = connect(self.server.address);
        self.send_over(stream)
    }

    fn send_over(self, stream: TcpStream) -> (String, Response) {
        let Self { server, request } = self;
        let line: String =
            format!("{} {}", request.method, request.target).chars().take(200).collect();
        let response = request.send_over(stream);
        inspect(server, &line, &request, &response);
        if line.starts_with("POST /login") && response.status == 200 {
            let token = response.json()["access_token"].as_str().unwrap().to_owned();
            server.add_secret("a token", &token);
        }
        (line, response)
    }
}

/// Checks what must hold for every answer.
fn inspect(server: &Server, line: &str, request: &Request, response: &Response) {
    let status = response.status;
    let what = format!("the answer {status} to {line}");
    for (name, value) in &response.headers {
        assert!(ALLOWED_HEADERS.contains(&name.as_str()), "{what} has {name}: {value}");
        server.assert_no_secret(&what, value);
    }
    server.assert_no_secret(&what, &response.text());
    assert!(status < 500 || status == 503, "{what}: {}", response.text());
    let id = response.header("x-request-id").unwrap_or_else(|| panic!("{what} has no request id"));
    assert!(!id.is_empty() && id.len() <= 64, "{what}: {id:?}");
    if request.method == "HEAD" {
        assert!(response.body.is_empty(), "{what} has a body");
    } else {
        let length = response.body.len().to_string();
        assert_eq!(response.header("content-length").unwrap_or("0"), length, "{what}");
    }
    if status >= 400 {
        inspect_refusal(&what, id, request, response);
    }
    assert_eq!(status == 401, !response.challenges().is_empty() && status != 403, "{what}");
    if status == 405 {
        assert!(response.header("allow").is_some_and(|allow| !allow.is_empty()), "{what}");
    }
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    if body.is_some_and(|body| body["access_token"].is_string()) {
        assert_eq!(response.header("cache-control"), Some("no-store"), "{what} may be cached");
    }
}

fn inspect_refusal(what: &str, id: &str, request: &Request, response: &Response) {
    assert_eq!(response.header("cache-control"), Some("no-store"), "{what} may be cached");
    if request.method == "HEAD" {
        return;
    }
    let body = response.json();
    let path = request.target.split('?').next().unwrap_or_default();
    if OAUTH_PATHS.contains(&path) && body["code"].is_null() {
        assert!(body["error"].is_string(), "{what}: {body}");
        return;
    }
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{what}");
    let names: Vec<&String> = body.as_object().unwrap().keys().collect();
    assert_eq!(names, ["type", "title", "status", "detail", "code", "request_id"], "{what}");
    let texts = ["type", "title", "detail", "code", "request_id"];
    let is_text = |name: &&str| body[*name].as_str().is_some_and(|text| !text.is_empty());
    assert!(texts.iter().all(is_text), "{what}: {body}");
    assert_eq!(body["status"], Value::from(response.status), "{what}");
    assert_eq!(body["request_id"], Value::from(id), "{what}");
}

//! Unusual paths and methods: policy and router agree, and nothing protected is reachable.

use crate::{
    enforcement::operations,
    support::{client::Client, raw_http, server::Server},
};

/// Another spelling of `/clients`, and the status it gets without a credential and with one.
const SPELLINGS: &[(&str, u16, u16)] = &[
    ("/clients", 401, 200),
    ("/clients?", 401, 200),
    ("/clients?x=/../openapi.json", 401, 200),
    ("/clients#openapi.json", 401, 200),
    ("/cli%65nts", 401, 200),
    ("/%63%6C%69%65%6E%74%73", 401, 200),
    ("/cli%2565nts", 404, 404),
    ("/clients/", 404, 404),
    ("//clients", 404, 404),
    ("/clients//", 404, 404),
    ("/./clients", 404, 404),
    ("/clients/.", 404, 404),
    ("/docs/../clients", 404, 404),
    ("/docs/%2e%2e/clients", 404, 404),
    ("/docs/..%2fclients", 404, 404),
    ("/docs/%2e%2e%2fclients", 404, 404),
    ("/docs/..;/clients", 404, 404),
    ("/docs/clients", 404, 404),
    ("/openapi.json/../clients", 404, 404),
    ("/%2fclients", 404, 404),
    ("/clients%2f", 404, 404),
    ("/clients%3f", 404, 404),
    ("/clients%23", 404, 404),
    ("/clients%00", 404, 404),
    ("/clients%0a", 404, 404),
    ("/clients%20", 404, 404),
    ("/clients%", 404, 404),
    ("/clients%zz", 404, 404),
    ("/clients%c0%af", 404, 404),
    ("/clients%ff", 404, 404),
    ("/clients;a=b", 404, 404),
    ("/;/clients", 404, 404),
    ("/clients.json", 404, 404),
    ("/CLIENTS", 404, 404),
    ("/Clients", 404, 404),
    ("/clients\\", 404, 404),
    ("clients", 404, 404),
    ("http://evil.example/clients", 401, 200),
    ("http://evil.example//clients", 404, 404),
    ("*", 404, 404),
];

#[test]
fn no_spelling_of_a_path_bypasses_the_policy() {
    let server = Server::start();
    let admin = server.token("admin");
    for (spelling, anonymous, known) in SPELLINGS {
        server.anonymous().get(spelling).expect(*anonymous);
        server.anonymous().request("HEAD", spelling).expect(*anonymous);
        let answer = admin.get(spelling).expect(*known);
        assert_eq!(answer.text().contains("\"clients\":"), *known == 200, "{spelling}");
    }
}

#[test]
fn swagger_ui_files_cannot_leave_their_directory() {
    let server = Server::start();
    let names = ["..", ".", "..%2f..%2froster.toml", "%2e%2e%2froster.toml", "%00", "roster.toml"];
    for name in
        names.into_iter().chain(["..%5croster.toml", "%2fetc%2fpasswd", "", "index.html%00"])
    {
        let answer = server.anonymous().get(&format!("/docs/{name}")).answer();
        let page = name.is_empty() && answer.text().contains("swagger-ui");
        assert!(answer.status == 404 || page, "{name:?}: {} {}", answer.status, answer.text());
    }
}

#[test]
fn long_paths_are_not_server_errors() {
    let server = Server::start();
    for path in ["a".repeat(8_000), "a/".repeat(4_000), "%61".repeat(2_600), ";=".repeat(4_000)] {
        server.anonymous().get(&format!("/{path}")).refused(404, "not_found");
        server.anonymous().get(&format!("/docs/{path}")).refused(404, "not_found");
        server.anonymous().get(&format!("/request?{path}")).refused(401, "missing_credentials");
        server.anonymous().get(&format!("/{path}{path}")).refused(414, "uri_too_long");
        server.anonymous().get(&format!("/request?{path}{path}")).refused(414, "uri_too_long");
    }
}

#[test]
fn an_undocumented_method_is_refused_before_authentication() {
    let server = Server::start();
    let document = server.document();
    let admin = server.token("admin");
    let methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"];
    let odd = ["get", "Get", "post", "PROPFIND", "GETX", "G", "M-SEARCH"];
    for operation in operations(&document) {
        let item = document["paths"][&operation.path].as_object().unwrap();
        let documented: Vec<String> = item.keys().map(|name| name.to_ascii_uppercase()).collect();
        for method in methods.iter().chain(&odd).filter(|one| !documented.contains(&(**one).into()))
        {
            for client in [&server.anonymous(), &server.bearer("x"), &admin] {
                let answer = client.request(method, &operation.concrete()).expect(405);
                let body = answer.json();
                // OAuth2 endpoints have other error codes (RFC 6749 §5.2).
                let code = if body["code"].is_null() { &body["error"] } else { &body["code"] };
                assert!(code == "method_not_allowed" || code == "invalid_request", "{body}");
                let allow: Vec<&str> = answer.header("allow").unwrap().split(", ").collect();
                assert!(documented.iter().all(|one| allow.contains(&one.as_str())), "{allow:?}");
                let head = usize::from(documented.contains(&"GET".to_owned()));
                assert_eq!(allow.len(), documented.len() + head, "{allow:?}");
            }
        }
    }
}

#[test]
fn connect_is_refused() {
    let server = Server::start();
    // One of each only: the server keeps the connection for a second afterwards.
    server.token("admin").request("CONNECT", "/clients").expect(405);
    server.anonymous().request("CONNECT", "evil.example:443").expect(404);
}

#[test]
fn an_unknown_path_is_404_with_any_credential() {
    let server = Server::start();
    let admin = server.token("admin");
    for path in ["/nothing", "/login/x", "/health", "/.well-known/nothing", "/docs/x/y"] {
        for method in ["GET", "HEAD", "POST", "TRACE", "odd"] {
            for client in [&server.anonymous(), &server.bearer("x"), &admin] {
                client.request(method, path).expect(404);
            }
        }
    }
}

#[test]
fn head_answers_like_get_without_a_body() {
    let server = Server::start();
    let same = |client: &Client<'_>, path: &str, status: u16| {
        let (get, head) =
            (client.get(path).expect(status), client.request("HEAD", path).expect(status));
        for name in ["content-type", "location", "cache-control", "content-length"] {
            assert_eq!(get.header(name), head.header(name), "{name} of {path}");
        }
        assert_eq!(get.challenges(), head.challenges());
    };
    for (path, status) in
        [("/openapi.json", 200), ("/docs/", 200), ("/", 303), ("/health/live", 200)]
    {
        same(&server.anonymous(), path, status);
    }
    same(&server.anonymous(), "/clients", 401);
    same(&server.token("reader"), "/clients", 403);
    same(&server.token("admin"), "/clients", 200);
    server.key("admin").request("HEAD", "/login").expect(405);
}

#[test]
fn malformed_http_is_refused_by_the_parser() {
    let server = Server::start();
    let request = |method: &str, target: &str, name: &str, value: &str| raw_http::Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers: vec![(name.to_owned(), value.as_bytes().to_vec())],
        body: None,
    };
    let megabyte = "x".repeat(1024 * 1024);
    let table = [
        (431, request("GET", "/request", "Authorization", &format!("Bearer {megabyte}"))),
        (431, request("GET", "/request", "X-API-Key", &megabyte)),
        (400, request("GET", &format!("/{}", &megabyte[..100_000]), "A", "b")),
        (400, request("G(T", "/request", "A", "b")),
        (400, request("GET", "/\u{e9}", "A", "b")),
        (400, request("GET", "\\clients", "A", "b")),
        (400, request("POST", "/login", "Transfer-Encoding", "chunked, x")),
    ];
    for (status, request) in table {
        let answer = request.send(server.address);
        // The parser answers these without request id and body.
        assert_eq!(answer.status, status, "{} {:.20}", request.method, request.target);
        assert!(answer.body.is_empty(), "{}", answer.text());
    }
    server.anonymous().get("/health/live").expect(200);
}

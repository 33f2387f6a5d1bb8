//! OAuth2: `/token`, introspection, revocation, discovery.

use std::collections::BTreeSet;

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::support::{client::RequestBuilder, raw_http::Response, server::Server};

/// A form body.
pub(crate) fn form<'s>(request: RequestBuilder<'s>, pairs: &[(&str, &str)]) -> RequestBuilder<'s> {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    request.header("Content-Type", "application/x-www-form-urlencoded").body(body)
}

/// The value of `Authorization` for Basic.
pub(crate) fn basic(name: &str, secret: &str) -> String {
    let encode =
        |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(name), encode(secret))))
}

fn post<'s>(
    server: &'s Server,
    path: &str,
    client: Option<&str>,
    pairs: &[(&str, &str)],
) -> RequestBuilder<'s> {
    let request = form(server.anonymous().post(path), pairs);
    match client {
        Some(client) => request.header("Authorization", basic(client, server.accounts.key(client))),
        None => request,
    }
}

fn token(server: &Server, client: &str) -> String {
    let pairs = [("grant_type", "client_credentials")];
    let answer = post(server, "/token", Some(client), &pairs).expect(200).json();
    answer["access_token"].as_str().unwrap().to_owned()
}

fn error(response: &Response) -> String {
    response.json()["error"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_client_gets_a_token_by_basic_and_by_form() {
    let server = Server::start();
    let (name, key) = ("scoped", server.accounts.key("scoped").to_owned());
    let grant = ("grant_type", "client_credentials");
    let by_form = [grant, ("client_id", name), ("client_secret", &key)];
    for request in [
        post(&server, "/token", Some(name), &[grant]),
        post(&server, "/token", Some(name), &[grant, ("client_id", name), ("unknown", "x")]),
        post(&server, "/token", None, &by_form),
    ] {
        let answer = request.expect(200);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let body = answer.json();
        let names: BTreeSet<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, BTreeSet::from(["access_token", "token_type", "expires_in", "scope"]));
        assert_eq!(body["token_type"], "Bearer");
        let bearer = server.bearer(body["access_token"].as_str().unwrap());
        let who = bearer.get("/request").expect(200).json();
        assert_eq!((who["sub"].as_str(), who["kind"].as_str()), (Some(name), Some("client")));
    }
}

#[test]
fn requested_scopes_are_a_subset_of_the_granted_ones() {
    let server = Server::start();
    let request = |scope: &str| {
        let pairs = [("grant_type", "client_credentials"), ("scope", scope)];
        post(&server, "/token", Some("scoped"), &pairs)
    };
    let all = request("").expect(200).json()["scope"].as_str().unwrap().to_owned();
    let first = all.split(' ').next().unwrap().to_owned();
    assert_eq!(request(&first).expect(200).json()["scope"], first.as_str());
    for beyond in [format!("{all} admin"), "admin".to_owned(), "a\"b".to_owned()] {
        assert_eq!(error(&request(&beyond).expect(400)), "invalid_scope", "{beyond}");
    }
}

/// The client that authenticates by Basic, the form, and the expected status and error.
type ErrorCase<'s> = (Option<&'s str>, &'s [(&'s str, &'s str)], u16, &'s str);

#[test]
fn errors_at_token_use_the_codes_of_rfc_6749() {
    let server = Server::start();
    let key = server.accounts.key("reader").to_owned();
    let grant = ("grant_type", "client_credentials");
    let (id, secret) = (("client_id", "reader"), ("client_secret", key.as_str()));
    let cases: &[ErrorCase<'_>] = &[
        (None, &[], 400, "invalid_request"),
        (None, &[("grant_type", "")], 400, "invalid_request"),
        (None, &[("grant_type", "authorization_code")], 400, "unsupported_grant_type"),
        (None, &[grant], 401, "invalid_client"),
        (None, &[grant, id], 401, "invalid_client"),
        (None, &[grant, id, ("client_secret", "hp_wrong")], 401, "invalid_client"),
        (None, &[grant, ("client_id", "admin"), secret], 401, "invalid_client"),
        (None, &[grant, ("client_id", "nobody"), secret], 401, "invalid_client"),
        (None, &[grant, secret], 400, "invalid_request"),
        (None, &[grant, grant, id, secret], 400, "invalid_request"),
        (None, &[grant, id, id, secret], 400, "invalid_request"),
        (Some("reader"), &[grant, secret], 400, "invalid_request"),
        (Some("reader"), &[grant, id, secret], 400, "invalid_request"),
        (Some("reader"), &[grant, ("client_id", "admin")], 400, "invalid_request"),
        (None, &[("grant_type", "password")], 400, "invalid_request"),
        (None, &[("grant_type", "password"), ("username", "alice")], 400, "invalid_request"),
        (
            None,
            &[("grant_type", "password"), ("username", "nobody"), ("password", "x")],
            400,
            "invalid_grant",
        ),
    ];
    for (client, pairs, status, word) in cases {
        let answer = post(&server, "/token", *client, pairs).expect(*status);
        assert_eq!(error(&answer), *word, "{client:?} {pairs:?}");
        if *status == 401 {
            assert!(answer.challenges().iter().any(|one| one.starts_with("Basic ")), "{pairs:?}");
        }
    }
    let in_query = format!("/token?client_secret={key}");
    assert_eq!(error(&post(&server, &in_query, None, &[grant, id]).expect(400)), "invalid_request");
    let json = server.anonymous().post("/token").json(r#"{"grant_type":"client_credentials"}"#);
    assert_eq!(error(&json.expect(415)), "invalid_request");
}

#[test]
fn wrong_and_disabled_clients_get_the_same_answer() {
    let server = Server::start();
    for (name, key) in
        [("reader", server.accounts.key("admin")), ("reader", "x"), ("nobody", "hp_x")]
    {
        let pairs = [("grant_type", "client_credentials")];
        let request = form(server.anonymous().post("/token"), &pairs);
        let answer = request.header("Authorization", basic(name, key)).expect(401);
        assert_eq!(error(&answer), "invalid_client", "{name}");
        assert!(answer.challenges().iter().any(|one| one.starts_with("Basic ")));
    }
}

#[test]
fn a_token_is_introspected_until_it_is_revoked() {
    let server = Server::start();
    let token = token(&server, "reader");
    server.add_secret("a token", &token);
    let request = |token: &str| post(&server, "/introspect", Some("scoped"), &[("token", token)]);
    let active = request(&token).expect(200).json();
    assert_eq!(active["active"], true);
    for (name, value) in [("sub", "reader"), ("client_id", "reader"), ("token_type", "Bearer")] {
        assert_eq!(active[name], value);
    }
    assert!(active["exp"].as_i64().unwrap() > active["iat"].as_i64().unwrap());
    let revoke = |client, token: &str| post(&server, "/revoke", Some(client), &[("token", token)]);
    assert_eq!(error(&revoke("scoped", &token).expect(400)), "unauthorized_client");
    assert_eq!(
        request(&token).expect(200).json()["active"],
        true,
        "another client cannot revoke it"
    );
    assert!(revoke("reader", &token).expect(200).body.is_empty());
    assert!(revoke("reader", &token).expect(200).body.is_empty(), "revoking twice succeeds");
    assert!(revoke("reader", "unknown").expect(200).body.is_empty());
    for dead in [token.as_str(), "unknown", "a.b.c"] {
        assert_eq!(request(dead).expect(200).text(), r#"{"active":false}"#);
    }
    server.bearer(&token).get("/request").refused(401, "invalid_token");
}

#[test]
fn only_clients_introspect_and_revoke() {
    let server = Server::start();
    for path in ["/introspect", "/revoke"] {
        let anonymous = post(&server, path, None, &[("token", "x")]).expect(401);
        assert_eq!(error(&anonymous), "invalid_client");
        let key = form(server.key("reader").post(path), &[("token", "x")]);
        key.expect(200);
        let missing = form(server.key("reader").post(path), &[]);
        assert_eq!(error(&missing.expect(400)), "invalid_request");
    }
}

#[test]
fn the_discovery_documents_agree_with_each_other_and_with_the_service() {
    let server = Server::start_with(&[("HALLPASS_ISSUER", "https://login.example.com/base/")]);
    let oauth =
        server.anonymous().get("/.well-known/oauth-authorization-server").expect(200).json();
    let openid = server.anonymous().get("/.well-known/openid-configuration").expect(200).json();
    assert_eq!(oauth, openid);
    assert_eq!(oauth["issuer"], "https://login.example.com/base/");
    let document = server.document();
    for name in ["token_endpoint", "introspection_endpoint", "revocation_endpoint", "jwks_uri"] {
        let address = oauth[name].as_str().unwrap();
        let path = address.strip_prefix("https://login.example.com/base").unwrap();
        assert!(document["paths"][path].is_object(), "{name}: {address}");
    }
    let flows = document["components"]["securitySchemes"]["oauth2"]["flows"].as_object().unwrap();
    let grants = oauth["grant_types_supported"].as_array().unwrap();
    assert_eq!(flows.len(), grants.len());
    assert!(flows.values().all(|flow| flow["tokenUrl"] == "token"));
}

#[test]
fn different_keys_in_basic_and_header_are_ambiguous() {
    let server = Server::start();
    let request = || post(&server, "/introspect", Some("reader"), &[("token", "x")]);
    let other = server.accounts.key("scoped");
    assert_eq!(error(&request().header("X-API-Key", other).expect(400)), "invalid_request");
    request().header("X-API-Key", server.accounts.key("reader")).expect(200);
    request().header("X-API-Key", "no key").expect(200);
}

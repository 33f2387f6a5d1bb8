//! Behind a reverse proxy that serves hallpass under a path: the path of the issuer.

use serde_json::json;
use url::Url;

use crate::support::server::Server;

/// Where a browser gets to from a page of the service.
fn from(issuer: &str, page: &str, location: &str) -> String {
    let page = format!("{}{page}", issuer.trim_end_matches('/'));
    Url::parse(&page).unwrap().join(location).unwrap().to_string()
}

#[test]
fn cookie_redirect_and_servers_are_below_the_path_of_the_issuer() {
    for (issuer, path) in [
        ("https://example.com/auth", "/auth"),
        ("https://example.com/auth/", "/auth"),
        ("https://example.com/a/b", "/a/b"),
        ("https://example.com", ""),
        ("https://example.com/", ""),
        ("https://example.com//evil.example", "/evil.example"),
    ] {
        let server = Server::start_with(&[("HALLPASS_ISSUER", issuer)]);
        let root = if path.is_empty() { "/" } else { path };
        let login = server.key("reader").post("/login").json(r#"{"cookie": true}"#).expect(200);
        let token = login.json()["access_token"].as_str().unwrap().to_owned();
        let html = server.bearer(&token).post("/logout").header("Accept", "text/html");
        let logout = html.expect(303);
        for answer in [&login, &logout] {
            let cookie = answer.header("set-cookie").unwrap();
            let paths = cookie.split("; ").filter_map(|part| part.strip_prefix("Path="));
            assert_eq!(paths.collect::<Vec<_>>(), [root], "{issuer}");
        }
        assert_eq!(logout.header("location"), Some(&*format!("{path}/docs/")), "{issuer}");
        let document = server.document();
        assert_eq!(document["servers"][0]["url"], root, "{issuer}");
        let nothing = server.anonymous().get("/nothing").refused(404, "not_found").json();
        let named = format!(" {path}/openapi.json ");
        assert!(nothing["detail"].as_str().unwrap().contains(&named), "{nothing}");
        if issuer.contains("evil") {
            continue;
        }
        let at = |path: &str| format!("{}{path}", issuer.trim_end_matches('/'));
        assert_eq!(from(issuer, "/openapi.json", root).trim_end_matches('/'), at(""));
        for page in ["/", "/docs"] {
            let start = server.anonymous().get(page).expect(303);
            assert_eq!(from(issuer, page, start.header("location").unwrap()), at("/docs/"));
        }
        let metadata = server.anonymous().get("/.well-known/openid-configuration").expect(200);
        for (name, path) in [
            ("token_endpoint", "/token"),
            ("introspection_endpoint", "/introspect"),
            ("revocation_endpoint", "/revoke"),
            ("jwks_uri", "/.well-known/jwks.json"),
            ("service_documentation", "/openapi.json"),
        ] {
            assert_eq!(metadata.json()[name], at(path), "{name}");
        }
    }
}

#[test]
fn a_redirect_that_is_set_and_the_cookie_of_a_whole_host_stay_as_they_are() {
    let server = Server::start_with(&[
        ("HALLPASS_ISSUER", "https://example.com/auth"),
        ("HALLPASS_LOGOUT_REDIRECT", "/goodbye"),
        ("HALLPASS_COOKIE_NAME", "__Host-session"),
    ]);
    let login = server.key("reader").post("/login").json(json!({ "cookie": true })).expect(200);
    let cookie = login.header("set-cookie").unwrap();
    assert!(cookie.split("; ").any(|part| part == "Path=/"), "{cookie}");
    let logout = server.token("reader").post("/logout").header("Accept", "text/html").expect(303);
    assert_eq!(logout.header("location"), Some("/goodbye"));
}

#[test]
fn without_swagger_ui_logout_leads_to_the_start_page() {
    for (issuer, location, leads_to) in [
        ("https://example.com/auth", "/auth/", "https://example.com/auth/openapi.json"),
        ("https://example.com", "/", "https://example.com/openapi.json"),
    ] {
        let server = Server::start_with(&[("HALLPASS_ISSUER", issuer), ("HALLPASS_DOCS", "off")]);
        let logout = server.token("reader").post("/logout").header("Accept", "text/html");
        assert_eq!(logout.expect(303).header("location"), Some(location));
        let start = server.anonymous().get("/").expect(303);
        assert_eq!(from(issuer, "/", start.header("location").unwrap()), leads_to);
    }
}

//! CORS for the configured origins.

use crate::support::server::Server;

const OURS: &str = "https://app.example.com";
const FOREIGN: &str = "https://evil.example";

fn server() -> Server {
    Server::start_with(&[(
        "HALLPASS_CORS_ORIGINS",
        "https://app.example.com, http://localhost:3000, ionic://localhost",
    )])
}

#[test]
fn a_preflight_is_answered_without_a_credential() {
    let server = server();
    for (method, path) in [("GET", "/clients"), ("POST", "/login"), ("POST", "/logout")] {
        for origin in [OURS, "http://localhost:3000", "ionic://localhost"] {
            let answer = server
                .anonymous()
                .request("OPTIONS", path)
                .header("Origin", origin)
                .header("Access-Control-Request-Method", method)
                .header("Access-Control-Request-Headers", "authorization, x-api-key, content-type")
                .expect(200);
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            let methods = answer.header("access-control-allow-methods").unwrap();
            assert!(methods.contains(method), "{methods}");
            let headers =
                answer.header("access-control-allow-headers").unwrap().to_ascii_lowercase();
            for name in ["authorization", "x-api-key", "content-type"] {
                assert!(headers.contains(name), "{headers}");
            }
            assert!(answer.body.is_empty());
        }
    }
}

#[test]
fn options_requests_that_are_not_preflights_are_refused() {
    let server = server();
    let options = |path: &str| server.anonymous().request("OPTIONS", path);
    options("/clients").expect(405);
    options("/clients").header("Origin", OURS).expect(405);
    // Without an origin the CORS middleware answers 400 before anything else.
    options("/clients").header("Access-Control-Request-Method", "GET").expect(400);
    options("/nothing").header("Origin", OURS).expect(404);
}

#[test]
fn allowed_origins_can_read_every_answer() {
    let server = server();
    let anonymous = server.anonymous();
    let admin = server.token("admin");
    let requests = [
        (anonymous.get("/clients"), 401),
        (server.token("reader").get("/clients"), 403),
        (admin.get("/clients"), 200),
        (anonymous.get("/nothing"), 404),
        (anonymous.request("PUT", "/clients"), 405),
        (admin.get("/clients").header("Authorization", "x"), 400),
        (server.key("reader").post("/login").json("x"), 400),
    ];
    for (request, status) in requests {
        let answer = request.header("Origin", OURS).expect(status);
        assert_eq!(answer.header("access-control-allow-origin"), Some(OURS), "{status}");
        let exposed = answer.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
        assert!(
            exposed.contains("www-authenticate") && exposed.contains("x-request-id"),
            "{exposed}"
        );
        assert!(answer.header("vary").unwrap().to_ascii_lowercase().contains("origin"));
    }
}

#[test]
fn other_origins_cannot_read_answers() {
    let server = server();
    let token = server.token("admin");
    for origin in
        [FOREIGN, "null", "https://app.example.com.evil.example", "http://app.example.com"]
    {
        for request in [token.get("/clients"), server.anonymous().get("/clients")] {
            let answer = request.header("Origin", origin).answer();
            assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        }
        let preflight = token.request("OPTIONS", "/clients").header("Origin", origin);
        let answer = preflight.header("Access-Control-Request-Method", "GET").answer();
        assert_eq!(answer.header("access-control-allow-origin"), None, "{origin}");
        assert!(answer.status >= 400, "{origin}: {}", answer.status);
    }
}

#[test]
fn cors_is_off_by_default() {
    let server = Server::start();
    let request = server.anonymous().request("OPTIONS", "/clients").header("Origin", OURS);
    let answer = request.header("Access-Control-Request-Method", "GET").expect(405);
    assert_eq!(answer.header("access-control-allow-origin"), None);
    let answer = server.token("admin").get("/clients").header("Origin", OURS).expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

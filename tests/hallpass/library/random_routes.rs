//! Whatever mix of routes starts, no handler answers under the requirement of another.

use actix_web::{
    get,
    guard::{self, GuardContext},
    http::Method,
    post, route, test as actix_test, web,
};
use hallpass::testing::TestGate;
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use utoipa::openapi::OpenApi;
use utoipa_actix_web::{scope, service_config::ServiceConfig};

fn is_preview(context: &GuardContext<'_>) -> bool {
    context.head().headers().contains_key("x-preview")
}

/// Handlers that answer their own name, and how each is registered in an application or a scope.
macro_rules! handlers {
    ($($name:ident: $route:meta, [$($security:tt)*];)*) => {
        $(
            #[utoipa::path(responses((status = 200, body = String)), security($($security)*))]
            #[$route]
            async fn $name() -> &'static str {
                stringify!($name)
            }
        )*

        const HANDLERS: &[&str] = &[$(stringify!($name)),*];

        fn register(config: &mut ServiceConfig<'_>, handler: &str) {
            match handler {
                $(stringify!($name) => drop(config.service($name)),)*
                _ => unreachable!("{handler}"),
            }
        }
    };
}

// Those of administrators have names that begin with `admin`.
handlers! {
    public_report: get("/report"), [];
    public_report_preview: get("/report", guard = "is_preview"), [];
    admin_report: get("/report"), [("bearer" = ["admin"])];
    admin_report_preview: get("/report", guard = "is_preview"), [("bearer" = ["admin"])];
    admin_new_report: post("/report"), [("bearer" = ["admin"])];
    public_me: get("/users/me"), [];
    public_me_preview: get("/users/me", guard = "is_preview"), [];
    admin_me: get("/users/me"), [("bearer" = ["admin"])];
    public_user: get("/users/{id}"), [];
    admin_user: get("/users/{id}"), [("bearer" = ["admin"])];
    public_numbered_user: get("/users/{id:[0-9]+}"), [];
    admin_numbered_user: get("/users/{id:[0-9]+}"), [("bearer" = ["admin"])];
    public_users_of: get("/{area}/me"), [];
    admin_users_of: get("/{area}/me"), [("bearer" = ["admin"])];
    public_anything: get("/{area}/{thing}"), [];
    admin_anything: get("/{area}/{thing}"), [("bearer" = ["admin"])];
    admin_tail: get("/users/{tail:.*}"), [("bearer" = ["admin"])];
    public_tail: get("/{tail:.*}"), [];
    public_one: get("/{one}"), [];
    admin_one: get("/{one}"), [("bearer" = ["admin"])];
    admin_new_one: post("/{one}"), [("bearer" = ["admin"])];
    public_new_one: post("/{one}"), [];
    admin_both: route("/users/both", method = "GET", method = "POST"), [("bearer" = ["admin"])];
}

/// A part of an application: handlers of their own, or in a scope with or without a guard.
#[derive(Debug, Clone)]
enum Part {
    Handler(&'static str),
    Scope(&'static str, Option<bool>, Vec<&'static str>),
    Undocumented(&'static str),
}

impl Part {
    fn random(rng: &mut StdRng) -> Self {
        let handler = |rng: &mut StdRng| *HANDLERS.choose(rng).unwrap();
        match rng.random_range(0..10) {
            0..7 => Self::Handler(handler(rng)),
            7 | 8 => {
                let prefix = ["/users", "/v1", "", "/{area}"].choose(rng).unwrap();
                let guard = [None, Some(true), Some(false)].choose(rng).unwrap();
                let handlers = (0..rng.random_range(1..4)).map(|_| handler(rng)).collect();
                Self::Scope(prefix, *guard, handlers)
            }
            _ => Self::Undocumented(
                ["/report", "/users/{x}", "/{tail:.*}", "/{x}/me"].choose(rng).unwrap(),
            ),
        }
    }

    fn register(&self, config: &mut ServiceConfig<'_>) {
        match self {
            Self::Handler(name) => register(config, name),
            Self::Scope(prefix, guard, handlers) => {
                let mut scope = scope::scope(*prefix);
                scope = match guard {
                    Some(true) => scope.guard(guard::fn_guard(is_preview)),
                    Some(false) => scope.guard(guard::Not(guard::fn_guard(is_preview))),
                    None => scope,
                };
                config.service(scope.configure(|config| {
                    handlers.iter().for_each(|name| register(config, name));
                }));
            }
            Self::Undocumented(path) => {
                config.route(path, web::get().to(|| async { "admin (undocumented)" }));
            }
        }
    }
}

#[actix_web::test]
async fn no_mix_of_routes_lets_a_handler_answer_under_the_requirement_of_another() {
    let mut rng = StdRng::seed_from_u64(17);
    let gate = TestGate::new();
    let paths = [
        "/report",
        "/users/me",
        "/users/7",
        "/users/x",
        "/users/both",
        "/x/me",
        "/one",
        "/v1/report",
        "/v1/users/me",
    ];
    let (mut started, mut answered) = (0, 0);
    for _ in 0..100 {
        let parts: Vec<_> = (0..rng.random_range(1..5)).map(|_| Part::random(&mut rng)).collect();
        let registered = parts.clone();
        let site = gate.protect(OpenApi::default(), move |config| {
            registered.iter().for_each(|part| part.register(config));
        });
        let Ok(site) = site else { continue };
        started += 1;
        let app = actix_test::init_service(site.app()).await;
        for path in paths {
            for (method, header) in [
                (Method::GET, "x-preview"),
                (Method::GET, "x-other"),
                (Method::HEAD, "x-other"),
                (Method::POST, "x-other"),
            ] {
                let request = actix_test::TestRequest::with_uri(path).method(method.clone());
                let request = request.insert_header((header, "1")).to_request();
                let response = actix_test::call_service(&app, request).await;
                let is_ok = response.status() == 200;
                let body = actix_test::read_body(response).await;
                let body = String::from_utf8_lossy(&body);
                assert!(
                    !body.starts_with("admin"),
                    "{method} {path} {header}: {body} of {parts:?}"
                );
                answered += u32::from(is_ok && body.starts_with("public"));
            }
        }
    }
    assert!(started > 20 && answered > 40, "{started} {answered}");
}

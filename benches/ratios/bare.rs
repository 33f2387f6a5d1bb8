//! The measure of all: actix-web handlers that give hallpass' own answers and do nothing for them.
//!
//! Must not know tokens or keys.

use std::{fs, path::Path};

use actix_web::{
    App, HttpResponse, HttpServer,
    http::{
        Method, StatusCode,
        header::{HeaderName, HeaderValue},
    },
    web,
};
use serde::{Deserialize, Serialize};

use crate::{
    load::{Answer, Connection},
    server::{Server, directory},
};

/// The first argument that makes this program a bare server; the file of its answers follows.
pub(crate) const ARGUMENT: &str = "--bare";

/// Where the answer to `GET /request` is the same, but serialised for every request.
pub(crate) const SERIALISED: &str = "/serialised";

/// What one route answers, as it is kept between the processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Route {
    method: String,
    path: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Route {
    /// A route that answers what hallpass answered, but for the headers that actix-web writes itself.
    pub(crate) fn of(method: &str, path: &str, answer: &Answer<'_>) -> Self {
        let head = String::from_utf8(answer.head.to_vec()).expect("headers are text");
        let headers = head.lines().skip(1).filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            let its_own = ["date", "content-length"].contains(&name);
            (!its_own).then(|| (name.to_owned(), value.trim().to_owned()))
        });
        let headers = headers.collect();
        let body = String::from_utf8(answer.body.to_vec()).expect("bodies are text");
        Self { method: method.into(), path: path.into(), status: answer.status, headers, body }
    }

    /// actix-web writes headers in an order of its own.
    fn sorted(mut self) -> Self {
        self.headers.sort();
        self
    }
}

/// The principal in the answer to `GET /request`.
#[derive(Clone, Serialize, Deserialize)]
struct Principal {
    sub: String,
    kind: String,
    roles: Vec<String>,
    scope: String,
    scheme: String,
    client_id: String,
    issued_at: String,
    expires_at: String,
}

/// Starts this very program as a bare server, behind `wrapper` (valgrind, or nothing).
pub(crate) fn start(wrapper: crate::Wrapper, routes: &[Route]) -> Server {
    let dir = directory();
    let file = dir.path().join("routes.json");
    fs::write(&file, serde_json::to_string(routes).expect("routes are JSON")).expect("a file");
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = wrapper(&program, dir.path());
    command.arg(ARGUMENT).arg(&file);
    let server = Server::announced(command, dir);
    for route in routes {
        let asked = format!("{} {} HTTP/1.1\r\nHost: localhost\r\n\r\n", route.method, route.path);
        let mut connection = Connection::to(server.address);
        let answer = connection.ask(asked.as_bytes(), route.status);
        let given = Route::of(&route.method, &route.path, &answer).sorted();
        assert_eq!(given, route.clone().sorted(), "the bare server answers what hallpass answers");
    }
    server
}

/// What `--bare FILE` does: serves until it is killed.
pub(crate) fn serve(file: &Path) {
    let text = fs::read_to_string(file).expect("the routes");
    let routes: Vec<Route> = serde_json::from_str(&text).expect("routes are JSON");
    let register = move |config: &mut web::ServiceConfig| {
        for route in &routes {
            let method = Method::from_bytes(route.method.as_bytes()).expect("a method");
            let built = if route.path == SERIALISED { serialised(route) } else { constant(route) };
            config.route(&route.path, built.method(method));
        }
    };
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(move || App::new().configure(&register)).workers(1);
        let server = server.bind("127.0.0.1:0").expect("a free port");
        println!("listening on http://{}", server.addrs()[0]);
        server.run().await.expect("the server runs");
    });
}

/// Everything is ready before the first request comes.
fn constant(route: &Route) -> actix_web::Route {
    let (status, headers) = (status(route), headers(route));
    let body = web::Bytes::from(route.body.clone());
    web::to(move || {
        let mut answer = HttpResponse::with_body(status, body.clone());
        answer.headers_mut().reserve(headers.len());
        for (name, value) in &headers {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
        async { answer }
    })
}

fn serialised(route: &Route) -> actix_web::Route {
    let (status, headers) = (status(route), headers(route));
    let body: Principal = serde_json::from_str(&route.body).expect("a principal");
    web::to(move || {
        let mut answer = HttpResponse::build(status);
        for (name, value) in &headers {
            answer.insert_header((name.clone(), value.clone()));
        }
        let answer = answer.json(&body);
        async { answer }
    })
}

fn status(route: &Route) -> StatusCode {
    StatusCode::from_u16(route.status).expect("a status")
}

fn headers(route: &Route) -> Vec<(HeaderName, HeaderValue)> {
    let header = |(name, value): &(String, String)| {
        (name.parse().expect("a name"), value.parse().expect("a value"))
    };
    route.headers.iter().map(header).collect()
}

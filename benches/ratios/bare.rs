//! The reference: actix-web handlers that give the answers of hallpass without doing its work.

use std::{fs, path::Path};

use actix_web::{
    App, HttpResponse, HttpServer,
    http::{
        Method, StatusCode,
        header::{HeaderName, HeaderValue},
    },
    web,
};
use log::LevelFilter;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    by_hand::{self, Principal},
    command::Wrapper,
    load::{Answer, Connection},
    requests::{authorized, get},
    server::{Server, directory},
};

/// The first argument that makes this program a bare server. The second is the file with its routes.
pub(crate) const ARGUMENT: &str = "--bare";

/// The path of the answer to `GET /request` that is serialized for every request.
pub(crate) const SERIALIZED: &str = "/serialized";

/// What one route answers, in the form that is handed to the server's process.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Route {
    method: String,
    path: String,
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl Route {
    /// A route that gives this answer. actix-web adds `Date` and `Content-Length`.
    pub(crate) fn new(method: &str, path: &str, answer: &Answer<'_>) -> Self {
        let head = String::from_utf8(answer.head.to_vec()).expect("headers are text");
        let headers = head.lines().skip(1).filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            let added = ["date", "content-length"].contains(&name);
            (!added).then(|| (name.to_owned(), value.trim().to_owned()))
        });
        // actix-web does not keep their order.
        let mut headers: Vec<_> = headers.collect();
        headers.sort();
        let body = String::from_utf8(answer.body.to_vec()).expect("bodies are text");
        Self { method: method.into(), path: path.into(), status: answer.status, headers, body }
    }

    fn is_by_hand(&self) -> bool {
        [by_hand::LOGGED, by_hand::PROTECTED].contains(&self.path.as_str())
    }

    /// Checks that a bare server gives the answer that was recorded.
    fn verify(&self, server: &Server, token: &str) {
        let request = authorized(&self.method, &self.path, token);
        let mut connection = Connection::open(server.address);
        let answer = connection.ask(&request, self.status);
        let given = Self::new(&self.method, &self.path, &answer);
        let json = |body: &str| match body {
            "" => Value::Null,
            body => serde_json::from_str(body).expect("bodies are JSON"),
        };
        assert_eq!(json(&given.body), json(&self.body), "{} {}", self.method, self.path);
        assert!(self.is_by_hand() || given.headers == self.headers, "{given:?} is not {self:?}");
    }
}

/// Starts this program as a bare server and checks its answers. `token` opens the handler that is protected by hand.
pub(crate) fn start(wrapper: Wrapper, routes: &[Route], token: &str) -> Server {
    let dir = directory();
    let file = dir.path().join("routes.json");
    fs::write(&file, serde_json::to_string(routes).expect("routes are JSON"))
        .expect("the directory is writable");
    let program = std::env::current_exe().expect("this program has a path");
    let mut command = wrapper(&program, dir.path());
    command.arg(ARGUMENT).arg(&file);
    let server = Server::start(command, dir);
    for route in routes {
        route.verify(&server, token);
    }
    Connection::open(server.address).ask(&get(by_hand::PROTECTED, &format!("{token}A")), 401);
    server
}

/// Serves the routes of a file until the process is killed.
pub(crate) fn serve(file: &Path) {
    env_logger::Builder::new().filter_level(LevelFilter::Info).init();
    let text = fs::read_to_string(file).expect("the file is readable");
    let routes: Vec<Route> = serde_json::from_str(&text).expect("routes are JSON");
    let register = move |config: &mut web::ServiceConfig| {
        for route in &routes {
            let method = Method::from_bytes(route.method.as_bytes()).expect("a valid method");
            match route.path.as_str() {
                by_hand::PROTECTED => {}
                by_hand::LOGGED => by_hand::register(config, principal(route)),
                SERIALIZED => {
                    config.route(SERIALIZED, serialized(route).method(method));
                }
                path => {
                    config.route(path, constant(route).method(method));
                }
            }
        }
    };
    actix_web::rt::System::new().block_on(async {
        let server = HttpServer::new(move || App::new().configure(&register)).workers(1);
        let server = server.bind("127.0.0.1:0").expect("a port is free");
        println!("listening on http://{}", server.addrs()[0]);
        server.run().await.expect("the server runs");
    });
}

/// A handler whose status, headers and body are made at start.
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

/// A handler that serializes the body for each request.
fn serialized(route: &Route) -> actix_web::Route {
    let (status, headers) = (status(route), headers(route));
    let body = principal(route);
    web::to(move || {
        let mut answer = HttpResponse::build(status);
        for (name, value) in &headers {
            answer.insert_header((name.clone(), value.clone()));
        }
        let answer = answer.json(&body);
        async { answer }
    })
}

fn principal(route: &Route) -> Principal {
    serde_json::from_str(&route.body).expect("the body is a principal")
}

fn status(route: &Route) -> StatusCode {
    StatusCode::from_u16(route.status).expect("a valid status")
}

fn headers(route: &Route) -> Vec<(HeaderName, HeaderValue)> {
    let header = |(name, value): &(String, String)| {
        (name.parse().expect("a valid name"), value.parse().expect("a valid value"))
    };
    route.headers.iter().map(header).collect()
}

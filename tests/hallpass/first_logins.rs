//! Clients that log in for the first time while strangers and a user keep the service busy.

use std::{
    fs::OpenOptions,
    io::Write,
    net::{IpAddr, Ipv4Addr},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    metrics::{ON, scrape},
    support::{
        accounts::unknown_key,
        api_key::ApiKey,
        load::Connection,
        raw_http::connect_from,
        server::{Server, eventually},
    },
};

const CLIENTS: usize = 30;
const STRANGERS: u8 = 20;
/// 5 s are enough on two cores of its own; other tests run beside this one. Closed logins answer 503, or nothing for as long
/// as the attacks go on.
const TIME: Duration = Duration::from_secs(15);
/// The bcrypt cost of the keys, less than that of `hallpass key add` so that the test is quick, and of the password.
const COSTS: (u32, u32) = (8, 12);

/// The roster of the clients, and a user with the password `open sesame`.
fn roster(keys: &[ApiKey]) -> String {
    let user = bcrypt::hash("open sesame", COSTS.1).unwrap();
    let entry = |(number, key): (usize, &ApiKey)| {
        let hash = bcrypt::hash(key.secret(), COSTS.0).unwrap();
        format!(
            "[[clients.new{number}.keys]]\nid = '{}'\nhash = '{hash}'\ncreated = 2020-01-01T00:00:00Z\n",
            key.id()
        )
    };
    let clients: String = keys.iter().enumerate().map(entry).collect();
    format!("[users.alice]\npassword = '{user}'\n{clients}")
}

/// Peers that send requests without a pause.
#[derive(Default)]
struct Peers {
    answers: AtomicUsize,
    is_over: AtomicBool,
}

impl Peers {
    /// Sends the requests in turn, from one address and over one connection.
    fn send(&self, server: &Server, address: IpAddr, requests: &[String]) {
        let open = || Connection::over(connect_from(address, server.address));
        let mut connection = open();
        for request in requests.iter().cycle() {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            match connection.request(request) {
                Ok(_) => drop(self.answers.fetch_add(1, Ordering::Relaxed)),
                Err(_) => connection = open(),
            }
        }
    }
}

/// Stops the peers on drop, also in a panic, because joining their threads would block forever.
struct StopOnDrop<'p>(&'p Peers);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

fn login(key: &str) -> String {
    format!("POST /login HTTP/1.1\r\nHost: x\r\nX-API-Key: {key}\r\nContent-Length: 0\r\n\r\n")
}

fn password(user: &str, password: &str) -> String {
    let body = format!("grant_type=password&username={user}&password={password}");
    format!(
        "POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn first_logins_succeed_while_strangers_guess_and_a_user_logs_in_over_and_over() {
    let server = Server::start_with(&[ON, ("HALLPASS_RATE_LIMIT", "60/m")]);
    let keys: Vec<_> = (0..CLIENTS).map(|_| ApiKey::generate()).collect();
    let mut file =
        OpenOptions::new().append(true).open(server.dir.path().join("roster.toml")).unwrap();
    file.write_all(roster(&keys).as_bytes()).unwrap();
    server.signal("HUP");
    server.log_until("the roster is reloaded", |log| log.contains("reloaded the roster"));
    let (peers, server) = (&Peers::default(), &server);
    let address = |number: u8| IpAddr::V4(Ipv4Addr::new(127, 0, 0, number));
    let logins = thread::scope(|scope| {
        let stop = StopOnDrop(peers);
        for number in 2..2 + STRANGERS {
            let made_up: Vec<_> = (0..50).map(|_| login(&unknown_key())).collect();
            scope.spawn(move || peers.send(server, address(number), &made_up));
        }
        for _ in 0..4 {
            let again = [password("alice", "open+sesame")];
            scope.spawn(move || peers.send(server, address(200), &again));
        }
        eventually("both attacks go on", || {
            (peers.answers.load(Ordering::Relaxed) > 300).then_some(())
        });
        let started = Instant::now();
        let first = move |key: &ApiKey| {
            let login = server.anonymous().post("/login").header("X-API-Key", key.as_str());
            (login.answer().status, started.elapsed())
        };
        let logins: Vec<_> = keys.iter().map(|key| scope.spawn(move || first(key))).collect();
        let logins: Vec<_> = logins.into_iter().map(|login| login.join().unwrap()).collect();
        drop(stop);
        logins
    });
    let good = logins.iter().filter(|(status, took)| *status == 200 && *took < TIME).count();
    assert!(good >= CLIENTS - 1, "{good} of {CLIENTS}: {logins:?}");
    let hashed = scrape(server).value("hallpass_hashing_total", &[("outcome", "done")]).unwrap();
    // One of the user may have come from each of two connections.
    assert!(hashed <= CLIENTS as f64 + 2.0, "{hashed} hashes");
}

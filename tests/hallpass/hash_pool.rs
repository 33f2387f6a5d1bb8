//! The queue of secrets that wait to be hashed: who waits, who is refused, who is not affected.

use std::{fs::OpenOptions, io::Write, net::TcpStream, thread};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::{
    oauth::form,
    support::{
        accounts::unknown_key,
        api_key::ApiKey,
        raw_http::{Response, read_response},
        server::{Server, eventually},
    },
};

/// How many secrets wait behind the one that is hashed, on two cores.
const QUEUE_LENGTH: usize = 64;

/// A server on two cores, which hashes on one thread. A process inherits the cores of the thread that starts it.
fn two_cores(settings: &[(&str, &str)]) -> Server {
    let all = sched_getaffinity(None).unwrap();
    let mut two = CpuSet::new();
    let cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
    cores.take(2).for_each(|core| two.set(core));
    sched_setaffinity(None, &two).unwrap();
    let server = Server::start_with(settings);
    sched_setaffinity(None, &all).unwrap();
    server
}

/// As `two_cores`, with more keys than can wait, whose hashes take a quarter of a second and are of other secrets.
fn slow_hashes() -> (Server, Vec<ApiKey>) {
    let server = two_cores(&[]);
    let keys: Vec<_> = (0..QUEUE_LENGTH + 10).map(|_| ApiKey::generate()).collect();
    let mut roster =
        OpenOptions::new().append(true).open(server.dir.path().join("roster.toml")).unwrap();
    for (number, key) in keys.iter().enumerate() {
        let (id, nothing) = (key.id(), ".".repeat(53));
        writeln!(
            roster,
            "[[clients.slow{number}.keys]]\nid = '{id}'\nhash = '$2b$12${nothing}'\n\
             created = 2020-01-01T00:00:00Z"
        )
        .unwrap();
    }
    server.signal("HUP");
    server.log_until("the roster is reloaded", |log| log.contains("reloaded the roster"));
    (server, keys)
}

/// Begins a login with each key.
fn logins(server: &Server, keys: &[ApiKey]) -> Vec<TcpStream> {
    let login = |key: &ApiKey| server.anonymous().post("/login").header("X-API-Key", key.as_str());
    keys.iter().map(|key| login(key).begin()).collect()
}

/// Waits for the first login that has an answer.
fn answered(logins: &mut [TcpStream]) -> &mut TcpStream {
    for stream in logins.iter() {
        stream.set_nonblocking(true).unwrap();
    }
    let at = eventually("a login is refused", || {
        logins.iter().position(|stream| stream.peek(&mut [0]).is_ok())
    });
    for stream in logins.iter() {
        stream.set_nonblocking(false).unwrap();
    }
    &mut logins[at]
}

#[test]
fn a_full_queue_answers_503_with_retry_after_and_does_not_affect_tokens() {
    let (server, keys) = slow_hashes();
    let known = server.key("scoped");
    let token = server.token("reader");
    known.post("/login").expect(200);
    let mut logins = logins(&server, &keys);
    let refused = read_response(answered(&mut logins)).unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
    for _ in 0..20 {
        token.get("/request").expect(200);
        // A key that was verified before is not affected either.
        known.post("/login").expect(200);
    }
    let hashed = server.log().matches("code=invalid_api_key").count();
    assert!(hashed < QUEUE_LENGTH / 2, "{hashed} were hashed: the queue was not full");
}

#[test]
fn a_closed_connection_frees_its_place_in_the_queue() {
    let (server, keys) = slow_hashes();
    let mut logins = logins(&server, &keys);
    answered(&mut logins);
    drop(logins);
    let login = || server.key("reader").post("/login").answer();
    eventually("the queue has a free place", || {
        Some(login()).filter(|answer| answer.status == 200)
    });
    let hashed = server.log().matches("code=invalid_api_key").count();
    assert!(hashed < QUEUE_LENGTH / 2, "{hashed} were hashed for closed connections");
}

#[test]
fn passwords_of_one_address_do_not_hold_up_those_of_another() {
    let server = two_cores(&[("HALLPASS_TRUSTED_PROXIES", "127.0.0.1")]);
    let path = server.dir.path().join("roster.toml");
    let hash = bcrypt::hash("open sesame", 10).unwrap();
    let mut roster = OpenOptions::new().append(true).open(path).unwrap();
    writeln!(roster, "[users.alice]\npassword = '{hash}'").unwrap();
    server.signal("HUP");
    server.log_until("the roster is reloaded", |log| log.contains("reloaded the roster"));
    let request = |address: &str, password: &str| {
        let grant = [("grant_type", "password"), ("username", "alice"), ("password", password)];
        form(server.anonymous().post("/token").header("X-Forwarded-For", address), &grant)
    };
    let mut guesses: Vec<_> = (0..20).map(|_| request("192.0.2.1", "guess").begin()).collect();
    answered(&mut guesses);
    request("192.0.2.2", "open sesame").expect(200);
    let hashed = server.log().matches("code=invalid_grant").count();
    assert!(hashed < 10, "{hashed} guesses of the other address came first");
    // Those that wait are answered too.
    for mut guess in guesses {
        assert_eq!(read_response(&mut guess).unwrap().status, 400);
    }
}

#[test]
fn concurrent_attempts_are_limited_like_sequential_ones() {
    let server = two_cores(&[("HALLPASS_RATE_LIMIT", "3/h")]);
    let login = || server.anonymous().post("/login").header("X-API-Key", unknown_key()).answer();
    let grant = [("grant_type", "password"), ("username", "alice"), ("password", "guess")];
    let at_once = |request: &(dyn Fn() -> Response + Sync)| -> Vec<u16> {
        thread::scope(|scope| {
            let callers: Vec<_> = (0..30).map(|_| scope.spawn(|| request().status)).collect();
            callers.into_iter().map(|caller| caller.join().unwrap()).collect()
        })
    };
    let counts = |statuses: Vec<u16>, wanted: [u16; 2]| {
        wanted.map(|status| statuses.iter().filter(|one| **one == status).count())
    };
    assert_eq!(counts(at_once(&login), [401, 429]), [3, 27]);
    let server = two_cores(&[("HALLPASS_RATE_LIMIT", "3/h")]);
    let password = || form(server.anonymous().post("/token"), &grant).answer();
    assert_eq!(counts(at_once(&password), [400, 429]), [3, 27]);
}

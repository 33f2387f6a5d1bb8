//! The queue of secrets that wait to be hashed: who waits, who is refused, who is not affected.

use std::{fs::OpenOptions, io::Write, net::TcpStream, thread};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::support::{
    accounts::unknown_key,
    api_key::ApiKey,
    raw_http::read_response,
    server::{Server, eventually},
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
fn concurrent_attempts_are_limited_like_sequential_ones() {
    let server = two_cores(&[("HALLPASS_RATE_LIMIT", "3/h")]);
    let login = || server.anonymous().post("/login").header("X-API-Key", unknown_key()).answer();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let callers: Vec<_> = (0..30).map(|_| scope.spawn(|| login().status)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let counted = |status| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((counted(401), counted(429)), (3, 27));
}

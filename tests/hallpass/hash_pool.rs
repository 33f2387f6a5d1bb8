//! More secrets to hash than one thread can: who waits, who is refused, and who notices nothing.

use std::{fs::OpenOptions, io::Write, net::TcpStream, thread};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::support::{
    accounts::{id_of, unknown_key},
    raw_http::read_response,
    server::{Server, eventually},
};

/// One secret is hashed and so many wait, where a server has two cores at most.
const PLACES: usize = 64;

/// A server that hashes on one thread: the process inherits the cores of the thread that starts it.
fn narrow(settings: &[(&str, &str)]) -> Server {
    let all = sched_getaffinity(None).unwrap();
    let mut two = CpuSet::new();
    let cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
    cores.take(2).for_each(|core| two.set(core));
    sched_setaffinity(None, &two).unwrap();
    let server = Server::with(settings);
    sched_setaffinity(None, &all).unwrap();
    server
}

/// The same, and an unknown key costs it what the dearest key of its roster costs: a quarter of a second.
fn slow() -> Server {
    let server = narrow(&[]);
    let roster = OpenOptions::new().append(true).open(server.dir.path().join("roster.toml"));
    let (id, nothing) = (id_of(&unknown_key()).to_owned(), ".".repeat(53));
    writeln!(
        roster.unwrap(),
        "[clients.dear]\n[[clients.dear.keys]]\nid = '{id}'\nhash = '$2b$12${nothing}'\n\
         created = 2020-01-01T00:00:00Z"
    )
    .unwrap();
    server.signal("HUP");
    server.log_until("the dear key is there", |log| log.contains("reloaded the roster"));
    server
}

/// Callers with unknown keys, some more than can wait; returned once one of them was refused.
fn crowd(server: &Server) -> Vec<TcpStream> {
    let caller = |_| server.anonymous().post("/login").header("X-API-Key", unknown_key()).begin();
    (0..PLACES + 10).map(caller).collect()
}

/// The first caller that has an answer.
fn answered(crowd: &mut [TcpStream]) -> &mut TcpStream {
    for stream in crowd.iter() {
        stream.set_nonblocking(true).unwrap();
    }
    let at = eventually("somebody is refused", || {
        crowd.iter().position(|stream| stream.peek(&mut [0]).is_ok())
    });
    for stream in crowd.iter() {
        stream.set_nonblocking(false).unwrap();
    }
    &mut crowd[at]
}

#[test]
fn who_finds_the_queue_full_is_told_when_to_come_again_and_tokens_notice_nothing() {
    let server = slow();
    let known = server.key("scoped");
    let token = server.token("reader");
    known.post("/login").expect(200);
    let mut crowd = crowd(&server);
    let refused = read_response(answered(&mut crowd)).unwrap();
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=3600).contains(&seconds), "{seconds}");
    for _ in 0..20 {
        token.get("/request").expect(200);
        // Neither does a key that was proven before.
        known.post("/login").expect(200);
    }
    let hashed = server.log().matches("code=invalid_api_key").count();
    assert!(hashed < PLACES / 2, "the queue was full all the time: {hashed}");
}

#[test]
fn who_hangs_up_is_not_hashed_and_frees_the_place() {
    let server = slow();
    let mut crowd = crowd(&server);
    answered(&mut crowd);
    drop(crowd);
    let login = || server.key("reader").post("/login").answer();
    eventually("there is a place again", || Some(login()).filter(|answer| answer.status == 200));
    let hashed = server.log().matches("code=invalid_api_key").count();
    assert!(hashed < PLACES / 2, "{hashed} were hashed for nobody");
}

#[test]
fn attempts_that_come_all_at_once_get_no_more_than_those_that_come_one_by_one() {
    let server = narrow(&[("HALLPASS_RATE_LIMIT", "3/h")]);
    let login = || server.anonymous().post("/login").header("X-API-Key", unknown_key()).answer();
    let statuses: Vec<u16> = thread::scope(|scope| {
        let callers: Vec<_> = (0..30).map(|_| scope.spawn(|| login().status)).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    let counted = |status| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((counted(401), counted(429)), (3, 27));
}

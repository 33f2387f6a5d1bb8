//! On a signal the program answers the requests in progress and exits.

use std::{
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::support::{
    load::{Connection, Load, NEW_CONNECTION_RESET, requests},
    raw_http::{connect, read_response},
    server::{Server, eventually},
};

#[test]
fn requests_in_progress_are_answered_before_the_exit() {
    for signal in ["TERM", "INT"] {
        let server = Server::start();
        let mut streams: Vec<TcpStream> = (0..8).map(|_| begin_login(&server)).collect();
        server.signal(signal);
        server.log_until("the signal is logged", |log| log.contains("told to stop"));
        let refused =
            eventually("new connections fail", || TcpStream::connect(server.address).err());
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused, "{refused}");
        for stream in &mut streams {
            stream.write_all(b"{}").unwrap();
            let answer = read_response(stream).expect("an answer");
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert!(answer.json()["access_token"].is_string());
        }
        assert_eq!(server.exit().code(), Some(0), "after SIG{signal}");
    }
}

/// Begins a login without its body and waits until the server asks for the body.
fn begin_login(server: &Server) -> TcpStream {
    let mut stream = connect(server.address);
    write!(
        stream,
        "POST /login HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nExpect: 100-continue\r\n\
         Content-Type: application/json\r\nContent-Length: 2\r\n\r\n",
        server.accounts.key("reader")
    )
    .unwrap();
    let mut asked = [0; 25];
    stream.read_exact(&mut asked).unwrap();
    assert_eq!(&asked, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[test]
fn an_idle_connection_does_not_delay_the_exit() {
    let server = Server::start();
    let mut idle = connect(server.address);
    write!(idle, "GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut begin = [0; 15];
    idle.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200 OK");
    let silent = connect(server.address);
    let signalled = Instant::now();
    server.signal("TERM");
    assert_eq!(server.exit().code(), Some(0));
    assert!(signalled.elapsed() < Duration::from_secs(15), "{:?}", signalled.elapsed());
    drop((idle, silent));
}

#[test]
fn requests_under_load_are_answered_before_the_exit() {
    let mut resets = 0;
    for _ in 0..4 {
        let server = Server::start();
        let address = server.address;
        let load = Load::start(requests(&server, &server.login("reader")), move || {
            Connection::open(address)
        });
        load.wait_for_answers(300);
        server.signal("TERM");
        // The listener closes at once, and the kernel resets connections that were not accepted yet.
        let (reset, failures): (Vec<_>, Vec<_>) = load
            .wait_for_end()
            .into_iter()
            .partition(|failure| failure.ends_with(NEW_CONNECTION_RESET));
        assert_eq!(failures, Vec::<String>::new());
        resets += reset.len();
        assert!(!server.log().contains("ERROR"), "{}", server.log());
        assert_eq!(server.exit().code(), Some(0));
    }
    assert!(resets < 16, "{resets} of 32 clients had a connection that was reset");
}

#[test]
fn keep_alive_connections_are_closed_while_stopping() {
    let server = Server::start();
    let request = "GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut kept = Connection::open(server.address).unwrap();
    assert_eq!(kept.request(request).unwrap().header("connection"), None);
    server.signal("TERM");
    server.log_until("the signal is logged", |log| log.contains("told to stop"));
    let last = eventually("it answers 503", || {
        Some(kept.request(request).unwrap()).filter(|a| a.status == 503)
    });
    assert_eq!((last.code().as_str(), last.header("connection")), ("unavailable", Some("close")));
    assert_eq!(server.exit().code(), Some(0));
}

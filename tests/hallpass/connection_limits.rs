//! Hostile peers do not block others and are disconnected after a while.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    process::Command,
    time::Duration,
};

use crate::support::{
    load::{Connection, Load, requests, tcp},
    raw_http::{connect, connect_from},
    server::{Server, eventually},
};

/// A peer that sends something on `count` connections and then nothing more.
struct Peer {
    what: &'static str,
    count: usize,
    sends: fn() -> Vec<u8>,
}

const PEERS: &[Peer] = &[
    Peer { what: "says nothing", count: 500, sends: Vec::new },
    Peer { what: "begins a head", count: 200, sends: || b"GET / HTTP/1.1\r\nHo".to_vec() },
    Peer {
        what: "begins a body",
        count: 50,
        sends: || {
            b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
              Content-Length: 9\r\n\r\ngra"
                .to_vec()
        },
    },
    Peer { what: "sends a long header", count: 100, sends: || long_header(120_000) },
    Peer { what: "sends a longer header", count: 20, sends: || long_header(1_000_000) },
    Peer {
        what: "sends a long address",
        count: 20,
        sends: || format!("GET /{} HTTP/1.1\r\n", "a".repeat(70_000)).into(),
    },
    Peer {
        what: "sends no HTTP",
        count: 100,
        sends: || b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n".repeat(500),
    },
    Peer {
        what: "sends garbage behind requests",
        count: 100,
        sends: || {
            let good = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n".repeat(3);
            [good, b"\0\xff: {}\r\n\r\n".repeat(99)].concat()
        },
    },
    Peer { what: "never reads", count: 20, sends: || ask_for_the_largest(2000) },
];

fn long_header(length: usize) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: x\r\nX-Long: {}", "a".repeat(length)).into()
}

/// Requests a file of 1.5 MB, so many times in a row.
fn ask_for_the_largest(times: usize) -> Vec<u8> {
    b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(times)
}

/// A connection on which these bytes were sent, as far as the server accepts them.
fn peer(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = tcp(server.address).unwrap();
    stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    // The server may close the connection before everything is sent.
    let _ = stream.write_all(bytes);
    stream
}

/// Other clients are served meanwhile.
fn assert_others_are_served(server: &Server) {
    let token = server.token("reader");
    token.get("/request").expect(200);
    token.get("/clients").expect(403);
    token.post("/logout").expect(200);
    token.get("/request").expect(401);
    server.anonymous().get("/health/ready").expect(200);
}

#[test]
#[expect(clippy::print_stdout, reason = "shown if the test fails")]
fn hostile_peers_do_not_block_other_clients() {
    allow_many_files();
    let server = Server::start();
    for Peer { what, count, sends } in PEERS {
        println!("while a peer {what}");
        let bytes = sends();
        let _peers: Vec<_> = (0..*count).map(|_| peer(&server, &bytes)).collect();
        assert_others_are_served(&server);
    }
}

/// All tests share one process, which some systems limit to 1024 open files by default.
fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

#[test]
fn slow_peers_are_disconnected() {
    let server = Server::start();
    assert_others_are_served(&server);
    let request = "GET /health/live HTTP/1.1\r\nHost: x\r\n";
    let begins_a_second_head = || {
        let mut kept = Connection::open(server.address).unwrap();
        kept.request(&format!("{request}\r\n")).unwrap();
        let mut stream = kept.into_inner();
        stream.write_all(b"GET /").unwrap();
        stream
    };
    let endless = format!("{request}Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    let files = server.open_files();
    let peers: Vec<TcpStream> = (0..10)
        .flat_map(|_| {
            [
                peer(&server, b""),
                peer(&server, b"GET / HT"),
                begins_a_second_head(),
                peer(&server, endless.as_bytes()),
                peer(&server, &ask_for_the_largest(10)),
            ]
        })
        .collect();
    eventually("the connections are accepted", || {
        (server.open_files() >= files + peers.len()).then_some(())
    });
    eventually("the connections are closed", || (server.open_files() <= files).then_some(()));
    assert_others_are_served(&server);
}

#[test]
fn request_targets_over_8192_bytes_are_refused() {
    let server = Server::start();
    let address = |length: usize| format!("/request?{}", "a".repeat(length - "/request?".len()));
    server.token("reader").get(&address(8192)).expect(200);
    server.token("reader").get(&address(8193)).refused(414, "uri_too_long");
    let refused = server.anonymous().post(&format!("/token?{}", "a".repeat(8192))).expect(414);
    assert_eq!(refused.json()["error"], "invalid_request");
}

#[test]
fn malformed_http_gets_a_bare_status() {
    let server = Server::start();
    for (bytes, status) in [
        (long_header(1_000_000), "431"),
        (format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(70_000)).into(), "400"),
        (b"GET / HTTP/1.1\r\n\r\n".to_vec(), "400"),
        (b"\0\r\n\r\n".to_vec(), "400"),
    ] {
        let mut peer = peer(&server, &bytes);
        let mut begin = [0; 12];
        peer.read_exact(&mut begin).unwrap();
        assert_eq!(String::from_utf8_lossy(&begin), format!("HTTP/1.1 {status}"));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn one_address_gets_an_eighth_of_the_connections_unless_it_is_a_trusted_proxy() {
    allow_many_files();
    let server = Server::start_with(&[
        ("HALLPASS_TRUSTED_PROXIES", "127.0.0.3"),
        ("HALLPASS_METRICS_BIND", "127.0.0.1:0"),
    ]);
    let open = |own: &str, count: usize| -> Vec<TcpStream> {
        (0..count).map(|_| connect_from(own.parse().unwrap(), server.address)).collect()
    };
    let is_closed = |stream: &mut TcpStream| {
        stream.set_nonblocking(true).unwrap();
        match stream.read(&mut [0; 1024]) {
            Ok(read) => read == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    };
    let live = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n";
    let (most, more) = (4096 / 8, 100);
    let mut crowd = open("127.0.0.2", most + more);
    eventually("the excess is closed", || {
        let closed = crowd.iter_mut().filter_map(|one| is_closed(one).then_some(())).count();
        (closed >= more).then_some(())
    });
    for own in ["127.0.0.3", "127.0.0.4"] {
        let count = if own == "127.0.0.3" { most + more } else { 1 };
        let mut peers = open(own, count);
        let last = peers.last_mut().unwrap();
        last.write_all(live).unwrap();
        let mut begin = [0; 12];
        last.read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"HTTP/1.1 200", "{own}");
    }
    drop(crowd);
    eventually("the address may connect again", || {
        let mut again = open("127.0.0.2", 1).pop()?;
        again.write_all(live).ok()?;
        again.read_exact(&mut [0; 12]).ok()
    });
    let log = server.log_until("the metrics address", |log| log.contains("/metrics\n"));
    let line = log.lines().find_map(|line| line.split_once("metrics on http://")).unwrap().1;
    let mut metrics = Connection::open(line.strip_suffix("/metrics").unwrap().parse().unwrap());
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let scrape = metrics.as_mut().unwrap().request(request).unwrap().text();
    let refused = scrape.lines().find_map(|line| {
        line.strip_prefix("hallpass_connections_refused_total ")?.parse::<usize>().ok()
    });
    assert!(refused.unwrap() >= more, "{refused:?}");
}

#[test]
fn connections_beyond_the_file_limit_wait() {
    let dir = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_hallpass");
    let mut limited = Command::new("sh");
    limited.args(["-c", &format!("ulimit -n 100; exec {program} serve --bind 127.0.0.1:0")]);
    limited.current_dir(dir.path()).env_clear();
    // Another address could have one of the ten only.
    let server = Server::spawn(limited, dir, &[("HALLPASS_TRUSTED_PROXIES", "127.0.0.1")]);
    let log = server.log_until("the warning", |log| log.contains("ulimit -n"));
    assert!(log.contains("enough for 10 connections"), "{log}");
    let silent: Vec<TcpStream> = (0..10).map(|_| connect(server.address)).collect();
    let mut waiting = connect(server.address);
    waiting.write_all(b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    waiting.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let nothing = waiting.read(&mut [0]).unwrap_err();
    assert!(matches!(nothing.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{nothing}");
    drop(silent);
    waiting.set_read_timeout(None).unwrap();
    let mut begin = [0; 12];
    waiting.read_exact(&mut begin).unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    assert!(!server.log().contains("Error accepting"), "{}", server.log());
}

#[test]
fn memory_does_not_grow_under_load() {
    let server = Server::start_with(&[("HALLPASS_LOG", "error,actix_http=off")]);
    let round = |answers: usize| {
        for Peer { count, sends, .. } in PEERS {
            let bytes = sends();
            // One after the other, so that only memory that is kept adds up.
            (0..*count / 5).for_each(|_| drop(peer(&server, &bytes)));
        }
        let address = server.address;
        let load = Load::start(requests(&server, &server.login("reader")), move || {
            Connection::open(address)
        });
        load.wait_for_answers(answers);
        assert_eq!(load.stop(), Vec::<String>::new());
    };
    round(3000);
    let before = server.memory();
    (0..5).for_each(|_| round(3000));
    let after = server.memory();
    assert!(after < before + 16 * 1024, "{before} kB became {after} kB");
}

impl Server {
    /// The number of files that the server has open.
    fn open_files(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }

    /// The server's resident memory, in kB.
    fn memory(&self) -> usize {
        let status = fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

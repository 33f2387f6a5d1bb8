//! The application, used over TCP and over a Unix socket as clients do, byte by byte.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use actix_web::{HttpServer, rt::System};
use hallpass::{NewApiKey, Site, testing::TestGate};
use hallpass_streams::{OpenFor, app, site};

const LONG: OpenFor = OpenFor(Duration::from_secs(3600));

/// Serves a site on a port of its own, for as long as the tests run.
fn serve(site: Site) -> SocketAddr {
    let (sender, address) = mpsc::channel();
    thread::spawn(move || {
        System::new().block_on(async move {
            let server = HttpServer::new(move || app(&site)).workers(1).disable_signals();
            let server = server.bind("127.0.0.1:0").unwrap();
            sender.send(server.addrs()[0]).unwrap();
            server.run().await.unwrap();
        });
    });
    address.recv().unwrap()
}

/// A connection that has sent a request.
struct Exchange<S: Read + Write>(BufReader<S>);

/// Status, and the lines of the head in lower case.
struct Head {
    status: u16,
    lines: String,
}

impl Exchange<TcpStream> {
    /// Sends the head of a request; `headers` are whole lines.
    fn start(address: SocketAddr, request: &str, headers: &[&str]) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self::over(stream, &address.to_string(), request, headers)
    }
}

impl<S: Read + Write> Exchange<S> {
    fn over(stream: S, host: &str, request: &str, headers: &[&str]) -> Self {
        let mut exchange = Self(BufReader::new(stream));
        let headers: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        exchange.send(format!("{request} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n").as_bytes());
        exchange
    }

    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    fn head(&mut self) -> Head {
        let status = self.line().split(' ').nth(1).expect("a status line").parse().unwrap();
        let mut lines = String::new();
        loop {
            let line = self.line().to_lowercase();
            if line.trim().is_empty() {
                return Head { status, lines };
            }
            lines += &line;
        }
    }

    fn chunk(&mut self) -> Vec<u8> {
        let size = usize::from_str_radix(self.line().trim(), 16).unwrap();
        let mut chunk = vec![0; size];
        self.0.read_exact(&mut chunk).unwrap();
        assert_eq!(self.line(), "\r\n");
        chunk
    }

    /// The rest, until the server closes the connection.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).unwrap();
        rest
    }
}

fn status(address: SocketAddr, request: &str, headers: &[&str]) -> u16 {
    Exchange::start(address, request, headers).head().status
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn chunk(text: &str) -> Vec<u8> {
    format!("{:x}\r\n{text}\r\n", text.len()).into_bytes()
}

const UPGRADE: [&str; 4] = [
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
];

/// Opens a web socket, which is only a request until it is answered.
fn web_socket(address: SocketAddr, headers: &[&str]) -> (Exchange<TcpStream>, u16) {
    let mut exchange = Exchange::start(address, "GET /chat", &[&UPGRADE, headers].concat());
    let status = exchange.head().status;
    (exchange, status)
}

/// Sends a text frame, masked with zeros, and reads one (RFC 6455 §5.2).
fn say(socket: &mut Exchange<TcpStream>, text: &str) -> String {
    socket.send(&[&[0x81, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat());
    let mut start = [0; 2];
    socket.0.read_exact(&mut start).unwrap();
    let mut answer = vec![0; start[1].into()];
    socket.0.read_exact(&mut answer).unwrap();
    String::from_utf8(answer).unwrap()
}

#[test]
fn a_web_socket_opens_with_a_token_and_with_the_cookie_for_pages_of_this_site_only() {
    let gate = TestGate::new();
    let address = serve(site(&gate, LONG).unwrap());
    let member = gate.as_client("alice").role("member");
    let (bearer, cookie) =
        (bearer(&member.clone().token()), format!("Cookie: {}", member.cookie()));
    let own = format!("Origin: http://{address}");
    let other = "Origin: https://evil.example.com";
    let guest = self::bearer(&gate.as_client("bob").token());
    let table: [(&[&str], u16); 10] = [
        (&[], 401),
        (&[&own], 401),
        (&[&bearer], 101),
        // No page can send this header.
        (&[&bearer, other], 101),
        (&[&guest], 403),
        (&[&cookie, &own], 101),
        (&[&cookie, "Sec-Fetch-Site: same-origin", &own], 101),
        (&[&cookie, other], 403),
        (&[&cookie, "Origin: null"], 403),
        (&[&cookie, "Sec-Fetch-Site: cross-site", other], 403),
    ];
    for (headers, status) in table {
        let (mut socket, answered) = web_socket(address, headers);
        assert_eq!(answered, status, "{headers:?}");
        if status == 101 {
            assert_eq!(say(&mut socket, "hello"), "alice: hello");
        }
    }
    // A request that only reads changes nothing, and other sites cannot read its answer.
    assert_eq!(status(address, "GET /events", &[&cookie, other]), 200);
}

#[test]
fn what_is_open_goes_on_after_a_logout_until_the_application_ends_it() {
    let gate = TestGate::new();
    let open_for = Duration::from_secs(3);
    let address = serve(site(&gate, OpenFor(open_for)).unwrap());
    let token = bearer(&gate.as_client("alice").role("member").token());
    let started = Instant::now();
    let (mut socket, opened) = web_socket(address, &[&token]);
    assert_eq!(opened, 101);
    // Compression would keep the events back.
    let headers = [&*token, "Accept-Encoding: gzip"];
    let mut events = Exchange::start(address, "GET /events", &headers);
    let head = events.head();
    assert!(head.status == 200 && !head.lines.contains("gzip"), "{}", head.lines);
    let line = b"data: a tick for alice\n\n";
    assert_eq!(events.chunk(), line);
    assert_eq!(status(address, "POST /logout", &[&token, "Content-Length: 0"]), 200);
    if started.elapsed() < open_for / 2 {
        assert_eq!(say(&mut socket, "still here"), "alice: still here");
        assert_eq!(events.chunk(), line);
    }
    while !events.chunk().is_empty() {}
    // A close frame.
    assert_eq!(socket.rest()[0], 0x88);
    assert!(started.elapsed() >= open_for);
    assert_eq!(status(address, "GET /events", &[&token]), 401);
    assert_eq!(web_socket(address, &[&token]).1, 401);
}

const FORM: &str = "Content-Type: multipart/form-data; boundary=edge";

/// A form of a file of this size.
fn form(size: usize) -> String {
    let head = "--edge\r\nContent-Disposition: form-data; name=\"report\"; filename=\"a\"\r\n\r\n";
    format!("{head}{}\r\n--edge--\r\n", "x".repeat(size))
}

#[test]
fn an_upload_is_refused_before_its_body_is_read() {
    let gate = TestGate::new();
    let address = serve(site(&gate, LONG).unwrap());
    let token = bearer(&gate.as_client("alice").role("member").token());
    let body = form(3_000_000);
    let length = format!("Content-Length: {}", body.len());
    let mut upload = Exchange::start(address, "POST /files", &[&token, FORM, &length]);
    upload.send(body.as_bytes());
    assert_eq!(upload.head().status, 200);
    let mut text = [0; 16];
    upload.0.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"report: 3000000\n");
    let refused = |framing: &str| {
        let mut refused = Exchange::start(address, "POST /files", &[FORM, framing]);
        let head = refused.head();
        assert_eq!(head.status, 401, "{framing}");
        (refused, head.lines.contains("connection: close"))
    };
    // Nothing of the body has been sent. What comes instead of it is not taken for a request.
    for (framing, closes) in [(&*length, true), ("Transfer-Encoding: chunked", false)] {
        let (mut refused, is_closed) = refused(framing);
        assert_eq!(is_closed, closes, "{framing}");
        refused.send(b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n");
        let rest = String::from_utf8(refused.rest()).unwrap();
        assert!(!rest.contains("HTTP/1.1 200"), "{framing}: {rest}");
    }
    // Who sends all of it before reading gets the answer too.
    let (mut refused, _) = refused(&length);
    refused.send(body.as_bytes());
    assert!(String::from_utf8(refused.rest()).unwrap().contains("missing_credentials"));
    // actix-web asks for the body before anybody has judged the request.
    let expecting = [FORM, &*length, "Expect: 100-continue"];
    let mut expecting = Exchange::start(address, "POST /files", &expecting);
    assert_eq!((expecting.head().status, expecting.head().status), (100, 401));
}

#[test]
fn bodies_are_streamed_both_ways_through_guard_and_compression() {
    let gate = TestGate::new();
    let address = serve(site(&gate, LONG).unwrap());
    let token = bearer(&gate.as_client("alice").role("member").token());
    let headers = [&*token, "Transfer-Encoding: chunked"];
    let mut shout = Exchange::start(address, "POST /shout", &headers);
    shout.send(&chunk("hello "));
    assert_eq!(shout.head().status, 200);
    // The answer has begun before the request ends.
    assert_eq!(shout.chunk(), b"HELLO ");
    shout.send(&chunk("world"));
    assert_eq!(shout.chunk(), b"WORLD");
    shout.send(b"0\r\n\r\n");
    assert!(shout.chunk().is_empty());
    // Compressed, refusals too.
    for (token, status) in [(&*token, 200), ("X-None: 1", 401)] {
        let headers = [token, "Content-Length: 5", "Accept-Encoding: gzip"];
        let mut shout = Exchange::start(address, "POST /shout", &headers);
        shout.send(b"hello");
        let head = shout.head();
        assert_eq!(head.status, status);
        assert!(head.lines.contains("content-encoding: gzip"), "{}", head.lines);
    }
}

#[test]
fn middleware_inside_of_the_guard_sees_the_principal_and_outside_it_does_not() {
    let gate = TestGate::new();
    let address = serve(site(&gate, LONG).unwrap());
    let token = bearer(&gate.as_client("alice").token());
    let head = Exchange::start(address, "GET /v1/tenants/acme/who", &[&token]).head();
    assert_eq!(head.status, 200);
    assert!(head.lines.contains("x-inside: alice\r\n"), "{}", head.lines);
    assert!(head.lines.contains("x-outside: nobody\r\n"), "{}", head.lines);
    // What is refused never gets to the middleware inside.
    for (path, status) in [("/v1/tenants/acme/who", 401), ("/v1/tenants/who", 404)] {
        let head = Exchange::start(address, &format!("GET {path}"), &[]).head();
        assert_eq!(head.status, status);
        assert!(!head.lines.contains("x-inside"), "{}", head.lines);
        assert!(head.lines.contains("x-outside: nobody\r\n"), "{}", head.lines);
    }
}

#[test]
fn applications_of_one_process_take_each_others_tokens_only_if_they_share_a_gate() {
    let (gate, other) = (TestGate::new(), TestGate::new());
    let (one, two) = (serve(site(&gate, LONG).unwrap()), serve(site(&gate, LONG).unwrap()));
    let three = serve(site(&other, LONG).unwrap());
    let member = gate.as_client("alice").role("member");
    let ours = bearer(&member.clone().token());
    let theirs = bearer(&other.as_client("alice").role("member").token());
    let asked =
        |token: &str| [one, two, three].map(|address| status(address, "GET /events", &[token]));
    assert_eq!(asked(&ours), [200, 200, 401]);
    assert_eq!(asked(&theirs), [401, 401, 200]);
    let key = format!("X-API-Key: {}", member.key());
    let logged_in = [one, two, three]
        .map(|address| status(address, "POST /login", &[&key, "Content-Length: 0"]));
    assert_eq!(logged_in, [200, 200, 401]);
    // A logout at one is one at the other that shares the gate.
    assert_eq!(status(one, "POST /logout", &[&ours, "Content-Length: 0"]), 200);
    assert_eq!(asked(&ours), [401, 401, 401]);
}

/// The program, which serves a port and a Unix socket.
struct Program {
    process: Child,
    folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Program {
    fn start(roster: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("roster.toml"), roster).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_hallpass-streams"));
        process.current_dir(folder.path()).stdout(Stdio::piped()).envs([
            ("HALLPASS_SECRET_KEY", "a secret of the tests, 32 bytes and more"),
            ("HALLPASS_STATE", "memory"),
            ("HALLPASS_BIND", "127.0.0.1:0"),
            ("HALLPASS_RATE_LIMIT", "3/h"),
            ("HALLPASS_TRUSTED_PROXIES", "127.0.0.0/8"),
            ("UNIX_SOCKET", "socket"),
        ]);
        let mut process = process.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().parse().unwrap();
        Self { process, folder, address }
    }

    /// The status of a login, at the port and at the socket.
    fn log_in(&self, key: &str, headers: &[&str]) -> [u16; 2] {
        let key = format!("X-API-Key: {key}");
        let headers = [&[&*key, "Content-Length: 0"], headers].concat();
        let by_network = status(self.address, "POST /login", &headers);
        [by_network, self.log_in_by_socket(&headers)]
    }

    fn log_in_by_socket(&self, headers: &[&str]) -> u16 {
        let stream = UnixStream::connect(self.folder.path().join("socket")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Exchange::over(stream, "localhost", "POST /login", headers).head().status
    }
}

#[test]
fn over_a_unix_socket_nobody_has_an_address() {
    let (anywhere, network) = (NewApiKey::generate().unwrap(), NewApiKey::generate().unwrap());
    let line = |name: &str, key: &NewApiKey, more: &str| {
        let key = format!("id = \"{}\", hash = \"{}\"", key.id(), key.hash());
        let created = "created = 2026-01-01T00:00:00Z";
        format!("[clients.{name}]\n{more}\nkeys = [{{ {key}, {created} }}]\n")
    };
    let roster = line("anywhere", &anywhere, "")
        + &line("network", &network, "from = [\"127.0.0.0/8\", \"192.0.2.0/24\"]");
    let program = Program::start(&roster);
    assert_eq!(program.log_in(anywhere.expose(), &[]), [200, 200]);
    // `from` never holds there, whatever a proxy behind the socket says.
    assert_eq!(program.log_in(network.expose(), &[]), [200, 401]);
    let forwarded = ["X-Forwarded-For: 192.0.2.7"];
    assert_eq!(program.log_in(network.expose(), &forwarded), [200, 401]);
    // All who come over sockets are limited as one.
    let wrong = NewApiKey::generate().unwrap();
    assert_eq!(program.log_in(wrong.expose(), &forwarded), [401, 401]);
    assert_eq!(program.log_in(wrong.expose(), &["X-Forwarded-For: 192.0.2.8"]), [401, 429]);
    assert_eq!(program.log_in(anywhere.expose(), &[]), [200, 200]);
}

//! As systemd starts it: with a socket that is handed over, a place for notifications, and a watchdog.

use std::{
    fs,
    io::ErrorKind,
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{
        fd::OwnedFd,
        unix::net::{UnixDatagram, UnixListener},
    },
    path::Path,
    process::{Command, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    support::{
        accounts::Accounts,
        load::{Connection, Load, requests, tcp},
        raw_http::DEADLINE,
        server::{SIGNING_SECRET, Server, eventually},
    },
    tls::{Pair, dial, requests_over_tls, trusting},
};

/// `hallpass serve` with this socket as file descriptor 3, `LISTEN_FDS` and `LISTEN_PID`.
fn launcher(dir: &Path, socket: impl Into<OwnedFd>, variables: &str, flags: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    let script = format!("exec 3<&0 4<&0 0</dev/null; {variables} exec \"$0\" serve {flags}");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_hallpass")]).current_dir(dir).env_clear();
    command.stdin(Stdio::from(socket.into()));
    command
}

const OURS: &str = "LISTEN_FDS=1 LISTEN_PID=$$";

fn launch(accounts: &Accounts, listener: &TcpListener, settings: &[(&str, &str)]) -> Server {
    let dir = tempfile::tempdir().unwrap();
    let command = launcher(dir.path(), listener.try_clone().unwrap(), OURS, "");
    Server::spawn_for(accounts.clone(), command, dir, settings)
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn with_a_socket_that_is_handed_over_a_restart_under_load_loses_nothing() {
    let (listener, address) = listen();
    let accounts = Accounts::new();
    let mut server = launch(&accounts, &listener, &[]);
    assert_eq!(server.address, address);
    let load =
        Load::start(requests(&server, &server.login("reader")), move || Connection::open(address));
    for _ in 0..3 {
        load.wait_for_answers(200);
        server.signal("TERM");
        assert_eq!(server.exit().code(), Some(0));
        let waiting = tcp(address).expect("the kernel takes connections meanwhile");
        server = launch(&accounts, &listener, &[]);
        let answer =
            Connection::over(waiting).request("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(answer.unwrap().status, 200);
    }
    load.wait_for_answers(200);
    assert_eq!(load.stop(), Vec::<String>::new());
}

#[test]
fn with_tls_a_restart_under_load_loses_nothing_either() {
    let directory = tempfile::tempdir().unwrap();
    let pair = Pair::new();
    pair.write(directory.path());
    let files = ["cert.pem", "key.pem"].map(|name| directory.path().join(name));
    let [certificate, key] = files.each_ref().map(|file| file.to_str().unwrap());
    let settings = [("HALLPASS_TLS_CERT", certificate), ("HALLPASS_TLS_KEY", key)];
    let (listener, address) = listen();
    let accounts = Accounts::new();
    let mut server = launch(&accounts, &listener, &settings);
    let config = trusting(&[&pair]);
    let requests = requests_over_tls(&server, &config);
    let load = Load::start(requests, move || dial(address, &Arc::clone(&config)));
    for _ in 0..2 {
        load.wait_for_answers(100);
        server.signal("TERM");
        assert_eq!(server.exit().code(), Some(0));
        server = launch(&accounts, &listener, &settings);
    }
    load.wait_for_answers(100);
    assert_eq!(load.stop(), Vec::<String>::new());
}

#[test]
fn a_socket_that_is_handed_over_beats_the_settings_unless_it_is_for_another_process() {
    let (listener, address) = listen();
    for (variables, flags, is_ours) in [
        (OURS, "", true),
        (OURS, "--bind 127.0.0.1:0", true),
        ("LISTEN_FDS=1 LISTEN_PID=1", "", false),
        ("LISTEN_FDS=0 LISTEN_PID=$$", "", false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let command = launcher(dir.path(), listener.try_clone().unwrap(), variables, flags);
        let server = Server::spawn(command, dir, &[("HALLPASS_BIND", "127.0.0.1:0")]);
        assert_eq!(server.address == address, is_ours, "{variables} {flags}");
        let discovery = server.anonymous().get("/.well-known/openid-configuration").expect(200);
        assert_eq!(discovery.json()["issuer"], format!("http://{}", server.address));
    }
}

fn refused(socket: impl Into<OwnedFd>, variables: &str, flags: &str) -> String {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("roster.toml"), "").unwrap();
    let mut command = launcher(dir.path(), socket, variables, flags);
    let settings = [("HALLPASS_SECRET_KEY", SIGNING_SECRET), ("HALLPASS_DOCS", "maybe")];
    let Output { status, stdout, stderr } = command.envs(settings).output().unwrap();
    assert!(status.code() == Some(1) && stdout.is_empty());
    let stderr = String::from_utf8(stderr).unwrap();
    assert!(stderr.contains("HALLPASS_DOCS"), "not everything is reported: {stderr}");
    stderr
}

#[test]
fn a_socket_that_cannot_be_served_is_reported_with_everything_else() {
    let (listener, address) = listen();
    let connection = TcpStream::connect(address).unwrap();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let local = UnixListener::bind(dir.path().join("socket")).unwrap();
    let anywhere = TcpListener::bind("0.0.0.0:0").unwrap();
    for (log, parts) in [
        (refused(connection, OURS, ""), ["LISTEN_FDS: ", "Accept=no"]),
        (refused(datagrams, OURS, ""), ["LISTEN_FDS: ", "ListenStream="]),
        (refused(local, OURS, ""), ["LISTEN_FDS: ", "ListenStream="]),
        (refused(listener, "LISTEN_FDS=2 LISTEN_PID=$$", ""), ["2 sockets", "ListenStream="]),
        (refused(anywhere, OURS, "--dev"), ["LISTEN_FDS: ", "--dev-anywhere"]),
    ] {
        assert!(parts.iter().all(|part| log.contains(part)), "{parts:?}: {log}");
    }
}

/// A service manager that keeps what it is told.
struct Manager {
    dir: tempfile::TempDir,
    socket: UnixDatagram,
}

impl Manager {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { dir, socket }
    }

    fn start(&self, settings: &[(&str, &str)]) -> Server {
        let path = self.dir.path().join("notify");
        let socket = [("NOTIFY_SOCKET", path.to_str().unwrap())];
        Server::start_with(&[&socket, settings].concat())
    }

    fn next(&self) -> String {
        let mut buffer = [0; 256];
        let length = self.socket.recv(&mut buffer).expect("a notification");
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

#[test]
fn the_service_manager_is_told_of_start_reload_and_stop() {
    let manager = Manager::new();
    let server = manager.start(&[]);
    assert_eq!(manager.next(), "READY=1");
    for client in ["late", "later"] {
        let key = crate::support::api_key::ApiKey::generate();
        let more = format!(
            "{}[clients.{client}]\n[[clients.{client}.keys]]\nid = '{}'\nhash = '{}'\ncreated = 2020-01-01T00:00:00Z\n",
            server.accounts.roster,
            key.id(),
            key.hash()
        );
        fs::write(server.dir.path().join("roster.toml"), more).unwrap();
        server.signal("HUP");
        let reloading = manager.next();
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").expect(&reloading);
        assert!(time.parse::<u64>().unwrap() > 0);
        assert_eq!(manager.next(), "READY=1");
        // What was reloaded counts by then.
        server.anonymous().post("/login").header("X-API-Key", key.as_str()).expect(200);
    }
    server.signal("TERM");
    assert_eq!(manager.next(), "STOPPING=1");
    assert_eq!(server.exit().code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn the_socket_of_the_service_manager_may_have_an_abstract_name() {
    use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
    let name = format!("hallpass-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let manager = Manager { socket: UnixDatagram::bind_addr(&address).unwrap(), ..Manager::new() };
    manager.socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let _server = Server::start_with(&[("NOTIFY_SOCKET", &format!("@{name}"))]);
    assert_eq!(manager.next(), "READY=1");
}

#[test]
fn the_watchdog_is_fed_while_the_service_runs_and_only_if_it_is_there() {
    let manager = Manager::new();
    let server = manager.start(&[("WATCHDOG_USEC", "400000")]);
    assert_eq!(manager.next(), "READY=1");
    let mut last = Instant::now();
    for _ in 0..5 {
        assert_eq!(manager.next(), "WATCHDOG=1");
        assert!(last.elapsed() > Duration::from_millis(20), "it is told without pause");
        last = Instant::now();
    }
    drop(server);
    for settings in
        [&[][..], &[("WATCHDOG_USEC", "0")], &[("WATCHDOG_USEC", "4000"), ("WATCHDOG_PID", "1")]]
    {
        let manager = Manager::new();
        let _server = manager.start(settings);
        assert_eq!(manager.next(), "READY=1");
        manager.socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let nothing = manager.socket.recv(&mut [0; 256]).unwrap_err();
        assert_eq!(nothing.kind(), ErrorKind::WouldBlock, "{settings:?}");
    }
}

#[test]
fn a_service_manager_that_does_not_listen_holds_up_nothing() {
    let manager = Manager::new();
    // Told often enough, its queue is full.
    let server = manager.start(&[("WATCHDOG_USEC", "4000")]);
    server.log_until("the queue is full", |log| log.contains("cannot be told \"WATCHDOG=1\""));
    server.anonymous().get("/health/ready").expect(200);
    server.signal("TERM");
    assert_eq!(server.exit().code(), Some(0));
    let gone = Server::start_with(&[("NOTIFY_SOCKET", "/nowhere/notify")]);
    gone.anonymous().get("/health/ready").expect(200);
    eventually("it is logged", || {
        gone.log().contains("cannot be told \"READY=1\" on /nowhere/notify").then_some(())
    });
}

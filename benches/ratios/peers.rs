//! The same question put to others: HAProxy, fastify, FastAPI; each with one thread that answers.
//!
//! Must not know how they answer: that is in `benches/peers/`.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::Command,
};

use serde_json::Value;

use crate::{
    bare,
    contest::{Contender, Samples},
    costs::{microseconds, routes_of},
    cpu,
    hallpass::{self, ANOTHER_SECRET, ISSUER, SIGNING_SECRET, Setup},
    load::Connection,
    requests::{Forge, request, same},
    server::{Server, directory},
    table::{Figure, Row, Unit},
    tools::{attempt, install, kept, need, repository, run},
};

const ROUNDS: usize = 15;

/// Another server that verifies tokens.
struct Peer {
    name: &'static str,
    /// Installs it; returns its versions.
    install: fn() -> Result<String, String>,
    /// The command that serves on `PORT`.
    command: fn() -> Command,
}

const PEERS: [Peer; 3] = [
    Peer { name: "HAProxy", install: install_haproxy, command: haproxy },
    Peer {
        name: "fastify, @fastify/jwt with its cache",
        install: install_fastify,
        command: fastify,
    },
    Peer { name: "FastAPI, PyJWT, uvicorn", install: install_fastapi, command: fastapi },
];

/// CPU a request of hallpass and of every peer that can be had here, to the bare handler; notes say which those are.
pub(crate) fn rows(notes: &mut Vec<String>) -> Vec<Row> {
    let hallpass = hallpass::start(&Setup::default());
    let bare = bare::start(crate::plain, &routes_of(&hallpass));
    let token = hallpass::log_in(&hallpass, 0);
    let (mut names, mut servers) = (vec!["hallpass"], vec![bare, hallpass]);
    for peer in PEERS {
        match (peer.install)() {
            Ok(versions) => {
                servers.push(peer.start(&servers[1], &token));
                names.push(peer.name);
                notes.push(format!("{}: {versions}", peer.name));
            }
            Err(why) => notes.push(format!("{} is left out: {why}", peer.name)),
        }
    }
    let contender = |server| Contender { server, source: same(request(&token), 200) };
    let mut contenders: Vec<_> = servers.iter().map(contender).collect();
    written(&names, &cpu::measure(&mut contenders.iter_mut().collect::<Vec<_>>(), ROUNDS))
}

/// The bare handler is the first contender, hallpass the second.
fn written(names: &[&str], samples: &Samples) -> Vec<Row> {
    let row = |(at, name): (usize, &&str)| {
        let of = microseconds(samples.cost(at + 1));
        let what = format!("CPU, side by side: {name}, to bare `GET /request`");
        Figure::new(what, (samples.ratio(at + 1, 0), Unit::Times), &of).no_target()
    };
    let mut rows: Vec<_> = names.iter().enumerate().map(row).collect();
    let closest = (2..=names.len()).map(|peer| samples.ratio(1, peer)).max_by(f64::total_cmp);
    if let Some(ratio) = closest {
        let what = "CPU, side by side: hallpass, to the cheapest of the others";
        rows.push(Figure::new(what, (ratio, Unit::Times), "").at_most(1.0));
    }
    rows
}

impl Peer {
    /// Starts it, and makes sure that it does what is compared.
    fn start(&self, hallpass: &Server, token: &str) -> Server {
        let dir = directory();
        let body = Connection::to(hallpass.address).ask(&request(token), 200).body.to_vec();
        let (port, file) = (free_port(), dir.path().join("body"));
        fs::write(&file, &body).expect("a file");
        let mut command = (self.command)();
        command
            .env("PORT", port.to_string())
            .env("SECRET", SIGNING_SECRET)
            .env("ISSUER", ISSUER)
            .env("BODY", file);
        let server = Server::on(SocketAddr::from(([127, 0, 0, 1], port)), command, dir);
        let mut connection = Connection::to(server.address);
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("JSON");
        assert_eq!(json(connection.ask(&request(token), 200).body), json(&body), "{}", self.name);
        let forged = Forge::new(token, ANOTHER_SECRET).token();
        let expired = Forge::new(token, SIGNING_SECRET).expired().token();
        for bad in [forged, expired] {
            Connection::to(server.address).ask(&request(&bad), 401);
        }
        server
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it listens").port()
}

fn source(path: &str) -> PathBuf {
    repository().join("benches/peers").join(path)
}

fn install_haproxy() -> Result<String, String> {
    need("haproxy", "haproxy")?;
    let version = attempt(Command::new("haproxy").arg("-v"))?;
    Ok(version.split(' ').nth(2).unwrap_or_default().to_owned())
}

fn haproxy() -> Command {
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(source("haproxy/haproxy.cfg"));
    command
}

fn install_fastify() -> Result<String, String> {
    need("node", "nodejs")?;
    need("npm", "npm")?;
    let place = kept("fastify");
    fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    for file in ["package.json", ".npmrc", "server.mjs"] {
        fs::copy(source("fastify").join(file), place.join(file))
            .map_err(|error| error.to_string())?;
    }
    attempt(Command::new("npm").args(["install", "--silent"]).current_dir(&place))?;
    let script = "console.log(process.version, ...['fastify', '@fastify/jwt'].map(
        name => name + ' ' + JSON.parse(fs.readFileSync('node_modules/' + name + '/package.json')).version))";
    Ok(format!("node {}", run(Command::new("node").args(["-e", script]).current_dir(&place))))
}

fn fastify() -> Command {
    let mut command = Command::new("node");
    command.arg(kept("fastify").join("server.mjs")).env("NODE_ENV", "production");
    command
}

fn install_fastapi() -> Result<String, String> {
    need("python3", "python3")?;
    let python = python();
    let works = |python: &PathBuf| attempt(Command::new(python).args(["-m", "pip", "--version"]));
    if works(&python).is_err() {
        let make = || {
            let place = kept("python");
            let _ = fs::remove_dir_all(&place);
            attempt(Command::new("python3").args(["-m", "venv"]).arg(place))
        };
        // Debian has it apart from Python.
        make().or_else(|_| install("python3-venv").and_then(|()| make()))?;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "-r"]);
    attempt(pip.arg(source("fastapi/requirements.txt")))?;
    let version = attempt(Command::new(&python).arg("-V"))?;
    let packages = fs::read_to_string(source("fastapi/requirements.txt")).unwrap_or_default();
    Ok(format!("{version} {}", packages.replace("==", " ").trim().replace('\n', " ")))
}

fn python() -> PathBuf {
    kept("python").join("bin/python")
}

fn fastapi() -> Command {
    let mut command = Command::new("sh");
    let serve = "exec \"$0\" -m uvicorn app:app --host 127.0.0.1 --port \"$PORT\" --loop uvloop --http httptools \
        --no-access-log --log-level warning";
    command.args(["-c", serve]).arg(python()).current_dir(source("fastapi"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

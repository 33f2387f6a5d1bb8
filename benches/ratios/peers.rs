//! Comparison with other servers that verify the token: HAProxy, fastify and FastAPI, each with one thread.
//!
//! Their programs and configurations are in `benches/peers/`.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;

use crate::{
    command::{install, repository, require, run, tool_dir, try_run, unwrapped},
    cpu,
    hallpass::{self, ISSUER, OTHER_SECRET, SIGNING_SECRET, Setup},
    load::Connection,
    requests::{request, same},
    samples::{Samples, Workload},
    server::{Server, directory, free_address},
    servers::start_bare,
    table::{Figure, Row, Unit, microseconds},
    token_signer::TokenSigner,
};

/// Another server that verifies tokens.
struct Peer {
    name: &'static str,
    /// Installs it and returns its versions.
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

/// CPU per request of hallpass and of each peer that can be installed, compared with the bare handler. The notes
/// name the versions, and the peers that are left out.
pub(crate) fn rows(notes: &mut Vec<String>) -> Vec<Row> {
    let hallpass = hallpass::start(&Setup::default());
    let bare = start_bare(unwrapped, &hallpass);
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
    let workload = |server| Workload { server, requests: same(request(&token), 200) };
    let mut workloads: Vec<_> = servers.iter().map(workload).collect();
    rows_of_samples(&names, &cpu::measure(&mut workloads.iter_mut().collect::<Vec<_>>()))
}

/// The bare handler is the first workload, hallpass the second.
fn rows_of_samples(names: &[&str], samples: &Samples) -> Vec<Row> {
    let row = |(index, name): (usize, &&str)| {
        let cost = microseconds(samples.cost(index + 1));
        let what = format!("CPU, side by side: {name}, to bare `GET /request`");
        Figure::new(what, (samples.ratio(index + 1, 0), Unit::Times), &cost).no_target()
    };
    let mut rows: Vec<_> = names.iter().enumerate().map(row).collect();
    let closest = (2..=names.len()).map(|peer| samples.ratio(1, peer)).max_by(f64::total_cmp);
    if let Some(ratio) = closest {
        let what = "CPU, side by side: hallpass, to the cheapest of these";
        rows.push(Figure::new(what, (ratio, Unit::Times), "").at_most(1.0));
    }
    rows
}

impl Peer {
    /// Starts it and checks that it gives the answer of hallpass, and refuses forged and expired tokens.
    fn start(&self, hallpass: &Server, token: &str) -> Server {
        let dir = directory();
        let body = Connection::open(hallpass.address).ask(&request(token), 200).body.to_vec();
        let (address, file) = (free_address(), dir.path().join("body"));
        fs::write(&file, &body).expect("the directory is writable");
        let mut command = (self.command)();
        command
            .env("PORT", address.port().to_string())
            .env("SECRET", SIGNING_SECRET)
            .env("ISSUER", ISSUER)
            .env("BODY", file);
        let server = Server::start_on(address, command, dir);
        let mut connection = Connection::open(server.address);
        let json = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).expect("the body is JSON");
        assert_eq!(json(connection.ask(&request(token), 200).body), json(&body), "{}", self.name);
        let forged = TokenSigner::new(token, OTHER_SECRET).next_token();
        let expired = TokenSigner::new(token, SIGNING_SECRET).expired().next_token();
        for bad in [forged, expired] {
            Connection::open(server.address).ask(&request(&bad), 401);
        }
        server
    }
}

fn source(path: &str) -> PathBuf {
    repository().join("benches/peers").join(path)
}

fn install_haproxy() -> Result<String, String> {
    require("haproxy", "haproxy")?;
    let version = try_run(Command::new("haproxy").arg("-v"))?;
    Ok(version.split(' ').nth(2).unwrap_or_default().to_owned())
}

fn haproxy() -> Command {
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(source("haproxy/haproxy.cfg"));
    command
}

fn install_fastify() -> Result<String, String> {
    require("node", "nodejs")?;
    require("npm", "npm")?;
    let dir = tool_dir("fastify");
    fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
    for file in ["package.json", ".npmrc", "server.mjs"] {
        fs::copy(source("fastify").join(file), dir.join(file))
            .map_err(|error| error.to_string())?;
    }
    try_run(Command::new("npm").args(["install", "--silent"]).current_dir(&dir))?;
    let script = "console.log(process.version, ...['fastify', '@fastify/jwt'].map(
        name => name + ' ' + JSON.parse(fs.readFileSync('node_modules/' + name + '/package.json')).version))";
    Ok(format!("node {}", run(Command::new("node").args(["-e", script]).current_dir(&dir))))
}

fn fastify() -> Command {
    let mut command = Command::new("node");
    command.arg(tool_dir("fastify").join("server.mjs")).env("NODE_ENV", "production");
    command
}

fn install_fastapi() -> Result<String, String> {
    require("python3", "python3")?;
    let python = python();
    let works = |python: &PathBuf| try_run(Command::new(python).args(["-m", "pip", "--version"]));
    if works(&python).is_err() {
        let make = || {
            let dir = tool_dir("python");
            let _ = fs::remove_dir_all(&dir);
            try_run(Command::new("python3").args(["-m", "venv"]).arg(dir))
        };
        // Debian packages venv separately.
        make().or_else(|_| install("python3-venv").and_then(|()| make()))?;
    }
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "-r"]);
    try_run(pip.arg(source("fastapi/requirements.txt")))?;
    let version = try_run(Command::new(&python).arg("-V"))?;
    let packages = fs::read_to_string(source("fastapi/requirements.txt")).unwrap_or_default();
    Ok(format!("{version} {}", packages.replace("==", " ").trim().replace('\n', " ")))
}

fn python() -> PathBuf {
    tool_dir("python").join("bin/python")
}

fn fastapi() -> Command {
    let mut command = Command::new("sh");
    let serve = "exec \"$0\" -m uvicorn app:app --host 127.0.0.1 --port \"$PORT\" --loop uvloop --http httptools \
        --no-access-log --log-level warning";
    command.args(["-c", serve]).arg(python()).current_dir(source("fastapi"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

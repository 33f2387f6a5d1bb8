//! Requests a second of nginx that asks hallpass about each of them, compared with nginx that asks a bare handler which
//! answers 200 to everything.

use std::{fs, process::Command, time::Duration};

use crate::{
    command::{repository, require, unwrapped},
    hallpass::{self, FORWARDED, Setup},
    load::{Connection, send_concurrently},
    requests::{get, same},
    samples::median,
    server::{Server, directory, free_address},
    servers::start_bare,
    table::{Figure, Row, Unit},
};

/// The recipe of the manual, and the addresses in it.
const RECIPE: &str = "docs/forward-auth/nginx.conf";
const LISTENER: &str = "127.0.0.1:8000";
const HALLPASS: &str = "127.0.0.1:8080";
const BACKEND: &str = "127.0.0.1:3000";
const ACCESS_LOG: &str = "/var/log/nginx/access.log";

const CONNECTIONS: usize = 16;
/// nginx closes a connection after a thousand requests, and each turn opens its own.
const TURN: Duration = Duration::from_millis(300);
const ROUNDS: usize = 31;

/// Installs nginx if it is missing, and measures.
pub(crate) fn rows() -> Vec<Row> {
    require("nginx", "nginx-light").expect("nginx can be installed");
    let hallpass = hallpass::start(&Setup::default());
    let token = hallpass::log_in(&hallpass, 0);
    let (bare, backend) = (start_bare(unwrapped, &hallpass), start_bare(unwrapped, &hallpass));
    let asking = [nginx(&hallpass, &backend), nginx(&bare, &backend)];
    // Only one of them refuses.
    Connection::open(asking[0].address).ask(&get(FORWARDED, "forged"), 401);
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (server, rates) in asking.iter().zip(&mut rates) {
            rates.push(requests_per_second(server, &token));
        }
        hallpass.truncate_log();
    }
    let ratios = rates[0].iter().zip(&rates[1]).map(|(hallpass, bare)| hallpass / bare).collect();
    let [hallpass, bare] = rates.map(median);
    let parts = format!("{hallpass:.0} : {bare:.0} per second");
    let what = "requests through nginx that asks hallpass, to nginx that asks a bare handler";
    vec![Figure::new(what, (median(ratios), Unit::Share), &parts).at_least(0.9)]
}

/// nginx by the recipe, with one worker.
fn nginx(judge: &Server, backend: &Server) -> Server {
    let dir = directory();
    let address = free_address();
    let recipe = fs::read_to_string(repository().join(RECIPE)).expect("the recipe is readable");
    let log = dir.path().join("access.log");
    let replaced = [
        (LISTENER, address.to_string()),
        (HALLPASS, judge.address.to_string()),
        (BACKEND, backend.address.to_string()),
        (ACCESS_LOG, log.display().to_string()),
    ];
    let configuration = replaced.iter().fold(recipe, |text, (from, to)| {
        assert!(text.contains(from), "{RECIPE} has no {from}");
        text.replace(from, to)
    });
    let file = dir.path().join("nginx.conf");
    fs::write(&file, configuration).expect("the directory is writable");
    let mut command = Command::new("nginx");
    // One process, so that nothing is left behind when it is killed.
    let global = "daemon off; master_process off; error_log stderr; pid nginx.pid;";
    command.arg("-p").arg(dir.path()).arg("-c").arg(&file).args(["-g", global]);
    Server::start_on(address, command, dir)
}

fn requests_per_second(server: &Server, token: &str) -> f64 {
    let mut connections: Vec<_> =
        (0..CONNECTIONS).map(|_| Connection::open(server.address)).collect();
    let mut requests = same(get(FORWARDED, token), 200);
    send_concurrently(&mut connections, &mut requests, Duration::ZERO);
    send_concurrently(&mut connections, &mut requests, TURN) as f64 / TURN.as_secs_f64()
}

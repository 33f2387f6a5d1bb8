//! What a large roster costs at start and at login, and what a small service occupies.
//!
//! Must not know how a roster is read.

use std::{thread, time::Duration};

use crate::{
    contest::{Contender, median},
    costs::microseconds,
    cpu,
    hallpass::{self, Setup},
    load::{Connection, in_turn},
    requests::{login, request, same},
    roster::{FEW, key},
    server::Server,
    table::{Figure, Row, Unit},
};

const MANY: usize = 100_000;
const STARTS: usize = 3;
const ROUNDS: usize = 15;

/// All of it.
pub(crate) fn rows() -> Vec<Row> {
    let start = |clients| hallpass::start(&Setup { clients, workers: None, ..Setup::default() });
    let few = start(FEW.count());
    let mut rows = vec![idle(&few)];
    let times = (1..STARTS).map(|_| start(MANY).started_in.as_secs_f64());
    let mut times: Vec<_> = times.collect();
    let many = start(MANY);
    times.push(many.started_in.as_secs_f64());
    used(&many);
    let what = "start with 100,000 clients, until it listens";
    rows.push(Figure::new(what, (median(times), Unit::Seconds), "").at_most(1.0));
    let what = "the same, resident memory at most";
    rows.push(Figure::new(what, (many.memory("VmHWM"), Unit::MiB), "").at_most(250.0));
    rows.extend([cold(&few, &many), warm(&few, &many)]);
    rows
}

/// A service that has answered and has nothing to do now.
fn idle(server: &Server) -> Row {
    used(server);
    thread::sleep(Duration::from_secs(1));
    let what = "resident memory of an idle service with 10 clients";
    Figure::new(what, (server.memory("VmRSS"), Unit::MiB), "").at_most(15.0)
}

fn used(server: &Server) {
    let mut requests = same(request(&hallpass::log_in(server, 0)), 200);
    in_turn(&mut Connection::to(server.address), &mut requests, (100, Duration::MAX));
}

/// The first login of each key, CPU.
fn cold(few: &Server, many: &Server) -> Row {
    let cost = |server: &Server, client| {
        let before = server.cpu();
        hallpass::log_in(server, client);
        server.cpu().since(&before)
    };
    let ratio = |client| cost(many, client) / cost(few, client);
    let ratios = (1..FEW.count()).map(ratio).collect();
    let what = "CPU: `POST /login`, cold, with 100,000 clients, to 10 clients";
    Figure::new(what, (median(ratios), Unit::Times), "").at_most(1.05)
}

/// The same key again, CPU.
fn warm(few: &Server, many: &Server) -> Row {
    let contender = |server| Contender { server, source: same(login(&key(0)), 200) };
    let (mut few, mut many) = (contender(few), contender(many));
    let samples = cpu::measure(&mut [&mut few, &mut many], ROUNDS);
    let of = format!("{} : {}", microseconds(samples.cost(1)), microseconds(samples.cost(0)));
    let what = "CPU: `POST /login`, warm, with 100,000 clients, to 10 clients";
    Figure::new(what, (samples.ratio(1, 0), Unit::Times), &of).at_most(1.05)
}

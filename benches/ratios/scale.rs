//! What a large roster costs at start and at login, and the memory of a small service.

use std::{thread, time::Duration};

use crate::{
    cpu,
    hallpass::{self, Setup},
    load::{Connection, send_sequentially},
    requests::{logins, request, same},
    roster::{LOGIN_KEYS, TEN_KEYS},
    samples::{Workload, median},
    server::Server,
    table::{Figure, Row, Unit, microseconds},
};

const MANY: usize = 100_000;
const STARTS: usize = 3;

pub(crate) fn rows() -> Vec<Row> {
    let start = |clients| hallpass::start(&Setup { clients, workers: None, ..Setup::default() });
    let mut rows = vec![idle(&start(TEN_KEYS.count()))];
    let start = |clients| {
        let keys = LOGIN_KEYS.clone();
        hallpass::start(&Setup { keys, clients, workers: None, ..Setup::default() })
    };
    let few = start(LOGIN_KEYS.count());
    let times = (1..STARTS).map(|_| start(MANY).started_in.as_secs_f64());
    let mut times: Vec<_> = times.collect();
    let many = start(MANY);
    times.push(many.started_in.as_secs_f64());
    warm_up(&many);
    let what = "start with 100,000 clients, until it listens";
    rows.push(Figure::new(what, (median(times), Unit::Seconds), "").at_most(1.0));
    let what = "the same, peak of resident memory";
    rows.push(Figure::new(what, (many.memory("VmHWM"), Unit::MiB), "").at_most(250.0));
    rows.extend([cold(&few, &many), warm(&few, &many)]);
    rows
}

/// The memory of a service that has answered requests and now has none.
fn idle(server: &Server) -> Row {
    warm_up(server);
    thread::sleep(Duration::from_secs(1));
    let what = "resident memory of an idle service with 10 clients";
    Figure::new(what, (server.memory("VmRSS"), Unit::MiB), "").at_most(15.0)
}

fn warm_up(server: &Server) {
    let mut requests = same(request(&hallpass::log_in(server, 0)), 200);
    send_sequentially(&mut Connection::open(server.address), &mut requests, (100, Duration::MAX));
}

/// The first login with each key.
fn cold(few: &Server, many: &Server) -> Row {
    let cost = |server: &Server, client| {
        let before = server.cpu();
        hallpass::log_in(server, client);
        server.cpu().since(&before)
    };
    let ratio = |client| cost(many, client) / cost(few, client);
    let ratios = (1..TEN_KEYS.count()).map(ratio).collect();
    let what = "CPU: `POST /login`, cold, with 100,000 clients, to 1,000 clients";
    Figure::new(what, (median(ratios), Unit::Times), "").at_most(1.05)
}

/// Further logins with keys that are known.
fn warm(few: &Server, many: &Server) -> Row {
    let clients = LOGIN_KEYS.count();
    let workload = |server| {
        hallpass::warm_up(server, clients);
        Workload { server, requests: logins(clients) }
    };
    let (mut few, mut many) = (workload(few), workload(many));
    let samples = cpu::measure(&mut [&mut few, &mut many]);
    let parts = format!("{} : {}", microseconds(samples.cost(1)), microseconds(samples.cost(0)));
    let what = "CPU: `POST /login`, warm, with 100,000 clients, to 1,000 clients";
    Figure::new(what, (samples.ratio(1, 0), Unit::Times), &parts).at_most(1.05)
}

//! Logins whose key has to be hashed: their rate, and the latency of other requests meanwhile.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    hallpass::{self, Setup},
    load::Connection,
    requests::{login, request},
    roster::{COST, KeyHashes, key},
    samples::median,
    server::Server,
    table::{Figure, Row, Unit},
};

const ROUNDS: usize = 3;
/// How long logins are counted in a round, and bcrypt hashes alone.
const COUNTED: Duration = Duration::from_secs(5);
/// Connections that log in while other requests are timed.
const CONNECTIONS: usize = 64;
/// How long requests are timed in a round, both without and with logins.
const TIMED: Duration = Duration::from_secs(5);
/// Clients beyond those with a key that fits: their hashes are of other secrets, are never remembered, and cost the same.
const UNKNOWN: usize = 1000;
/// The interval between timed requests.
const PACE: Duration = Duration::from_millis(1);

/// Measures hallpass on all cores.
pub(crate) fn rows() -> Vec<Row> {
    let cores = thread::available_parallelism().expect("cores").get();
    // hallpass keeps one core free of hashing.
    let threads = (cores - 1).max(1);
    // Half as many again as bcrypt alone can hash in the time.
    let enough =
        bcrypts(threads) * COUNTED.as_secs_f64() * ROUNDS as f64 * 1.5 + 32.0 * threads as f64;
    let keys = KeyHashes::new(enough as usize, COST);
    let clients = keys.count();
    let setup = Setup { keys, clients: clients + UNKNOWN, workers: None, ..Setup::default() };
    let server = hallpass::start(&setup);
    let logins = Logins { server: &server, clients, used: 1.into(), rejected: 0.into() };
    let mut rows = vec![rate(&logins, threads, cores)];
    logins.used.fetch_max(clients, Ordering::Relaxed);
    rows.push(tail(&logins));
    rows
}

/// Logins, each with a key that has not been used yet.
struct Logins<'s> {
    server: &'s Server,
    /// How many keys fit their hashes.
    clients: usize,
    used: AtomicUsize,
    /// Logins that were answered 503 or not at all.
    rejected: AtomicUsize,
}

impl Logins<'_> {
    /// Logs in with one key after the other on each connection, without a pause, until `stop` is set. Rejected logins
    /// are repeated at once. Returns the time of each success.
    fn log_in(&self, connections: usize, stop: &AtomicBool) -> Vec<Instant> {
        let one = || {
            let (mut connection, mut times) = (Connection::open(self.server.address), Vec::new());
            while !stop.load(Ordering::Relaxed) {
                let client = self.used.fetch_add(1, Ordering::Relaxed);
                let mut done = false;
                while !done && !stop.load(Ordering::Relaxed) {
                    done = self.try_log_in(&mut connection, client);
                }
                times.extend(done.then(Instant::now));
            }
            times
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..connections).map(|_| scope.spawn(one)).collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().expect("the thread logs in"))
                .collect()
        })
    }

    fn try_log_in(&self, connection: &mut Connection, client: usize) -> bool {
        let own = match client.checked_sub(self.clients) {
            None => client,
            Some(beyond) => self.clients + beyond % UNKNOWN,
        };
        connection.send(&login(&key(own)));
        let status = connection.try_receive().map(|answer| answer.status);
        match status {
            Ok(200) if client < self.clients => return true,
            Ok(401) if client >= self.clients => return true,
            Ok(503) => {}
            // actix-web's timeout has passed.
            Ok(408) | Err(_) => *connection = Connection::open(self.server.address),
            Ok(status) => panic!("a login was answered {status}"),
        }
        self.rejected.fetch_add(1, Ordering::Relaxed);
        false
    }
}

/// Stops the logins on drop, also in a panic, because joining their threads would block forever.
struct StopOnDrop<'s>(&'s AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Cold logins per second, as a share of the hashes that bcrypt alone computes on the same number of threads.
fn rate(logins: &Logins<'_>, threads: usize, cores: usize) -> Row {
    let (mut shares, mut rates, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(bcrypts(threads));
        rates.push(logins_per_second(logins, 8 * threads));
        shares.push(rates[rates.len() - 1] / alone[alone.len() - 1]);
    }
    let parts = format!(
        "{:.1} : {:.1} per second, {threads} of {cores} cores",
        median(rates),
        median(alone)
    );
    let what = "cold logins per second, to bcrypt alone";
    Figure::new(what, (median(shares), Unit::Share), &parts).at_least(0.95)
}

fn logins_per_second(logins: &Logins<'_>, connections: usize) -> f64 {
    let (stop, started) = (AtomicBool::new(false), Instant::now());
    let times = thread::scope(|scope| {
        let times = scope.spawn(|| logins.log_in(connections, &stop));
        thread::sleep(COUNTED);
        drop(StopOnDrop(&stop));
        times.join().expect("the threads log in")
    });
    let ended = started + COUNTED;
    let mut times: Vec<_> = times.into_iter().filter(|time| *time < ended).collect();
    times.sort();
    // The time before the first success does not count.
    (times.len() - 1) as f64 / (times[times.len() - 1] - times[0]).as_secs_f64()
}

/// Hashes per second of bcrypt alone.
fn bcrypts(threads: usize) -> f64 {
    let hash = bcrypt::hash("secret", COST).expect("the cost is valid");
    let one = || {
        let (started, mut count) = (Instant::now(), 0.0);
        while started.elapsed() < COUNTED {
            assert!(bcrypt::verify("secret", &hash).expect("the hash is valid"));
            count += 1.0;
        }
        count / started.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().expect("the thread hashes")).sum()
    })
}

/// The 99th percentile of the latency of `GET /request` during logins, compared with the one without.
fn tail(logins: &Logins<'_>) -> Row {
    let token = hallpass::log_in(logins.server, 0);
    let (mut ratios, mut idle_times, mut busy_times) = (Vec::new(), Vec::new(), Vec::new());
    logins.rejected.store(0, Ordering::Relaxed);
    for _ in 0..ROUNDS {
        let mut connection = Connection::open(logins.server.address);
        let idle = percentile_99(logins.server, &mut connection, &token);
        let stop = AtomicBool::new(false);
        let busy = thread::scope(|scope| {
            scope.spawn(|| logins.log_in(CONNECTIONS, &stop));
            let _stop = StopOnDrop(&stop);
            percentile_99(logins.server, &mut connection, &token)
        });
        logins.server.truncate_log();
        ratios.push(busy / idle);
        idle_times.push(idle * 1e3);
        busy_times.push(busy * 1e3);
    }
    let rejected = match logins.rejected.load(Ordering::Relaxed) {
        0 => String::new(),
        count => format!(", {count} logins rejected"),
    };
    let parts = format!("{:.2} ms : {:.2} ms{rejected}", median(busy_times), median(idle_times));
    let what = format!(
        "p99 of `GET /request` during cold logins on {CONNECTIONS} connections, to p99 without"
    );
    Figure::new(what, (median(ratios), Unit::Times), &parts).at_most(2.0)
}

/// The 99th percentile in seconds. One request is due at every interval. A request that takes longer is also counted
/// for those that were due meanwhile, with the time that they would have waited (coordinated omission).
fn percentile_99(server: &Server, connection: &mut Connection, token: &str) -> f64 {
    let (started, request, mut times) = (Instant::now(), request(token), Vec::new());
    while started.elapsed() < TIMED {
        let begun = Instant::now();
        connection.send(&request);
        while !connection.try_receive().is_ok_and(|answer| answer.status == 200) {
            *connection = Connection::open(server.address);
            connection.send(&request);
        }
        let mut time = begun.elapsed();
        thread::sleep(PACE.saturating_sub(time));
        times.push(time);
        while time > PACE {
            time -= PACE;
            times.push(time);
        }
    }
    times.sort();
    times[times.len() * 99 / 100].as_secs_f64()
}

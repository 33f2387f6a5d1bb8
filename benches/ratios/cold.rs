//! Logins that bcrypt has to prove: how many a second, and what they do to the requests beside them.
//!
//! Must not know what a login answers.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::{
    contest::median,
    hallpass::{self, Setup},
    load::Connection,
    requests::{login, request},
    roster::{COST, Keys, key},
    server::Server,
    table::{Figure, Row, Unit},
};

const ROUNDS: usize = 3;
/// How long logins are counted in a round, and bcrypt alone as well.
const COUNTED: Duration = Duration::from_secs(5);
const PEERS: usize = 64;
/// How long requests are timed in a round, idle and beside logins.
const TIMED: Duration = Duration::from_secs(5);
/// From one timed request to the next.
const PACE: Duration = Duration::from_millis(1);

/// Both questions, with hallpass on all cores.
pub(crate) fn rows() -> Vec<Row> {
    let cores = thread::available_parallelism().expect("cores").get();
    let lane = (cores - 1).max(1);
    // Half as many again as bcrypt alone could get through in the time.
    let enough = bcrypts(lane) * COUNTED.as_secs_f64() * ROUNDS as f64 * 1.5 + 32.0 * lane as f64;
    let keys = Keys::make(enough as usize, COST);
    let clients = keys.count();
    let server = hallpass::start(&Setup { keys, clients, workers: None, ..Setup::default() });
    let logins = Logins { server: &server, clients, used: 1.into(), put_off: 0.into() };
    let mut rows = vec![rate(&logins, lane, cores)];
    logins.used.fetch_max(clients, Ordering::Relaxed);
    rows.push(tail(&logins));
    rows
}

/// Logins, each with a key that nobody has shown yet.
struct Logins<'s> {
    server: &'s Server,
    /// How many keys are good. Those beyond are unknown, and cost what a good one costs.
    clients: usize,
    used: AtomicUsize,
    /// How many logins were answered 503 or not at all.
    put_off: AtomicUsize,
}

impl Logins<'_> {
    /// Logs in with one key after the other on each of several connections, without a pause, until told to stop;
    /// returns when each was in. Who is put off asks again at once.
    fn log_in(&self, connections: usize, stop: &AtomicBool) -> Vec<Instant> {
        let one = || {
            let (mut connection, mut times) = (Connection::to(self.server.address), Vec::new());
            while !stop.load(Ordering::Relaxed) {
                let client = self.used.fetch_add(1, Ordering::Relaxed);
                let mut is_in = false;
                while !is_in && !stop.load(Ordering::Relaxed) {
                    is_in = self.is_in(&mut connection, client);
                }
                times.extend(is_in.then(Instant::now));
            }
            times
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..connections).map(|_| scope.spawn(one)).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("a login")).collect()
        })
    }

    fn is_in(&self, connection: &mut Connection, client: usize) -> bool {
        connection.send(&login(&key(client)));
        let status = connection.try_receive().map(|answer| answer.status);
        match status {
            Ok(200) if client < self.clients => return true,
            Ok(401) if client >= self.clients => return true,
            Ok(503) => {}
            // It had to wait for so long that actix-web gave it up.
            Ok(408) | Err(_) => *connection = Connection::to(self.server.address),
            Ok(status) => panic!("a login was answered {status}"),
        }
        self.put_off.fetch_add(1, Ordering::Relaxed);
        false
    }
}

/// Ends logins when it goes, in a panic too: whoever waits for them would wait for ever.
struct Stopped<'s>(&'s AtomicBool);

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Cold logins a second, as a share of what bcrypt alone does on the cores that logins may use: all but one.
fn rate(logins: &Logins<'_>, lane: usize, cores: usize) -> Row {
    let (mut shares, mut proven, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        raw.push(bcrypts(lane));
        proven.push(logins_a_second(logins, 8 * lane));
        shares.push(proven[proven.len() - 1] / raw[raw.len() - 1]);
    }
    let of =
        format!("{:.1} : {:.1} a second, {lane} of {cores} cores", median(proven), median(raw));
    let what = "cold logins a second, to bcrypt alone";
    Figure::new(what, (median(shares), Unit::Share), &of).at_least(0.95)
}

fn logins_a_second(logins: &Logins<'_>, connections: usize) -> f64 {
    let (stop, started) = (AtomicBool::new(false), Instant::now());
    let times = thread::scope(|scope| {
        let times = scope.spawn(|| logins.log_in(connections, &stop));
        thread::sleep(COUNTED);
        drop(Stopped(&stop));
        times.join().expect("logins")
    });
    let ended = started + COUNTED;
    let mut times: Vec<_> = times.into_iter().filter(|time| *time < ended).collect();
    times.sort();
    // Between the first and the last: neither the way in nor the way out counts.
    (times.len() - 1) as f64 / (times[times.len() - 1] - times[0]).as_secs_f64()
}

fn bcrypts(threads: usize) -> f64 {
    let hash = bcrypt::hash("secret", COST).expect("a hash");
    let one = || {
        let (started, mut count) = (Instant::now(), 0.0);
        while started.elapsed() < COUNTED {
            assert!(bcrypt::verify("secret", &hash).expect("a hash"));
            count += 1.0;
        }
        count / started.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().expect("bcrypt")).sum()
    })
}

/// The 99th percentile of `GET /request` while others log in, to the same while nobody does.
fn tail(logins: &Logins<'_>) -> Row {
    let token = hallpass::log_in(logins.server, 0);
    let (mut ratios, mut idles, mut busies) = (Vec::new(), Vec::new(), Vec::new());
    logins.put_off.store(0, Ordering::Relaxed);
    for _ in 0..ROUNDS {
        let mut connection = Connection::to(logins.server.address);
        let idle = percentile_99(logins.server, &mut connection, &token);
        let stop = AtomicBool::new(false);
        let busy = thread::scope(|scope| {
            scope.spawn(|| logins.log_in(PEERS, &stop));
            let _stopped = Stopped(&stop);
            percentile_99(logins.server, &mut connection, &token)
        });
        logins.server.empty_log();
        ratios.push(busy / idle);
        idles.push(idle * 1e3);
        busies.push(busy * 1e3);
    }
    let put_off = match logins.put_off.load(Ordering::Relaxed) {
        0 => String::new(),
        count => format!(", {count} logins put off"),
    };
    let of = format!("{:.2} ms : {:.2} ms{put_off}", median(busies), median(idles));
    let what =
        format!("p99 of `GET /request` while {PEERS} peers log in cold, to p99 while nobody does");
    Figure::new(what, (median(ratios), Unit::Times), &of).at_most(2.0)
}

/// Seconds. Requests are sent at a steady pace; one that takes longer than that stands also for those that would
/// have been sent meanwhile, each with the rest of its time: a stall is not hidden by what it held up.
fn percentile_99(server: &Server, connection: &mut Connection, token: &str) -> f64 {
    let (started, request, mut times) = (Instant::now(), request(token), Vec::new());
    while started.elapsed() < TIMED {
        let begun = Instant::now();
        connection.send(&request);
        while !connection.try_receive().is_ok_and(|answer| answer.status == 200) {
            *connection = Connection::to(server.address);
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

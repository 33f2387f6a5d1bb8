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
    hallpass::{self, COST, Setup, USABLE},
    load::Connection,
    requests::{login, request},
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
    let server = hallpass::start(&Setup { clients: USABLE, workers: None, ..Setup::default() });
    let keys = Keys { server: &server, used: AtomicUsize::new(1), put_off: AtomicUsize::new(0) };
    vec![rate(&keys), tail(&keys)]
}

/// Keys that nobody has shown yet.
struct Keys<'s> {
    server: &'s Server,
    used: AtomicUsize,
    /// How many logins were answered 503 or not at all.
    put_off: AtomicUsize,
}

impl Keys<'_> {
    /// Logs in with one key after the other on each of several connections, without a pause, until told to stop;
    /// returns when each was in. Who is put off asks again at once.
    fn log_in(&self, connections: usize, stop: &AtomicBool) -> Vec<Instant> {
        let one = || {
            let (mut connection, mut times) = (Connection::to(self.server.address), Vec::new());
            while !stop.load(Ordering::Relaxed) {
                let key = self.used.fetch_add(1, Ordering::Relaxed);
                assert!(key < USABLE, "all keys were shown: give this machine more");
                let mut is_in = false;
                while !is_in && !stop.load(Ordering::Relaxed) {
                    is_in = self.is_in(&mut connection, key);
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

    fn is_in(&self, connection: &mut Connection, key: usize) -> bool {
        connection.send(&login(&hallpass::key(key)));
        let status = connection.receive_if_any().map(|answer| answer.status);
        match status {
            Some(200) => return true,
            Some(503) => {}
            // It had to wait for so long that actix-web gave it up.
            Some(408) | None => *connection = Connection::to(self.server.address),
            Some(status) => panic!("a login was answered {status}"),
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
fn rate(keys: &Keys<'_>) -> Row {
    let cores = thread::available_parallelism().expect("cores").get();
    let lane = (cores - 1).max(1);
    let (mut shares, mut logins, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        raw.push(bcrypts(lane));
        logins.push(logins_a_second(keys, 8 * lane));
        shares.push(logins[logins.len() - 1] / raw[raw.len() - 1]);
    }
    let of =
        format!("{:.1} : {:.1} a second, {lane} of {cores} cores", median(logins), median(raw));
    let what = "cold logins a second, to bcrypt alone";
    Figure::new(what, (median(shares), Unit::Share), &of).at_least(0.95)
}

fn logins_a_second(keys: &Keys<'_>, connections: usize) -> f64 {
    let (stop, started) = (AtomicBool::new(false), Instant::now());
    let times = thread::scope(|scope| {
        let logins = scope.spawn(|| keys.log_in(connections, &stop));
        thread::sleep(COUNTED);
        drop(Stopped(&stop));
        logins.join().expect("logins")
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
fn tail(keys: &Keys<'_>) -> Row {
    let token = hallpass::log_in(keys.server, 0);
    let (mut ratios, mut idles, mut busies) = (Vec::new(), Vec::new(), Vec::new());
    keys.put_off.store(0, Ordering::Relaxed);
    for _ in 0..ROUNDS {
        let mut connection = Connection::to(keys.server.address);
        let idle = percentile_99(&mut connection, &token);
        let stop = AtomicBool::new(false);
        let busy = thread::scope(|scope| {
            scope.spawn(|| keys.log_in(PEERS, &stop));
            let _stopped = Stopped(&stop);
            percentile_99(&mut connection, &token)
        });
        keys.server.empty_log();
        ratios.push(busy / idle);
        idles.push(idle * 1e3);
        busies.push(busy * 1e3);
    }
    let put_off = match keys.put_off.load(Ordering::Relaxed) {
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
fn percentile_99(connection: &mut Connection, token: &str) -> f64 {
    let (started, request, mut times) = (Instant::now(), request(token), Vec::new());
    while started.elapsed() < TIMED {
        let begun = Instant::now();
        connection.ask(&request, 200);
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

//! CPU time per request, user and system.
//!
//! The workloads alternate in short turns, so that a disturbance of the machine reaches all of them.

use std::time::Duration;

use crate::{
    load::{Connection, send_concurrently},
    samples::{Samples, Workload},
};

const CONNECTIONS: usize = 16;
const WARM_UP: Duration = Duration::from_secs(1);
const TURN: Duration = Duration::from_millis(250);
const ROUNDS: usize = 15;

/// Seconds of CPU per request of each workload, one sample a round.
pub(crate) fn measure(workloads: &mut [&mut Workload<'_>]) -> Samples {
    let mut samples = vec![Vec::new(); workloads.len()];
    for workload in &mut *workloads {
        turn(workload, WARM_UP);
    }
    for _ in 0..ROUNDS {
        for (workload, samples) in workloads.iter_mut().zip(&mut samples) {
            samples.push(turn(workload, TURN));
        }
    }
    Samples(samples)
}

fn turn(workload: &mut Workload<'_>, limit: Duration) -> f64 {
    let server = workload.server;
    let requests = &mut workload.requests;
    // Servers close connections that idle during the turns of other workloads, so each turn opens its own.
    let mut connections: Vec<_> =
        (0..CONNECTIONS).map(|_| Connection::open(server.address)).collect();
    send_concurrently(&mut connections, requests, Duration::ZERO);
    let before = server.cpu();
    let answered = send_concurrently(&mut connections, requests, limit);
    let used = server.cpu().since(&before);
    server.truncate_log();
    used / answered as f64
}

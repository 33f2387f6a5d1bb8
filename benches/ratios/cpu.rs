//! CPU time a request, user and system, in many short turns: what disturbs the machine disturbs all alike.
//!
//! Must not know what is compared with what.

use std::time::Duration;

use crate::{
    contest::{Contender, Samples},
    load::{Connection, together},
};

const CONNECTIONS: usize = 16;
const WARM_UP: Duration = Duration::from_secs(1);
const TURN: Duration = Duration::from_millis(250);

/// Seconds of CPU a request of each, once in every round.
pub(crate) fn measure(contenders: &mut [&mut Contender<'_>], rounds: usize) -> Samples {
    let mut samples = vec![Vec::new(); contenders.len()];
    for contender in &mut *contenders {
        turn(contender, WARM_UP);
    }
    for _ in 0..rounds {
        for (contender, samples) in contenders.iter_mut().zip(&mut samples) {
            samples.push(turn(contender, TURN));
        }
    }
    Samples(samples)
}

fn turn(contender: &mut Contender<'_>, limit: Duration) -> f64 {
    let server = contender.server;
    let source = &mut contender.source;
    // Anew in every turn: servers close what was idle during the turns of the others.
    let mut connections: Vec<_> =
        (0..CONNECTIONS).map(|_| Connection::to(server.address)).collect();
    together(&mut connections, source, Duration::ZERO);
    let before = server.cpu();
    let answered = together(&mut connections, source, limit);
    let used = server.cpu().since(&before);
    server.empty_log();
    used / answered as f64
}

//! Whether a million requests of all kinds leave anything behind.
//!
//! Must not know what hallpass keeps.

use std::time::Duration;

use crate::{
    hallpass::{self, ANOTHER_SECRET, SIGNING_SECRET, Setup},
    load::{Connection, Source, together},
    requests::{Forge, each, login, request},
    roster::{Keys, key},
    server::Server,
    table::{Figure, Row, Unit},
};

const CLIENTS: usize = 1000;
const QUARTER: usize = 250_000;
/// More tokens than any cache of hallpass holds.
const FILLING: usize = 150_000;
const CONNECTIONS: usize = 16;

/// Resident memory after each quarter of the million.
pub(crate) fn rows() -> Vec<Row> {
    // The cheapest keys: what is asked is whether anything stays, not how long a login takes.
    let server = hallpass::start(&Setup {
        keys: Keys::make(CLIENTS, 4),
        clients: CLIENTS,
        ..Setup::default()
    });
    let token = hallpass::log_in(&server, 0);
    for (secret, status) in [(SIGNING_SECRET, 200), (ANOTHER_SECRET, 401)] {
        let mut forge = Forge::new(&token, secret);
        ask(&server, &mut each(move || request(&forge.token()), status), FILLING);
    }
    let mut source = mixed(&server);
    let mut resident = vec![server.memory("VmRSS")];
    for _ in 0..4 {
        ask(&server, &mut source, QUARTER);
        resident.push(server.memory("VmRSS"));
    }
    let shown: Vec<_> = resident.iter().map(|mib| format!("{mib:.1}")).collect();
    let of = format!("{} MiB, before it and after each quarter", shown.join(", "));
    let what = "growth of resident memory by a million requests, once all caches are full";
    vec![Figure::new(what, (resident[4] - resident[0], Unit::MiB), &of).at_most(1.0)]
}

fn ask(server: &Server, source: &mut Source, count: usize) {
    let mut connections: Vec<_> =
        (0..CONNECTIONS).map(|_| Connection::to(server.address)).collect();
    let mut answered = 0;
    while answered < count {
        answered += together(&mut connections, source, Duration::ZERO);
    }
    server.empty_log();
}

/// Of twenty requests, fourteen with tokens that were seen before, one login, one token that is new, and four
/// that are refused: forged before, forged anew, expired, revoked.
fn mixed(server: &Server) -> Source {
    let tokens: Vec<_> = (0..50).map(|client| request(&hallpass::log_in(server, client))).collect();
    let token = hallpass::log_in(server, 0);
    let mut good = Forge::new(&token, SIGNING_SECRET);
    let mut forged = Forge::new(&token, ANOTHER_SECRET);
    let mut expired = good.clone().expired();
    let (old, revoked) = (request(&forged.token()), request(&hallpass::revoked(server)));
    let mut number = 0;
    Box::new(move |buffer| {
        number += 1;
        let (request, status) = match number % 20 {
            0 => (login(&key(number / 20 % CLIENTS)), 200),
            1 => (request(&good.token()), 200),
            2 => (request(&forged.token()), 401),
            3 => (request(&expired.token()), 401),
            4 => (old.clone(), 401),
            5 => (revoked.clone(), 401),
            other => (tokens[(number / 20 + other) % tokens.len()].clone(), 200),
        };
        buffer.extend(request);
        status
    })
}

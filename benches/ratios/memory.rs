//! Growth of the memory over a million requests of all kinds.

use std::time::Duration;

use crate::{
    hallpass::{self, OTHER_SECRET, SIGNING_SECRET, Setup},
    load::{Connection, RequestSource, send_concurrently},
    requests::{each, login, request},
    roster::{KeyHashes, key},
    server::Server,
    table::{Figure, Row, Unit},
    token_signer::TokenSigner,
};

const CLIENTS: usize = 1000;
const QUARTER: usize = 250_000;
/// More tokens than the caches of hallpass hold.
const FILLING: usize = 150_000;
const CONNECTIONS: usize = 16;

/// The growth, with the resident memory after each quarter.
pub(crate) fn rows() -> Vec<Row> {
    // At bcrypt's lowest cost, because the time of a login does not matter here.
    let server = hallpass::start(&Setup {
        keys: KeyHashes::new(CLIENTS, 4),
        clients: CLIENTS,
        ..Setup::default()
    });
    let token = hallpass::log_in(&server, 0);
    for (secret, status) in [(SIGNING_SECRET, 200), (OTHER_SECRET, 401)] {
        let mut signer = TokenSigner::new(&token, secret);
        send(&server, &mut each(move || request(&signer.next_token()), status), FILLING);
    }
    let mut requests = mixed(&server);
    let mut resident = vec![server.memory("VmRSS")];
    for _ in 0..4 {
        send(&server, &mut requests, QUARTER);
        resident.push(server.memory("VmRSS"));
    }
    let shown: Vec<_> = resident.iter().map(|mib| format!("{mib:.1}")).collect();
    let of = format!("{} MiB, before and after each quarter", shown.join(", "));
    let what = "growth of resident memory by a million requests, once all caches are full";
    vec![Figure::new(what, (resident[4] - resident[0], Unit::MiB), &of).at_most(1.0)]
}

fn send(server: &Server, requests: &mut RequestSource, count: usize) {
    let mut connections: Vec<_> =
        (0..CONNECTIONS).map(|_| Connection::open(server.address)).collect();
    let mut answered = 0;
    while answered < count {
        answered += send_concurrently(&mut connections, requests, Duration::ZERO);
    }
    server.truncate_log();
}

/// Of twenty requests, fourteen with tokens that were verified before, one login, one with a new token, and four with
/// tokens that are refused: a new forged one, a new expired one, the same forged one, the same revoked one.
fn mixed(server: &Server) -> RequestSource {
    let tokens: Vec<_> = (0..50).map(|client| request(&hallpass::log_in(server, client))).collect();
    let token = hallpass::log_in(server, 0);
    let mut good = TokenSigner::new(&token, SIGNING_SECRET);
    let mut forged = TokenSigner::new(&token, OTHER_SECRET);
    let mut expired = good.clone().expired();
    let (known, revoked) = (request(&forged.next_token()), request(&hallpass::revoked(server)));
    let mut number = 0;
    Box::new(move |buffer| {
        number += 1;
        let (request, status) = match number % 20 {
            0 => (login(&key(number / 20 % CLIENTS)), 200),
            1 => (request(&good.next_token()), 200),
            2 => (request(&forged.next_token()), 401),
            3 => (request(&expired.next_token()), 401),
            4 => (known.clone(), 401),
            5 => (revoked.clone(), 401),
            other => (tokens[(number / 20 + other) % tokens.len()].clone(), 200),
        };
        buffer.extend(request);
        status
    })
}

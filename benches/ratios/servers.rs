//! The servers whose requests are compared: one hallpass for each signature algorithm, and one bare server.

use crate::{
    bare::{self, Route},
    by_hand,
    command::Wrapper,
    hallpass::{self, Algorithm, FORWARDED, Setup},
    load::Connection,
    requests::{login, request, verify},
    roster::{LOGIN_KEYS, key},
    server::Server,
};

pub(crate) struct Servers {
    pub(crate) bare: Server,
    hallpass: Vec<(Algorithm, Server)>,
}

impl Servers {
    /// Starts all of them. The bare server gives the answers of the first hallpass.
    pub(crate) fn start(wrapper: Wrapper, algorithms: &[Algorithm]) -> Self {
        let start = |algorithm: &Algorithm| {
            let algorithm = *algorithm;
            (
                algorithm,
                hallpass::start(&Setup {
                    wrapper,
                    algorithm,
                    keys: LOGIN_KEYS.clone(),
                    clients: LOGIN_KEYS.count(),
                    ..Setup::default()
                }),
            )
        };
        let hallpass: Vec<_> = algorithms.iter().map(start).collect();
        Self { bare: start_bare(wrapper, &hallpass[0].1), hallpass }
    }

    /// The hallpass that signs with this algorithm.
    pub(crate) fn hallpass(&self, algorithm: Algorithm) -> &Server {
        let found = self.hallpass.iter().find(|(one, _)| *one == algorithm);
        &found.expect("the algorithm was started").1
    }
}

/// Starts a bare server that gives the answers of a hallpass.
pub(crate) fn start_bare(wrapper: Wrapper, hallpass: &Server) -> Server {
    let token = hallpass::log_in(hallpass, 0);
    let mut connection = Connection::open(hallpass.address);
    let logged_in = Route::new("POST", "/login", &connection.ask(&login(&key(0)), 200));
    let answer = connection.ask(&request(&token), 200);
    let whoami = ["/request", FORWARDED, bare::SERIALIZED, by_hand::LOGGED, by_hand::PROTECTED];
    let mut routes = whoami.map(|path| Route::new("GET", path, &answer)).to_vec();
    routes.push(logged_in);
    routes.push(Route::new("GET", "/verify", &connection.ask(&verify(&token), 200)));
    bare::start(wrapper, &routes, &token)
}

//! The requests whose cost is measured, and what each is compared with.

use crate::{
    bare, by_hand,
    hallpass::{self, Algorithm, OTHER_SECRET, SIGNING_SECRET},
    instrument::Instrument,
    load::RequestSource,
    requests::{each, get, logins as logins_of, request, same, verify},
    roster::LOGIN_KEYS,
    samples::Workload,
    server::Server,
    servers::Servers,
    token_signer::TokenSigner,
};

const BARE: &str = "bare `GET /request`";
const LOGGED: &str = "an unprotected handler with actix-web's `Logger`";
const BY_HAND: &str = "a handler with actix-web-httpauth, jsonwebtoken and `Logger`";
const ACCEPTED: &str = "`GET /request`, HS256";
const BARE_LOGIN: &str = "bare `POST /login`";
const FIRST_USE: &str = "`GET /request`, each token used once";

/// A kind of request.
pub(crate) struct Case<'s> {
    pub(crate) name: &'static str,
    pub(crate) workload: Workload<'s>,
    /// Other cases, and how many times their cost this one may have.
    pub(crate) comparisons: Vec<(&'static str, Option<f64>)>,
}

impl<'s> Case<'s> {
    fn new(name: &'static str, server: &'s Server, requests: RequestSource) -> Self {
        Self { name, workload: Workload { server, requests }, comparisons: Vec::new() }
    }

    fn to(mut self, other: &'static str, limit: impl Into<Option<f64>>) -> Self {
        self.comparisons.push((other, limit.into()));
        self
    }
}

/// `GET /request` with a token that hallpass has verified before, and actix-web applications to compare it with.
pub(crate) fn requests(servers: &Servers, instrument: Instrument) -> Vec<Case<'_>> {
    let server = servers.hallpass(Algorithm::Hs256);
    let token = hallpass::log_in(server, 0);
    let bare = |name, path| Case::new(name, &servers.bare, same(get(path, &token), 200));
    let limit = match instrument {
        Instrument::Instructions => 1.5,
        Instrument::Cpu => 1.15,
    };
    vec![
        bare(BARE, "/request"),
        bare("bare `GET /request` that serializes its answer", bare::SERIALIZED).to(BARE, None),
        bare(LOGGED, by_hand::LOGGED).to(BARE, None),
        bare(BY_HAND, by_hand::PROTECTED).to(BARE, None),
        Case::new(ACCEPTED, server, same(request(&token), 200))
            .to(BARE, limit)
            .to(LOGGED, None)
            .to(BY_HAND, 1.0),
        Case::new("`GET /verify`, HS256", server, same(verify(&token), 200)).to(ACCEPTED, 1.25),
    ]
}

/// The same with signatures that take longer to verify.
pub(crate) fn algorithms(servers: &Servers) -> Vec<Case<'_>> {
    let case = |(name, algorithm)| {
        let server = servers.hallpass(algorithm);
        let token = hallpass::log_in(server, 0);
        Case::new(name, server, same(request(&token), 200)).to(ACCEPTED, 1.05)
    };
    let named = [
        ("`GET /request`, EdDSA", Algorithm::EdDsa),
        ("`GET /request`, ES256", Algorithm::Es256),
        ("`GET /request`, RS256", Algorithm::Rs256),
    ];
    named.into_iter().map(case).collect()
}

/// `POST /login` with a key that hallpass has verified before.
pub(crate) fn logins(servers: &Servers, instrument: Instrument) -> Vec<Case<'_>> {
    let clients = LOGIN_KEYS.count();
    let case = |name, server| Case::new(name, server, logins_of(clients));
    let hallpass = |algorithm| {
        let server = servers.hallpass(algorithm);
        hallpass::warm_up(server, clients);
        server
    };
    let limit = (instrument == Instrument::Instructions).then_some(4.0);
    vec![
        case(BARE_LOGIN, &servers.bare),
        case("`POST /login`, warm, HS256", hallpass(Algorithm::Hs256)).to(BARE_LOGIN, limit),
        case("`POST /login`, warm, EdDSA", hallpass(Algorithm::EdDsa)).to(BARE_LOGIN, None),
    ]
}

/// Refused tokens: one that repeats is compared with an accepted one that repeats, new ones with new ones.
pub(crate) fn refusals(servers: &Servers) -> Vec<Case<'_>> {
    let server = servers.hallpass(Algorithm::Hs256);
    let token = hallpass::log_in(server, 0);
    let case = |name, requests| Case::new(name, server, requests);
    let repeated = |token: String| same(request(&token), 401);
    let fresh =
        |mut signer: TokenSigner, status| each(move || request(&signer.next_token()), status);
    let good = TokenSigner::new(&token, SIGNING_SECRET);
    let mut forged = TokenSigner::new(&token, OTHER_SECRET);
    let mut expired = good.clone().expired();
    vec![
        case("refused, the same forged token", repeated(forged.next_token())).to(ACCEPTED, 1.0),
        case("refused, the same expired token", repeated(expired.next_token())).to(ACCEPTED, 1.0),
        case("refused, the same revoked token", repeated(hallpass::revoked(server)))
            .to(ACCEPTED, 1.0),
        case(FIRST_USE, fresh(good, 200)).to(BARE, None),
        case("refused, a new forged token each time", fresh(forged, 401)).to(FIRST_USE, 1.0),
        case("refused, a new expired token each time", fresh(expired, 401)).to(FIRST_USE, 1.0),
    ]
}

//! The requests whose cost is measured, and what each is held against.
//!
//! Must not know how a cost is measured.

use crate::{
    bare,
    contest::Contender,
    costs::{Houses, Instrument},
    hallpass::{self, ANOTHER_SECRET, Algorithm, SIGNING_SECRET},
    load::Source,
    requests::{Forge, each, get, login, request, same},
    roster::key,
    server::Server,
};

const BARE: &str = "bare `GET /request`";
const ACCEPTED: &str = "`GET /request`, HS256";
const BARE_LOGIN: &str = "bare `POST /login`";
const FIRST_TIME: &str = "`GET /request`, another token each time";

/// A sort of request.
pub(crate) struct Entry<'s> {
    pub(crate) what: &'static str,
    pub(crate) contender: Contender<'s>,
    /// Another entry, and how many times its cost this one's may be.
    pub(crate) against: Option<(&'static str, Option<f64>)>,
}

impl<'s> Entry<'s> {
    fn new(what: &'static str, server: &'s Server, source: Source) -> Self {
        Self { what, contender: Contender { server, source }, against: None }
    }

    fn against(self, what: &'static str, limit: impl Into<Option<f64>>) -> Self {
        Self { against: Some((what, limit.into())), ..self }
    }
}

/// What the most are held against, and the first of all questions: a token that hallpass has seen before.
pub(crate) fn of_request(houses: &Houses, instrument: Instrument) -> Vec<Entry<'_>> {
    let server = houses.of(Algorithm::Hs256);
    let token = hallpass::log_in(server, 0);
    let serialised = "bare `GET /request` that serialises its answer";
    let limit = match instrument {
        Instrument::Instructions => 1.5,
        Instrument::Cpu => 1.15,
    };
    vec![
        Entry::new(BARE, &houses.bare, same(request(&token), 200)),
        Entry::new(serialised, &houses.bare, same(get(bare::SERIALISED, &token), 200))
            .against(BARE, None),
        Entry::new(ACCEPTED, server, same(request(&token), 200)).against(BARE, limit),
    ]
}

/// Signatures that are dearer to verify.
pub(crate) fn of_algorithms(houses: &Houses) -> Vec<Entry<'_>> {
    let entry = |(what, algorithm)| {
        let server = houses.of(algorithm);
        let token = hallpass::log_in(server, 0);
        Entry::new(what, server, same(request(&token), 200)).against(ACCEPTED, 1.05)
    };
    let named = [
        ("`GET /request`, EdDSA", Algorithm::EdDsa),
        ("`GET /request`, ES256", Algorithm::Es256),
        ("`GET /request`, RS256", Algorithm::Rs256),
    ];
    named.into_iter().map(entry).collect()
}

/// A key that hallpass has seen before.
pub(crate) fn of_login(houses: &Houses, instrument: Instrument) -> Vec<Entry<'_>> {
    let entry = |what, server| Entry::new(what, server, same(login(&key(0)), 200));
    let limit = (instrument == Instrument::Instructions).then_some(4.0);
    let (hs256, eddsa) = ("`POST /login`, warm, HS256", "`POST /login`, warm, EdDSA");
    vec![
        entry(BARE_LOGIN, &houses.bare),
        entry(hs256, houses.of(Algorithm::Hs256)).against(BARE_LOGIN, limit),
        entry(eddsa, houses.of(Algorithm::EdDsa)).against(BARE_LOGIN, None),
    ]
}

/// Tokens that are refused: beside an accepted one where the same comes again, else beside others that are new.
pub(crate) fn of_refused(houses: &Houses) -> Vec<Entry<'_>> {
    let server = houses.of(Algorithm::Hs256);
    let token = hallpass::log_in(server, 0);
    let entry = |what, source| Entry::new(what, server, source);
    let again = |token: String| same(request(&token), 401);
    let anew = |mut forge: Forge, status| each(move || request(&forge.token()), status);
    let good = Forge::new(&token, SIGNING_SECRET);
    let forged = Forge::new(&token, ANOTHER_SECRET);
    let expired = good.clone().expired();
    let revoked = again(hallpass::revoked(server));
    vec![
        entry("refused, the same forged token", again(forged.clone().token()))
            .against(ACCEPTED, 1.0),
        entry("refused, the same expired token", again(expired.clone().token()))
            .against(ACCEPTED, 1.0),
        entry("refused, the same revoked token", revoked).against(ACCEPTED, 1.0),
        entry(FIRST_TIME, anew(good, 200)).against(BARE, None),
        entry("refused, another forged token each time", anew(forged, 401))
            .against(FIRST_TIME, 1.0),
        entry("refused, another expired token each time", anew(expired, 401))
            .against(FIRST_TIME, 1.0),
    ]
}

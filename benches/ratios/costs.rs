//! What a request costs: hallpass beside the bare handler, tokens of one kind beside those of another.
//!
//! Must not know how a cost is measured.

use crate::{
    Instrument,
    bare::{self, Route},
    callgrind,
    contest::{Contender, Samples},
    cpu,
    hallpass::{self, Algorithm, SIGNING_SECRET, Setup},
    load::{Connection, Source},
    requests::{Forge, each, get, login, request, same},
    server::Server,
    table::{Row, Unit, grouped},
};

/// Of which questions there are figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Request,
    Algorithms,
    Login,
    Refused,
}

impl Group {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Request, Self::Algorithms, Self::Login, Self::Refused];
}

/// Rounds of CPU time.
const ROUNDS: usize = 15;

/// A sort of request, and what it is held against.
struct Entry<'s> {
    group: Group,
    what: &'static str,
    server: &'s Server,
    source: Source,
    status: u16,
    against: Option<&'static str>,
    limit: Option<f64>,
}

/// The servers of all entries; of the algorithms only those that are asked for.
struct Houses {
    bare: Server,
    hallpass: Vec<(Algorithm, Server)>,
}

impl Houses {
    fn start(instrument: Instrument, groups: &[Group]) -> Self {
        use Algorithm::{EdDsa, Es256, Hs256, Rs256};
        let algorithms: &[_] = match groups {
            groups if groups.contains(&Group::Algorithms) => &[Hs256, EdDsa, Es256, Rs256],
            groups if groups.contains(&Group::Login) => &[Hs256, EdDsa],
            _ => &[Hs256],
        };
        let wrapper = instrument.wrapper();
        let one = |algorithm| hallpass::start(&Setup { wrapper, algorithm, ..Setup::default() });
        let hallpass: Vec<_> =
            algorithms.iter().map(|algorithm| (*algorithm, one(*algorithm))).collect();
        let bare = bare::start(wrapper, &routes_of(&hallpass[0].1));
        Self { bare, hallpass }
    }

    fn of(&self, algorithm: Algorithm) -> &Server {
        let found = self.hallpass.iter().find(|(one, _)| *one == algorithm);
        &found.expect("it was started").1
    }
}

/// What hallpass answers, for the bare server to answer too.
pub(crate) fn routes_of(hallpass: &Server) -> Vec<Route> {
    let mut connection = Connection::to(hallpass.address);
    let asked = connection.ask(&login(&hallpass::key(0)), 200);
    let logged_in = Route::of("POST", "/login", &asked);
    let token = hallpass::log_in(hallpass, 0);
    let answer = connection.ask(&request(&token), 200);
    vec![
        Route::of("GET", "/request", &answer),
        Route::of("GET", bare::SERIALISED, &answer),
        logged_in,
    ]
}

/// The rows of these groups by one instrument.
pub(crate) fn rows(instrument: Instrument, groups: &[Group]) -> Vec<Row> {
    let houses = Houses::start(instrument, groups);
    let mut entries = Vec::new();
    for group in groups {
        entries.extend(match group {
            Group::Request => of_request(instrument, &houses),
            Group::Algorithms => of_algorithms(&houses),
            Group::Login => of_login(instrument, &houses),
            Group::Refused => of_refused(&houses),
        });
    }
    with_references(&mut entries, instrument, &houses);
    let (described, mut contenders): (Vec<_>, Vec<_>) =
        entries.into_iter().map(Entry::split).unzip();
    let samples = match instrument {
        Instrument::Instructions => callgrind::measure(&mut contenders),
        Instrument::Cpu => cpu::measure(&mut contenders, ROUNDS),
    };
    described
        .iter()
        .enumerate()
        .filter_map(|(at, one)| one.row(at, &described, &samples, instrument))
        .collect()
}

const BARE: &str = "bare `GET /request`";
const BARE_LOGIN: &str = "bare `POST /login`";
const ACCEPTED: &str = "`GET /request`, HS256";
const FIRST_TIME: &str = "`GET /request`, a token that comes for the first time";

fn bare_request(houses: &Houses) -> Entry<'_> {
    let source = same(request(&hallpass::log_in(houses.of(Algorithm::Hs256), 0)));
    Entry {
        group: Group::Request,
        what: BARE,
        server: &houses.bare,
        source,
        status: 200,
        against: None,
        limit: None,
    }
}

fn accepted(instrument: Instrument, houses: &Houses) -> Entry<'_> {
    let server = houses.of(Algorithm::Hs256);
    let limit = match instrument {
        Instrument::Instructions => 1.5,
        Instrument::Cpu => 1.15,
    };
    let source = same(request(&hallpass::log_in(server, 0)));
    Entry {
        what: ACCEPTED,
        server,
        source,
        against: Some(BARE),
        limit: Some(limit),
        ..bare_request(houses)
    }
}

fn first_time(houses: &Houses) -> Entry<'_> {
    let server = houses.of(Algorithm::Hs256);
    let mut forge = Forge::new(&hallpass::log_in(server, 0), SIGNING_SECRET);
    let source = each(move || request(&forge.token()));
    Entry {
        group: Group::Refused,
        what: FIRST_TIME,
        server,
        source,
        against: Some(BARE),
        ..bare_request(houses)
    }
}

fn of_request(instrument: Instrument, houses: &Houses) -> Vec<Entry<'_>> {
    let token = hallpass::log_in(houses.of(Algorithm::Hs256), 0);
    let serialised = Entry {
        what: "bare `GET /request` that serialises its answer",
        source: same(get(bare::SERIALISED, &token)),
        against: Some(BARE),
        ..bare_request(houses)
    };
    vec![bare_request(houses), serialised, accepted(instrument, houses)]
}

fn of_algorithms(houses: &Houses) -> Vec<Entry<'_>> {
    let entry = |(what, algorithm)| {
        let server = houses.of(algorithm);
        let source = same(request(&hallpass::log_in(server, 0)));
        let (against, limit) = (Some(ACCEPTED), Some(1.05));
        Entry {
            group: Group::Algorithms,
            what,
            server,
            source,
            against,
            limit,
            ..bare_request(houses)
        }
    };
    let named = [
        ("`GET /request`, EdDSA", Algorithm::EdDsa),
        ("`GET /request`, ES256", Algorithm::Es256),
        ("`GET /request`, RS256", Algorithm::Rs256),
    ];
    named.into_iter().map(entry).collect()
}

fn of_login(instrument: Instrument, houses: &Houses) -> Vec<Entry<'_>> {
    let entry = |what, server, against, limit| {
        let source = same(login(&hallpass::key(0)));
        Entry { group: Group::Login, what, server, source, against, limit, ..bare_request(houses) }
    };
    let limit = (instrument == Instrument::Instructions).then_some(4.0);
    let (hs256, eddsa) = (houses.of(Algorithm::Hs256), houses.of(Algorithm::EdDsa));
    vec![
        entry(BARE_LOGIN, &houses.bare, None, None),
        entry("`POST /login`, a key seen before, HS256", hs256, Some(BARE_LOGIN), limit),
        entry("`POST /login`, a key seen before, EdDSA", eddsa, Some(BARE_LOGIN), None),
    ]
}

fn of_refused(houses: &Houses) -> Vec<Entry<'_>> {
    let server = houses.of(Algorithm::Hs256);
    let token = hallpass::log_in(server, 0);
    let entry = |what, source, against| {
        let (status, limit) = (401, Some(1.0));
        Entry { group: Group::Refused, what, server, source, status, against: Some(against), limit }
    };
    let mut forged = Forge::new(&token, "another secret that hallpass does not know");
    let mut expired = Forge::new(&token, SIGNING_SECRET).expired();
    let again = |token: String| same(request(&token));
    vec![
        first_time(houses),
        entry("refused: the same forged token again", again(forged.token()), ACCEPTED),
        entry("refused: the same expired token again", again(expired.token()), ACCEPTED),
        entry("refused: the same revoked token again", again(hallpass::revoked(server)), ACCEPTED),
        entry(
            "refused: another forged token each time",
            each(move || request(&forged.token())),
            FIRST_TIME,
        ),
        entry(
            "refused: another expired token each time",
            each(move || request(&expired.token())),
            FIRST_TIME,
        ),
    ]
}

/// What entries are held against is measured too, whether its group was asked for or not.
fn with_references<'s>(entries: &mut Vec<Entry<'s>>, instrument: Instrument, houses: &'s Houses) {
    let missing = |entries: &[Entry<'_>], name| {
        entries.iter().any(|one| one.against == Some(name))
            && entries.iter().all(|one| one.what != name)
    };
    if missing(entries, ACCEPTED) {
        entries.insert(0, accepted(instrument, houses));
    }
    if missing(entries, BARE) {
        entries.insert(0, bare_request(houses));
    }
}

/// An entry without what measuring needs.
struct Described {
    what: &'static str,
    against: Option<&'static str>,
    limit: Option<f64>,
}

impl<'s> Entry<'s> {
    fn split(self) -> (Described, Contender<'s>) {
        let Self { what, server, source, status, against, limit, .. } = self;
        (Described { what, against, limit }, Contender { server, source, status })
    }
}

impl Described {
    /// `None` for what others are held against only.
    fn row(
        &self,
        at: usize,
        all: &[Self],
        samples: &Samples,
        instrument: Instrument,
    ) -> Option<Row> {
        let against = self.against?;
        let reference = all.iter().position(|one| one.what == against)?;
        let cost = |at| instrument.write(samples.cost(at));
        let of = format!("{} : {}", cost(at), cost(reference));
        let what = format!("{}: {}, to {against}", instrument.name(), self.what);
        let figure = (samples.ratio(at, reference), Unit::Times);
        Some(Row::new(what, figure, &of).at_most_if(self.limit))
    }
}

impl Instrument {
    fn wrapper(self) -> crate::Wrapper {
        match self {
            Self::Instructions => callgrind::wrap,
            Self::Cpu => crate::plain,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Cpu => "CPU",
        }
    }

    fn write(self, cost: f64) -> String {
        match self {
            Self::Instructions => grouped(cost),
            Self::Cpu => format!("{:.1} us", cost * 1e6),
        }
    }
}

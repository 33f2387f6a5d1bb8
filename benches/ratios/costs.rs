//! What a request costs, by either instrument: hallpass beside the bare handler, one token beside another.
//!
//! Must not know the requests.

use crate::{
    bare::{self, Route},
    callgrind,
    contest::Samples,
    cpu,
    entries::{Entry, of_algorithms, of_login, of_refused, of_request},
    hallpass::{self, Algorithm, Setup},
    load::Connection,
    requests::{login, request},
    roster::key,
    server::Server,
    table::{Figure, Row, Unit, grouped},
};

/// What the cost of a request is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instrument {
    Instructions,
    Cpu,
}

impl Instrument {
    /// Whether it can be had here.
    pub(crate) fn available(self) -> Result<(), String> {
        match self {
            Self::Instructions => callgrind::available(),
            Self::Cpu => Ok(()),
        }
    }
}

/// Questions about costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Request,
    Algorithms,
    Login,
    Refused,
}

/// Rounds of CPU time.
const ROUNDS: usize = 15;

/// The servers that are asked.
pub(crate) struct Houses {
    pub(crate) bare: Server,
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
        let wrapper = match instrument {
            Instrument::Instructions => callgrind::wrap,
            Instrument::Cpu => crate::plain,
        };
        let start = |algorithm: &Algorithm| {
            let algorithm = *algorithm;
            (algorithm, hallpass::start(&Setup { wrapper, algorithm, ..Setup::default() }))
        };
        let hallpass: Vec<_> = algorithms.iter().map(start).collect();
        Self { bare: bare::start(wrapper, &routes_of(&hallpass[0].1)), hallpass }
    }

    /// The hallpass that signs by this algorithm.
    pub(crate) fn of(&self, algorithm: Algorithm) -> &Server {
        let found = self.hallpass.iter().find(|(one, _)| *one == algorithm);
        &found.expect("it was started").1
    }
}

/// What hallpass answers, for the bare server to answer too.
pub(crate) fn routes_of(hallpass: &Server) -> Vec<Route> {
    let token = hallpass::log_in(hallpass, 0);
    let mut connection = Connection::to(hallpass.address);
    let logged_in = Route::of("POST", "/login", &connection.ask(&login(&key(0)), 200));
    let answer = connection.ask(&request(&token), 200);
    let serialised = Route::of("GET", bare::SERIALISED, &answer);
    vec![Route::of("GET", "/request", &answer), serialised, logged_in]
}

/// The rows of these questions by one instrument; the request that most are held against is always among them.
pub(crate) fn rows(instrument: Instrument, groups: &[Group]) -> Vec<Row> {
    let houses = Houses::start(instrument, groups);
    let mut entries = of_request(&houses, instrument);
    for group in groups {
        entries.extend(match group {
            Group::Request => Vec::new(),
            Group::Algorithms => of_algorithms(&houses),
            Group::Login => of_login(&houses, instrument),
            Group::Refused => of_refused(&houses),
        });
    }
    let samples = {
        let mut contenders: Vec<_> = entries.iter_mut().map(|entry| &mut entry.contender).collect();
        match instrument {
            Instrument::Instructions => callgrind::measure(&mut contenders),
            Instrument::Cpu => cpu::measure(&mut contenders, ROUNDS),
        }
    };
    (0..entries.len()).filter_map(|at| row(instrument, &entries, at, &samples)).collect()
}

/// `None` for what others are held against only.
fn row(instrument: Instrument, entries: &[Entry<'_>], at: usize, samples: &Samples) -> Option<Row> {
    let (against, limit) = entries[at].against?;
    let reference = entries.iter().position(|entry| entry.what == against).expect("it is measured");
    let (name, cost): (_, fn(f64) -> String) = match instrument {
        Instrument::Instructions => ("instructions", grouped),
        Instrument::Cpu => ("CPU", microseconds),
    };
    let what = format!("{name}: {}, to {against}", entries[at].what);
    let of = format!("{} : {}", cost(samples.cost(at)), cost(samples.cost(reference)));
    let figure = Figure::new(what, (samples.ratio(at, reference), Unit::Times), &of);
    Some(match limit {
        Some(limit) => figure.at_most(limit),
        None => figure.no_target(),
    })
}

/// A cost in seconds, to be read.
pub(crate) fn microseconds(seconds: f64) -> String {
    format!("{:.1} us", seconds * 1e6)
}

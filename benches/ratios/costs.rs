//! The cost of a request: hallpass compared with bare handlers, and kinds of tokens with each other.

use crate::{
    cases::{self, Case},
    hallpass::Algorithm,
    instrument::Instrument,
    samples::Samples,
    servers::Servers,
    table::{Figure, Row, Unit, grouped, microseconds},
};

/// A group of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Request,
    Algorithms,
    Login,
    Refused,
}

/// Measures these groups. `Request` is always among them, because the others are compared with it.
pub(crate) fn rows(instrument: Instrument, groups: &[Group]) -> Vec<Row> {
    let servers = Servers::start(instrument.wrapper(), algorithms(groups));
    let mut cases = cases::requests(&servers, instrument);
    for group in groups {
        cases.extend(match group {
            Group::Request => Vec::new(),
            Group::Algorithms => cases::algorithms(&servers),
            Group::Login => cases::logins(&servers, instrument),
            Group::Refused => cases::refusals(&servers),
        });
    }
    let samples = {
        let mut workloads: Vec<_> = cases.iter_mut().map(|case| &mut case.workload).collect();
        instrument.measure(&mut workloads)
    };
    (0..cases.len()).flat_map(|index| rows_of_case(instrument, &cases, index, &samples)).collect()
}

fn algorithms(groups: &[Group]) -> &'static [Algorithm] {
    use Algorithm::{EdDsa, Es256, Hs256, Rs256};
    match groups {
        groups if groups.contains(&Group::Algorithms) => &[Hs256, EdDsa, Es256, Rs256],
        groups if groups.contains(&Group::Login) => &[Hs256, EdDsa],
        _ => &[Hs256],
    }
}

/// One row for each comparison.
fn rows_of_case(
    instrument: Instrument,
    cases: &[Case<'_>],
    index: usize,
    samples: &Samples,
) -> Vec<Row> {
    let (unit, cost): (_, fn(f64) -> String) = match instrument {
        Instrument::Instructions => ("instructions", grouped),
        Instrument::Cpu => ("CPU", microseconds),
    };
    let row = |&(other, limit): &(&str, Option<f64>)| {
        let reference = cases.iter().position(|case| case.name == other);
        let reference = reference.expect("the other case is measured");
        let what = format!("{unit}: {}, to {other}", cases[index].name);
        let parts = format!("{} : {}", cost(samples.cost(index)), cost(samples.cost(reference)));
        let figure = Figure::new(what, (samples.ratio(index, reference), Unit::Times), &parts);
        match limit {
            Some(limit) => figure.at_most(limit),
            None => figure.no_target(),
        }
    };
    cases[index].comparisons.iter().map(row).collect()
}

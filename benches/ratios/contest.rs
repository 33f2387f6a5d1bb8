//! Who is measured beside whom, and what came out.
//!
//! Must not know how it is measured.

use crate::{load::Source, server::Server};

/// One sort of request to one server.
pub(crate) struct Contender<'s> {
    pub(crate) server: &'s Server,
    pub(crate) source: Source,
}

/// What a request of each contender cost, in each round.
pub(crate) struct Samples(pub(crate) Vec<Vec<f64>>);

impl Samples {
    /// What a request usually costs.
    pub(crate) fn cost(&self, contender: usize) -> f64 {
        median(self.0[contender].clone())
    }

    /// How many times as much as the other: the median of the rounds' ratios.
    pub(crate) fn ratio(&self, contender: usize, to: usize) -> f64 {
        let pairs = self.0[contender].iter().zip(&self.0[to]);
        median(pairs.map(|(one, other)| one / other).collect())
    }
}

/// The middle one.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

//! What is measured, and the samples that come out.

use crate::{load::RequestSource, server::Server};

/// One kind of request to one server.
pub(crate) struct Workload<'s> {
    pub(crate) server: &'s Server,
    pub(crate) requests: RequestSource,
}

/// The cost of a request for each workload, in each round.
pub(crate) struct Samples(pub(crate) Vec<Vec<f64>>);

impl Samples {
    /// The median cost of a request.
    pub(crate) fn cost(&self, workload: usize) -> f64 {
        median(self.0[workload].clone())
    }

    /// The cost relative to another workload: the median of the ratios of the rounds.
    pub(crate) fn ratio(&self, workload: usize, reference: usize) -> f64 {
        let pairs = self.0[workload].iter().zip(&self.0[reference]);
        median(pairs.map(|(cost, reference)| cost / reference).collect())
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

//! The two measures of a request's cost.

use crate::{
    callgrind,
    command::{Wrapper, unwrapped},
    cpu,
    samples::{Samples, Workload},
};

/// What the cost of a request is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instrument {
    Instructions,
    Cpu,
}

impl Instrument {
    /// Fails with the reason if this machine does not have the instrument.
    pub(crate) fn prepare(self) -> Result<(), String> {
        match self {
            Self::Instructions => callgrind::install(),
            Self::Cpu => Ok(()),
        }
    }

    /// How servers have to be started for it.
    pub(crate) fn wrapper(self) -> Wrapper {
        match self {
            Self::Instructions => callgrind::wrap,
            Self::Cpu => unwrapped,
        }
    }

    pub(crate) fn measure(self, workloads: &mut [&mut Workload<'_>]) -> Samples {
        match self {
            Self::Instructions => callgrind::measure(workloads),
            Self::Cpu => cpu::measure(workloads),
        }
    }
}

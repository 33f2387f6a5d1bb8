//! The benchmark: a table of ratios and their targets. Ratios within one run are comparable between machines,
//! absolute figures are not.
//!
//! `cargo bench` measures all of it, `cargo bench -- request login` two parts.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot continue panics"
)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table goes to stdout")]

mod bare;
mod by_hand;
mod callgrind;
mod cases;
mod cold_logins;
mod command;
mod costs;
mod cpu;
mod forward_auth;
mod hallpass;
mod instrument;
mod load;
mod memory;
mod peers;
mod report;
mod requests;
mod roster;
mod samples;
mod scale;
mod server;
mod servers;
mod table;
mod token_signer;

use std::{fs, path::Path, process::ExitCode};

use costs::Group;
use instrument::Instrument;
use report::Report;

const USAGE: &str = "Usage: cargo bench -- [PART]...

Cost of a request:  request, algorithms, login, refused
measured in:        instructions, cpu (default: both)
Other parts:        peers, nginx, cold, start, memory
Without a part, all are measured.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, file] = arguments.as_slice()
        && first == bare::ARGUMENT
    {
        bare::serve(Path::new(file));
        return ExitCode::SUCCESS;
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // `cargo test --all-targets` and tools that list tests start this program too, without `--bench`.
    if !has("--bench") || has("--list") {
        return ExitCode::SUCCESS;
    }
    if has("--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    // The other flags are meant for libtest.
    let words = arguments.iter().filter(|argument| !argument.starts_with('-'));
    let Some(selection) = Selection::parse(words.map(String::as_str)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let report = selection.measure();
    print!("{report}");
    let written = fs::write(command::repository().join("target/ratios.md"), report.to_string());
    written.expect("target/ is writable");
    if report.is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What to measure.
#[derive(Default)]
struct Selection {
    instruments: Vec<Instrument>,
    groups: Vec<Group>,
    parts: Vec<Part>,
}

/// A part that is not the cost of a request.
#[derive(Debug)]
enum Part {
    Peers,
    Nginx,
    Cold,
    Start,
    Memory,
}

impl Selection {
    /// `None` if a word names no part.
    fn parse<'w>(words: impl Iterator<Item = &'w str>) -> Option<Self> {
        let mut selection = Self::default();
        for word in words {
            match word {
                "instructions" => selection.instruments.push(Instrument::Instructions),
                "cpu" => selection.instruments.push(Instrument::Cpu),
                "request" => selection.groups.push(Group::Request),
                "algorithms" => selection.groups.push(Group::Algorithms),
                "login" => selection.groups.push(Group::Login),
                "refused" => selection.groups.push(Group::Refused),
                "peers" => selection.parts.push(Part::Peers),
                "nginx" => selection.parts.push(Part::Nginx),
                "cold" => selection.parts.push(Part::Cold),
                "start" => selection.parts.push(Part::Start),
                "memory" => selection.parts.push(Part::Memory),
                _ => return None,
            }
        }
        Some(selection.with_defaults())
    }

    fn with_defaults(mut self) -> Self {
        let (no_instrument, no_group) = (self.instruments.is_empty(), self.groups.is_empty());
        let nothing = no_instrument && no_group && self.parts.is_empty();
        if nothing {
            self.parts = vec![Part::Peers, Part::Nginx, Part::Cold, Part::Start, Part::Memory];
        }
        if no_group && (nothing || !no_instrument) {
            self.groups = vec![Group::Request, Group::Algorithms, Group::Login, Group::Refused];
        }
        if no_instrument && (nothing || !no_group) {
            self.instruments = vec![Instrument::Instructions, Instrument::Cpu];
        }
        self
    }

    fn measure(&self) -> Report {
        let mut report = Report::default();
        for instrument in &self.instruments {
            eprintln!("{instrument:?} of {:?}", self.groups);
            match instrument.prepare() {
                Ok(()) => report.add(|_| costs::rows(*instrument, &self.groups)),
                Err(error) => report.notes.push(format!("{instrument:?} is left out: {error}")),
            }
        }
        for part in &self.parts {
            eprintln!("{part:?}");
            report.add(|notes| match part {
                Part::Peers => peers::rows(notes),
                Part::Nginx => forward_auth::rows(),
                Part::Cold => cold_logins::rows(),
                Part::Start => scale::rows(),
                Part::Memory => memory::rows(),
            });
        }
        report
    }
}

//! The benchmark: ratios and targets in one table, all from one run, since absolute figures of one machine say
//! nothing about another. `cargo bench` runs all of it, `cargo bench --bench ratios -- request login` two parts.
//!
//! Must not know how anything is measured.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on ends by panicking"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the table is what it is for")]

mod bare;
mod callgrind;
mod cold;
mod contest;
mod costs;
mod cpu;
mod entries;
mod hallpass;
mod load;
mod memory;
mod peers;
mod report;
mod requests;
mod roster;
mod server;
mod start;
mod table;
mod tools;

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use costs::{Group, Instrument};
use report::Report;

/// Makes the command that starts a program which keeps its files in a directory.
pub(crate) type Wrapper = fn(program: &Path, dir: &Path) -> Command;

/// The program as it is.
pub(crate) fn plain(program: &Path, _dir: &Path) -> Command {
    Command::new(program)
}

const USAGE: &str = "cargo bench --bench ratios -- [PART]...

Costs of a request:  request, algorithms, login, refused
by:                  instructions, cpu (both, if neither is named)
Others:              peers, cold, start, memory
Without any, all of it.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, file] = arguments.as_slice()
        && first == bare::ARGUMENT
    {
        bare::serve(Path::new(file));
        return ExitCode::SUCCESS;
    }
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    // `cargo test --all-targets` and lists of tests come here as well; nothing of this is a test.
    if !has("--bench") || has("--list") {
        return ExitCode::SUCCESS;
    }
    if has("--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    // Other flags are libtest's.
    let words = arguments.iter().filter(|argument| !argument.starts_with('-'));
    let Some(choice) = Choice::of(words.map(String::as_str)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let report = choice.measure();
    print!("{report}");
    let kept = fs::write(tools::repository().join("target/ratios.md"), report.to_string());
    kept.expect("the report can be kept");
    if report.is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is to be measured.
#[derive(Default)]
struct Choice {
    instruments: Vec<Instrument>,
    groups: Vec<Group>,
    others: Vec<Other>,
}

/// What is no cost of a request.
#[derive(Debug)]
enum Other {
    Peers,
    Cold,
    Start,
    Memory,
}

impl Choice {
    /// `None` where a word is none of ours.
    fn of<'w>(words: impl Iterator<Item = &'w str>) -> Option<Self> {
        let mut choice = Self::default();
        for word in words {
            match word {
                "instructions" => choice.instruments.push(Instrument::Instructions),
                "cpu" => choice.instruments.push(Instrument::Cpu),
                "request" => choice.groups.push(Group::Request),
                "algorithms" => choice.groups.push(Group::Algorithms),
                "login" => choice.groups.push(Group::Login),
                "refused" => choice.groups.push(Group::Refused),
                "peers" => choice.others.push(Other::Peers),
                "cold" => choice.others.push(Other::Cold),
                "start" => choice.others.push(Other::Start),
                "memory" => choice.others.push(Other::Memory),
                _ => return None,
            }
        }
        Some(choice.completed())
    }

    /// With what was meant where less was said.
    fn completed(mut self) -> Self {
        let (no_instrument, no_group) = (self.instruments.is_empty(), self.groups.is_empty());
        let nothing = no_instrument && no_group && self.others.is_empty();
        if nothing {
            self.others = vec![Other::Peers, Other::Cold, Other::Start, Other::Memory];
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
            match instrument.available() {
                Ok(()) => report.add(|_| costs::rows(*instrument, &self.groups)),
                Err(why) => report.notes.push(format!("{instrument:?} are left out: {why}")),
            }
        }
        for other in &self.others {
            eprintln!("{other:?}");
            report.add(|notes| match other {
                Other::Peers => peers::rows(notes),
                Other::Cold => cold::rows(),
                Other::Start => start::rows(),
                Other::Memory => memory::rows(),
            });
        }
        report
    }
}

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
mod contest;
mod costs;
mod cpu;
mod hallpass;
mod load;
mod requests;
mod server;
mod table;
mod tools;

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use costs::Group;
use table::Row;

/// Makes the command that starts a program which keeps its files in a directory.
pub(crate) type Wrapper = fn(program: &Path, dir: &Path) -> Command;

/// The program as it is.
pub(crate) fn plain(program: &Path, _dir: &Path) -> Command {
    Command::new(program)
}

/// What the cost of a request is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instrument {
    Instructions,
    Cpu,
}

const USAGE: &str = "cargo bench --bench ratios -- [PART]...

Parts: request, algorithms, login, refused (each by instructions and CPU);
       instructions, cpu (only by these).
Without any: all of them.";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, file] = arguments.as_slice()
        && first == bare::ARGUMENT
    {
        bare::serve(Path::new(file));
        return ExitCode::SUCCESS;
    }
    // `cargo test --all-targets` and lists of tests come here as well: no test of ours takes minutes.
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("the benchmark runs with `cargo bench`");
        return ExitCode::SUCCESS;
    }
    let words = arguments.iter().filter(|argument| !argument.starts_with('-'));
    let Some(choice) = Choice::of(&words.map(String::as_str).collect::<Vec<_>>()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    report(&choice.measure());
    ExitCode::SUCCESS
}

/// What is to be measured.
struct Choice {
    instruments: Vec<Instrument>,
    groups: Vec<Group>,
}

impl Choice {
    fn of(words: &[&str]) -> Option<Self> {
        let (mut instruments, mut groups) = (Vec::new(), Vec::new());
        for word in words {
            match *word {
                "instructions" => instruments.push(Instrument::Instructions),
                "cpu" => instruments.push(Instrument::Cpu),
                "request" => groups.push(Group::Request),
                "algorithms" => groups.push(Group::Algorithms),
                "login" => groups.push(Group::Login),
                "refused" => groups.push(Group::Refused),
                _ => return None,
            }
        }
        let costs = words.is_empty() || !(instruments.is_empty() && groups.is_empty());
        if costs && groups.is_empty() {
            groups.extend(Group::ALL);
        }
        if costs && instruments.is_empty() {
            instruments = vec![Instrument::Instructions, Instrument::Cpu];
        }
        Some(Self { instruments, groups })
    }

    fn measure(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for instrument in &self.instruments {
            let available = match instrument {
                Instrument::Instructions => callgrind::available(),
                Instrument::Cpu => Ok(()),
            };
            match available {
                Ok(()) => rows.extend(costs::rows(*instrument, &self.groups)),
                Err(why) => eprintln!("{instrument:?} are left out: {why}"),
            }
        }
        rows
    }
}

/// Prints the table, and keeps it.
fn report(rows: &[Row]) {
    let text = table::markdown(rows);
    print!("{text}");
    let file = tools::repository().join("target/ratios.md");
    fs::write(file, text).expect("the table can be kept");
}

//! Writes the manual pages and the shell completions of hallpass. Arguments: the date of the pages, and a folder.

use std::{
    env, fs,
    io::{self, Write},
    path::Path,
};

use clap::Command;
use clap_complete::{Shell, generate_to};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use hallpass::manual;

const PROGRAM: &str = "hallpass";

fn main() -> io::Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [date, folder] = arguments.as_slice() else {
        return Err(io::Error::other("give a date and a folder"));
    };
    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut manual::command(), PROGRAM, folder)?;
    }
    let mut command = manual::command().disable_help_subcommand(true);
    command.build();
    write_pages(&command, date, folder)
}

/// Writes a page for the command, and for each command below it.
fn write_pages(command: &Command, date: &str, folder: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands().filter(|subcommand| !subcommand.is_hide_set()) {
        write_pages(subcommand, date, folder)?;
    }
    let version = manual::command().get_version().unwrap_or_default().to_owned();
    let man = Man::new(command.clone()).date(date).manual("User Commands");
    let man = man.source(format!("{PROGRAM} {version}"));
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(examples) = command.get_after_help() {
        page.write_all(example_section(&examples.to_string()).as_bytes())?;
    }
    if command.get_name() == PROGRAM {
        page.write_all(exit_status_section().as_bytes())?;
        page.write_all(environment_section().as_bytes())?;
    }
    fs::write(folder.join(man.get_filename()), page)
}

/// Lines as they are; clap_mangen would fill them.
fn example_section(text: &str) -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["EXAMPLES"]);
    roff.control("nf", []);
    for line in text.lines().filter(|line| *line != "Examples:") {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
    roff.to_roff()
}

fn exit_status_section() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for [code, meaning] in manual::EXIT_CODES {
        roff.control("TP", []);
        roff.text([bold(*code)]);
        roff.text([roman(*meaning)]);
    }
    roff.to_roff()
}

fn environment_section() -> String {
    let mut roff = Roff::new();
    roff.control("SH", ["ENVIRONMENT"]);
    roff.text([roman(
        "Arguments override these variables, and these override the file .env of the working directory.",
    )]);
    for (name, default, meaning) in manual::settings() {
        roff.control("TP", []);
        let default = default.map(|default| format!(" [default: {default}]"));
        roff.text([bold(name), roman(default.unwrap_or_default())]);
        roff.text([roman(meaning.replace('\n', " "))]);
    }
    roff.to_roff()
}

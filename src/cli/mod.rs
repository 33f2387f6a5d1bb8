//! The hand: commands, printing, exit codes.

pub mod key;
mod key_list;

/// Runs the command that the arguments name.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}

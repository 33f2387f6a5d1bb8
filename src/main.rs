//! The `hallpass` program: a match and nothing else.

fn main() -> std::process::ExitCode {
    hallpass::run_command_line()
}

//! A running `hallpass serve` that is killed at the end of its test.

use std::{
    io::{self, BufRead, BufReader},
    process::{Child, ChildStderr, ChildStdout, Command, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use super::folder::Folder;

/// Longer than anything here takes.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct RunningService {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// The address in the first line on stdout.
    pub(crate) address: String,
}

impl RunningService {
    /// Starts the command and waits for its first line.
    pub(crate) fn start(folder: &Folder, line: &str) -> Self {
        Self::spawn(&mut folder.command(line))
    }

    /// As `start`, for a prepared command.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        stdout.read_line(&mut first).unwrap();
        let Some(address) = first.strip_prefix("listening on ") else {
            let output = child.wait_with_output().unwrap();
            panic!("{first:?} {}", String::from_utf8_lossy(&output.stderr));
        };
        let address = address.trim_end().to_owned();
        Self { child, stdout, address }
    }

    /// Waits for the next line on stdout.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    /// Takes its stderr, to be read while it runs.
    pub(crate) fn stderr(&mut self) -> ChildStderr {
        self.child.stderr.take().unwrap()
    }

    /// Stops it and returns its stderr.
    pub(crate) fn stop_and_read_stderr(mut self) -> String {
        self.stop_with("TERM");
        io::read_to_string(self.child.stderr.take().unwrap()).unwrap()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, name: &str) {
        signal(&self.child, name);
    }

    /// Sends a signal and waits for the end.
    pub(crate) fn stop_with(&mut self, name: &str) -> ExitStatus {
        signal(&self.child, name);
        end_of(&mut self.child)
    }
}

impl Drop for RunningService {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal; the standard library can only send KILL.
pub(crate) fn signal(child: &Child, name: &str) {
    let script = format!("kill -{name} {}", child.id());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
}

/// Waits for the exit, at most until the timeout.
pub(crate) fn end_of(child: &mut Child) -> ExitStatus {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if started.elapsed() > TIMEOUT {
            let _ = child.kill();
            panic!("it did not end");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a request with one header; returns status and body, or the error of a broken connection.
pub(crate) fn send(
    method: &str,
    url: &str,
    (name, value): (&str, &str),
) -> Result<(u16, String), ureq::Error> {
    let request =
        ureq::http::Request::builder().method(method).uri(url).header(name, value).body(())?;
    let mut answer = agent().run(request)?;
    Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
}

/// An HTTP client for which refusals are answers.
pub(crate) fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    config.timeout_global(Some(TIMEOUT)).build().new_agent()
}

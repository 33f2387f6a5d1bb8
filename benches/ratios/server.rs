//! A server of the benchmark: one process on loopback, ended with the value that stands for it.
//!
//! Must not know what the process serves.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// No server takes this long to start, not even under valgrind.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running process that listens.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// Where it runs and keeps its files.
    pub(crate) dir: TempDir,
    /// From the start of the process until it said that it listens.
    pub(crate) started_in: Duration,
    child: Child,
}

impl Server {
    /// Starts a program whose first line on stdout is `listening on http://ADDRESS`.
    pub(crate) fn announced(mut command: Command, dir: TempDir) -> Self {
        let started = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(log(&dir))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        stdout.read_line(&mut first).expect("stdout can be read");
        let started_in = started.elapsed();
        let address = first.trim().strip_prefix("listening on http://");
        let address = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| {
            panic!("{command:?} said {first:?} and in its log:\n{}", text_of_log(&dir))
        });
        Self { address, dir, started_in, child }
    }

    /// Starts a program that was told to listen on `address`.
    pub(crate) fn on(address: SocketAddr, mut command: Command, dir: TempDir) -> Self {
        let started = Instant::now();
        let log = log(&dir);
        let child = command
            .stdout(log.try_clone().expect("a file can be had twice"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { address, dir, started_in: Duration::ZERO, child };
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().expect("a child can be asked").is_some();
            assert!(
                !ended && started.elapsed() < PATIENCE,
                "{command:?} does not listen; its log:\n{}",
                text_of_log(&server.dir)
            );
            thread::sleep(Duration::from_millis(10));
        }
        server.started_in = started.elapsed();
        server
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// CPU time that each thread has used so far, user and system, by thread id.
    pub(crate) fn cpu(&self) -> Cpu {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("the server runs");
        let of_thread = |id: String| {
            let text =
                fs::read_to_string(format!("/proc/{}/task/{id}/schedstat", self.pid())).ok()?;
            Some((id, text.split(' ').next()?.parse().ok()?))
        };
        let names = threads.map(|entry| entry.expect("/proc can be read").file_name());
        Cpu(names.filter_map(|name| of_thread(name.into_string().ok()?)).collect())
    }

    /// A line of `/proc/PID/status`, in MiB: `VmRSS` is resident now, `VmHWM` was at most.
    pub(crate) fn memory(&self, line: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the server runs");
        let found = status.lines().find_map(|one| one.strip_prefix(line)?.strip_prefix(':'));
        let kib = found.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        kib.unwrap_or_else(|| panic!("no {line} in {status}")) / 1024.0
    }

    /// Forgets what the server logged, so that long runs do not fill the disk.
    pub(crate) fn empty_log(&self) {
        log(&self.dir).set_len(0).expect("the log can be cut");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            let (ended, log) = (self.child.try_wait(), text_of_log(&self.dir));
            let last: Vec<_> = log.lines().rev().take(5).collect();
            eprintln!("{}: {ended:?}, its last lines, latest first: {last:#?}", self.address);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nanoseconds of CPU by thread.
pub(crate) struct Cpu(BTreeMap<String, u64>);

impl Cpu {
    /// Seconds since `earlier`. A thread that ended since then counts for nothing: those were idle.
    pub(crate) fn since(&self, earlier: &Self) -> f64 {
        let before = |id: &String| earlier.0.get(id).copied().unwrap_or_default();
        let used: u64 = self.0.iter().map(|(id, now)| now - before(id)).sum();
        Duration::from_nanos(used).as_secs_f64()
    }
}

/// A directory for one server.
pub(crate) fn directory() -> TempDir {
    tempfile::Builder::new().prefix("ratios-").tempdir().expect("a temporary directory")
}

fn log(dir: &TempDir) -> File {
    let options = OpenOptions::new().append(true).create(true).open(dir.path().join("log"));
    options.expect("a log file")
}

fn text_of_log(dir: &TempDir) -> String {
    fs::read_to_string(dir.path().join("log")).unwrap_or_default()
}

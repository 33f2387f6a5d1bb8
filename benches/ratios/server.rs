//! A server process on loopback, killed on drop.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// Upper bound on the start of a server, also under valgrind.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A running process that listens.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    /// The working directory, which holds the server's files.
    pub(crate) dir: TempDir,
    /// The time from the start of the process until it listens.
    pub(crate) started_in: Duration,
    child: Child,
}

impl Server {
    /// Starts a program whose first line on stdout is `listening on http://ADDRESS`.
    pub(crate) fn start(mut command: Command, dir: TempDir) -> Self {
        let started = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(open_log(&dir))
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut first = String::new();
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        stdout.read_line(&mut first).expect("stdout is readable");
        let started_in = started.elapsed();
        let address = first.trim().strip_prefix("listening on http://");
        let address = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| {
            panic!("{command:?} printed {first:?} and logged:\n{}", read_log(&dir))
        });
        Self { address, dir, started_in, child }
    }

    /// Starts a program that listens on `address`.
    pub(crate) fn start_on(address: SocketAddr, mut command: Command, dir: TempDir) -> Self {
        let started = Instant::now();
        let log = open_log(&dir);
        let child = command
            .stdout(log.try_clone().expect("the file can be cloned"))
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { address, dir, started_in: Duration::ZERO, child };
        while TcpStream::connect(address).is_err() {
            let ended = server.child.try_wait().expect("the child can be polled").is_some();
            assert!(
                !ended && started.elapsed() < START_TIMEOUT,
                "{command:?} does not listen and logged:\n{}",
                read_log(&server.dir)
            );
            thread::sleep(Duration::from_millis(10));
        }
        server.started_in = started.elapsed();
        server
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The CPU time of each thread since its start, user and system.
    pub(crate) fn cpu(&self) -> Cpu {
        let threads = fs::read_dir(format!("/proc/{}/task", self.pid())).expect("the server runs");
        let nanoseconds = |id: String| {
            let text =
                fs::read_to_string(format!("/proc/{}/task/{id}/schedstat", self.pid())).ok()?;
            Some((id, text.split(' ').next()?.parse().ok()?))
        };
        let ids = threads.map(|entry| entry.expect("/proc is readable").file_name());
        Cpu(ids.filter_map(|id| nanoseconds(id.into_string().ok()?)).collect())
    }

    /// A line of `/proc/PID/status` in MiB: `VmRSS` is the resident memory, `VmHWM` its peak.
    pub(crate) fn memory(&self, line: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("the server runs");
        let found = status.lines().find_map(|one| one.strip_prefix(line)?.strip_prefix(':'));
        let kib = found.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        kib.unwrap_or_else(|| panic!("no {line} in {status}")) / 1024.0
    }

    /// Empties the log, so that long runs do not fill the disk.
    pub(crate) fn truncate_log(&self) {
        open_log(&self.dir).set_len(0).expect("the log is writable");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if thread::panicking() {
            let (status, log) = (self.child.try_wait(), read_log(&self.dir));
            let last: Vec<_> = log.lines().rev().take(5).collect();
            eprintln!("{}: {status:?}, last log lines, latest first: {last:#?}", self.address);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nanoseconds of CPU time by thread id.
pub(crate) struct Cpu(BTreeMap<String, u64>);

impl Cpu {
    /// The CPU seconds used since `earlier`. Threads that ended since then are left out; only idle ones end.
    pub(crate) fn since(&self, earlier: &Self) -> f64 {
        let before = |id: &String| earlier.0.get(id).copied().unwrap_or_default();
        let used: u64 = self.0.iter().map(|(id, now)| now - before(id)).sum();
        Duration::from_nanos(used).as_secs_f64()
    }
}

/// An address with a port that is free.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it is bound")
}

/// A temporary directory for one server.
pub(crate) fn directory() -> TempDir {
    tempfile::Builder::new()
        .prefix("ratios-")
        .tempdir()
        .expect("the temporary directory is writable")
}

fn open_log(dir: &TempDir) -> File {
    let options = OpenOptions::new().append(true).create(true).open(dir.path().join("log"));
    options.expect("the directory is writable")
}

fn read_log(dir: &TempDir) -> String {
    fs::read_to_string(dir.path().join("log")).unwrap_or_default()
}

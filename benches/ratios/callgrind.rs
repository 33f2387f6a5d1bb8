//! Instructions per request, counted by callgrind. The load of the machine does not change them.

use std::{fs, path::Path, process::Command, time::Duration};

use crate::{
    command::{require, run},
    load::{Connection, send_sequentially},
    samples::{Samples, Workload},
    server::Server,
};

/// Requests before counting begins, or as many as fit into the time.
const WARM_UP: (usize, Duration) = (300, Duration::from_secs(4));
/// Requests that are counted, or as many as fit into the time.
const COUNTED: (usize, Duration) = (1000, Duration::from_secs(12));

/// Installs valgrind if it is missing.
pub(crate) fn install() -> Result<(), String> {
    require("valgrind", "valgrind")
}

/// The program under callgrind, which does not count until it is told to.
pub(crate) fn wrap(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new("valgrind");
    let out = format!("--callgrind-out-file={}", dir.join("callgrind").display());
    command.args(["--tool=callgrind", "--trace-children=no", "--instr-atstart=no"]);
    command.arg(out).arg(program);
    command
}

/// Instructions per request of each workload, on one connection. The servers must have been started by [`wrap`].
pub(crate) fn measure(workloads: &mut [&mut Workload<'_>]) -> Samples {
    Samples(workloads.iter_mut().map(|workload| vec![count(workload)]).collect())
}

fn count(workload: &mut Workload<'_>) -> f64 {
    let server = workload.server;
    let requests = &mut workload.requests;
    control(server, "instrumentation on");
    let mut connection = Connection::open(server.address);
    send_sequentially(&mut connection, requests, WARM_UP);
    control(server, "zero");
    let answered = send_sequentially(&mut connection, requests, COUNTED);
    control(server, "dump");
    take_dump(server.dir.path()) as f64 / answered as f64
}

fn control(server: &Server, order: &str) {
    run(Command::new("vgdb").arg(format!("--pid={}", server.pid())).arg(order));
}

/// Reads the number of instructions from the only dump in the directory and removes the dump.
fn take_dump(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).expect("the directory of the server is readable");
    let mut paths = entries.map(|entry| entry.expect("the entry is readable").path());
    let dump = paths.find(|path| path.to_string_lossy().contains("callgrind."));
    let dump = dump.expect("callgrind has written a dump");
    let text = fs::read_to_string(&dump).expect("the dump is readable");
    fs::remove_file(&dump).expect("the dump is removable");
    let total = text.lines().find_map(|line| line.strip_prefix("summary:")?.trim().parse().ok());
    total.expect("the dump has a summary")
}

//! Instructions a request, counted by callgrind: the same on a busy machine as on an idle one.
//!
//! Must not know what is compared with what.

use std::{fs, path::Path, process::Command, time::Duration};

use crate::{
    contest::{Contender, Samples},
    load::{Connection, in_turn},
    server::Server,
    tools::{need, run},
};

/// Requests before counting begins, or as many as fit into the time.
const WARM_UP: (usize, Duration) = (300, Duration::from_secs(4));
/// Requests that are counted.
const COUNTED: (usize, Duration) = (1000, Duration::from_secs(12));

/// Makes sure that valgrind is there.
pub(crate) fn available() -> Result<(), String> {
    need("valgrind", "valgrind")
}

/// The program under callgrind, which counts nothing before it is told to.
pub(crate) fn wrap(program: &Path, dir: &Path) -> Command {
    let mut command = Command::new("valgrind");
    let out = format!("--callgrind-out-file={}", dir.join("callgrind").display());
    command.args(["--tool=callgrind", "--trace-children=no", "--instr-atstart=no"]);
    command.arg(out).arg(program);
    command
}

/// Instructions a request of each, which were started by [`wrap`]; one connection, one request after the other.
pub(crate) fn measure(contenders: &mut [&mut Contender<'_>]) -> Samples {
    Samples(contenders.iter_mut().map(|contender| vec![count(contender)]).collect())
}

fn count(contender: &mut Contender<'_>) -> f64 {
    let server = contender.server;
    let source = &mut contender.source;
    tell(server, "instrumentation on");
    let mut connection = Connection::to(server.address);
    in_turn(&mut connection, source, WARM_UP);
    tell(server, "zero");
    let answered = in_turn(&mut connection, source, COUNTED);
    tell(server, "dump");
    total(server.dir.path()) as f64 / answered as f64
}

fn tell(server: &Server, order: &str) {
    run(Command::new("vgdb").arg(format!("--pid={}", server.pid())).arg(order));
}

/// The instructions in the one dump of the directory, which is then removed.
fn total(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).expect("the directory of the server");
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let dump = paths.find(|path| path.to_string_lossy().contains("callgrind.")).expect("a dump");
    let text = fs::read_to_string(&dump).expect("a dump");
    fs::remove_file(&dump).expect("the dump can go");
    let total = text.lines().find_map(|line| line.strip_prefix("summary:")?.trim().parse().ok());
    total.expect("a summary")
}

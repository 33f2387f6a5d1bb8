//! What systemd or another service manager is told through `NOTIFY_SOCKET` (sd_notify(3)): that the service is ready,
//! reloads, stops, and is alive.

use std::{env, ffi::OsString, io, os::unix::net::UnixDatagram, process, time::Duration};

use actix_web::rt::{spawn, time};
use rustix::time::{ClockId, clock_gettime};

use crate::server::{gate::Gate, serve::heartbeats::Heartbeats};

/// How often it is asked whether a reload is over.
const RELOAD_INTERVAL: Duration = Duration::from_millis(10);

/// A service manager, or none.
#[derive(Debug, Clone)]
pub(super) struct ServiceManager {
    socket: Option<OsString>,
}

impl ServiceManager {
    /// The one that has started this process.
    pub(super) fn from_env() -> Self {
        Self { socket: env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) }
    }

    /// Tells that the service listens.
    pub(super) fn ready(&self) {
        self.tell("READY=1");
    }

    /// Tells that the service stops.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Has the files read, and tells when that begins and when it is over.
    pub(super) async fn reload(&self, gate: &Gate) {
        let now = clock_gettime(ClockId::Monotonic);
        let microseconds = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={microseconds}"));
        gate.reload();
        while gate.is_reloading() {
            time::sleep(RELOAD_INTERVAL).await;
        }
        self.ready();
    }

    /// Tells again and again that the service is alive, if the service manager waits for that: while this thread and
    /// all workers run. Returns what the workers need to show that.
    pub(super) fn feed_watchdog(&self) -> Option<Heartbeats> {
        self.socket.as_ref()?;
        let timeout = watchdog_timeout()?;
        let heartbeats = Heartbeats::new(timeout / 8);
        let (manager, workers) = (self.clone(), heartbeats.clone());
        spawn(async move {
            loop {
                time::sleep(timeout / 4).await;
                if workers.all_within(timeout / 2) {
                    manager.tell("WATCHDOG=1");
                } else {
                    log::warn!(
                        "a worker is stuck: the watchdog of the service manager is not told otherwise"
                    );
                }
            }
        });
        Some(heartbeats)
    }

    /// A service manager that does not listen does not stop the service.
    fn tell(&self, state: &str) {
        let Some(socket) = &self.socket else { return };
        if let Err(error) = send(socket, state) {
            let socket = socket.display();
            log::warn!("the service manager cannot be told {state:?} on {socket}: {error}");
        }
    }
}

/// Never waits: a service manager that does not read must not hold up the service.
fn send(socket: &OsString, state: &str) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    #[cfg(target_os = "linux")]
    {
        use std::os::{linux::net::SocketAddrExt, unix::ffi::OsStrExt, unix::net::SocketAddr};
        if let Some(name) = socket.as_bytes().strip_prefix(b"@") {
            let address = SocketAddr::from_abstract_name(name)?;
            return sender.send_to_addr(state.as_bytes(), &address).map(drop);
        }
    }
    sender.send_to(state.as_bytes(), socket).map(drop)
}

/// After how long without a sign of life this process is ended (sd_watchdog_enabled(3)).
fn watchdog_timeout() -> Option<Duration> {
    let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
    let is_other = env::var_os("WATCHDOG_PID").is_some()
        && number("WATCHDOG_PID") != Some(u64::from(process::id()));
    let microseconds = number("WATCHDOG_USEC").filter(|&time| time > 0 && !is_other)?;
    Some(Duration::from_micros(microseconds))
}

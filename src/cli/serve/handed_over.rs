//! The listening socket that systemd or another launcher hands over (sd_listen_fds(3)).

use std::{io, net::TcpListener};

use listenfd::ListenFd;
use socket2::SockRef;

use crate::config::raw_settings::RawSettings;

/// Takes the socket, if there is one, and sets its address in place of `HALLPASS_BIND`. Reports what cannot be served.
///
/// To be called before there are threads: it takes `LISTEN_FDS` and `LISTEN_PID` out of the environment.
pub(super) fn take_socket(raw: &mut RawSettings) -> Option<TcpListener> {
    let mut handed_over = ListenFd::from_env();
    let count = handed_over.len();
    let what = match handed_over.take_tcp_listener(0) {
        Ok(None) => return None,
        Ok(Some(_)) if count > 1 => format!(
            "{count} sockets are handed over, and hallpass serves one: leave one ListenStream= in the socket unit"
        ),
        Ok(Some(socket)) => match listening_address(&socket) {
            Ok(address) => {
                raw.set("HALLPASS_BIND", &address, "LISTEN_FDS");
                return Some(socket);
            }
            Err(error) => error.to_string(),
        },
        Err(error) => format!("{error}: give ListenStream= of the socket unit a port, as in 8080"),
    };
    raw.report("LISTEN_FDS", what);
    None
}

fn listening_address(socket: &TcpListener) -> io::Result<String> {
    if SockRef::from(socket).peer_addr().is_ok() {
        let what = "a connection is handed over instead of a listening socket: the socket unit needs Accept=no";
        return Err(io::Error::other(what));
    }
    Ok(socket.local_addr()?.to_string())
}

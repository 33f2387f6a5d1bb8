//! The listener: how many may wait in its queue, and how it is closed without losing one of them.
//!
//! Must not know what is served.

use std::{io, net::TcpListener};

use socket2::SockRef;

use crate::server::limits::QUEUE;

/// A second handle of the listener, to close it with.
#[derive(Debug)]
pub(crate) struct Entrance(TcpListener);

impl Entrance {
    /// The entrance that `listener` is, with a queue of its proper length.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn of(listener: &TcpListener) -> io::Result<Self> {
        SockRef::from(listener).listen(QUEUE)?;
        Ok(Self(listener.try_clone()?))
    }

    /// Lets no new connection begin. Those that have begun still come out of the queue, where closing the listener
    /// would reset them; new ones are refused as soon as it is closed.
    ///
    /// Only Linux can do that. Elsewhere, a connection that comes in the moment of closing is lost.
    pub(crate) fn shut(self) {
        #[cfg(target_os = "linux")]
        if let Err(error) = SockRef::from(&self.0).attach_filter(&no_new_connection()) {
            log::warn!("connections that come while the listener closes may be lost: {error}");
        }
    }
}

/// Drops the packets that open a connection (SYN, RFC 9293 §3.1), and no others.
#[cfg(target_os = "linux")]
fn no_new_connection() -> [socket2::SockFilter; 4] {
    use socket2::SockFilter;
    const LOAD_BYTE: u16 = 0x30;
    const SKIP_UNLESS_ANY_BIT: u16 = 0x45;
    const KEEP_BYTES: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(SKIP_UNLESS_ANY_BIT, 0, 1, SYN),
        SockFilter::new(KEEP_BYTES, 0, 0, 0),
        SockFilter::new(KEEP_BYTES, 0, 0, u32::MAX),
    ]
}

//! The load: blocking keep-alive connections, at most one request under way on each.
//!
//! Must not know what is asked, or who answers.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// A hanging server shall end the run.
const DEADLINE: Duration = Duration::from_secs(120);

/// Writes the next request; returns the status that its answer must have.
pub(crate) type Source = Box<dyn FnMut(&mut Vec<u8>) -> u16 + Send>;

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// An answer with `Content-Length`.
pub(crate) struct Answer<'b> {
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: &'b [u8],
    pub(crate) body: &'b [u8],
}

impl Connection {
    /// Connects.
    pub(crate) fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket option");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket option");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends a request without waiting.
    pub(crate) fn send(&mut self, request: &[u8]) {
        self.stream.write_all(request).expect("the server reads");
    }

    /// Waits for the answer to what was sent.
    pub(crate) fn receive(&mut self) -> Answer<'_> {
        self.try_receive().expect("the server answers")
    }

    /// The same from a server that may hang up instead.
    pub(crate) fn try_receive(&mut self) -> io::Result<Answer<'_>> {
        self.buffer.clear();
        let mut chunk = [0; 4096];
        let (mut head, mut length) = (0, usize::MAX);
        while self.buffer.len() < length {
            let read = self.stream.read(&mut chunk)?;
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.buffer.extend_from_slice(&chunk[..read]);
            if head == 0
                && let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n")
            {
                head = end + 4;
                length = head + content_length(&self.buffer[..head]);
            }
        }
        let status = std::str::from_utf8(&self.buffer[9..12]).ok();
        let status = status.and_then(|digits| digits.parse().ok()).expect("a status");
        let (head, body) = self.buffer.split_at(head);
        Ok(Answer { status, head, body })
    }

    /// Sends a request and waits for its answer, which must have `status`.
    pub(crate) fn ask(&mut self, request: &[u8], status: u16) -> Answer<'_> {
        self.send(request);
        let answer = self.receive();
        answer.expect(status);
        answer
    }
}

impl Answer<'_> {
    fn expect(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text());
    }

    /// All of it.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&[self.head, self.body].concat()).into_owned()
    }
}

fn content_length(head: &[u8]) -> usize {
    let name = b"content-length:";
    let found = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (start, value) = line.split_at_checked(name.len())?;
        let value = start.eq_ignore_ascii_case(name).then_some(value)?;
        std::str::from_utf8(value).ok()?.trim().parse().ok()
    });
    found.unwrap_or_else(|| panic!("no length in {}", String::from_utf8_lossy(head)))
}

/// Asks one after the other on one connection until `count` are answered or the time is up; returns how many were.
pub(crate) fn in_turn(
    connection: &mut Connection,
    source: &mut Source,
    (count, limit): (usize, Duration),
) -> usize {
    let started = Instant::now();
    let mut request = Vec::new();
    for asked in 0..count {
        if asked > 0 && started.elapsed() > limit {
            return asked;
        }
        request.clear();
        let status = source(&mut request);
        connection.ask(&request, status);
    }
    count
}

/// Asks on all connections at once, again and again until the time is up; returns how many were answered.
///
/// One thread writes to all and then reads from all: it costs less than the cheapest server, so that the server
/// is what is busy.
pub(crate) fn together(
    connections: &mut [Connection],
    source: &mut Source,
    limit: Duration,
) -> usize {
    let started = Instant::now();
    let (mut request, mut expected) = (Vec::new(), Vec::new());
    let mut answered = 0;
    while answered == 0 || started.elapsed() < limit {
        for connection in &mut *connections {
            request.clear();
            expected.push(source(&mut request));
            connection.send(&request);
        }
        for (connection, status) in connections.iter_mut().zip(expected.drain(..)) {
            connection.receive().expect(status);
        }
        answered += connections.len();
    }
    answered
}

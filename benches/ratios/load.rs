//! The load: blocking keep-alive connections with at most one request in flight on each.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

/// Ends the run if a server hangs.
const READ_TIMEOUT: Duration = Duration::from_secs(120);

/// Appends the next request to a buffer and returns the status that the answer must have.
pub(crate) type RequestSource = Box<dyn FnMut(&mut Vec<u8>) -> u16 + Send>;

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
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the server listens");
        stream.set_nodelay(true).expect("the option can be set");
        stream.set_read_timeout(Some(READ_TIMEOUT)).expect("the option can be set");
        Self { stream, buffer: Vec::new() }
    }

    /// Sends a request without waiting for the answer.
    pub(crate) fn send(&mut self, request: &[u8]) {
        self.stream.write_all(request).expect("the server reads");
    }

    /// Waits for the answer to the last request.
    pub(crate) fn receive(&mut self) -> Answer<'_> {
        self.try_receive().expect("the server answers")
    }

    /// Waits for the answer of a server that may close the connection instead.
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
        let status = status.and_then(|digits| digits.parse().ok()).expect("a valid status");
        let (head, body) = self.buffer.split_at(head);
        Ok(Answer { status, head, body })
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Panics
    ///
    /// If the answer has another status.
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

    fn text(&self) -> String {
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

/// Sends requests one after the other on one connection until `count` are answered or the time is up.
///
/// Returns how many were answered.
pub(crate) fn send_sequentially(
    connection: &mut Connection,
    requests: &mut RequestSource,
    (count, limit): (usize, Duration),
) -> usize {
    let started = Instant::now();
    let mut request = Vec::new();
    for sent in 0..count {
        if sent > 0 && started.elapsed() > limit {
            return sent;
        }
        request.clear();
        let status = requests(&mut request);
        connection.ask(&request, status);
    }
    count
}

/// Sends requests on all connections at once, repeatedly until the time is up. Returns how many were answered.
///
/// One thread writes to all connections and then reads from all of them. That costs less than the cheapest server
/// does, so the server is the bottleneck.
pub(crate) fn send_concurrently(
    connections: &mut [Connection],
    requests: &mut RequestSource,
    limit: Duration,
) -> usize {
    let started = Instant::now();
    let (mut request, mut expected) = (Vec::new(), Vec::new());
    let mut answered = 0;
    while answered == 0 || started.elapsed() < limit {
        for connection in &mut *connections {
            request.clear();
            expected.push(requests(&mut request));
            connection.send(&request);
        }
        for (connection, status) in connections.iter_mut().zip(expected.drain(..)) {
            connection.receive().expect(status);
        }
        answered += connections.len();
    }
    answered
}

//! A minimal HTTP/1.1 client that sends unusual paths, methods and repeated headers unchanged, on one connection
//! a request.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// Longer than any answer takes, so that a hanging server fails the test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A request, sent unchanged.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Option<Vec<u8>>,
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// In order, with names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// The bytes, with `Host` and `Connection: close` unless the request has its own.
    fn bytes(&self, host: &str) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\n", self.method, self.target).into_bytes();
        let mut header = |name: &str, value: &[u8]| {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        };
        let has = |name: &str| self.headers.iter().any(|(one, _)| one.eq_ignore_ascii_case(name));
        if !has("host") {
            header("Host", host.as_bytes());
        }
        header("Connection", b"close");
        for (name, value) in &self.headers {
            header(name, value);
        }
        if let Some(body) = &self.body {
            header("Content-Length", body.len().to_string().as_bytes());
        }
        bytes.extend(b"\r\n");
        bytes.extend(self.body.iter().flatten());
        bytes
    }

    /// Sends the request and reads until the server closes the connection.
    pub(crate) fn send(&self, address: SocketAddr) -> Response {
        self.send_over(connect(address))
    }

    /// As `send`, over an open connection.
    pub(crate) fn send_over(&self, mut stream: TcpStream) -> Response {
        // A server may answer a large request before it has read all of it.
        let written = self.begin_over(&mut stream);
        let response = read_response(&mut stream);
        assert!(response.is_some() || written.is_ok(), "{self:?}: {written:?}, and no answer");
        response.unwrap_or_else(|| panic!("no answer to {} {}", self.method, self.target))
    }

    /// Sends the request without reading the answer.
    pub(crate) fn begin_over(&self, stream: &mut TcpStream) -> io::Result<()> {
        let host = stream.peer_addr()?.to_string();
        stream.write_all(&self.bytes(&host))
    }
}

/// A connection with timeouts.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    with_timeouts(TcpStream::connect(address).expect("the server listens"))
}

/// As `connect`, from another local address.
#[cfg(target_os = "linux")]
pub(crate) fn connect_from(own: std::net::IpAddr, address: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(own, 0).into()).unwrap();
    socket.connect(&address.into()).expect("the server listens");
    with_timeouts(TcpStream::from(socket))
}

fn with_timeouts(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Reads to the end; `None` if the connection closed without an answer.
pub(crate) fn read_response(stream: &mut TcpStream) -> Option<Response> {
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        // The server closed before it read everything; what it sent before is in `bytes`.
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
        Err(error) => panic!("reading the answer: {error}"),
    }
    parse(&bytes)
}

/// Parses an answer; `None` if its head is incomplete.
pub(crate) fn parse(bytes: &[u8]) -> Option<Response> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).expect("headers are text");
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().expect("a status");
    let header = |line: &str| {
        let (name, value) = line.split_once(':').expect("a header");
        (name.to_ascii_lowercase(), value.trim().to_owned())
    };
    Some(Response { status, headers: lines.map(header).collect(), body: bytes[end + 4..].to_vec() })
}

impl Response {
    /// The header of this name, which must not be repeated.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} is there {} times: {all:?}", all.len());
        all.first().copied()
    }

    /// All headers of this name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(one, _)| one == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// `code` of a problem.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    /// The challenges of a refusal.
    pub(crate) fn challenges(&self) -> Vec<&str> {
        self.all("www-authenticate")
    }
}

//! Clients that send requests without pause, over kept and over new connections.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

use crate::support::{
    raw_http::{DEADLINE, Response, parse},
    server::{Server, eventually},
};

/// Reported for a connection that was reset before its first answer.
pub(crate) const NEW_CONNECTION_RESET: &str = "a new connection was reset";

/// A connection for several requests.
pub(crate) struct Connection<S>(BufReader<S>);

impl Connection<TcpStream> {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        Ok(Self::over(tcp(address)?))
    }
}

/// A connection with timeouts.
pub(crate) fn tcp(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    Ok(stream)
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// Sends a request and reads the answer.
    pub(crate) fn request(&mut self, request: &str) -> io::Result<Response> {
        self.0.get_mut().write_all(request.as_bytes())?;
        self.0.get_mut().flush()?;
        self.answer()
    }

    pub(crate) fn into_inner(self) -> S {
        self.0.into_inner()
    }

    fn answer(&mut self) -> io::Result<Response> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            if self.0.read_until(b'\n', &mut bytes)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        let mut response = parse(&bytes).unwrap();
        let length = response.header("content-length").unwrap_or("0").parse().unwrap();
        response.body.resize(length, 0);
        self.0.read_exact(&mut response.body)?;
        Ok(response)
    }
}

/// A request, and the statuses that are accepted.
pub(crate) type Expectation = (String, &'static [u16]);

/// Requests of each kind, with a token of `reader`.
pub(crate) fn requests(server: &Server, token: &str) -> Vec<Expectation> {
    let key = server.accounts.key("reader");
    let request = |line: &str, header: &str| format!("{line} HTTP/1.1\r\nHost: x\r\n{header}\r\n");
    vec![
        (request("GET /request", &format!("Authorization: Bearer {token}\r\n")), &[200]),
        // One client gets 50 tokens a second.
        (request("POST /login", &format!("X-API-Key: {key}\r\n")), &[200, 429]),
        (request("GET /clients", &format!("Authorization: Bearer {token}\r\n")), &[403]),
        (request("GET /health/ready", ""), &[200, 503]),
        (request("GET /openapi.json", ""), &[200]),
        (request("GET /request", ""), &[401]),
    ]
}

/// Running clients.
pub(crate) struct Load {
    clients: Vec<JoinHandle<()>>,
    shared: Arc<Shared>,
}

struct Shared {
    requests: Vec<Expectation>,
    is_over: AtomicBool,
    answered: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl Load {
    /// Starts eight clients; every other one opens a new connection for each request.
    pub(crate) fn start<S: Read + Write>(
        requests: Vec<Expectation>,
        dial: impl Fn() -> io::Result<Connection<S>> + Clone + Send + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            requests,
            is_over: AtomicBool::new(false),
            answered: AtomicUsize::new(0),
            failures: Mutex::default(),
        });
        let client = |number| {
            let (shared, dial) = (Arc::clone(&shared), dial.clone());
            thread::spawn(move || shared.work(number, dial))
        };
        Self { clients: (0..8).map(client).collect(), shared }
    }

    /// Waits until so many more requests were answered, or one failed.
    pub(crate) fn wait_for_answers(&self, answers: usize) {
        let before = self.shared.answered.load(Ordering::Relaxed);
        eventually("more requests are answered", || {
            let now = self.shared.answered.load(Ordering::Relaxed);
            (now >= before + answers || !self.shared.failures.lock().unwrap().is_empty())
                .then_some(())
        });
    }

    /// Waits until the server accepts no more connections, and returns all failures.
    pub(crate) fn wait_for_end(self) -> Vec<String> {
        for client in self.clients {
            client.join().unwrap();
        }
        self.shared.failures.lock().unwrap().clone()
    }

    /// Stops the clients and returns all failures.
    pub(crate) fn stop(self) -> Vec<String> {
        self.shared.is_over.store(true, Ordering::Relaxed);
        self.wait_for_end()
    }
}

impl Shared {
    fn work<S: Read + Write>(&self, number: usize, dial: impl Fn() -> io::Result<Connection<S>>) {
        let mut kept: Option<Connection<S>> = None;
        for (request, expected) in self.requests.iter().cycle().skip(number) {
            if self.is_over.load(Ordering::Relaxed) {
                return;
            }
            let is_new = kept.is_none();
            let Some(mut connection) = kept.take().or_else(|| dial().ok()) else { return };
            let stays = match connection.request(request) {
                Ok(answer) if expected.contains(&answer.status) => {
                    answer.header("connection") != Some("close")
                }
                Ok(answer) => return self.fail(request, &answer.status.to_string()),
                Err(error) if is_new && error.kind() == io::ErrorKind::ConnectionReset => {
                    return self.fail(request, NEW_CONNECTION_RESET);
                }
                Err(error) => return self.fail(request, &error.to_string()),
            };
            self.answered.fetch_add(1, Ordering::Relaxed);
            kept = Some(connection).filter(|_| stays && number.is_multiple_of(2));
        }
    }

    fn fail(&self, request: &str, what: &str) {
        let line = request.lines().next().unwrap_or_default();
        self.failures.lock().unwrap().push(format!("{line}: {what}"));
    }
}

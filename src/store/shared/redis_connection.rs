//! Connections to Redis: in time, over TLS where the URL says so, and with answers of bounded size.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, FromRedisValue, Pipeline, RedisConnectionInfo,
    RedisError, aio::MultiplexedConnection, cmd,
};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use crate::store::shared::redis_url::RedisUrl;

/// How long an answer may take, and each step of connecting.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(2);

/// How many bytes Redis may send without completing an answer, so that a hostile one cannot fill the memory.
const ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// Why Redis does not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedisFault {
    /// The credentials or the certificate are not accepted: waiting does not help.
    #[error("{0}")]
    Refused(String),
    /// It answered an error.
    #[error("it answers {0}")]
    Answered(String),
    /// It cannot be reached, is silent, or does not speak its protocol.
    #[error("{0}")]
    Unreachable(String),
}

impl From<RedisError> for RedisFault {
    fn from(error: RedisError) -> Self {
        let code = error.code().map(plain);
        match code.as_deref() {
            Some("NOAUTH") => Self::Refused("it wants a password (NOAUTH)".to_owned()),
            Some("WRONGPASS") => {
                Self::Refused("it refuses user or password (WRONGPASS)".to_owned())
            }
            Some("NOPERM") => Self::Refused("its user lacks a right (NOPERM)".to_owned()),
            Some("DENIED") => Self::Refused("it takes no connection from here (DENIED)".to_owned()),
            Some("LOADING") => Self::Unreachable("it is loading its data (LOADING)".to_owned()),
            Some(code) => Self::Answered(code.to_owned()),
            None if error.is_timeout() => silent(),
            None if error.is_io_error() => Self::Unreachable("the connection is lost".to_owned()),
            None => match error.kind() {
                ErrorKind::Io => Self::Unreachable("the connection is lost".to_owned()),
                _ => Self::Unreachable("its answer is not understood".to_owned()),
            },
        }
    }
}

/// The first word of what Redis says, if it is one: the rest could hold anything.
fn plain(code: &str) -> String {
    let is_word = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase());
    if is_word && code.len() <= 20 { code.to_owned() } else { "an error".to_owned() }
}

pub(super) fn silent() -> RedisFault {
    RedisFault::Unreachable("it does not answer in time".to_owned())
}

/// A connection whose commands can be sent from everywhere; it ends with its [`Driver`].
#[derive(Clone)]
pub(crate) struct RedisConnection {
    connection: MultiplexedConnection,
    /// How many bytes were read since an answer was complete.
    read: Arc<AtomicUsize>,
}

/// What reads and writes a connection, until it is dropped.
#[derive(Debug)]
pub(super) struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RedisConnection {
    /// Connects and logs in.
    ///
    /// # Errors
    /// Why that is not possible.
    pub(super) async fn open(url: &RedisUrl) -> Result<(Self, Driver), RedisFault> {
        let address = (url.host.as_str(), url.port);
        let stream = timeout(ANSWER_TIME, TcpStream::connect(address)).await;
        let stream = stream.map_err(|_| silent())?.map_err(unreachable)?;
        stream.set_nodelay(true).map_err(unreachable)?;
        let (connection, driver) = match url.is_tls {
            false => Self::over(stream).await?,
            true => {
                let name = ServerName::try_from(url.host.clone());
                let name =
                    name.map_err(|_| RedisFault::Refused("its name is none for TLS".to_owned()))?;
                let handshake = TlsConnector::from(tls()?).connect(name, stream);
                let stream = timeout(ANSWER_TIME, handshake).await.map_err(|_| silent())?;
                Self::over(stream.map_err(refused)?).await?
            }
        };
        if let Some(password) = &url.password {
            let mut login = cmd("AUTH");
            login.arg(url.user.as_deref()).arg(password.expose_secret());
            connection.ask::<()>(&login).await.map_err(|fault| match fault {
                RedisFault::Answered(code) => {
                    RedisFault::Refused(format!("it refuses user or password ({code})"))
                }
                fault => fault,
            })?;
        }
        if url.database > 0 {
            connection.ask::<()>(cmd("SELECT").arg(url.database)).await.map_err(
                |fault| match fault {
                    RedisFault::Answered(code) => RedisFault::Refused(format!(
                        "it refuses the database {} ({code})",
                        url.database
                    )),
                    fault => fault,
                },
            )?;
        }
        Ok((connection, driver))
    }

    async fn over<S>(stream: S) -> Result<(Self, Driver), RedisFault>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let info = RedisConnectionInfo::default().set_skip_set_lib_name();
        // The time is measured around each command.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let read = Arc::new(AtomicUsize::new(0));
        let stream = Bounded { stream, read: Arc::clone(&read) };
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&info, stream, config).await?;
        Ok((Self { connection, read }, Driver(tokio::spawn(driver))))
    }

    /// Sends a command, and waits for its answer.
    ///
    /// # Errors
    /// It answers an error, nothing in time, or something else than expected.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisFault> {
        self.ask_within(command, ANSWER_TIME).await
    }

    /// Sends commands in one round trip, and waits until all are done.
    ///
    /// # Errors
    /// As [`Self::ask`], for any of them.
    pub(super) async fn ask_all(&self, commands: &Pipeline) -> Result<(), RedisFault> {
        let mut connection = self.connection.clone();
        let answer = timeout(ANSWER_TIME, commands.exec_async(&mut connection)).await;
        let answer = answer.map_err(|_| silent())?;
        self.read.store(0, Ordering::Relaxed);
        Ok(answer?)
    }

    /// Sends a command, and waits so long for its answer.
    ///
    /// # Errors
    /// As [`Self::ask`].
    pub(super) async fn ask_within<T: FromRedisValue>(
        &self,
        command: &Cmd,
        time: Duration,
    ) -> Result<T, RedisFault> {
        let mut connection = self.connection.clone();
        let answer = timeout(time, command.query_async(&mut connection)).await;
        let answer = answer.map_err(|_| silent())?;
        self.read.store(0, Ordering::Relaxed);
        Ok(answer?)
    }
}

fn unreachable(error: io::Error) -> RedisFault {
    RedisFault::Unreachable(match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof => {
            "the connection is lost".to_owned()
        }
        _ => error.to_string(),
    })
}

/// Of a handshake: only a certificate that is not trusted stays so.
fn refused(error: io::Error) -> RedisFault {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(reason)) => RedisFault::Refused(format!(
            "its certificate is not trusted ({reason:?}): SSL_CERT_FILE names other roots than the system's"
        )),
        Some(error) => RedisFault::Unreachable(format!("no TLS: {error}")),
        None => unreachable(error),
    }
}

/// Trusts the roots of the system, or those of `SSL_CERT_FILE`.
fn tls() -> Result<Arc<ClientConfig>, RedisFault> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| RedisFault::Unreachable(format!("no TLS: {error}")))?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

/// A stream that fails once the peer has sent too much for one answer.
struct Bounded<S> {
    stream: S,
    read: Arc<AtomicUsize>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let read = buffer.filled().len().saturating_sub(before);
        let before = self.read.fetch_add(read, Ordering::Relaxed);
        if before.saturating_add(read) > ANSWER_BYTES {
            return Poll::Ready(Err(io::Error::other("an answer of Redis is too large")));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
        thread,
    };

    use super::*;

    #[test]
    fn an_error_of_redis_is_told_by_its_first_word_only() {
        for (code, told) in
            [("OOM", "OOM"), ("READONLY", "READONLY"), ("hunter2", "an error"), ("", "an error")]
        {
            assert_eq!(plain(code), told);
        }
        assert_eq!(plain(&"A".repeat(21)), "an error");
    }

    /// Takes one connection, and sends more and more of one answer. Returns how many bytes it could send.
    fn flood(listener: &TcpListener, most: usize) -> usize {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        // It begins with the first command.
        stream.read_exact(&mut [0]).unwrap();
        stream.write_all(b"$2147483647\r\n").unwrap();
        let (zeros, mut sent) = (vec![0; 64 * 1024], 0);
        while sent < most && stream.write_all(&zeros).is_ok() {
            sent += zeros.len();
        }
        sent
    }

    #[test]
    fn an_answer_that_never_ends_is_cut_off_however_many_commands_follow() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("redis://{}", listener.local_addr().unwrap());
        let url = RedisUrl::parse(&url).unwrap();
        let flooding = thread::spawn(move || flood(&listener, 64 * ANSWER_BYTES));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (connection, _driver) = RedisConnection::open(&url).await.unwrap();
            let ping = cmd("PING");
            let briefly = Duration::from_millis(1);
            // Each of them waits in vain, until the connection is lost.
            while connection.ask_within::<()>(&ping, briefly).await == Err(silent()) {}
        });
        let sent = flooding.join().unwrap();
        assert!(sent < 4 * ANSWER_BYTES, "{sent} bytes were taken");
    }
}

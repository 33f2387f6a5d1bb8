//! TLS, where it is set up: the certificate and its key, read anew when their files change.
//!
//! Must not know what is said over it.

mod pem_files;

use std::{
    fmt,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::{
    config::TlsFiles,
    diagnostics::{Diagnostic, Diagnostics},
};

use crate::server::tls::pem_files::{Content, Pems};
use crate::server::watch::Watch;

/// Between two looks at files that lie still.
const PAUSE: Duration = Duration::from_secs(1);
/// Between two looks at files that are being changed.
const SHORT_PAUSE: Duration = Duration::from_millis(200);

/// A certificate with its key, and the files that they come from.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    content: Content,
    pair: Arc<Pair>,
    config: ServerConfig,
    watch: OnceLock<Watch>,
}

/// The last good certificate with its key: handshakes ask here.
struct Pair {
    current: ArcSwap<CertifiedKey>,
    /// The files hold no good pair at the moment.
    is_broken: AtomicBool,
}

/// It cannot be printed: half of it is a private key.
impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair").field("is_broken", &self.is_broken).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for Pair {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

impl Tls {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// Every fault of both.
    pub(crate) fn open(files: &TlsFiles) -> Result<Self, Diagnostics> {
        let pems = Pems::read(files);
        let current = ArcSwap::from_pointee(pems.pair(files)?);
        let pair = Arc::new(Pair { current, is_broken: AtomicBool::new(false) });
        let config = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| Diagnostic::new("TLS", error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&pair) as _);
        let (files, content) = (files.clone(), pems.content());
        Ok(Self { files, content, pair, config, watch: OnceLock::new() })
    }

    /// What a listener needs; it goes with every change of the files.
    pub(crate) fn config(&self) -> ServerConfig {
        self.config.clone()
    }

    /// Whether the files hold no good pair, so that the last good one is in use.
    pub(crate) fn is_broken(&self) -> bool {
        self.pair.is_broken.load(Ordering::Relaxed)
    }

    /// Follows the changes of the files from now on.
    pub(crate) fn watch(&self) {
        let mut look = Look {
            files: self.files.clone(),
            taken: self.content,
            last: self.content,
            pair: Arc::downgrade(&self.pair),
        };
        match Watch::start("tls", move |asked| look.look(asked)) {
            Ok(watch) => drop(self.watch.set(watch)),
            Err(error) => log::error!("TLS files are not watched, changes need a restart: {error}"),
        }
    }

    /// Has the files read at once, if they are watched.
    pub(crate) fn read_now(&self) {
        if let Some(watch) = self.watch.get() {
            watch.read_now();
        }
    }
}

/// Looks at the files again and again. They are small, so they are read each time, which no clock, link or file
/// system can deceive.
struct Look {
    files: TlsFiles,
    taken: Content,
    last: Content,
    pair: Weak<Pair>,
}

impl Look {
    /// Takes over what the files hold if it is new and the same as at the last look: two files do not change in one
    /// moment, and each only fits its own.
    fn look(&mut self, asked: bool) -> Option<Duration> {
        let pair = self.pair.upgrade()?;
        let pems = Pems::read(&self.files);
        let found = pems.content();
        if asked || (found != self.taken && found == self.last) {
            self.taken = found;
            pair.take_over(pems.pair(&self.files));
        }
        self.last = found;
        Some(if found == self.taken { PAUSE } else { SHORT_PAUSE })
    }
}

impl Pair {
    fn take_over(&self, read: Result<CertifiedKey, Diagnostics>) {
        self.is_broken.store(read.is_err(), Ordering::Relaxed);
        match read {
            Ok(pair) => {
                self.current.store(Arc::new(pair));
                log::info!("reloaded the TLS certificate");
            }
            Err(diagnostics) => {
                for diagnostic in diagnostics.iter() {
                    log::error!("{diagnostic}");
                }
                log::error!(
                    "the TLS certificate was not reloaded: the last good one stays until the files are mended"
                );
            }
        }
    }
}

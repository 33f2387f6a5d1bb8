//! TLS: the certificate and its key, replaced when their files change.

pub(crate) mod certificate_expiry;
mod pem_files;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs::default_provider,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::{
    config::tls_files::TlsFiles,
    diagnostics::{Diagnostic, Diagnostics},
    server::{
        tls::{
            certificate_expiry::CertificateExpiry,
            pem_files::{LoadedPair, certified_key},
        },
        watch::{FilesRead, FollowedFiles, LoadStatus, log_not_reloaded, log_warnings},
    },
};

/// A certificate with its key: handshakes read it, a reload replaces it.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    pair: Arc<CertifiedPair>,
    config: ServerConfig,
    is_in_use: AtomicBool,
}

/// The last good certificate with its key.
struct CertifiedPair {
    current: ArcSwap<LoadedPair>,
    status: LoadStatus,
}

/// Cannot be printed: it holds a private key.
impl fmt::Debug for CertifiedPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertifiedPair").field("status", &self.status).finish_non_exhaustive()
    }
}

impl ResolvesServerCert for CertifiedPair {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.load().key))
    }
}

impl Tls {
    /// Reads the files for the first time, and returns the warnings about them. The caller follows them and calls
    /// [`Tls::reload`].
    ///
    /// # Errors
    /// All diagnostics of both files.
    pub(crate) fn open(
        files: &TlsFiles,
    ) -> Result<(Self, FollowedFiles, Diagnostics), Diagnostics> {
        let (followed, read) =
            FollowedFiles::open(vec![files.certificate.clone(), files.key.clone()]);
        let (loaded, warnings) = certified_key(files, &read)?;
        let (current, status) = (ArcSwap::from_pointee(loaded), LoadStatus::default());
        status.record(true, Timestamp::now());
        let pair = Arc::new(CertifiedPair { current, status });
        let config = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(|error| Diagnostic::new("TLS", error.to_string()))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&pair) as _);
        let (files, is_in_use) = (files.clone(), AtomicBool::new(false));
        Ok((Self { files, pair, config, is_in_use }, followed, warnings))
    }

    /// The configuration of a listener; it follows every reload.
    pub(crate) fn config(&self) -> ServerConfig {
        self.is_in_use.store(true, Ordering::Relaxed);
        self.config.clone()
    }

    /// Warns once if the configuration was never asked for, so that no listener can have it.
    pub(crate) fn warn_if_unused(&self) {
        if !self.is_in_use.swap(true, Ordering::Relaxed) {
            log::warn!(
                "HALLPASS_TLS_CERT is set, but nothing listens with TLS: give the configuration of Gate::tls to \
                 HttpServer::bind_rustls_0_23"
            );
        }
    }

    /// Broken while the files hold no good pair, so that the last good one is in use.
    pub(crate) fn status(&self) -> &LoadStatus {
        &self.pair.status
    }

    /// The file of the certificates.
    pub(crate) fn certificate_file(&self) -> &Path {
        &self.files.certificate
    }

    /// When the certificates in use expire, the server's own first.
    pub(crate) fn expiries(&self) -> Vec<CertificateExpiry> {
        self.pair.current.load().expiries.clone()
    }

    /// Takes over what the files hold now; with faults in it, the last good pair stays in use.
    pub(crate) fn reload(&self, read: &FilesRead) {
        let read = certified_key(&self.files, read);
        self.pair.status.record(read.is_ok(), Timestamp::now());
        match read {
            Ok((loaded, warnings)) => {
                self.pair.current.store(Arc::new(loaded));
                log::info!("reloaded the TLS certificate");
                log_warnings(&warnings);
            }
            Err(diagnostics) => log_not_reloaded("TLS certificate", &diagnostics),
        }
    }
}

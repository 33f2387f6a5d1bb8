//! The files of TLS as they are written: PEM (RFC 7468), and what is wrong with them.
//!
//! Must not know when they are read.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::Path,
};

use rustls::{
    Error,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::TlsFiles,
    diagnostics::{Diagnostic, Diagnostics},
};

const CERTIFICATE: &str = "HALLPASS_TLS_CERT";
const KEY: &str = "HALLPASS_TLS_KEY";
const NO_CERTIFICATE: &str = "holds no certificate: HALLPASS_TLS_CERT takes the server's own as PEM, \
    and behind it those that vouch for it (certbot's fullchain.pem)";
const NO_KEY: &str = "holds no private key: HALLPASS_TLS_KEY takes one as PEM, without a passphrase \
    (certbot's privkey.pem)";
const UNUSABLE_KEY: &str = "holds a key that TLS cannot use: take P-256, P-384, Ed25519, \
    or RSA of 2048 bits and more";

/// The texts of both files.
pub(crate) struct Pems {
    certificate: io::Result<String>,
    key: io::Result<SecretString>,
}

/// What tells one content of the files from another: hashes, or why one could not be read.
pub(crate) type Content = [Result<u64, io::ErrorKind>; 2];

impl Pems {
    pub(crate) fn read(files: &TlsFiles) -> Self {
        Self {
            certificate: fs::read_to_string(&files.certificate),
            key: fs::read_to_string(&files.key).map(SecretString::from),
        }
    }

    pub(crate) fn content(&self) -> Content {
        let hash = |text: &str| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        };
        [
            self.certificate.as_ref().map(|text| hash(text)).map_err(io::Error::kind),
            self.key.as_ref().map(|text| hash(text.expose_secret())).map_err(io::Error::kind),
        ]
    }

    /// The certificate and the key, which belong together.
    ///
    /// # Errors
    /// Every fault of both; nothing of the key is in them.
    pub(crate) fn pair(&self, files: &TlsFiles) -> Result<CertifiedKey, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let chain = diagnostics.keep(self.chain(&files.certificate));
        let key = diagnostics.keep(self.key(&files.key));
        let (Some(chain), Some(key)) = (chain, key) else { return Err(diagnostics) };
        CertifiedKey::from_der(chain, key, &default_provider())
            .map_err(|error| misfit(&error, files).into())
    }

    fn chain(&self, path: &Path) -> Result<Vec<CertificateDer<'static>>, Diagnostics> {
        let text =
            self.certificate.as_ref().map_err(|error| unreadable(path, CERTIFICATE, error))?;
        let chain = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
        match chain {
            Ok(chain) if !chain.is_empty() => Ok(chain),
            Ok(_) => Err(diagnostic(path, NO_CERTIFICATE).into()),
            Err(_) => Err(diagnostic(path, "is a damaged PEM: copy or issue it anew").into()),
        }
    }

    fn key(&self, path: &Path) -> Result<PrivateKeyDer<'static>, Diagnostics> {
        let text = self.key.as_ref().map_err(|error| unreadable(path, KEY, error))?;
        PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes())
            .map_err(|_| diagnostic(path, NO_KEY).into())
    }
}

/// Why a certificate and a key make no pair.
fn misfit(error: &Error, files: &TlsFiles) -> Diagnostic {
    match error {
        Error::InconsistentKeys(_) => {
            let certificate = files.certificate.display();
            let what = format!(
                "is not the key of the first certificate in {certificate}: take the pair that was made together"
            );
            diagnostic(&files.key, what)
        }
        Error::InvalidCertificate(_) => {
            diagnostic(&files.certificate, "holds a damaged certificate: copy or issue it anew")
        }
        _ => diagnostic(&files.key, UNUSABLE_KEY),
    }
}

fn diagnostic(path: &Path, what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(path.display().to_string(), what)
}

fn unreadable(path: &Path, variable: &str, error: &io::Error) -> Diagnostic {
    let what = match error.kind() {
        io::ErrorKind::InvalidData => format!("is no PEM, which {variable} takes: convert it"),
        _ => format!("cannot be read: {error}; {variable} names it"),
    };
    diagnostic(path, what)
}

//! The two TLS files as they are written: PEM (RFC 7468).

use std::{path::Path, sync::Arc};

use crate::{
    config::tls_files::TlsFiles,
    diagnostics::{Diagnostic, Diagnostics},
    server::{
        tls::certificate_expiry::{CertificateExpiry, expiries},
        watch::{FileRead, FilesRead},
    },
};
use rustls::{
    Error,
    crypto::aws_lc_rs::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::CertifiedKey,
};

const CERTIFICATE: &str = "HALLPASS_TLS_CERT";
const KEY: &str = "HALLPASS_TLS_KEY";
const NO_CERTIFICATE: &str = "holds no certificate: HALLPASS_TLS_CERT takes the server's certificate as PEM, \
    followed by its intermediates (certbot's fullchain.pem)";
const NO_KEY: &str = "holds no private key: HALLPASS_TLS_KEY takes one as PEM, without a passphrase \
    (certbot's privkey.pem)";
const UNUSABLE_KEY: &str = "holds a key that TLS cannot use: take P-256, P-384, Ed25519, \
    or RSA of 2048 bits and more";

/// A certificate with its key, as read from the files.
pub(super) struct LoadedPair {
    pub(super) key: Arc<CertifiedKey>,
    pub(super) expiries: Vec<CertificateExpiry>,
}

/// The pair that was read from the certificate file and the key file, in this order, and warnings about these.
///
/// # Errors
/// All diagnostics of both; nothing of the key is in them.
pub(crate) fn certified_key(
    files: &TlsFiles,
    read: &FilesRead,
) -> Result<(LoadedPair, Diagnostics), Diagnostics> {
    let [(_, certificate), (_, key)] = read.as_slice() else {
        return Err(Diagnostic::new("TLS", "expected a certificate file and a key file").into());
    };
    let mut diagnostics = Diagnostics::default();
    let mut warnings = Diagnostics::default();
    for (path, read) in [(&files.certificate, certificate), (&files.key, key)] {
        let warning = read.as_ref().ok().and_then(|content| content.mount_warning(path));
        warning.into_iter().for_each(|warning| warnings.push(warning));
    }
    if let Ok(content) = key {
        let exposed = diagnostics.keep(content.check_permissions(&files.key)).flatten();
        exposed.into_iter().for_each(|warning| warnings.push(warning));
    }
    let chain = diagnostics.keep(chain(&files.certificate, certificate));
    let key = diagnostics.keep(private_key(&files.key, key));
    diagnostics.warn(warnings.clone());
    let (Some((chain, expiries)), Some(key)) = (chain, key) else { return Err(diagnostics) };
    let pair = CertifiedKey::from_der(chain, key, &default_provider())
        .map_err(|error| mismatch(&error, files));
    match diagnostics.keep(pair) {
        Some(key) => diagnostics.or((LoadedPair { key: key.into(), expiries }, warnings)),
        None => Err(diagnostics),
    }
}

type Chain = Vec<CertificateDer<'static>>;

fn chain(path: &Path, read: &FileRead) -> Result<(Chain, Vec<CertificateExpiry>), Diagnostics> {
    let pem = pem(path, CERTIFICATE, read)?;
    let chain = CertificateDer::pem_slice_iter(pem).collect::<Result<Chain, _>>();
    match chain {
        Ok(chain) if !chain.is_empty() => {
            let expiries = expiries(pem, &chain);
            Ok((chain, expiries))
        }
        Ok(_) => Err(diagnostic(path, NO_CERTIFICATE).into()),
        Err(_) => {
            Err(diagnostic(path, "is a damaged PEM: copy it again or issue a new one").into())
        }
    }
}

fn private_key(path: &Path, read: &FileRead) -> Result<PrivateKeyDer<'static>, Diagnostics> {
    PrivateKeyDer::from_pem_slice(pem(path, KEY, read)?)
        .map_err(|_| diagnostic(path, NO_KEY).into())
}

/// Why a certificate and a key are not a pair.
fn mismatch(error: &Error, files: &TlsFiles) -> Diagnostic {
    match error {
        Error::InconsistentKeys(_) => {
            let certificate = files.certificate.display();
            let what = format!(
                "is not the key of the first certificate in {certificate}: take the pair that was made together"
            );
            diagnostic(&files.key, what)
        }
        Error::InvalidCertificate(_) => diagnostic(
            &files.certificate,
            "holds a damaged certificate: copy it again or issue a new one",
        ),
        _ => diagnostic(&files.key, UNUSABLE_KEY),
    }
}

fn diagnostic(path: &Path, what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(path.display().to_string(), what)
}

fn pem<'r>(path: &Path, variable: &str, read: &'r FileRead) -> Result<&'r [u8], Diagnostic> {
    let content = read.as_ref().map_err(|error| {
        diagnostic(path, format!("cannot be read: {error}; {variable} names it"))
    })?;
    let content = content.bytes();
    // Editors on Windows put a byte order mark before the first line.
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    match std::str::from_utf8(content) {
        Ok(_) => Ok(content),
        Err(_) => Err(diagnostic(path, format!("is no PEM, which {variable} takes: convert it"))),
    }
}

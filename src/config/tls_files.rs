//! The certificate and the key of TLS: both files or neither.

use std::path::PathBuf;

use crate::{
    config::raw_settings::RawSettings,
    diagnostics::{Diagnostic, Diagnostics},
};

const CERTIFICATE: &str = "HALLPASS_TLS_CERT";
const KEY: &str = "HALLPASS_TLS_KEY";

/// The paths of the TLS certificate and its key, both PEM (RFC 7468).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TlsFiles {
    /// The server's certificate, followed by its intermediate certificates.
    pub certificate: PathBuf,
    /// The private key of the first certificate.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads only these settings; `None` if TLS is not configured.
    ///
    /// # Errors
    /// Only one of the two is set, or one contains a PEM instead of a path.
    pub(crate) fn resolve(raw: &RawSettings) -> Result<Option<Self>, Diagnostics> {
        let mut diagnostics = Diagnostics::default();
        let mut diagnostic = |name: &str, what: &str| {
            diagnostics.push(Diagnostic::new(raw.location(name), format!("{name} {what}")));
        };
        let texts = [CERTIFICATE, KEY].map(|name| (name, raw.text(name)));
        for (name, text) in texts {
            if text.is_some_and(|text| text.contains("-----BEGIN")) {
                // Not repeated, because it may be the key.
                diagnostic(name, "is a PEM: save it in a file, and give the path of the file");
            }
        }
        let files = match texts {
            [(_, None), (_, None)] => None,
            [(_, Some(certificate)), (_, Some(key))] => {
                Some(Self { certificate: raw.credential(certificate), key: raw.credential(key) })
            }
            [(set, Some(_)), (other, None)] | [(other, None), (set, Some(_))] => {
                diagnostic(set, &format!("is set and {other} is not: TLS needs both"));
                None
            }
        };
        diagnostics.or(files)
    }
}

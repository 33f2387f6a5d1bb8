//! The two settings of TLS, both files or none, and the addresses that follow from them.
//!
//! Must not know what is in the files.

use std::{net::SocketAddr, path::PathBuf};

use crate::problem::{Problem, Problems};

use super::{Raw, Settings};

const CERTIFICATE: &str = "HALLPASS_TLS_CERT";
const KEY: &str = "HALLPASS_TLS_KEY";

/// The files that TLS is spoken with, both PEM (RFC 7468).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The server's certificate, and behind it those that vouch for it.
    pub certificate: PathBuf,
    /// The private key of the first certificate.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads these settings alone; `None` where TLS is not set up.
    ///
    /// # Errors
    /// Only one of the two is set, or one holds a PEM in place of its path.
    pub fn resolve(raw: &Raw) -> Result<Option<Self>, Problems> {
        let mut problems = Problems::default();
        let mut problem = |name: &str, what: &str| {
            problems.push(Problem::new(raw.place(name), format!("{name} {what}")));
        };
        let texts = [CERTIFICATE, KEY].map(|name| (name, raw.text(name)));
        for (name, text) in texts {
            if text.is_some_and(|text| text.contains("-----BEGIN")) {
                // Not repeated: it may be the key.
                problem(name, "is a PEM: save it in a file, and give the path of the file");
            }
        }
        let files = match texts {
            [(_, None), (_, None)] => None,
            [(_, Some(certificate)), (_, Some(key))] => {
                Some(Self { certificate: certificate.into(), key: key.into() })
            }
            [(set, Some(_)), (other, None)] | [(other, None), (set, Some(_))] => {
                problem(set, &format!("is set and {other} is not: TLS needs both"));
                None
            }
        };
        problems.or(files)
    }
}

impl Settings {
    /// Where the service is reached that listens at `address`, without a slash at the end.
    pub fn base_url(&self, address: SocketAddr) -> String {
        base_url(self.tls.is_some(), address)
    }

    /// Where the service will be reached, for those who only say so.
    ///
    /// # Errors
    /// A setting that it depends on is wrong.
    pub fn expected_base_url(raw: &Raw) -> Result<String, Problems> {
        let mut problems = Problems::default();
        let address = problems.keep(Self::address(raw));
        let tls = problems.keep(TlsFiles::resolve(raw));
        match (address, tls) {
            (Some(address), Some(tls)) => Ok(base_url(tls.is_some(), address)),
            _ => Err(problems),
        }
    }
}

fn base_url(has_tls: bool, address: SocketAddr) -> String {
    format!("{}://{address}", if has_tls { "https" } else { "http" })
}

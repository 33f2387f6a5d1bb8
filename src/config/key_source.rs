//! The keys that sign and verify tokens, as they are configured.

use std::{
    io,
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use crate::{
    config::{
        settings_reader::SettingsReader,
        values::{list, secret},
    },
    files::file_content::FileContent,
};

const SECRET_KEY: &str = "HALLPASS_SECRET_KEY";
const SIGNING_KEY: &str = "HALLPASS_SIGNING_KEY";

/// A key for tokens, as configured. `Debug` shows no secret.
#[derive(Debug, Clone)]
pub(crate) enum KeySource {
    /// An HS256 secret of at least 32 bytes (RFC 7518 §3.2).
    Secret(SecretString),
    /// A private key as PKCS#8 PEM (RFC 5958), not yet parsed.
    Pem {
        /// Where it was read from.
        path: PathBuf,
        /// Its text.
        pem: SecretString,
    },
}

impl SettingsReader<'_> {
    /// The secret or the PEM; exactly one must be set.
    pub(super) fn signing_key(&mut self) -> KeySource {
        let path = self.raw.text(SIGNING_KEY).unwrap_or_default();
        let secret = self.raw.text(SECRET_KEY).unwrap_or_default();
        let source = match (secret.is_empty(), path.is_empty()) {
            (false, true) => self.secret(SECRET_KEY, secret),
            (true, false) => self.pem(SIGNING_KEY, path),
            // It may be in a line that could not be read.
            (true, true) if !self.raw.diagnostics().is_empty() => None,
            (true, true) => {
                let what = match self.raw.has_env_file() {
                    // init leaves a .env that is there as it is.
                    true => {
                        "is missing: add it to .env (`openssl rand -base64 48` makes one), \
                             or set HALLPASS_SIGNING_KEY"
                    }
                    false => {
                        "is missing: run `hallpass init`, which makes one, \
                              or set it or HALLPASS_SIGNING_KEY"
                    }
                };
                self.diagnostic(SECRET_KEY, what);
                None
            }
            (false, false) => {
                let what = "and HALLPASS_SECRET_KEY are both set, but one signs: remove the other, \
                            or name it in HALLPASS_PREVIOUS_SECRET_KEYS or HALLPASS_PREVIOUS_SIGNING_KEYS while its \
                            tokens live";
                self.diagnostic(SIGNING_KEY, what);
                None
            }
        };
        source.unwrap_or_else(|| KeySource::Secret(SecretString::default()))
    }

    pub(super) fn previous_keys(&mut self) -> Vec<KeySource> {
        let (secrets, paths) = ("HALLPASS_PREVIOUS_SECRET_KEYS", "HALLPASS_PREVIOUS_SIGNING_KEYS");
        let mut keys = Vec::new();
        for text in list(self.raw.text(secrets).unwrap_or_default()) {
            keys.extend(self.secret(secrets, text));
        }
        for path in list(self.raw.text(paths).unwrap_or_default()) {
            keys.extend(self.pem(paths, path));
        }
        keys
    }

    fn secret(&mut self, name: &str, text: &str) -> Option<KeySource> {
        match secret(text) {
            Ok(()) => Some(KeySource::Secret(text.into())),
            Err(message) => {
                self.diagnostic(name, message);
                None
            }
        }
    }

    fn pem(&mut self, name: &str, path: &str) -> Option<KeySource> {
        if path.contains("-----BEGIN") {
            // Not repeated, because it is the key.
            self.diagnostic(name, "is a PEM: save it in a file, and give the path of the file");
            return None;
        }
        match self.read_pem(path.as_ref()) {
            Ok(pem) => Some(KeySource::Pem { path: path.into(), pem }),
            Err(error) => {
                // Repeated only if it looks like a path: it may be a secret in the wrong variable.
                let file = if path.ends_with(".pem") { path } else { "a file" };
                self.diagnostic(name, &format!("names {file}, which cannot be read: {error}"));
                None
            }
        }
    }

    /// Reads a key, and reports who else may read or write it.
    fn read_pem(&mut self, path: &Path) -> io::Result<SecretString> {
        let content = FileContent::read_once(path)?;
        let exposed = self.diagnostics.keep(content.check_permissions(path)).flatten();
        exposed.into_iter().for_each(|warning| self.warnings.push(warning));
        let text = std::str::from_utf8(content.bytes());
        Ok(text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no PEM"))?.into())
    }
}

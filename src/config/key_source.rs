//! The keys that sign and verify tokens, as they are configured.

use std::{
    io,
    path::{Path, PathBuf},
};

use secrecy::{ExposeSecret, SecretString};

use crate::{
    config::{
        settings_reader::SettingsReader,
        values::{list, secret},
    },
    files::file_content::FileContent,
};

const SECRET_KEY: &str = "HALLPASS_SECRET_KEY";
const SECRET_KEY_FILE: &str = "HALLPASS_SECRET_KEY_FILE";
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
    /// A directory of private keys, not yet read.
    Directory(PathBuf),
}

impl SettingsReader<'_> {
    /// The secret, its file, the PEM or the directory; exactly one must be set.
    pub(super) fn signing_key(&mut self) -> KeySource {
        let source = match [SECRET_KEY, SECRET_KEY_FILE, SIGNING_KEY]
            .map(|name| self.raw.text(name))
        {
            [Some(secret), None, None] => self.secret(SECRET_KEY, secret),
            [None, Some(path), None] => self.secret_file(path),
            [None, None, Some(path)] => self.pem_or_directory(path),
            // It may be in a line that could not be read.
            [None, None, None] if !self.raw.diagnostics().is_empty() => None,
            [None, None, None] => {
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
            [Some(_), Some(_), _] => {
                self.diagnostic(
                    SECRET_KEY_FILE,
                    "and HALLPASS_SECRET_KEY are both set: leave out one",
                );
                None
            }
            [secret, _, Some(_)] => {
                let other = if secret.is_some() { SECRET_KEY } else { SECRET_KEY_FILE };
                let what = format!(
                    "and {other} are both set, but one signs: remove the other, or name it in \
                     HALLPASS_PREVIOUS_SECRET_KEYS or HALLPASS_PREVIOUS_SIGNING_KEYS while its tokens live"
                );
                self.diagnostic(SIGNING_KEY, &what);
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

    /// The secret in a file. One newline at its end is not part of it.
    fn secret_file(&mut self, path: &str) -> Option<KeySource> {
        let path = self.raw.credential(path);
        match self.read_text(&path) {
            Ok(text) => {
                let text = text.expose_secret();
                let line = text.strip_suffix("\r\n").or(text.strip_suffix('\n')).unwrap_or(text);
                match secret(line) {
                    Ok(()) => Some(KeySource::Secret(line.into())),
                    Err(message) => {
                        let what = format!("names {}, which {message}", path.display());
                        self.diagnostic(SECRET_KEY_FILE, &what);
                        None
                    }
                }
            }
            Err(error) => {
                // Not repeated: it may be the secret in the wrong variable.
                self.diagnostic(
                    SECRET_KEY_FILE,
                    &format!("names a file that cannot be read: {error}"),
                );
                None
            }
        }
    }

    fn pem_or_directory(&mut self, path: &str) -> Option<KeySource> {
        match self.raw.credential(path) {
            directory if directory.is_dir() => Some(KeySource::Directory(directory)),
            _ => self.pem(SIGNING_KEY, path),
        }
    }

    fn pem(&mut self, name: &str, path: &str) -> Option<KeySource> {
        if path.contains("-----BEGIN") {
            // Not repeated, because it is the key.
            self.diagnostic(name, "is a PEM: save it in a file, and give the path of the file");
            return None;
        }
        let file = self.raw.credential(path);
        match self.read_text(&file) {
            Ok(pem) => Some(KeySource::Pem { path: file, pem }),
            Err(error) => {
                // Repeated only if it looks like a path: it may be a secret in the wrong variable.
                let file = if path.ends_with(".pem") { path } else { "a file" };
                self.diagnostic(name, &format!("names {file}, which cannot be read: {error}"));
                None
            }
        }
    }

    /// Reads a key, and reports who else may read or write it.
    fn read_text(&mut self, path: &Path) -> io::Result<SecretString> {
        let content = FileContent::read_once(path)?;
        let exposed = self.diagnostics.keep(content.check_permissions(path)).flatten();
        exposed.into_iter().for_each(|warning| self.warnings.push(warning));
        let text = std::str::from_utf8(content.bytes());
        Ok(text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))?.into())
    }
}

//! A directory of signing keys: `current.pem` signs, and every other `*.pem` verifies.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use crate::{
    diagnostics::{Diagnostic, Diagnostics},
    files::file_content::FileContent,
    tokens::signing_key::SigningKey,
};

/// The extension of key files.
pub(crate) const EXTENSION: &str = "pem";
/// The key that signs.
pub(super) const CURRENT: &str = "current.pem";

/// The keys of a directory, all of which can be used.
#[derive(Debug)]
pub(crate) struct KeyDirectory {
    /// The key that signs.
    pub(crate) current: SigningKey,
    /// Those that only verify.
    pub(crate) others: Vec<(PathBuf, SigningKey)>,
    /// What works and should be changed.
    pub(crate) warnings: Diagnostics,
}

impl KeyDirectory {
    /// Takes what was read from the key files of `directory`, or from itself where they could not be listed.
    ///
    /// # Errors
    /// Everything that is wrong with them; nothing of the keys is in it.
    pub(crate) fn new(
        directory: &Path,
        files: &[(PathBuf, io::Result<FileContent>)],
    ) -> Result<Self, Diagnostics> {
        let shown = directory.display().to_string();
        if let [(path, Err(error))] = files
            && path == directory
        {
            let what =
                format!("cannot be used: {error}; HALLPASS_SIGNING_KEY names this directory");
            return Err(Diagnostic::new(shown, what).into());
        }
        let is_current = |path: &Path| path.file_name() == Some(OsStr::new(CURRENT));
        let mut diagnostics = Diagnostics::default();
        let mut warnings = Diagnostics::default();
        let (mut current, mut others) = (None, Vec::new());
        if !files.iter().any(|(path, _)| is_current(path)) {
            let what = match files.is_empty() {
                true => "holds no signing key: `hallpass signing-key rotate` makes the first one",
                false => "holds no current.pem, the key that signs: rename the one that shall sign",
            };
            diagnostics.push(Diagnostic::new(shown, what));
        }
        for (path, read) in files {
            let Some(key) = diagnostics.keep(key(path, read, &mut warnings)) else { continue };
            match is_current(path) {
                true => current = Some(key),
                false => others.push((path.clone(), key)),
            }
        }
        diagnostics.warn(warnings.clone());
        match current {
            Some(current) if diagnostics.is_empty() => Ok(Self { current, others, warnings }),
            _ => Err(diagnostics),
        }
    }

    /// The key of a file that only verifies.
    pub(super) fn other(&self, name: &str) -> Option<&SigningKey> {
        let is_meant = |path: &Path| path.file_name() == Some(OsStr::new(name));
        self.others.iter().find(|(path, _)| is_meant(path)).map(|(_, key)| key)
    }
}

fn key(
    path: &Path,
    read: &io::Result<FileContent>,
    warnings: &mut Diagnostics,
) -> Result<SigningKey, Diagnostic> {
    let diagnostic = |what: String| Diagnostic::new(path.display().to_string(), what);
    let content = read.as_ref().map_err(|error| diagnostic(format!("cannot be read: {error}")))?;
    let exposed = content.check_permissions(path)?;
    for warning in exposed.into_iter().chain(content.mount_warning(path)) {
        warnings.push(warning);
    }
    let pem: SecretString = std::str::from_utf8(content.bytes())
        .map_err(|_| diagnostic("is no PEM: a private key stands here as PKCS#8 PEM".to_owned()))?
        .into();
    let key = SigningKey::from_pem(&pem).map_err(|error| diagnostic(error.to_string()))?;
    key.prove().map_err(|error| diagnostic(error.to_string()))?;
    Ok(key)
}

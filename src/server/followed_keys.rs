//! The signing keys: read at start, and those of a directory again after each change.

use std::path::Path;

use crate::{
    config::{key_source::KeySource, raw_settings::RawSettings},
    diagnostics::{Diagnostic, Diagnostics},
    server::{
        context::Context,
        watch::{FilesRead, FollowedFiles, log_not_reloaded, log_warnings},
    },
    tokens::{
        key_directory::{EXTENSION, KeyDirectory},
        keyring::Keyring,
        signing_key::SigningKey,
    },
};

/// The keys as they were read for the first time.
#[derive(Debug)]
pub(crate) struct OpenedKeys {
    pub(crate) keyring: Keyring,
    /// The files of the directory, where they come from one.
    pub(crate) files: Option<FollowedFiles>,
    pub(crate) warnings: Diagnostics,
}

/// Reads all keys that sign or verify.
///
/// # Errors
/// The diagnostics of all of them.
pub(crate) fn open(
    raw: &RawSettings,
    current: &KeySource,
    previous: &[KeySource],
) -> Result<OpenedKeys, Diagnostics> {
    let mut diagnostics = Diagnostics::default();
    let now = ["HALLPASS_SECRET_KEY", "HALLPASS_SIGNING_KEY"];
    let former = ["HALLPASS_PREVIOUS_SECRET_KEYS", "HALLPASS_PREVIOUS_SIGNING_KEYS"];
    let located = |names: [&'static str; 2], source: &KeySource| {
        signing_key(names, source).map_err(|found| {
            let is_secret = matches!(source, KeySource::Secret(_));
            let [secrets, pems] = names;
            Diagnostic::new(raw.location(if is_secret { secrets } else { pems }), found.message)
        })
    };
    let (mut files, mut warnings) = (None, Diagnostics::default());
    let current = match current {
        KeySource::Directory(path) => {
            let (followed, read) = FollowedFiles::open_directory(path.clone(), EXTENSION);
            files = Some(followed);
            diagnostics.keep(KeyDirectory::new(path, &read)).map(|directory| {
                warnings = directory.warnings;
                (directory.current, directory.others.into_iter().map(|(_, key)| key).collect())
            })
        }
        source => diagnostics.keep(located(now, source)).map(|key| (key, Vec::new())),
    };
    let previous = previous.iter().filter_map(|key| diagnostics.keep(located(former, key)));
    let previous: Vec<_> = previous.collect();
    match current {
        Some((current, others)) if diagnostics.is_empty() => {
            let keyring = keyring(current, others, previous)?;
            Ok(OpenedKeys { keyring, files, warnings })
        }
        _ => Err(diagnostics),
    }
}

/// Takes over the keys that a directory holds now; with faults in it, the last good ones stay in use.
pub(crate) fn reload(context: &Context, read: &FilesRead) {
    let KeySource::Directory(path) = &context.settings.signing_key else { return };
    let loaded = load(path, read, &context.settings.previous_keys);
    context.keys_status.record(loaded.is_ok(), context.clock.now());
    match loaded {
        Ok((keyring, warnings)) => {
            let (kid, keys) = (keyring.kid().to_owned(), keyring.len());
            context.authority.replace_keyring(keyring);
            log::info!(kid:%, keys; "reloaded the signing keys");
            log_warnings(&warnings);
        }
        Err(diagnostics) => log_not_reloaded("set of signing keys", &diagnostics),
    }
}

fn load(
    path: &Path,
    read: &FilesRead,
    previous: &[KeySource],
) -> Result<(Keyring, Diagnostics), Diagnostics> {
    let KeyDirectory { current, others, warnings } = KeyDirectory::new(path, read)?;
    let former = ["HALLPASS_PREVIOUS_SECRET_KEYS", "HALLPASS_PREVIOUS_SIGNING_KEYS"];
    let previous = previous.iter().map(|key| signing_key(former, key)).collect::<Result<_, _>>()?;
    let others = others.into_iter().map(|(_, key)| key).collect();
    Ok((keyring(current, others, previous)?, warnings))
}

fn keyring(
    current: SigningKey,
    mut others: Vec<SigningKey>,
    previous: Vec<SigningKey>,
) -> Result<Keyring, Diagnostic> {
    others.extend(previous);
    Keyring::new(current, others)
        .map_err(|error| Diagnostic::new("signing keys", format!("one {error}")))
}

/// A key from a secret or a PEM; the variables are those of the one and the other.
fn signing_key(
    [secrets, pems]: [&'static str; 2],
    source: &KeySource,
) -> Result<SigningKey, Diagnostic> {
    let (variable, key, subject) = match source {
        KeySource::Secret(secret) => (secrets, SigningKey::from_secret(secret), secrets.to_owned()),
        KeySource::Pem { path, pem } => {
            let subject = format!("{pems} names {}, which", path.display());
            (pems, SigningKey::from_pem(pem), subject)
        }
        KeySource::Directory(path) => {
            let what = format!("{pems} names {}, which is a directory", path.display());
            return Err(Diagnostic::new(pems, what));
        }
    };
    key.map_err(|error| Diagnostic::new(variable, format!("{subject} {error}")))
}

//! `HALLPASS_STATE`: where revocations are kept.

use std::path::PathBuf;

use secrecy::SecretString;

/// Where revocations and key uses are kept.
#[derive(Debug, Clone)]
pub(crate) enum StateLocation {
    /// They end with the process.
    Memory,
    /// A file.
    File(PathBuf),
    /// The URL of Redis, which may hold a password.
    Redis(SecretString),
}

/// What has a scheme is a URL. The error does not quote it, because of the password.
pub(super) fn state(text: &str) -> Result<StateLocation, String> {
    match text.split_once("://") {
        Some((scheme, _)) if ["redis", "rediss"].contains(&scheme.to_ascii_lowercase().as_str()) => {
            Ok(StateLocation::Redis(text.into()))
        }
        Some(_) => Err("is a URL of another kind: write the path of a file, memory, redis://... or rediss://..."
            .to_owned()),
        None if text == "memory" => Ok(StateLocation::Memory),
        None => Ok(StateLocation::File(text.into())),
    }
}

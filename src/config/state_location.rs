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
        // Paths are shown, and this may hold a password.
        None if is_like_redis(text) => Err(
            "is no URL: write redis://... or rediss://..., and a file of such a name with ./ before it".to_owned(),
        ),
        None => Ok(StateLocation::File(text.into())),
    }
}

/// Whether a URL of Redis was meant, as in `redis:/:password@host`.
fn is_like_redis(text: &str) -> bool {
    let is_redis = |start: &str| start.eq_ignore_ascii_case("redis");
    text.get(..5).is_some_and(is_redis) && text.contains([':', '@'])
}

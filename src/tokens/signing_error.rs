//! Why an access token cannot be issued.

/// The longest token, in bytes. Typical ones are a tenth of that.
pub(crate) const LONGEST_TOKEN: usize = 8 * 1024;

/// Why a token cannot be signed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningError {
    /// It is too long for a header, and would be refused.
    #[error(
        "the token would be longer than {LONGEST_TOKEN} bytes: ask for fewer scopes, or give fewer roles"
    )]
    TooLong,
    /// The cryptographic library failed.
    #[error("the token could not be signed")]
    Signing(#[from] aws_lc_rs::error::Unspecified),
    /// The claims cannot be written.
    #[error("the token could not be written: {0}")]
    Writing(#[from] serde_json::Error),
}

//! Why an access token is refused.

/// Why a token is refused. The log says it; the caller is told less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not three base64url parts, or too long.
    #[error("is not a JWT")]
    Malformed,
    /// A header that no token of ours has: wrong `typ`, missing `kid`, `jku`, `crit`, ... Of other issuers: one that asks
    /// for what is not understood, or is no JSON object.
    #[error("has a header that is not ours")]
    Header,
    /// An ID token, a refresh token, a logout token or the like of another issuer.
    #[error("is no access token, but of another kind, such as an ID token")]
    NoAccessToken,
    /// No key of this `kid`.
    #[error("names an unknown signing key")]
    UnknownKey,
    /// An algorithm that is not the key's.
    #[error("names an algorithm that is not its key's")]
    Algorithm,
    /// A signature that does not fit.
    #[error("has a wrong signature")]
    Signature,
    /// A claim is missing, unknown, duplicate or of a wrong type.
    #[error("has malformed claims")]
    Claims,
    /// `sub` is that of another issuer: `/verify` issues such tokens for backends alone.
    #[error("was issued for a backend, and speaks for a subject of another issuer")]
    ExternalSubject,
    /// `iss` is neither us nor the issuer that was asked for, and no key of ours signed it.
    #[error("is of an unknown issuer")]
    UnknownIssuer,
    /// `iss` is not us, though a key of ours signed it.
    #[error("was issued by another issuer")]
    Issuer,
    /// `aud` does not hold us.
    #[error("is meant for another audience")]
    Audience,
    /// `exp` is past.
    #[error("has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("is not valid yet")]
    NotYet,
    /// It is revoked.
    #[error("was revoked")]
    Revoked,
    /// It is for an account, and no application is asked here.
    #[error(
        "was issued to an account of an application, which alone knows whether it is still accepted"
    )]
    Account,
    /// The key is revoked or expired, the client disabled, or the user or account removed since it was issued.
    #[error("was issued to a key, client, user or account that is no longer accepted")]
    Withdrawn,
}

//! Access tokens: claims, signing keys, issuing, verifying, revocations (RFC 7519, RFC 9068).
//!
//! Must not know the roster's file, or HTTP beyond fetching the keys of other issuers.

mod claims;
mod external;
mod journal;
mod jwk;
mod key_error;
mod keyring;
mod pem;
mod pkcs8;
mod revocations;
mod signer;
mod signing_key;
mod state;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;

use crate::oauth::{KeyId, Roles, Scopes, Subject};

pub(crate) use claims::VerifiedToken;
use claims::{Audience, Claims};
pub(crate) use external::{
    ExternalIssuer, ExternalIssuerSettings, ExternalIssuers, ExternalTokenError, FetchError,
    IssuerStatus, Refresh, VerifiedExternalToken,
};
pub(crate) use jwk::{JwkSet, PublicJwk};
pub(crate) use key_error::SigningKeyError;
pub(crate) use keyring::Keyring;
use keyring::decode;
pub(crate) use revocations::Revocations;
pub(crate) use signing_key::SigningKey;
pub(crate) use state::{StateError, StateFault};

/// Longer tokens are refused unread: ours are a tenth of that.
pub(crate) const LONGEST_TOKEN: usize = 8 * 1024;

/// How long a revocation is remembered after `exp`, at least. A restart may bring a larger leeway, which would
/// accept the token again: this is the largest that can be set.
const REMEMBERED: Duration = Duration::from_secs(10 * 60);

/// Why a token is refused: for the log, more than the caller learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// Not three base64url parts, or too long.
    #[error("is not a JWT")]
    Malformed,
    /// A header that no token of ours has: wrong `typ`, missing `kid`, `jku`, `crit`, ...
    #[error("has a header that is not ours")]
    Header,
    /// No key of this `kid`.
    #[error("names an unknown signing key")]
    UnknownKey,
    /// An algorithm that is not the key's.
    #[error("names an algorithm that is not its key's")]
    Algorithm,
    /// A signature that does not fit.
    #[error("has a wrong signature")]
    Signature,
    /// A claim is missing, unknown, twice there or of a wrong type.
    #[error("has malformed claims")]
    Claims,
    /// `iss` is not us.
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
    /// It was ended before its time.
    #[error("was revoked")]
    Revoked,
    /// What it was issued for is gone: key revoked or expired, client disabled, user removed.
    #[error("was issued to somebody who may no longer come in")]
    Withdrawn,
}

/// What a token is issued for.
#[derive(Debug, Clone)]
pub(crate) struct TokenSpec {
    /// `sub`.
    pub subject: Subject,
    /// `client_id`.
    pub client_id: Subject,
    /// `roles`.
    pub roles: Roles,
    /// `scope`.
    pub scopes: Scopes,
    /// `key_id`, when an API key was the proof.
    pub key_id: Option<KeyId>,
    /// `exp`.
    pub expires_at: Timestamp,
}

/// Why a token cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningError {
    /// It holds more than fits into a header: nobody, not even we, would take it.
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

/// An access token and when it ends.
#[derive(Debug)]
pub(crate) struct IssuedToken {
    /// The token itself.
    pub token: SecretString,
    /// Its `jti`.
    pub id: String,
    /// Its `exp`.
    pub expires_at: Timestamp,
    /// Its `scope`.
    pub scopes: Scopes,
}

/// Issues, verifies and revokes access tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// The signing keys.
    pub keyring: Keyring,
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// How long a token lives where nobody asks for less; whole seconds.
    pub lifetime: Duration,
    /// Tolerated clock error; whole seconds.
    pub leeway: Duration,
    /// Tokens that were ended before their time.
    pub revocations: Revocations,
}

impl Tokens {
    /// Issues a token.
    ///
    /// # Errors
    /// When the token would be too long, or the cryptographic library fails.
    pub(crate) fn issue(
        &self,
        spec: TokenSpec,
        now: Timestamp,
    ) -> Result<IssuedToken, SigningError> {
        let id = Alphanumeric.sample_string(&mut rand::rng(), 22);
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: spec.subject,
            aud: Audience::One(self.audience.clone()),
            exp: spec.expires_at.as_second(),
            nbf: now.as_second(),
            iat: now.as_second(),
            jti: id.clone(),
            client_id: spec.client_id,
            scope: spec.scopes.clone(),
            roles: spec.roles,
            key_id: spec.key_id,
        };
        let token = self.keyring.sign(&claims)?;
        if token.len() > LONGEST_TOKEN {
            return Err(SigningError::TooLong);
        }
        Ok(IssuedToken {
            token: token.into(),
            id,
            expires_at: spec.expires_at,
            scopes: spec.scopes,
        })
    }

    /// Proves a token: signature, `typ`, `iss`, `aud`, times, not revoked.
    ///
    /// # Errors
    /// The first reason to refuse it, in this order.
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        let token = self.examine(token, now)?;
        self.check_revoked(&token)?;
        Ok(token)
    }

    /// Whether a token that was proven before is still alive, and not revoked since.
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub(crate) fn check(&self, token: &VerifiedToken, now: Timestamp) -> Result<(), TokenError> {
        self.check_times(token.claims(), now)?;
        self.check_revoked(token)
    }

    fn check_revoked(&self, token: &VerifiedToken) -> Result<(), TokenError> {
        if self.revocations.holds(token.id()) { Err(TokenError::Revoked) } else { Ok(()) }
    }

    /// Proves that a token was issued by us and is alive, though it may be revoked.
    ///
    /// # Errors
    /// The first reason to refuse it.
    pub(crate) fn examine(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Malformed);
        }
        let payload = self.keyring.open(token)?;
        let claims: Claims = serde_json::from_slice(&payload).map_err(|_| TokenError::Claims)?;
        if claims.iss != self.issuer {
            return Err(TokenError::Issuer);
        }
        if !claims.aud.holds(&self.audience) {
            return Err(TokenError::Audience);
        }
        self.check_times(&claims, now)?;
        if claims.jti.is_empty() {
            return Err(TokenError::Claims);
        }
        VerifiedToken::new(claims).ok_or(TokenError::Claims)
    }

    fn check_times(&self, claims: &Claims, now: Timestamp) -> Result<(), TokenError> {
        let now = now.as_second();
        let leeway = i64::try_from(self.leeway.as_secs()).unwrap_or(i64::MAX);
        if now >= claims.exp.saturating_add(leeway) {
            return Err(TokenError::Expired);
        }
        if claims.nbf > now.saturating_add(leeway) || claims.iat > now.saturating_add(leeway) {
            return Err(TokenError::NotYet);
        }
        Ok(())
    }

    /// Ends a token before its time; takes the `jti` and `exp` of one that was proven. It is refused at once, and
    /// when this returns, for good. It waits for the disk, so call it where blocking is fine.
    ///
    /// # Errors
    /// When a restart may forget it; until then it is refused all the same.
    pub(crate) fn revoke(
        &self,
        id: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<(), StateError> {
        // Seconds are compared with `>=`: remember a little longer than that.
        let longer = self.leeway.max(REMEMBERED) + Duration::from_secs(1);
        let until = expires_at.saturating_add(longer).unwrap_or(Timestamp::MAX);
        self.revocations.add(id, until, now)
    }
}

//! Issuing and verifying access tokens (RFC 9068).

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    oauth::{
        Audience, KeyId, Roles, Scopes, Subject, account_id::AccountSubject,
        custom_claims::CustomClaims, external_name::QualifiedName,
    },
    tokens::{
        claims::{AudienceClaim, Claims, ID_SEPARATOR, OwnToken, VerifiedToken},
        keyring::{Keyring, decode, json_object},
        signing_error::{LONGEST_TOKEN, SigningError},
        token_error::TokenError,
    },
};

/// How long a revocation is remembered after `exp`: the largest leeway that can be configured, which a restart may bring,
/// and a second more, as seconds are compared with `>=`.
const REVOKED_AFTER_EXPIRY: Duration = Duration::from_secs(10 * 60 + 1);

/// Tolerated clock error of `iat` and `nbf`, at least: servers that share tokens never have quite the same clock.
const CLOCK_ERROR: Duration = Duration::from_secs(10);

/// What a token is issued for.
#[derive(Debug, Clone)]
pub(crate) struct TokenSpec<N = Subject, C = N> {
    /// `sub`.
    pub subject: N,
    /// `client_id`.
    pub client_id: C,
    /// `roles`.
    pub roles: Roles,
    /// `scope`.
    pub scopes: Scopes,
    /// `key_id`, when an API key was the proof.
    pub key_id: Option<KeyId>,
    /// `aud`; none for that of the service.
    pub audience: Option<Audience>,
    /// The `jti` of the token that was the proof, if one was: revoking that one revokes the new one.
    pub parent: Option<String>,
    /// Claims beside those.
    pub custom: CustomClaims,
    /// `exp`.
    pub expires_at: Timestamp,
}

/// An access token.
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

/// Issues and verifies access tokens.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// The signing keys in use.
    pub keyring: ArcSwap<Keyring>,
    /// `iss`.
    pub issuer: String,
    /// `aud`.
    pub audience: String,
    /// How long a token lives unless less is asked for; whole seconds.
    pub lifetime: Duration,
    /// Tolerated clock error; whole seconds.
    pub leeway: Duration,
}

impl Tokens {
    /// Issues a token.
    ///
    /// # Errors
    /// The token would be too long, or the cryptographic library fails.
    pub(crate) fn issue<N: Serialize, C: Serialize>(
        &self,
        spec: TokenSpec<N, C>,
        now: Timestamp,
    ) -> Result<IssuedToken, SigningError> {
        let id = Alphanumeric.sample_string(&mut rand::rng(), 22);
        let id = match spec.parent {
            Some(parent) => format!("{parent}{ID_SEPARATOR}{id}"),
            None => id,
        };
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: spec.subject,
            aud: AudienceClaim::One(
                spec.audience.map_or_else(|| self.audience.clone(), |one| one.to_string()),
            ),
            exp: spec.expires_at.as_second(),
            nbf: now.as_second(),
            iat: now.as_second(),
            jti: id.clone(),
            client_id: spec.client_id,
            scope: spec.scopes.clone(),
            roles: spec.roles,
            key_id: spec.key_id,
            custom: spec.custom,
        };
        let token = self.keyring.load().sign(&claims)?;
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

    /// Verifies a token for us with the keys in use.
    ///
    /// # Errors
    /// As [`Self::verify_with`], or it is not for us.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn verify(&self, token: &str, now: Timestamp) -> Result<OwnToken, TokenError> {
        let verified = self.verify_with(&self.keyring.load(), token, now)?;
        let is_ours = verified.audiences().any(|one| *one == self.audience);
        if is_ours { Ok(verified) } else { Err(TokenError::Audience) }
    }

    /// Verifies a token with these keys: signature, `typ`, `iss`, times.
    ///
    /// # Errors
    /// The first reason to refuse it, in this order.
    pub(crate) fn verify_with(
        &self,
        keyring: &Keyring,
        token: &str,
        now: Timestamp,
    ) -> Result<OwnToken, TokenError> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenError::Malformed);
        }
        let payload = keyring.open(token).map_err(|error| match self.is_of_another(token) {
            true => TokenError::UnknownIssuer,
            false => error,
        })?;
        if let Some(claims) = json_object::<Claims>(&payload) {
            return Ok(OwnToken::Subject(Arc::new(self.verify_claims(claims, now)?)));
        }
        if let Some(claims) = json_object::<Claims<AccountSubject, String>>(&payload) {
            let token = self.verify_claims(claims, now)?;
            // An API key is never a proof for an account.
            return match *token.client_id() == self.issuer && token.key_id().is_none() {
                true => Ok(OwnToken::Account(Arc::new(token))),
                false => Err(TokenError::Claims),
            };
        }
        match json_object::<Claims<QualifiedName>>(&payload) {
            Some(_) => Err(TokenError::ExternalSubject),
            None => Err(TokenError::Claims),
        }
    }

    fn verify_claims<N, C>(
        &self,
        claims: Claims<N, C>,
        now: Timestamp,
    ) -> Result<VerifiedToken<N, C>, TokenError> {
        if claims.iss != self.issuer {
            return Err(TokenError::Issuer);
        }
        self.check_times(&claims, now)?;
        if claims.jti.is_empty() {
            return Err(TokenError::Claims);
        }
        VerifiedToken::new(claims).ok_or(TokenError::Claims)
    }

    /// Whether a token that was verified before is still valid at `now`.
    ///
    /// # Errors
    /// It has expired, or is not valid yet.
    pub(crate) fn check(&self, token: &OwnToken, now: Timestamp) -> Result<(), TokenError> {
        match token {
            OwnToken::Subject(token) => self.check_times(token.claims(), now),
            OwnToken::Account(token) => self.check_times(token.claims(), now),
        }
    }

    /// Whether a token that ends then is over at `now`.
    pub(crate) fn is_over(&self, expires_at: Timestamp, now: Timestamp) -> bool {
        let leeway = i64::try_from(self.leeway.as_secs()).unwrap_or(i64::MAX);
        now.as_second() >= expires_at.as_second().saturating_add(leeway)
    }

    /// Whether a token that no key of ours signed names another issuer: then that says most about it.
    fn is_of_another(&self, token: &str) -> bool {
        #[derive(Deserialize)]
        struct Issuer {
            iss: String,
        }
        let payload = token.split('.').nth(1).and_then(|payload| decode(payload).ok());
        let issuer = payload.and_then(|payload| serde_json::from_slice::<Issuer>(&payload).ok());
        issuer.is_some_and(|issuer| issuer.iss != self.issuer)
    }

    fn check_times<N, C>(&self, claims: &Claims<N, C>, now: Timestamp) -> Result<(), TokenError> {
        let now = now.as_second();
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        if now >= claims.exp.saturating_add(seconds(self.leeway)) {
            return Err(TokenError::Expired);
        }
        let latest = now.saturating_add(seconds(self.leeway.max(CLOCK_ERROR)));
        if claims.nbf > latest || claims.iat > latest {
            return Err(TokenError::NotYet);
        }
        Ok(())
    }

    /// From when a token that expires at `expires_at` is refused by every replica, whatever its clock says within reason.
    pub(crate) fn refused_from(&self, expires_at: Timestamp) -> Timestamp {
        let margin = self.leeway.saturating_add(CLOCK_ERROR);
        expires_at.saturating_add(margin).unwrap_or(Timestamp::MAX)
    }

    /// When the revocation of a token that expires at `expires_at` can be forgotten, if a restart may bring another leeway.
    pub(crate) fn revoked_until(&self, expires_at: Timestamp) -> Timestamp {
        expires_at.saturating_add(REVOKED_AFTER_EXPIRY).unwrap_or(Timestamp::MAX)
    }
}

/// From the issue of a token of this lifetime to the time when its revocation can be forgotten.
pub(crate) fn longest_revocation(lifetime: Duration) -> Duration {
    lifetime.saturating_add(REVOKED_AFTER_EXPIRY)
}

//! The claims of another issuer's token, read with patience for what providers write (RFC 7519, RFC 9068).

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::{
    oauth::{ExternalName, Role, Roles, Scope, Scopes, Subject},
    tokens::{external::external_issuer_settings::ExternalIssuerSettings, token_error::TokenError},
};

/// Tolerated clock error, in seconds: other machines have other clocks.
const LEEWAY: f64 = 30.0;

/// The proof that a token was issued by an issuer of the roster, is meant for us and is alive.
///
/// Made by [`super::ExternalIssuer::verify`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedExternalToken {
    issuer: Subject,
    subject: ExternalName,
    client_id: Option<ExternalName>,
    roles: Roles,
    scopes: Scopes,
    issued_at: Option<Timestamp>,
    expires_at: Timestamp,
}

impl VerifiedExternalToken {
    /// The roster's name of the issuer.
    pub fn issuer(&self) -> &Subject {
        &self.issuer
    }

    /// `sub`.
    pub fn subject(&self) -> &ExternalName {
        &self.subject
    }

    /// `client_id` (RFC 9068 §2.2), else `azp` (OpenID Connect Core 1.0 §2).
    pub fn client_id(&self) -> Option<&ExternalName> {
        self.client_id.as_ref()
    }

    /// What the configured claim lists, as far as these are roles.
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// What `scope`, else `scp`, lists.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// `iat`, whole seconds.
    pub fn issued_at(&self) -> Option<Timestamp> {
        self.issued_at
    }

    /// `exp`, whole seconds.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

/// ExternalClaims whose signature was checked or is about to be.
pub(super) struct ExternalClaims(pub(super) Map<String, Value>);

impl ExternalClaims {
    /// Whether the token says that this issuer made it.
    pub(super) fn are_of(&self, settings: &ExternalIssuerSettings) -> bool {
        self.0.get("iss").and_then(Value::as_str) == Some(settings.url.as_str())
    }

    /// Whether they show themselves as something else than those of an access token: an ID token (OpenID Connect Core 1.0
    /// §2, §3.1.3.6, §3.3.2.11), a logout token (OpenID Connect Back-Channel Logout 1.0 §2.4) or another security event
    /// (RFC 8417 §2.2), or what Keycloak calls `ID`, `Refresh` (and `Offline`, which lives longer) or `Logout`.
    fn are_of_another_kind(&self) -> bool {
        let names = ["nonce", "at_hash", "c_hash", "events"];
        let other_kind = |kind: &str| {
            let kinds = ["id", "refresh", "offline", "logout"];
            kinds.iter().any(|other| kind.eq_ignore_ascii_case(other))
        };
        names.iter().any(|name| self.0.contains_key(*name))
            || self.0.get("typ").and_then(Value::as_str).is_some_and(other_kind)
    }

    /// Everything but `iss` and the signature, which must have been checked.
    ///
    /// # Errors
    /// The first reason to refuse them.
    pub(super) fn prove(
        &self,
        settings: &ExternalIssuerSettings,
        now: Timestamp,
    ) -> Result<VerifiedExternalToken, TokenError> {
        if self.are_of_another_kind() {
            return Err(TokenError::NoAccessToken);
        }
        if !self.are_for(&settings.audience) {
            return Err(TokenError::Audience);
        }
        let (issued_at, expires_at) = self.check_times(now)?;
        let client_id = self.name("client_id")?;
        let roles = settings.roles_claim.iter().find_map(|path| self.at(path));
        let scopes = self.0.get("scope").or_else(|| self.0.get("scp"));
        Ok(VerifiedExternalToken {
            issuer: settings.name.clone(),
            subject: self.name("sub")?.ok_or(TokenError::Claims)?,
            client_id: if client_id.is_some() { client_id } else { self.name("azp")? },
            roles: words(roles).filter_map(|word| Role::parse(word).ok()).collect(),
            scopes: words(scopes).filter_map(|word| Scope::parse(word).ok()).collect(),
            issued_at,
            expires_at,
        })
    }

    /// `aud` may be one string or an array of them (RFC 7519 §4.1.3).
    fn are_for(&self, audience: &str) -> bool {
        match self.0.get("aud") {
            Some(Value::String(one)) => one == audience,
            Some(Value::Array(many)) => many.iter().any(|one| one.as_str() == Some(audience)),
            _ => false,
        }
    }

    /// `iat`, if it is there, and `exp`.
    fn check_times(&self, now: Timestamp) -> Result<(Option<Timestamp>, Timestamp), TokenError> {
        let expires = self.seconds("exp")?.ok_or(TokenError::Claims)?;
        let begins = self.seconds("nbf")?;
        let issued = self.seconds("iat")?;
        let now = now.as_second() as f64;
        if now >= expires + LEEWAY {
            return Err(TokenError::Expired);
        }
        if [begins, issued].into_iter().flatten().any(|moment| moment > now + LEEWAY) {
            return Err(TokenError::NotYet);
        }
        Ok((issued.map(moment).transpose()?, moment(expires)?))
    }

    /// A NumericDate, which may have a fraction (RFC 7519 §2).
    fn seconds(&self, name: &str) -> Result<Option<f64>, TokenError> {
        let number = self.0.get(name).map(|value| value.as_f64().ok_or(TokenError::Claims));
        number.transpose()
    }

    fn name(&self, claim: &str) -> Result<Option<ExternalName>, TokenError> {
        let read = |value: &Value| value.as_str().and_then(|text| ExternalName::parse(text).ok());
        self.0.get(claim).map(|value| read(value).ok_or(TokenError::Claims)).transpose()
    }

    fn at(&self, path: &[String]) -> Option<&Value> {
        let (first, names) = path.split_first()?;
        names.iter().try_fold(self.0.get(first)?, |at, name| at.get(name))
    }
}

/// A list of strings, or a string of words; of anything else nothing.
fn words(value: Option<&Value>) -> Box<dyn Iterator<Item = &str> + '_> {
    match value {
        Some(Value::String(text)) => Box::new(text.split(' ')),
        Some(Value::Array(list)) => Box::new(list.iter().filter_map(Value::as_str)),
        _ => Box::new(std::iter::empty()),
    }
}

/// Fails for times that no calendar holds.
fn moment(seconds: f64) -> Result<Timestamp, TokenError> {
    Timestamp::from_second(seconds.floor() as i64).map_err(|_| TokenError::Claims)
}

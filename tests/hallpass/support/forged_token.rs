//! Forged tokens, made from an issued one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use crate::support::server::SIGNING_SECRET;

/// The parts of a token, to be changed and signed again.
#[derive(Debug, Clone)]
pub(crate) struct ForgedToken {
    pub(crate) header: Value,
    pub(crate) claims: Value,
}

impl ForgedToken {
    /// The parts of an issued token.
    pub(crate) fn from(token: &str) -> Self {
        let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
        let mut part = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
        Self { header: part(), claims: part() }
    }

    pub(crate) fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    pub(crate) fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name).expect("the token has this claim");
        self
    }

    /// Expired an hour ago, otherwise unchanged.
    pub(crate) fn expired(self) -> Self {
        let hours_ago = |hours: i64| json!(jiff::Timestamp::now().as_second() - hours * 3600);
        self.claim("exp", hours_ago(1)).claim("iat", hours_ago(2)).claim("nbf", hours_ago(2))
    }

    /// Signed with the server's secret, so that only the content can be wrong.
    pub(crate) fn sign(&self) -> String {
        self.sign_with(SIGNING_SECRET, Algorithm::HS256)
    }

    /// Signed with another secret or algorithm than the header names.
    pub(crate) fn sign_with(&self, secret: &str, algorithm: Algorithm) -> String {
        let message = self.message();
        let key = EncodingKey::from_secret(secret.as_bytes());
        let signature = crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    /// Without any signature.
    pub(crate) fn unsigned(&self) -> String {
        format!("{}.", self.message())
    }

    fn message(&self) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}", part(&self.header), part(&self.claims))
    }
}

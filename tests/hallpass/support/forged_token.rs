//! Makes tokens that nobody issued, out of one that was.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::{Value, json};

use crate::support::server::SIGNING_SECRET;

/// A token in its parts, to be changed and signed again.
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

    /// With this member of the header.
    pub(crate) fn header(mut self, name: &str, value: Value) -> Self {
        self.header[name] = value;
        self
    }

    /// With this claim.
    pub(crate) fn claim(mut self, name: &str, value: Value) -> Self {
        self.claims[name] = value;
        self
    }

    /// Without this claim.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.claims.as_object_mut().unwrap().remove(name).expect("the claim was there");
        self
    }

    /// Expired an hour ago, and else as good as it was.
    pub(crate) fn expired(self) -> Self {
        let hours_ago = |hours: i64| json!(jiff::Timestamp::now().as_second() - hours * 3600);
        self.claim("exp", hours_ago(1)).claim("iat", hours_ago(2)).claim("nbf", hours_ago(2))
    }

    /// Signed with the server's own secret: only the content can be wrong.
    pub(crate) fn sign(&self) -> String {
        self.sign_with(SIGNING_SECRET, Algorithm::HS256)
    }

    /// Signed with another secret or algorithm, whatever the header says.
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

//! Tokens that hallpass did not issue.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::Value;

/// Signs copies of an issued token, each with another `jti`.
#[derive(Clone)]
pub(crate) struct TokenSigner {
    header: String,
    claims: Value,
    key: EncodingKey,
}

/// Shared by all signers, so that no `jti` is used twice in a run.
static NEXT_JTI: AtomicU64 = AtomicU64::new(0);

impl TokenSigner {
    /// Copies `token` and signs with `secret`.
    pub(crate) fn new(token: &str, secret: &str) -> Self {
        let (header, rest) = token.split_once('.').expect("the token is a JWT");
        let claims = rest.split('.').next().and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
        let key = EncodingKey::from_secret(secret.as_bytes());
        Self { header: header.to_owned(), claims: claims.expect("the token has claims"), key }
    }

    /// The tokens of the returned signer expired an hour ago.
    pub(crate) fn expired(mut self) -> Self {
        for (claim, hours) in [("exp", 1), ("iat", 2), ("nbf", 2)] {
            let time = jiff::Timestamp::now().as_second() - hours * 3600;
            self.claims[claim] = time.into();
        }
        self
    }

    pub(crate) fn next_token(&mut self) -> String {
        let length = self.claims["jti"].as_str().expect("the token has a jti").len();
        let jti = NEXT_JTI.fetch_add(1, Ordering::Relaxed);
        self.claims["jti"] = format!("{jti:0>length$}").into();
        let claims = URL_SAFE_NO_PAD.encode(self.claims.to_string());
        let message = format!("{}.{claims}", self.header);
        let signature = crypto::sign(message.as_bytes(), &self.key, Algorithm::HS256);
        format!("{message}.{}", signature.expect("HS256 signs anything"))
    }
}

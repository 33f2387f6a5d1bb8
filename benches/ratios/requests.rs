//! What is sent: requests as bytes, and tokens that nobody issued.
//!
//! Must not know connections.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, crypto};
use serde_json::Value;

use crate::load::Source;

/// `GET /request` with a token.
pub(crate) fn request(token: &str) -> Vec<u8> {
    get("/request", token)
}

/// `GET` of a path with a token: the least that a client sends, so that nothing thins out the difference.
pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into()
}

/// `POST /login` with an API key.
pub(crate) fn login(key: &str) -> Vec<u8> {
    format!(
        "POST /login HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Length: 0\r\n\r\n"
    )
    .into()
}

/// `POST /logout` with a token.
pub(crate) fn logout(token: &str) -> Vec<u8> {
    let head = "POST /logout HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n";
    format!("{head}Authorization: Bearer {token}\r\n\r\n").into()
}

/// The same request again and again.
pub(crate) fn same(request: Vec<u8>, status: u16) -> Source {
    Box::new(move |buffer| {
        buffer.extend_from_slice(&request);
        status
    })
}

/// Another request each time.
pub(crate) fn each(mut next: impl FnMut() -> Vec<u8> + Send + 'static, status: u16) -> Source {
    Box::new(move |buffer| {
        buffer.extend(next());
        status
    })
}

/// Makes tokens like one that was issued, under another name (`jti`) each.
#[derive(Clone)]
pub(crate) struct Forge {
    header: String,
    claims: Value,
    key: EncodingKey,
}

/// No two tokens of a run have the same name.
static MADE: AtomicU64 = AtomicU64::new(0);

impl Forge {
    /// Tokens like `token`, signed with `secret`.
    pub(crate) fn new(token: &str, secret: &str) -> Self {
        let (header, rest) = token.split_once('.').expect("a JWT");
        let claims = rest.split('.').next().and_then(|claims| URL_SAFE_NO_PAD.decode(claims).ok());
        let claims = claims.and_then(|claims| serde_json::from_slice(&claims).ok());
        let key = EncodingKey::from_secret(secret.as_bytes());
        Self { header: header.to_owned(), claims: claims.expect("claims"), key }
    }

    /// Such that all of them expired an hour ago.
    pub(crate) fn expired(mut self) -> Self {
        for (claim, hours) in [("exp", 1), ("iat", 2), ("nbf", 2)] {
            let then = jiff::Timestamp::now().as_second() - hours * 3600;
            self.claims[claim] = then.into();
        }
        self
    }

    /// The next token.
    pub(crate) fn token(&mut self) -> String {
        let length = self.claims["jti"].as_str().expect("a name").len();
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        self.claims["jti"] = format!("{number:0>length$}").into();
        let claims = URL_SAFE_NO_PAD.encode(self.claims.to_string());
        let message = format!("{}.{claims}", self.header);
        let signature = crypto::sign(message.as_bytes(), &self.key, Algorithm::HS256);
        format!("{message}.{}", signature.expect("a signature"))
    }
}

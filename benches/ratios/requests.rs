//! The requests that are sent, as bytes.

use crate::{hallpass::FORWARDED, load::RequestSource, roster::key};

/// `GET /request` with a token.
pub(crate) fn request(token: &str) -> Vec<u8> {
    get("/request", token)
}

/// `GET` of a path with a token.
pub(crate) fn get(path: &str, token: &str) -> Vec<u8> {
    authorized("GET", path, token)
}

/// A request with a token. Without further headers, so that parsing them does not blur the difference.
pub(crate) fn authorized(method: &str, path: &str, token: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n")
        .into()
}

/// The question of a proxy about `GET` of [`FORWARDED`] with a token, as nginx asks it.
pub(crate) fn verify(token: &str) -> Vec<u8> {
    let original = format!("X-Original-URI: {FORWARDED}\r\nX-Original-Method: GET");
    format!(
        "GET /verify HTTP/1.1\r\nHost: localhost\r\n{original}\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
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

/// `POST /login` with the key of each of the first `clients` in turn.
pub(crate) fn logins(clients: usize) -> RequestSource {
    let logins: Vec<_> = (0..clients).map(|client| login(&key(client))).collect();
    let mut next = (0..clients).cycle();
    each(move || logins[next.next().expect("it never ends")].clone(), 200)
}

/// The same request every time.
pub(crate) fn same(request: Vec<u8>, status: u16) -> RequestSource {
    Box::new(move |buffer| {
        buffer.extend_from_slice(&request);
        status
    })
}

/// A new request each time.
pub(crate) fn each(
    mut next: impl FnMut() -> Vec<u8> + Send + 'static,
    status: u16,
) -> RequestSource {
    Box::new(move |buffer| {
        buffer.extend(next());
        status
    })
}

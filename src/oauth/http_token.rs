//! The `token` of HTTP (RFC 9110 §5.6.2): names of headers, cookies and methods.

/// Whether `text` is a `token`.
pub(crate) fn is_http_token(text: &str) -> bool {
    let mark = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || mark(byte))
}

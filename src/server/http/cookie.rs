//! The session cookie: the token where scripts cannot read it (RFC 6265).

use actix_web::cookie::{Cookie, SameSite, time::Duration};

use crate::{config::settings::Settings, server::http::own_routes::OwnPaths};

/// The cookie that holds `token` for `seconds`.
pub(crate) fn session(
    settings: &Settings,
    own: &OwnPaths,
    token: &str,
    seconds: u64,
) -> Cookie<'static> {
    let seconds = seconds.try_into().unwrap_or(i64::MAX);
    build(settings, own, token.to_owned(), Duration::seconds(seconds))
}

/// The cookie that makes a browser forget the token.
pub(crate) fn deletion(settings: &Settings, own: &OwnPaths) -> Cookie<'static> {
    build(settings, own, String::new(), Duration::ZERO)
}

fn build(settings: &Settings, own: &OwnPaths, value: String, age: Duration) -> Cookie<'static> {
    let name = settings.document.cookie_name.clone();
    let path = path(&name, own.common_path(&settings.document.base_path)).to_owned();
    Cookie::build(name, value)
        .path(path)
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(settings.cookie_secure)
        .max_age(age)
        .finish()
}

/// The path of the issuer, so that other services of the same host do not get the token. Browsers accept cookies whose
/// name begins with `__Host-` for `/` only (RFC 6265bis §4.1.3.2), and a `;` would end the attribute.
fn path<'p>(name: &str, base_path: &'p str) -> &'p str {
    let is_for_host = name.get(..7).is_some_and(|prefix| prefix.eq_ignore_ascii_case("__Host-"));
    if base_path.is_empty() || is_for_host || base_path.contains(';') { "/" } else { base_path }
}

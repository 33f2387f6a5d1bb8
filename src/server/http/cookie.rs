//! The session cookie: the token where scripts cannot read it (RFC 6265).

use actix_web::cookie::{Cookie, SameSite, time::Duration};

use crate::config::settings::Settings;

/// The cookie that holds `token` for `seconds`.
pub(crate) fn session(settings: &Settings, token: &str, seconds: u64) -> Cookie<'static> {
    let seconds = seconds.try_into().unwrap_or(i64::MAX);
    build(settings, token.to_owned(), Duration::seconds(seconds))
}

/// The cookie that makes a browser forget the token.
pub(crate) fn deletion(settings: &Settings) -> Cookie<'static> {
    build(settings, String::new(), Duration::ZERO)
}

fn build(settings: &Settings, value: String, age: Duration) -> Cookie<'static> {
    Cookie::build(settings.document.cookie_name.clone(), value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .secure(settings.cookie_secure)
        .max_age(age)
        .finish()
}

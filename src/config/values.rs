//! Parsers of values. Each error says what is wrong and what to write instead.

use std::{net::SocketAddr, num::NonZeroUsize, time::Duration};

use ipnet::IpNet;
use url::Url;

use crate::{
    config::api_key_names::API_KEY_COOKIE,
    notation::{duration::parse_duration, network::parse_network},
    oauth::http_token::is_http_token,
};

pub(crate) const MAX_TOKEN_LIFETIME: Duration = Duration::from_secs(366 * 24 * 60 * 60);
const MAX_LEEWAY: Duration = Duration::from_secs(10 * 60);

pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

pub(super) fn bind(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| format!("is {text:?}: write ADDRESS:PORT, as in 127.0.0.1:8080 or [::1]:8080"))
}

pub(super) fn secret(text: &str) -> Result<(), &'static str> {
    if text.contains("-----BEGIN") {
        Err("is a PEM: it takes a random secret; `openssl rand -base64 48` makes one")
    } else if text.len() < 32 {
        Err("is shorter than 32 bytes: `openssl rand -base64 48` makes a good one")
    } else {
        Ok(())
    }
}

pub(super) fn issuer(text: &str) -> Result<String, String> {
    let wrong = || format!("is {text:?}: write an http(s) address without query or fragment");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let plain = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if plain && matches!(url.scheme(), "http" | "https") {
        Ok(text.to_owned())
    } else {
        Err(wrong())
    }
}

/// The path of an issuer without the slash at its end; empty where the issuer has none.
pub(super) fn base_path(issuer: &str) -> String {
    let url = Url::parse(issuer).ok();
    let path = url.as_ref().map_or("", |url| url.path().trim_matches('/'));
    // One slash, since two would begin the name of a host.
    if path.is_empty() { String::new() } else { format!("/{path}") }
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|fix| format!("is {text:?}: {fix}"))
}

pub(super) fn lifetime(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("is zero: every token would be expired when issued".into()),
        value if value > MAX_TOKEN_LIFETIME => Err(format!("is {text:?}: more than 366 days")),
        value => Ok(value),
    }
}

pub(super) fn leeway(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        value if value > MAX_LEEWAY => {
            Err(format!("is {text:?}: at most 10m; synchronise the clocks instead"))
        }
        value => Ok(value),
    }
}

pub(super) fn on_or_off(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("is {text:?}: write on or off")),
    }
}

pub(super) fn cookie_name(text: &str) -> Result<String, String> {
    if text == API_KEY_COOKIE {
        Err(format!("is {API_KEY_COOKIE}: that cookie holds an API key; choose another name"))
    } else if text.len() <= 64 && is_http_token(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("is {text:?}: write a cookie name, 1 to 64 letters, digits, _ or -"))
    }
}

pub(super) fn redirect(text: &str) -> Result<String, String> {
    let path = text.starts_with('/')
        && !text.starts_with("//")
        && text.bytes().all(|b| b.is_ascii_graphic());
    if path || issuer(text).is_ok() {
        Ok(text.to_owned())
    } else {
        Err(format!("is {text:?}: write a path that begins with one /, or an http(s) address"))
    }
}

pub(super) fn workers(text: &str) -> Result<NonZeroUsize, String> {
    let wrong = || format!("is {text:?}: write a number from 1 to 512");
    text.parse().ok().filter(|count: &NonZeroUsize| count.get() <= 512).ok_or_else(wrong)
}

/// Networks and addresses.
pub(super) fn networks(text: &str) -> Result<Vec<IpNet>, String> {
    let one = |part: &str| parse_network(part).map_err(|what| format!("holds {part:?}: {what}"));
    list(text).map(one).collect()
}

/// The part of env_logger's filters that the manual shows: `LEVEL` and `TARGET=LEVEL`.
pub(super) fn log_filter(text: &str) -> Result<String, String> {
    let good = |part: &str| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        level.trim().parse::<log::LevelFilter>().is_ok()
    };
    if list(text).all(good) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "is {text:?}: write off, error, warn, info, debug or trace, or TARGET=LEVEL, with commas between"
        ))
    }
}

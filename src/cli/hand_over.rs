//! Hands a fresh key over: itself on stdout, once, and on stderr what to do with it.
//!
//! Must not know how it was made.

use std::{io::Write, time::Duration};

use anyhow::Context;
use secrecy::ExposeSecret;

use super::key_values::spoken;

use crate::roster::api_key::ApiKey;

/// Shows a key, which cannot be done twice, and says what to do with it.
pub(super) fn hand_over(
    key: &ApiKey,
    lifetime: Option<Duration>,
    base_url: &str,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    let id = key.id();
    writeln!(out, "{}", key.expose().expose_secret()).and_then(|()| out.flush()).with_context(
        || format!("the key {id} was made but not shown: `hallpass key revoke {id}` removes it"),
    )?;
    let until = match lifetime {
        Some(lifetime) => format!("is good for {}", spoken(lifetime)),
        None => "is good until it is revoked".to_owned(),
    };
    writeln!(
        err,
        "Keep the key in a safe place now, it is not shown again. Its id is {id}; it {until}."
    )?;
    writeln!(
        err,
        "A running `hallpass serve` takes it within 2 seconds. To try it, put it into API_KEY:\n  \
         curl -X POST -H \"X-API-Key: $API_KEY\" {base_url}/login"
    )?;
    Ok(())
}

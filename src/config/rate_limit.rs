//! The limit of failed attempts.

use std::{num::NonZeroU32, time::Duration};

/// How many failed attempts one peer may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RateLimit {
    /// The size of the burst, and the number of attempts that is restored in `per`.
    pub failures: NonZeroU32,
    /// A second, a minute or an hour.
    pub per: Duration,
}

impl RateLimit {
    pub(super) const DEFAULT: Self =
        Self { failures: NonZeroU32::new(60).unwrap(), per: Duration::from_secs(60) };
}

/// Parses `off`, or a limit such as `60/m`.
pub(super) fn rate_limit(text: &str) -> Result<Option<RateLimit>, String> {
    if text == "off" {
        return Ok(None);
    }
    let wrong = || {
        format!(
            "is {text:?}: write off, or failures allowed in a second, minute or hour, as in 60/m"
        )
    };
    let (count, unit) = text.split_once('/').ok_or_else(wrong)?;
    let failures = count.parse().ok().filter(|count: &NonZeroU32| count.get() <= 1_000_000);
    let per = match unit {
        "s" => Duration::from_secs(1),
        "m" => Duration::from_secs(60),
        "h" => Duration::from_secs(60 * 60),
        _ => return Err(wrong()),
    };
    Ok(Some(RateLimit { failures: failures.ok_or_else(wrong)?, per }))
}

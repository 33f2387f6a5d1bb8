//! API keys and certificates that end soon: `check --expiring` fails for them, and `serve` warns of them.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::{
    config::{raw_settings::RawSettings, tls_files::TlsFiles},
    diagnostics::{Diagnostic, Diagnostics},
    files::file_content::FileContent,
    notation::duration::format_duration,
    roster::{expiring_keys::ExpiringKey, roster::Roster, roster_file::RosterFile},
    server::{tls::Tls, watch::LOGGED_AT_ONCE},
};

/// `serve` warns of what ends within a week.
const WARNED: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const HOUR: u64 = 60 * 60;

/// The API keys and certificates of the configured files that end within a duration, or have ended and are not
/// replaced. Files that cannot be read are passed: the check of all settings reports them.
pub(crate) fn expiring(raw: &RawSettings, now: Timestamp, within: Duration) -> Diagnostics {
    let until = after(now, within);
    let mut found = Diagnostics::default();
    let path = raw.roster();
    if let Ok((file, loaded)) = RosterFile::open(&path, &FileContent::read(&path), None) {
        let lines = file.expiry_lines();
        let line = |key: &ExpiringKey<'_>| lines.get(key.id).copied().unwrap_or(1);
        let mut keys = loaded.roster.expiring_keys(now, until);
        keys.sort_by_key(line);
        for key in keys {
            let location = format!("{}:{}", path.display(), line(&key));
            found.push(Diagnostic::new(location, key_message(&key, now)));
        }
    }
    if let Ok(Some(files)) = TlsFiles::resolve(raw)
        && let Ok((tls, _, _)) = Tls::open(&files)
    {
        found.extend(expiring_certificates(&tls, now, until));
    }
    found
}

/// Logs what ends within a week, the soonest first: a bounded number of lines.
pub(crate) fn warn(roster: &Roster, tls: Option<&Tls>, now: Timestamp) {
    let until = after(now, WARNED);
    let certificates = tls.map(|tls| expiring_certificates(tls, now, until)).unwrap_or_default();
    let mut lines: Vec<_> = certificates.iter().map(Diagnostic::to_string).collect();
    // Clients whose keys have expired would hide those whose keys still work.
    let keys = roster.expiring_keys(now, until).into_iter().filter(|key| key.expires > now);
    lines.extend(keys.map(|key| key_message(&key, now)));
    for line in lines.iter().take(LOGGED_AT_ONCE) {
        log::warn!("{line}");
    }
    if let Some(more @ 1..) = lines.len().checked_sub(LOGGED_AT_ONCE) {
        log::warn!("and {more} more expire within 7d: `hallpass check --expiring 7d` shows all");
    }
}

fn after(now: Timestamp, duration: Duration) -> Timestamp {
    now.saturating_add(duration).unwrap_or(Timestamp::MAX)
}

fn expiring_certificates(tls: &Tls, now: Timestamp, until: Timestamp) -> Diagnostics {
    let mut found = Diagnostics::default();
    for certificate in tls.expiries().into_iter().filter(|it| it.expires <= until) {
        let location = format!("{}:{}", tls.certificate_file().display(), certificate.line);
        let ends = end(certificate.expires, now);
        let what = format!(
            "the certificate {ends}: put a renewed chain with its key into the files of HALLPASS_TLS_CERT and HALLPASS_TLS_KEY"
        );
        found.push(Diagnostic::new(location, what));
    }
    found
}

fn key_message(key: &ExpiringKey<'_>, now: Timestamp) -> String {
    let ExpiringKey { client, id, expires, has_successor } = key;
    let ends = end(*expires, now);
    let fix = if *expires <= now {
        format!(
            "and {client} has no other: `hallpass key add {client}` makes one, `hallpass key revoke {id}` removes this one"
        )
    } else if *has_successor {
        format!(
            "{client} has a key that is valid for longer: once that one is in use, `hallpass key revoke {id}`"
        )
    } else {
        format!("`hallpass key rotate {client}` makes another")
    };
    let separator = if *expires <= now { "," } else { ":" };
    format!("API key {id} of {client} {ends}{separator} {fix}")
}

/// `expires in 9d4h (2026-12-05T10:00:00Z)`, to the hour where it is longer than one.
fn end(expires: Timestamp, now: Timestamp) -> String {
    let left = expires.duration_since(now);
    if left <= SignedDuration::ZERO {
        return format!("expired at {expires}");
    }
    let seconds = left.unsigned_abs().as_secs();
    let shown = if seconds > HOUR { seconds - seconds % HOUR } else { seconds };
    format!("expires in {} ({expires})", format_duration(Duration::from_secs(shown)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_to_the_hour_and_with_its_time() {
        let now: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        for (time, told) in [
            ("2026-03-10T04:59:59Z", "expires in 9d4h (2026-03-10T04:59:59Z)"),
            ("2026-03-01T00:59:01Z", "expires in 59m1s (2026-03-01T00:59:01Z)"),
            ("2026-03-01T00:00:00Z", "expired at 2026-03-01T00:00:00Z"),
            ("2025-03-01T00:00:00Z", "expired at 2025-03-01T00:00:00Z"),
        ] {
            assert_eq!(end(time.parse().unwrap(), now), told);
        }
    }
}

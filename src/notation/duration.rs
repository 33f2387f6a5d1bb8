//! Durations as people write them.

use std::{fmt::Write, time::Duration};

/// Parses whole seconds with their units, such as `90s`, `30m`, `1h30m` or `7d`.
///
/// # Errors
/// What to write instead. humantime's other units are refused: its `M` is a month, and its years have no whole days.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, &'static str> {
    let units = text.split(|c: char| !c.is_alphabetic()).filter(|unit| !unit.is_empty());
    let are_ours = units.into_iter().all(|unit| matches!(unit, "s" | "m" | "h" | "d"));
    match humantime::parse_duration(text) {
        Ok(duration) if are_ours && duration.subsec_nanos() == 0 => Ok(duration),
        _ => Err("write whole seconds with the units s, m, h, d, as in 90s, 30m, 1h30m or 7d"),
    }
}

/// The same units for reading: `1d12h`, never `1month`.
pub(crate) fn format_duration(duration: Duration) -> String {
    let mut rest = duration.as_secs();
    let mut text = String::new();
    for (unit, seconds) in [("d", 24 * 60 * 60), ("h", 60 * 60), ("m", 60), ("s", 1)] {
        if rest >= seconds {
            let _ = write!(text, "{}{unit}", rest / seconds);
            rest %= seconds;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_the_units_s_m_h_and_d_and_no_others() {
        for (text, seconds) in [
            ("90s", 90),
            ("30m", 1800),
            ("8h", 28_800),
            ("7d", 604_800),
            ("1h30m", 5400),
            ("1d 1s", 86_401),
            ("0s", 0),
        ] {
            assert_eq!(parse_duration(text).unwrap().as_secs(), seconds, "{text}");
        }
        for bad in [
            "",
            "90",
            "s",
            "1M",
            "1month",
            "2months",
            "1w",
            "1week",
            "1y",
            "1year",
            "30min",
            "5mins",
            "90sec",
            "1hr",
            "1hour",
            "1day",
            "500ms",
            "1us",
            "1ns",
            "30M",
            "1H",
            "1D",
            "1S",
            "1h30",
            "1,5h",
            "1.5s",
            "-1h",
            "1h30M",
            "1µs",
            "99999999999999999999d",
        ] {
            let error = parse_duration(bad).unwrap_err();
            assert!(error.contains("the units s, m, h, d,"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_duration_is_shown_in_the_units_it_is_written_in() {
        for (seconds, shown) in [
            (0, "0s"),
            (90, "1m30s"),
            (129_600, "1d12h"),
            (7_776_000, "90d"),
            (36_525 * 86_400, "36525d"),
        ] {
            assert_eq!(format_duration(Duration::from_secs(seconds)), shown);
        }
    }
}

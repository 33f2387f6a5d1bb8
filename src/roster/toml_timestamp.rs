//! TOML's timestamps.

use jiff::{Timestamp, civil, tz};
use toml::de::DeValue;
use toml_edit::{Date, Datetime, Offset, Time};

use crate::roster::{
    table_reader::{TableReader, wrong_type},
    text_diagnostics::TextDiagnostics,
};

impl TableReader<'_, '_> {
    /// A timestamp, which must have an offset from UTC.
    pub(super) fn timestamp(
        &self,
        name: &str,
        diagnostics: &mut TextDiagnostics<'_>,
    ) -> Option<Timestamp> {
        let value = self.value(name)?;
        let DeValue::Datetime(datetime) = value.get_ref() else {
            let message =
                format_args!("`{name}` must be a time without quotes, as 2026-11-23T00:00:00Z");
            wrong_type(diagnostics, value, message);
            return None;
        };
        let at = value.span().start;
        let Datetime { date: Some(date), time: Some(time), offset: Some(offset) } = *datetime
        else {
            let message =
                format!("`{name}` needs date, time and offset, as 2026-11-23T00:00:00Z for UTC");
            diagnostics.error(at, message);
            return None;
        };
        to_timestamp(date, time, offset)
            .map_err(|_| {
                diagnostics.error(at, format_args!("`{name}` must lie before 9999-12-30T22:00:00Z"))
            })
            .ok()
    }
}

/// Treats a leap second as the second before it, as `jiff`'s parser does.
fn to_timestamp(date: Date, time: Time, offset: Offset) -> Result<Timestamp, jiff::Error> {
    let (month, day) = (date.month.cast_signed(), date.day.cast_signed());
    let date = civil::Date::new(date.year.cast_signed(), month, day)?;
    let second = time.second.unwrap_or_default().min(59).cast_signed();
    let nanosecond = time.nanosecond.unwrap_or_default().cast_signed();
    let (hour, minute) = (time.hour.cast_signed(), time.minute.cast_signed());
    let time = civil::Time::new(hour, minute, second, nanosecond)?;
    let minutes = match offset {
        Offset::Z => 0,
        Offset::Custom { minutes } => i32::from(minutes),
    };
    tz::Offset::from_seconds(minutes * 60)?.to_timestamp(date.to_datetime(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_equals_the_one_that_jiff_parses() {
        let dates = ["0000-01-01", "1969-12-31", "2024-02-29", "2026-11-23", "9999-12-31"];
        let times = ["00:00", "23:59:59", "12:30:60", "07:32:00.1", "07:32:59.999999999"];
        let offsets = ["Z", "+00:00", "-00:00", "+01:30", "-23:59", "+23:59"];
        for text in dates.iter().flat_map(|date| times.iter().map(move |time| (date, time))) {
            for offset in offsets {
                let text = format!("{}T{}{offset}", text.0, text.1);
                let Datetime { date, time, offset } = text.parse().unwrap();
                let read = to_timestamp(date.unwrap(), time.unwrap(), offset.unwrap());
                assert_eq!(read.ok(), text.parse::<Timestamp>().ok(), "{text}");
            }
        }
    }
}

//! Times as BILL writes them in an entity: `2024-01-31T08:15:00.000+0000`.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn stamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    stamp_from(since.as_secs(), since.subsec_millis())
}

/// The same with a colon in the zone, as v3 writes it into its errors.
pub(crate) fn stamp_with_colon(at: SystemTime) -> String {
    stamp(at).replace("+0000", "+00:00")
}

pub(crate) fn stamp_from(unix_seconds: u64, millis: u32) -> String {
    let (hour, minute) = (unix_seconds / 3_600 % 24, unix_seconds / 60 % 60);
    let second = unix_seconds % 60;
    let date = date_from(unix_seconds);
    format!("{date}T{hour:02}:{minute:02}:{second:02}.{millis:03}+0000")
}

pub(crate) fn date_from(unix_seconds: u64) -> String {
    // Howard Hinnant's civil-from-days: years begin in March, so a leap day comes last.
    let days = unix_seconds / 86_400 + 719_468;
    let era_day = days % 146_097;
    let year_of_era = (era_day - era_day / 1_460 + era_day / 36_524 - era_day / 146_096) / 365;
    let day_of_year = era_day - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + days / 146_097 * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::stamp_from;

    #[test]
    fn leap_days_and_turns_of_the_year_are_written_correctly() {
        assert_eq!(stamp_from(0, 0), "1970-01-01T00:00:00.000+0000");
        assert_eq!(stamp_from(951_782_400, 7), "2000-02-29T00:00:00.007+0000");
        assert_eq!(stamp_from(1_704_067_199, 999), "2023-12-31T23:59:59.999+0000");
        assert_eq!(stamp_from(1_709_251_200, 0), "2024-03-01T00:00:00.000+0000");
    }
}

//! Numbers and times as people write them.

use std::time::Duration;

/// `2,500`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 sign-in`, `2 sign-ins`, `no sign-ins`; the plural adds an `s`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{} {what}s", number(count)),
    }
}

/// The same of two clients: `1 sign-in each`, or `1 and 2 sign-ins`.
pub(crate) fn each([one, other]: [u64; 2], what: &str) -> String {
    match (one == other, one) {
        (true, 0) => counted(0, what),
        (true, _) => format!("{} each", counted(one, what)),
        (false, _) => format!("{} and {} {what}s", number(one), number(other)),
    }
}

/// `8 min 30 s`, `36 min`, `30 days`.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 86_400, seconds / 60, seconds % 60) {
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (days, ..) => counted(days, "day"),
    }
}

/// `30d 01:10:00`.
pub(crate) fn stamp(time: Duration) -> String {
    let seconds = time.as_secs();
    let (days, hours) = (seconds / 86_400, seconds / 3_600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    format!("{days:>2}d {hours:02}:{minutes:02}:{seconds:02}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{counted, each, number, span, stamp};

    #[test]
    fn numbers_and_times_read_as_people_write_them() {
        assert_eq!([0, 999, 2_500, 1_234_567].map(number), ["0", "999", "2,500", "1,234,567"]);
        assert_eq!([0, 1, 12].map(|n| counted(n, "call")), ["no calls", "1 call", "12 calls"]);
        assert_eq!(each([1, 1], "call"), "1 call each");
        assert_eq!(each([0, 0], "call"), "no calls");
        assert_eq!(each([1, 32], "call"), "1 and 32 calls");
        assert_eq!(span(Duration::from_secs(510)), "8 min 30 s");
        assert_eq!(span(Duration::from_secs(2_160)), "36 min");
        assert_eq!(span(Duration::from_secs(30 * 86_400)), "30 days");
        assert_eq!(stamp(Duration::from_secs(4_200)), " 0d 01:10:00");
    }
}

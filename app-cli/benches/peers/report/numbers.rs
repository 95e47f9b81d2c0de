//! Numbers as people write them.

use crate::statistics::count;

/// A count: its digits in threes.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let threes: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    threes.join(",")
}

/// A rate, a second.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rates here lie between 0 and 10^9")]
pub(crate) fn rate(per_second: f64) -> String {
    if per_second < count(100) { format!("{per_second:.1}") } else { grouped(per_second.round() as u64) }
}

/// A ratio.
pub(crate) fn times(value: f64) -> String {
    format!("{value:.2} times")
}

/// A part of a whole.
pub(crate) fn percent(part: f64) -> String {
    format!("{:.2} %", part * 100.0)
}

/// A span, in the unit that leaves one to three digits before the point.
pub(crate) fn seconds(value: f64) -> String {
    match value {
        value if value >= 1.0 => format!("{value:.2} s"),
        value if value >= 1e-3 => format!("{:.2} ms", value * 1e3),
        value => format!("{:.1} µs", value * 1e6),
    }
}

/// Memory, in units of 10^6 bytes.
pub(crate) fn megabytes(bytes: f64) -> String {
    format!("{:.1} MB", bytes / 1e6)
}

/// A value where there is one.
pub(crate) fn known<T>(value: Option<T>, show: impl Fn(T) -> String) -> String {
    value.map_or_else(unknown, show)
}

/// What stands where there is none.
pub(crate) fn unknown() -> String {
    "–".to_owned()
}

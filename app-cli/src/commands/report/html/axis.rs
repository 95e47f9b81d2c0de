//! The axes of charts.

use std::fmt;

use autoproc_domain::Timestamp;

use crate::view::bytes::file_size;
use crate::view::time::Zone;

const MICROS: f64 = 1e6;

/// The possible tick distances of a time axis, in seconds.
const TIME_STEPS: [f64; 30] = [
    1e-6, 1e-5, 1e-4, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0,
    120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0,
];

/// The ticks of a logarithmic time axis, in seconds.
const TICKS_OF_TIME: [f64; 16] = [
    0.001, 0.01, 0.1, 1.0, 3.0, 10.0, 30.0, 60.0, 180.0, 600.0, 1800.0, 3600.0, 10_800.0, 36_000.0, 108_000.0,
    360_000.0,
];

/// The maximum ratio of the largest value to the median on a linear axis.
const MAX_LINEAR_RATIO: f64 = 20.0;

/// A coordinate, printed with at most one decimal.
pub(super) struct Px(pub(super) f64);

impl fmt::Display for Px {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tenths = (self.0 * 10.0).round();
        if tenths % 10.0 == 0.0 { write!(f, "{:.0}", tenths / 10.0) } else { write!(f, "{:.1}", tenths / 10.0) }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    is_logarithmic: bool,
    from: f64,
    to: f64,
    pub(super) ticks: Vec<f64>,
}

impl Axis {
    pub(super) fn linear((low, high): (f64, f64), (from, to): (f64, f64), ticks: Vec<f64>) -> Self {
        Self { low, high: if high > low { high } else { low + 1.0 }, is_logarithmic: false, from, to, ticks }
    }

    pub(super) fn of_seconds(values: &[f64], ends: (f64, f64)) -> Self {
        Self::of_values(values, ends, 1e-3, &TICKS_OF_TIME, |high| time_step(high / 5.0))
    }

    pub(super) fn of_bytes(values: &[f64], ends: (f64, f64)) -> Self {
        let decades: Vec<_> = (0..16).map(|power| 10_f64.powi(power)).collect();
        Self::of_values(values, ends, 1.0, &decades, |high| round_step(high / 5.0).max(1.0))
    }

    /// Creates a logarithmic axis if the largest value is far above the median.
    fn of_values(
        values: &[f64],
        ends: (f64, f64),
        least: f64,
        logarithmic_ticks: &[f64],
        step: impl Fn(f64) -> f64,
    ) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let (lowest, highest) = (sorted.first().copied().unwrap_or(0.0), sorted.last().copied().unwrap_or(0.0));
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        if highest > MAX_LINEAR_RATIO * median.max(least) {
            let (low, high) = (lowest.max(least) / 1.5, highest * 1.5);
            let ticks = logarithmic_ticks.iter().copied().filter(|tick| (low..=high).contains(tick)).collect();
            return Self { low, high, is_logarithmic: true, from: ends.0, to: ends.1, ticks };
        }
        let high = if highest > 0.0 { highest * 1.05 } else { 1.0 };
        Self::linear((0.0, high), ends, multiples((0.0, high), step(high), 0.0))
    }

    pub(super) fn at(&self, value: f64) -> f64 {
        let share = if self.is_logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Returns the value at a position from 0 (start) to 1 (end).
    pub(super) fn value(&self, share: f64) -> f64 {
        if self.is_logarithmic {
            self.low * (self.high / self.low).powf(share)
        } else {
            self.low + share * (self.high - self.low)
        }
    }

    pub(super) fn is_logarithmic(&self) -> bool {
        self.is_logarithmic
    }
}

pub(super) struct TimeAxis<'z> {
    pub(super) axis: Axis,
    /// The span between two ticks, in seconds.
    step: f64,
    zone: &'z Zone,
    /// True if the axis is longer than a day. Its labels need a date.
    is_long: bool,
}

impl<'z> TimeAxis<'z> {
    pub(super) fn new((from, to): (Timestamp, Timestamp), ends: (f64, f64), zone: &'z Zone) -> Self {
        let span = (seconds(from), seconds(to).max(seconds(from) + 1e-3));
        let length = span.1 - span.0;
        let step = time_step(length / 8.0);
        let ticks = multiples(span, step, zone.offset_seconds(from));
        Self { axis: Axis::linear(span, ends, ticks), step, zone, is_long: length > 86_400.0 }
    }

    pub(super) fn at(&self, point: Timestamp) -> f64 {
        self.axis.at(seconds(point))
    }

    pub(super) fn label(&self, tick: f64) -> String {
        #[expect(clippy::cast_possible_truncation, reason = "the tick lies between two timestamps")]
        let point = Timestamp::from_micros((tick * MICROS).round() as i64);
        let format = match self.step {
            step if step < 1.0 => "%H:%M:%S%.3f",
            step if step < 60.0 => "%H:%M:%S",
            _ if self.is_long => "%m-%d %H:%M",
            _ => "%H:%M",
        };
        self.zone.format(point, format)
    }
}

/// Returns the seconds since 1970.
#[expect(clippy::cast_precision_loss, reason = "a chart needs no exact times")]
pub(super) fn seconds(point: Timestamp) -> f64 {
    point.as_micros() as f64 / MICROS
}

#[expect(clippy::cast_precision_loss, reason = "a chart needs no exact numbers")]
pub(super) fn float(number: u64) -> f64 {
    number as f64
}

/// Returns a suitable tick distance of at least `length` seconds.
pub(super) fn time_step(length: f64) -> f64 {
    let days = (length / 86_400.0).ceil().max(1.0) * 86_400.0;
    TIME_STEPS.into_iter().find(|step| *step >= length).unwrap_or(days)
}

/// Rounds up to 1, 2 or 5 × 10ⁿ.
pub(super) fn round_step(length: f64) -> f64 {
    let power = 10_f64.powf(length.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= length).unwrap_or(10.0 * power)
}

/// Returns at most 50 values. For each value, `value + offset` is a multiple of `step`.
pub(super) fn multiples((low, high): (f64, f64), step: f64, offset: f64) -> Vec<f64> {
    let first = ((low + offset) / step).ceil() * step - offset;
    std::iter::successors(Some(first), |tick| Some(tick + step)).take_while(|tick| *tick <= high).take(50).collect()
}

pub(super) fn seconds_label(seconds: f64) -> String {
    match seconds {
        0.0 => "0".to_owned(),
        seconds if seconds < 0.9995 => format!("{} ms", Px(seconds * 1e3)),
        seconds if seconds < 60.0 => format!("{} s", Px(seconds)),
        seconds if seconds < 3600.0 => format!("{} min", Px(seconds / 60.0)),
        seconds => format!("{} h", Px(seconds / 3600.0)),
    }
}

/// Formats a size as a label, with units in powers of 1000.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes are positive")]
pub(super) fn bytes_label(bytes: f64) -> String {
    if bytes == 0.0 { "0".to_owned() } else { file_size(bytes.round() as u64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        assert_eq!(multiples((0.0, 10.0), 5.0, 0.0), [0.0, 5.0, 10.0]);
        assert_eq!(multiples((3_700.0, 10_000.0), 3600.0, 1800.0), [5_400.0, 9_000.0]);
        let text = |value| Px(value).to_string();
        assert_eq!([0.3, 2.0, 2.1, 70_000.0].map(round_step).map(text), ["0.5", "2", "5", "100000"]);
        assert_eq!([0.3, 16.0, 90_000.0].map(time_step).map(text), ["0.5", "30", "172800"]);
    }

    #[test]
    fn labels_have_plain_units() {
        assert_eq!([0.0, 0.25, 1.0, 90.0, 7200.0].map(seconds_label), ["0", "250 ms", "1 s", "1.5 min", "2 h"]);
        assert_eq!([0.0, 500.0, 2e6, 2.5e9].map(bytes_label), ["0", "500 B", "2 MB", "2.5 GB"]);
    }

    #[test]
    fn an_axis_is_logarithmic_if_few_values_are_far_above_the_others() {
        let axis = Axis::of_seconds(&[1.0, 2.0, 3.0], (0.0, 100.0));
        assert!(!axis.is_logarithmic() && axis.ticks == [0.0, 1.0, 2.0, 3.0], "{axis:?}");
        let axis = Axis::of_bytes(&[0.0, 1e3, 1e3, 1e6], (0.0, 100.0));
        assert!(axis.is_logarithmic() && axis.ticks == [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6], "{axis:?}");
        assert_eq!([0.0, 1e9].map(|value| Px(axis.at(value)).to_string()), ["0", "100"]);
        assert!((axis.at(axis.value(0.3)) - 30.0).abs() < 1e-9);
    }

    #[test]
    fn no_value_breaks_an_axis() {
        for values in [&[][..], &[0.0], &[1e300], &[5.0, 5.0]] {
            for axis in [Axis::of_seconds(values, (0.0, 100.0)), Axis::of_bytes(values, (0.0, 100.0))] {
                assert!(values.iter().all(|value| (0.0..=100.0).contains(&axis.at(*value))), "{axis:?}");
            }
        }
    }
}

//! What the benchmark reckons with, which nobody would notice to be wrong by looking at its report.
//!
//! The benchmark has no harness, so its modules are taken in by their paths.

#[path = "../../benches/peers/report/numbers.rs"]
#[expect(dead_code, reason = "the report uses all of it")]
mod numbers;
#[path = "../../benches/peers/statistics.rs"]
mod statistics;

use proptest::collection::vec;
use proptest::prelude::*;
use statistics::{extremes, median, ratio};

/// Spans as they are measured: from a microsecond to a quarter of an hour.
fn spans() -> impl Strategy<Value = Vec<f64>> {
    vec(1e-6..900.0, 1..20)
}

/// Equal but for rounding.
fn close(one: f64, other: f64) -> bool {
    (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
}

proptest! {
    #[test]
    fn as_many_lie_below_the_median_as_above(values in spans()) {
        let middle = median(&values).expect("there are values");
        let below = values.iter().filter(|value| **value < middle).count();
        let above = values.iter().filter(|value| **value > middle).count();
        prop_assert!(below <= values.len() / 2 && above <= values.len() / 2);
        let (smallest, largest) = extremes(&values).expect("there are values");
        prop_assert!(smallest <= middle && middle <= largest);
        prop_assert!(values.contains(&smallest) && values.contains(&largest));
    }

    #[test]
    fn the_order_of_samples_does_not_matter(values in spans()) {
        let mut upwards = values.clone();
        upwards.sort_by(f64::total_cmp);
        prop_assert_eq!(median(&values), median(&upwards));
        prop_assert_eq!(extremes(&values), extremes(&upwards));
    }

    #[test]
    fn a_machine_that_changes_its_pace_between_rounds_does_not_change_the_ratio(
        rounds in vec((1e-6..900.0, 0.1..10.0), 1..20),
        times in 0.01..100.0,
    ) {
        let values: Vec<f64> = rounds.iter().map(|(value, pace)| value * pace * times).collect();
        let others: Vec<f64> = rounds.iter().map(|(value, pace)| value * pace).collect();
        let found = ratio(&values, &others).expect("there are values");
        prop_assert!(close(found, times), "{found} for {times}");
    }

    #[test]
    fn rounds_that_cannot_be_matched_are_compared_by_their_medians(values in spans(), more in spans()) {
        let others = [values.clone(), more].concat();
        let medians = median(&values).expect("values") / median(&others).expect("values");
        prop_assert!(close(ratio(&values, &others).expect("values"), medians));
    }

    #[test]
    fn digits_are_grouped_by_three_from_the_right(number: u64) {
        let text = numbers::grouped(number);
        prop_assert_eq!(text.replace(',', ""), number.to_string());
        let (first, rest) = text.split_once(',').unwrap_or((&text, "000"));
        prop_assert!((1..=3).contains(&first.len()) && rest.split(',').all(|group| group.len() == 3));
    }
}

#[test]
fn nothing_has_no_middle() {
    assert_eq!((median(&[]), extremes(&[]), ratio(&[], &[])), (None, None, None));
}

#[test]
fn spans_stand_in_a_unit_that_people_read() {
    let told = [2.5, 0.0123, 0.000_015_2].map(numbers::seconds);
    assert_eq!(told, ["2.50 s", "12.30 ms", "15.2 µs"]);
}

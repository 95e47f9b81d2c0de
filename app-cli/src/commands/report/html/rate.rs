//! Draws the chart of ended attempts over time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use autoproc_domain::Timestamp;

use super::axis::{Axis, Px, TimeAxis, float, multiples, round_step, seconds, time_step};
use super::night::Marks;
use super::outcome::Outcome;
use super::svg::{ENDS, chart, horizontal_grid, vertical_grid};

/// The approximate number of columns.
const COLUMNS: f64 = 60.0;

const TOP: f64 = 8.0;
const BOTTOM: f64 = 148.0;

/// The counted outcomes, from the bottom of a column to its top.
const COUNTED: [Outcome; 4] = [Outcome::Completed, Outcome::Retried, Outcome::TimedOut, Outcome::Failed];

/// The chart. `step` is the length of time that each column covers, in seconds.
pub(super) struct Rate {
    pub(super) svg: String,
    pub(super) step: f64,
}

pub(super) fn rate(marks: &Marks, (from, to): (Timestamp, Timestamp), axis: &TimeAxis<'_>) -> Rate {
    let (from, to) = (seconds(from), seconds(to));
    let step = time_step((to - from).max(1e-3) / COLUMNS);
    let columns = columns(marks, (from, to), step);
    let most = columns.values().map(|counts| counts.iter().sum::<u64>()).max().unwrap_or(0);
    let high = float(most.max(1));
    let ticks = multiples((0.0, high), round_step(high / 4.0).max(1.0), 0.0);
    let counts = Axis::linear((0.0, high), (BOTTOM, TOP), ticks);
    let bars: String =
        columns.iter().map(|(column, of)| bar(from + float(*column) * step, step, of, axis, &counts)).collect();
    let grid = vertical_grid(&axis.axis, (TOP, BOTTOM), |tick| axis.label(tick))
        + &horizontal_grid(&counts, |tick| Px(tick).to_string());
    Rate { svg: chart(BOTTOM + 24.0, "Ended attempts over time", &(grid + &bars)), step }
}

fn columns(marks: &Marks, (from, to): (f64, f64), step: f64) -> BTreeMap<u64, [u64; COUNTED.len()]> {
    let mut columns: BTreeMap<u64, [u64; COUNTED.len()]> = BTreeMap::new();
    let last = ((to - from) / step).ceil() - 1.0;
    for mark in marks.as_slice().iter().filter(|mark| mark.elapsed.is_some()) {
        let Some(outcome) = COUNTED.iter().position(|counted| *counted == mark.outcome) else { continue };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the column is small and positive")]
        let column = ((seconds(mark.to) - from) / step).min(last).max(0.0) as u64;
        columns.entry(column).or_default()[outcome] += marks.stride() as u64;
    }
    columns
}

fn bar(from: f64, step: f64, of: &[u64; COUNTED.len()], axis: &TimeAxis<'_>, counts: &Axis) -> String {
    let (left, right) = (axis.axis.at(from), axis.axis.at(from + step).min(ENDS.1));
    let (mut bar, mut below) = (String::new(), 0);
    for (outcome, count) in COUNTED.into_iter().zip(of).filter(|(_, count)| **count > 0) {
        let (bottom, top) = (counts.at(float(below)), counts.at(float(below + count)));
        below += count;
        // Writing to a string cannot fail.
        let _ = writeln!(
            bar,
            "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{count} {}</title></rect>",
            outcome.class(),
            Px(left),
            Px(top),
            Px((right - left - 1.0).max(1.0)),
            Px((bottom - top).max(0.5)),
            outcome.word()
        );
    }
    bar
}

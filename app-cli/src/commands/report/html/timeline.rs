//! The chart of attempts over time.

use std::fmt::Write as _;

use super::axis::{Px, TimeAxis};
use super::escape::{Text, cut_in_middle};
use super::night::Mark;
use super::outcome::Outcome;
use super::svg::{ENDS, chart, label, vertical_grid};
use crate::commands::report::slots::Placed;
use crate::view::time::{Zone, span};

const MAX_ROWS: usize = 32;

/// The maximum number of bars. More attempts are drawn as a raster.
const MAX_BARS: usize = super::night::MAX_NAMED;

/// The maximum number of raster cells. It bounds the size of the page.
const MAX_CELLS: usize = 10_000;

const MAX_NAME: usize = 60;

const TOP: f64 = 6.0;

pub(super) struct Timeline {
    pub(super) svg: String,
    pub(super) more_rows: usize,
    /// True if attempts that are close to each other are drawn as one.
    pub(super) is_coarse: bool,
}

pub(super) fn timeline(marks: &[Mark], axis: &TimeAxis<'_>, placed: &[Placed<'_>], zone: &Zone) -> Timeline {
    let rows = placed.iter().map(|placed| placed.row + 1).max().unwrap_or(1);
    let shown = rows.min(MAX_ROWS);
    let height = if shown <= 8 { 20.0 } else { 12.0 };
    let bottom = TOP + height * float(shown);
    let is_coarse = marks.len() > MAX_BARS;
    let visible = placed.iter().filter(|placed| placed.row < shown);
    let bars = if is_coarse { raster(visible, shown, height, axis) } else { bars(visible, height, axis, zone) };
    let grid = vertical_grid(&axis.axis, (TOP, bottom), |tick| axis.label(tick));
    let labels: String = (0..shown)
        .filter(|row| height > 14.0 || row % 2 == 0)
        .map(|row| label(ENDS.0 - 6.0, TOP + height * (float(row) + 0.5) + 4.0, "end", row + 1))
        .collect();
    let svg = chart(
        bottom + 24.0,
        "Attempts over time; attempts at the same time are in different rows",
        &(grid + &labels + &bars),
    );
    Timeline { svg, more_rows: rows - shown, is_coarse }
}

fn bars<'p>(placed: impl Iterator<Item = &'p Placed<'p>>, height: f64, axis: &TimeAxis<'_>, zone: &Zone) -> String {
    let mut bars = String::new();
    for Placed { row, mark } in placed {
        let (from, to) = (axis.at(mark.from), axis.at(mark.to));
        let (y, width) = (TOP + height * float(*row) + 2.0, (to - from - 0.5).max(1.5));
        let (class, title) = (mark.outcome.class(), title(mark, zone));
        // Writing to a string cannot fail.
        let _ = writeln!(
            bars,
            "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>",
            Px(from),
            Px(y),
            Px(width),
            Px(height - 4.0),
            Text(&title)
        );
    }
    bars
}

pub(super) fn title(mark: &Mark, zone: &Zone) -> String {
    let name = mark.file_path.as_ref().and_then(|file| file.as_path().file_name()).unwrap_or_default();
    let name = cut_in_middle(&name.to_string_lossy(), MAX_NAME);
    let took = mark.elapsed.map_or_else(String::new, |elapsed| format!(" after {}", span(elapsed)));
    format!("{name}: {}{took}, began at {}", mark.outcome.word(), zone.time_of_day(mark.from))
}

fn raster<'p>(placed: impl Iterator<Item = &'p Placed<'p>>, rows: usize, height: f64, axis: &TimeAxis<'_>) -> String {
    let columns = (MAX_CELLS / rows).min(900);
    let width = (ENDS.1 - ENDS.0) / float(columns);
    let column = |x: f64| index((x - ENDS.0) / width).min(columns - 1);
    let mut cells = vec![None; rows * columns];
    for Placed { row, mark } in placed {
        let range = column(axis.at(mark.from))..=column(axis.at(mark.to));
        for cell in &mut cells[row * columns..][range] {
            *cell = (*cell).max(Some(mark.outcome));
        }
    }
    let path = |outcome| path_of(outcome, &cells, columns, (width, height));
    Outcome::ALL.into_iter().filter_map(path).collect()
}

fn path_of(outcome: Outcome, cells: &[Option<Outcome>], columns: usize, (width, height): (f64, f64)) -> Option<String> {
    let mut path = String::new();
    for (row, cells) in cells.chunks(columns).enumerate() {
        let y = TOP + height * (float(row) + 0.5);
        let mut column = 0;
        for same in cells.chunk_by(|left, right| left == right) {
            if same[0] == Some(outcome) {
                let (from, length) = (ENDS.0 + width * float(column), width * float(same.len()));
                // Writing to a string cannot fail.
                let _ = write!(path, "M{} {}h{}", Px(from), Px(y), Px(length));
            }
            column += same.len();
        }
    }
    let (class, thickness) = (outcome.class(), Px(height - 3.0));
    let drawn = format!("<path class=\"cells {class}\" stroke-width=\"{thickness}\" d=\"{path}\"/>\n");
    (!path.is_empty()).then_some(drawn)
}

fn float(number: usize) -> f64 {
    super::axis::float(number as u64)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the number is small and positive")]
fn index(number: f64) -> usize {
    number.max(0.0) as usize
}

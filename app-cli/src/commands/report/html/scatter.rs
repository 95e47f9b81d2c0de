//! Draws a chart of durations against file sizes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::axis::{Axis, Px, bytes_label, float, seconds_label};
use super::escape::Text;
use super::night::{Expectations, MAX_NAMED, Mark};
use super::outcome::Outcome;
use super::svg::{ENDS, chart, horizontal_grid, label, vertical_grid};
use super::timeline::title;
use crate::view::time::Zone;

const MAX_POINTS: usize = MAX_NAMED;

const LINE_POINTS: u32 = 40;

/// The width and height of a cell. A crowded chart has one circle for each cell and outcome.
const CELL: f64 = 9.0;

const TOP: f64 = 8.0;
const BOTTOM: f64 = 320.0;

/// The chart, and sentences that explain it.
pub(super) struct Scatter {
    pub(super) svg: String,
    pub(super) notes: Vec<&'static str>,
}

struct Axes {
    sizes: Axis,
    durations: Axis,
}

struct Point<'m> {
    bytes: f64,
    seconds: f64,
    mark: &'m Mark,
}

pub(super) fn scatter(marks: &[Mark], expectations: &Expectations, zone: &Zone) -> Option<Scatter> {
    let points: Vec<_> = marks.iter().filter_map(point).collect();
    if points.is_empty() {
        return None;
    }
    let (bytes, seconds): (Vec<_>, Vec<_>) = points.iter().map(|point| (point.bytes, point.seconds)).unzip();
    let axes = Axes { sizes: Axis::of_bytes(&bytes, ENDS), durations: Axis::of_seconds(&seconds, (BOTTOM, TOP)) };
    let is_coarse = points.len() > MAX_POINTS;
    let (line, band) = forecast(expectations, &axes);
    let drawn = if is_coarse { cells(&points, &axes) } else { circles(&points, &axes, zone) };
    let grid =
        vertical_grid(&axes.sizes, (TOP, BOTTOM), bytes_label) + &horizontal_grid(&axes.durations, seconds_label);
    let name = label(ENDS.1, BOTTOM + 34.0, "end", "size of the file");
    let is_logarithmic = axes.sizes.is_logarithmic() || axes.durations.is_logarithmic();
    let notes = [
        (true, "Each point is an attempt that ended: its duration, by the size of its file."),
        (!line.is_empty(), "The line is the forecast for the most common kind of file, from these attempts."),
        (!band.is_empty(), "Nine of ten files are within the grey band."),
        (is_logarithmic, "An axis whose labels grow by factors is logarithmic."),
        (is_coarse, "A larger point stands for several attempts."),
    ];
    let notes = notes.into_iter().filter_map(|(holds, note)| holds.then_some(note)).collect();
    let body = [grid, name, band, drawn, line].concat();
    Some(Scatter { svg: chart(BOTTOM + 42.0, "Durations of attempts against sizes of files", &body), notes })
}

pub(super) fn is_drawn(outcome: Outcome) -> bool {
    !matches!(outcome, Outcome::NotCounted | Outcome::Running)
}

fn point(mark: &Mark) -> Option<Point<'_>> {
    let (bytes, elapsed) = mark.size_bytes.zip(mark.elapsed).filter(|_| is_drawn(mark.outcome))?;
    Some(Point { bytes: float(bytes), seconds: elapsed.as_secs_f64(), mark })
}

fn circles(points: &[Point<'_>], axes: &Axes, zone: &Zone) -> String {
    let mut circles = String::new();
    for Point { bytes, seconds, mark } in points {
        // Writing to a string cannot fail.
        let _ = writeln!(
            circles,
            "<circle class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"4\"><title>{}</title></circle>",
            mark.outcome.class(),
            Px(axes.sizes.at(*bytes)),
            Px(axes.durations.at(*seconds)),
            Text(&(title(mark, zone) + ", " + &bytes_label(*bytes)))
        );
    }
    circles
}

/// Draws one circle for each cell and outcome. More points make a larger circle.
fn cells(points: &[Point<'_>], axes: &Axes) -> String {
    let mut cells: BTreeMap<(Outcome, i64, i64), u64> = BTreeMap::new();
    for Point { bytes, seconds, mark } in points {
        let (x, y) = (axes.sizes.at(*bytes), axes.durations.at(*seconds));
        *cells.entry((mark.outcome, cell(x), cell(y))).or_default() += 1;
    }
    let mut circles = String::new();
    for ((outcome, x, y), count) in cells {
        let radius = (2.0 + 0.6 * float(count).log2()).min(CELL);
        let (class, x, y) = (outcome.class(), x * 9 + 4, y * 9 + 4);
        // Writing to a string cannot fail.
        let _ = writeln!(circles, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{}\"/>", Px(radius));
    }
    circles
}

#[expect(clippy::cast_possible_truncation, reason = "a coordinate is small")]
fn cell(coordinate: f64) -> i64 {
    (coordinate / CELL) as i64
}

fn forecast(expectations: &Expectations, axes: &Axes) -> (String, String) {
    let Some(common) = expectations.most_common() else { return (String::new(), String::new()) };
    let (mut line, mut upper, mut lower) = (Vec::new(), Vec::new(), Vec::new());
    for index in 0..=LINE_POINTS {
        let bytes = axes.sizes.value(f64::from(index) / f64::from(LINE_POINTS));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes are positive")]
        let Some(file) = common.of_size(bytes as u64) else { break };
        let place = |seconds: f64| format!("{} {}", Px(axes.sizes.at(bytes)), Px(axes.durations.at(seconds)));
        line.push(place(file.about.as_secs_f64()));
        if let Some(range) = file.range {
            lower.push(place(range.start().as_secs_f64()));
            upper.push(place(range.end().as_secs_f64()));
        }
    }
    lower.reverse();
    (path("line", &line, ""), path("band", &[upper, lower].concat(), "Z"))
}

fn path(class: &'static str, points: &[String], end: &'static str) -> String {
    if points.is_empty() {
        return String::new();
    }
    format!("<path class=\"{class}\" d=\"M{}{end}\"/>\n", points.join("L"))
}

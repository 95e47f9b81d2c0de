//! The frame, the grid and the legend of a chart.

use std::fmt::{Display, Write as _};

use super::axis::{Axis, Px};
use super::escape::Text;
use super::outcome::Outcome;

/// The width of a chart, in SVG units.
pub(super) const WIDTH: f64 = 1000.0;

/// The left and right ends of the area in which values are drawn.
pub(super) const ENDS: (f64, f64) = (64.0, 988.0);

const MIN_LABEL_DISTANCE: f64 = 14.0;

/// Returns an SVG chart that contains `body`. `label` describes the chart for screen readers.
pub(super) fn chart(height: f64, label: &str, body: &str) -> String {
    let (height, label) = (Px(height), Text(label));
    format!("<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{label}\">\n{body}</svg>\n")
}

/// Returns a text at a point. `anchor` is `start`, `middle` or `end`.
pub(super) fn label(x: f64, y: f64, anchor: &'static str, text: impl Display) -> String {
    let text = text.to_string();
    format!("<text x=\"{}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>\n", Px(x), Px(y), Text(&text))
}

pub(super) fn vertical_grid(axis: &Axis, (top, bottom): (f64, f64), text: impl Fn(f64) -> String) -> String {
    let (mut lines, mut labels) = (String::new(), String::new());
    for tick in &axis.ticks {
        let x = axis.at(*tick);
        // Writing to a string cannot fail.
        let _ = write!(lines, "M{} {}V{}", Px(x), Px(top), Px(bottom));
        let anchor = if x > ENDS.1 - 30.0 { "end" } else { "middle" };
        labels += &label(x, bottom + 16.0, anchor, text(*tick));
    }
    grid(&lines) + &labels
}

pub(super) fn horizontal_grid(axis: &Axis, text: impl Fn(f64) -> String) -> String {
    let (mut lines, mut labels, mut last) = (String::new(), String::new(), f64::INFINITY);
    for tick in &axis.ticks {
        let y = axis.at(*tick);
        // Writing to a string cannot fail.
        let _ = write!(lines, "M{} {}H{}", Px(ENDS.0), Px(y), Px(ENDS.1));
        if (last - y).abs() >= MIN_LABEL_DISTANCE {
            labels += &label(ENDS.0 - 6.0, y + 4.0, "end", text(*tick));
            last = y;
        }
    }
    grid(&lines) + &labels
}

fn grid(lines: &str) -> String {
    if lines.is_empty() { String::new() } else { format!("<path class=\"grid\" d=\"{lines}\"/>\n") }
}

pub(super) fn legend(outcomes: impl Fn(Outcome) -> bool) -> String {
    let entry = |outcome: Outcome| format!("<span class=\"key {}\">{}</span>\n", outcome.class(), outcome.word());
    let entries: String = Outcome::ALL.into_iter().filter(|outcome| outcomes(*outcome)).map(entry).collect();
    format!("<p class=\"legend\">{entries}</p>\n")
}

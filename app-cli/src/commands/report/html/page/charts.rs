//! Writes the charts with their legends and captions.

use autoproc_domain::Timestamp;

use super::super::axis::{TimeAxis, seconds_label};
use super::super::outcome::Outcome;
use super::super::rate::rate;
use super::super::scatter::{self, scatter};
use super::super::svg::{ENDS, legend};
use super::super::timeline::timeline;
use super::{Page, section};
use crate::commands::report::slots::placed;
use crate::view;

const SHORT: &str =
    "The attempts are too short to be drawn one by one: a run records the beginnings of several together.";

impl Page<'_> {
    pub(super) fn timeline(&self) -> String {
        let marks = &self.night.marks;
        let Some(span) = marks.span() else { return String::new() };
        let axis = TimeAxis::new(span, ENDS, self.zone);
        let rate = rate(marks, span, &axis);
        let caption = format!("Attempts that ended, per {}.", seconds_label(rate.step));
        let slots =
            if marks.are_short() { format!("<p class=\"soft\">{SHORT}</p>\n") } else { self.slots(span, &axis) };
        section("Over time", &(slots + &figure(&rate.svg, &self.legend(|_| true), &[caption])))
    }

    fn slots(&self, span: (Timestamp, Timestamp), axis: &TimeAxis<'_>) -> String {
        let marks = &self.night.marks;
        let chart = timeline(marks.as_slice(), axis, &placed(marks.as_slice(), span), self.zone);
        let mut notes = vec![
            "Attempts that ran at the same time are in different rows; a row is not the number of a slot.".to_owned(),
        ];
        if chart.more_rows > 0 {
            let are = if chart.more_rows == 1 { "is" } else { "are" };
            notes.push(format!("{} {are} not shown.", view::counted(chart.more_rows as u64, "more row")));
        }
        if chart.is_coarse {
            notes.push(
                "Attempts that are close to each other are drawn as one, with the colour of the worst.".to_owned(),
            );
        }
        notes.extend(self.sample_note());
        figure(&chart.svg, "", &notes)
    }

    pub(super) fn durations(&self) -> String {
        let marks = self.night.marks.as_slice();
        let Some(chart) = scatter(marks, &self.night.expectations, self.zone) else { return String::new() };
        let notes: Vec<_> = chart.notes.into_iter().map(str::to_owned).chain(self.sample_note()).collect();
        section("Duration and size", &figure(&chart.svg, &self.legend(scatter::is_drawn), &notes))
    }

    fn legend(&self, is_shown: impl Fn(Outcome) -> bool) -> String {
        let marks = self.night.marks.as_slice();
        legend(|outcome| is_shown(outcome) && marks.iter().any(|mark| mark.outcome == outcome))
    }

    fn sample_note(&self) -> Option<String> {
        let (stride, attempts) = (self.night.marks.stride(), self.night.attempts);
        if let Some(counted) = self.report.attempts_if_more_than(attempts) {
            return Some(format!("The history has only {attempts} of {}.", view::counted(counted, "attempt")));
        }
        (stride > 1).then(|| format!("One of every {stride} attempts is drawn; there are {attempts} in all."))
    }
}

fn figure(svg: &str, legend: &str, notes: &[String]) -> String {
    format!("<figure>\n{svg}<figcaption>{legend}{}</figcaption>\n</figure>\n", notes.join(" "))
}

//! The top lines of the live view.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::style::{BAD, BOLD, BUSY, DIM, GOOD, LATER};
use crate::commands::top::snapshot::{Done, RunsNow, Snapshot};
use crate::commands::top::state::{Look, State};
use crate::escape::Printable;
use crate::view::layout::Size;
use crate::view::time::running_span;

/// The minimum and maximum width of the progress bar, without its brackets.
const BAR: (usize, usize) = (8, 30);

/// The maximum number of lines for the totals on a low and on a high screen.
const TOTALS: (usize, usize) = (1, 3);

const HIGH: usize = 16;

const MAX_NOTICES: usize = 2;

const SPARKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

pub(super) fn lines(state: &State, size: Size) -> Vec<Line<'static>> {
    let (look, columns) = (&state.look, size.columns);
    let notice = |text: &str| Line::styled(look.layout.cut_at_end(text, columns), look.colour(LATER));
    let trouble = state.trouble.as_ref().map(|reason| notice(&format!("cannot read the queue: {}", Printable(reason))));
    let Some(snapshot) = &state.snapshot else {
        return std::iter::once(Line::raw("reading the queue …".replace('…', look.layout.ellipsis())))
            .chain(trouble)
            .collect();
    };
    let mut lines = vec![title(snapshot, look, columns)];
    let max = if size.rows < HIGH { TOTALS.0 } else { TOTALS.1 };
    lines.extend(flow(totals(snapshot, look, columns), columns).into_iter().take(max));
    lines.extend(snapshot.notices.iter().take(MAX_NOTICES).map(|text| notice(text)));
    lines.extend(trouble);
    lines
}

fn title(snapshot: &Snapshot, look: &Look, columns: usize) -> Line<'static> {
    let runs = runs(&snapshot.runs);
    let room = columns.saturating_sub(runs.width() + 2).max(columns / 3);
    let queue = look.layout.cut_in_middle(&snapshot.queue, room);
    let runs = look.layout.cut_at_end(&runs, columns.saturating_sub(queue.width() + 2));
    Line::from(vec![Span::styled(queue, BOLD), Span::raw("  "), Span::raw(runs)])
}

fn runs(runs: &RunsNow) -> String {
    match runs {
        RunsNow::None(latest) => latest.clone(),
        RunsNow::Live { runs, machines, jobs, elapsed, .. } => {
            let elapsed = running_span(*elapsed);
            let runs = match (runs, machines) {
                (1, _) => String::new(),
                (runs, 1) => format!(", {runs} runs"),
                (runs, machines) => format!(", {runs} runs on {machines} machines"),
            };
            format!("running for {elapsed}{runs}, {jobs} at a time")
        }
    }
}

fn totals(snapshot: &Snapshot, look: &Look, columns: usize) -> Vec<Span<'static>> {
    let counts = snapshot.counts;
    let failed = counts.failed + counts.timeout;
    let figure = |text: String, style: Style| Span::styled(text, style);
    let mut totals = vec![
        figure(bar(snapshot.done(), columns), Style::new()),
        figure(format!("{} done", counts.completed), look.colour(GOOD)),
        figure(format!("{failed} failed"), if failed > 0 { look.colour(BAD) } else { DIM }),
        figure(format!("{} waiting", counts.waiting()), Style::new()),
        figure(format!("{} processing", counts.processing), look.colour(BUSY)),
    ];
    totals.extend((counts.held > 0).then(|| figure(format!("{} held", counts.held), look.colour(LATER))));
    totals.extend(snapshot.time_left.clone().map(Span::raw));
    totals.extend(snapshot.throughput.rate().map(|rate| {
        let sparks = if look.layout.is_ascii() { String::new() } else { sparkline(&snapshot.throughput.bars) };
        Span::raw(format!("{rate} {sparks}").trim_end().to_owned())
    }));
    totals
}

fn bar(Done { ended, total }: Done, columns: usize) -> String {
    let width = (columns / 5).clamp(BAR.0, BAR.1);
    let part = |of: usize| usize::try_from(ended.saturating_mul(of as u64) / total.max(1)).unwrap_or(of).min(of);
    let done = part(width);
    let tip = if done < width { ">" } else { "" };
    format!("[{:<width$}] {:>2}%", "=".repeat(done) + tip, part(100))
}

/// Returns one character for each bar. Only an empty bar gets the lowest character.
fn sparkline(bars: &[u64]) -> String {
    let highest = bars.iter().copied().max().unwrap_or(0).max(1);
    let last = SPARKS.len() as u64 - 1;
    let height = |bar: u64| usize::try_from(bar.saturating_mul(last).div_ceil(highest)).unwrap_or(0);
    bars.iter().map(|bar| SPARKS[height(*bar).min(SPARKS.len() - 1)]).collect()
}

/// Joins texts into lines, without splitting a text.
fn flow(texts: Vec<Span<'static>>, columns: usize) -> Vec<Line<'static>> {
    let mut lines: Vec<Line<'static>> = Vec::new();
    for text in texts {
        match lines.last_mut().filter(|line| line.width() + 2 + text.width() <= columns) {
            Some(line) => {
                line.push_span(Span::raw("  "));
                line.push_span(text);
            }
            None => lines.push(Line::from(text)),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_full_only_at_the_end() {
        assert_eq!(bar(Done { ended: 0, total: 0 }, 40), "[>       ]  0%");
        assert_eq!(bar(Done { ended: 999, total: 1000 }, 40), "[=======>] 99%");
        assert_eq!(bar(Done { ended: 7, total: 7 }, 40), "[========] 100%");
        assert_eq!(bar(Done { ended: u64::MAX, total: 7 }, 40), "[========] 100%", "files that others have removed");
    }

    #[test]
    fn the_sparkline_shows_every_file() {
        assert_eq!(sparkline(&[0, 1, 1000]), "▁▂█");
        assert_eq!(sparkline(&[0, 0]), "▁▁");
        assert_eq!(sparkline(&[]), "");
    }
}

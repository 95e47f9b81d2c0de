//! The panes that list processing, failed and pending files.

use std::cmp::max;

use autoproc_domain::QueueItem;
use autoproc_domain::signature::FailureGroup;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr;

use super::plan::Plan;
use super::style::{BAD, BOLD, DIM, LATER, SELECTED, cell, name_cell, number_cell};
use super::widths::Widths;
use crate::commands::top::snapshot::{Progress, RunningFile, Snapshot};
use crate::commands::top::state::{Look, Pane, State};
use crate::delay::Delay;
use crate::escape::Printable;
use crate::view::item;
use crate::view::layout::Size;
use crate::view::time::running_span;

const MARK: usize = 2;

const COUNT: usize = 7;
const AT: usize = 18;

/// A narrower name column shows `, attempt 2` as ` (2)`.
const WIDE_NAME: usize = 30;

pub(super) fn lines(state: &State, pane: Pane, plan: &Plan, size: Size) -> Vec<Line<'static>> {
    let (height, Some(snapshot)) = (plan.height(pane), &state.snapshot) else { return Vec::new() };
    let columns = size.columns.saturating_sub(MARK);
    let is_focused = pane == state.focus;
    let mut lines = vec![title(state, pane, snapshot, size)];
    let shown: Vec<_> = match pane {
        Pane::Now => state.now.shown(plan.rows(pane)).collect(),
        Pane::Failures => state.failures.shown(plan.rows(pane)).collect(),
        Pane::Next => state.next.shown(plan.rows(pane)).collect(),
    };
    for (position, is_selected) in shown {
        let row = match pane {
            Pane::Now => snapshot.running.get(position).map(|file| running(file, snapshot, &state.look, columns)),
            Pane::Failures => snapshot.groups.get(position).map(|group| failed(group, snapshot, &state.look, columns)),
            Pane::Next => snapshot.next.get(position).map(|item| next(item, snapshot, &state.look, columns)),
        };
        lines.extend(row.map(|row| marked(row, is_focused && is_selected)));
    }
    lines.truncate(height);
    lines.resize(height, Line::default());
    lines
}

fn marked(mut row: Line<'static>, is_selected: bool) -> Line<'static> {
    row.spans.insert(0, Span::raw(if is_selected { "> " } else { "  " }));
    if is_selected { row.patch_style(SELECTED) } else { row }
}

fn title(state: &State, pane: Pane, snapshot: &Snapshot, size: Size) -> Line<'static> {
    let counts = snapshot.counts;
    let (name, total) = match pane {
        Pane::Now => ("NOW", counts.processing),
        Pane::Failures => ("WHY IT FAILS", counts.failed + counts.timeout),
        Pane::Next => ("NEXT", counts.pending),
    };
    let matching = if state.filter.is_empty() { String::new() } else { format!(", {} match", state.rows(pane)) };
    let heading = format!("{name} ({total}{matching})");
    let style = if pane == state.focus { BOLD.add_modifier(Modifier::UNDERLINED) } else { BOLD };
    if pane != Pane::Now || snapshot.running.is_empty() {
        return Line::styled(cell(&heading, size.columns, &state.look.layout), style);
    }
    let columns = size.columns.saturating_sub(MARK);
    let widths = widths(snapshot, columns);
    let caption = |text: &str, width: usize| cell(text, width, &state.look.layout);
    let mut text = caption(&heading, widths.name + widths.delay + MARK);
    text.push_str(&caption("HOST", widths.host));
    text.push_str(&caption("FOR", widths.elapsed));
    text.push_str(&caption("EXPECTED", widths.expected));
    text.push_str(&caption("LAST LINE", widths.last_line));
    Line::styled(text, style)
}

fn widths(snapshot: &Snapshot, columns: usize) -> Widths {
    let has_hosts = snapshot.running.iter().any(|file| file.host.is_some());
    let has_stalled = snapshot.running.iter().any(|file| file.delay == Some(Delay::Stalled));
    let delay = if has_stalled { Delay::Stalled } else { Delay::Slow };
    Widths::of(columns, has_hosts, delay.word().len() + 1)
}

fn running(file: &RunningFile, snapshot: &Snapshot, look: &Look, columns: usize) -> Line<'static> {
    let widths = widths(snapshot, columns);
    let layout = &look.layout;
    let elapsed = match file.progress {
        Progress::Since(since) => running_span(snapshot.now.saturating_since(since)),
        Progress::Claimed => "starts".to_owned(),
        Progress::Abandoned => "run died".to_owned(),
    };
    let expected = file.expected.as_deref().unwrap_or_default();
    // Omits the range if the column is too narrow.
    let about = expected.split(" (").next().unwrap_or_default();
    let expected = if expected.len() < widths.expected { expected } else { about };
    let separated = |text: &str, width: usize| cell(text, width.saturating_sub(1), layout) + &" ".repeat(width.min(1));
    let attempt = match file.attempt {
        0 | 1 => " ".to_owned(),
        attempt if widths.name < WIDE_NAME => format!(" ({attempt}) "),
        attempt => format!(", attempt {attempt} "),
    };
    let room = widths.name.saturating_sub(attempt.width());
    let name = layout.cut_in_middle(&layout.path(&file.file_path), room) + &attempt;
    Line::from(vec![
        Span::raw(cell(&name, widths.name, layout)),
        Span::styled(separated(file.delay.map_or("", Delay::word), widths.delay), look.colour(LATER)),
        Span::raw(separated(file.host.as_deref().unwrap_or_default(), widths.host)),
        Span::raw(separated(&elapsed, widths.elapsed)),
        Span::styled(separated(expected, widths.expected), DIM),
        Span::raw(cell(file.last_line.as_deref().unwrap_or_default(), widths.last_line, layout)),
    ])
}

fn failed(group: &FailureGroup, snapshot: &Snapshot, look: &Look, columns: usize) -> Line<'static> {
    let at = group.last_at.map(|at| {
        let is_today = snapshot.now.saturating_since(at).as_secs() < 12 * 3600;
        look.zone.format(at, if is_today { "last at %H:%M" } else { "last on %Y-%m-%d" })
    });
    let at_columns = if columns < 60 { 0 } else { AT };
    let reason = Printable(group.signature.reason()).to_string();
    Line::from(vec![
        Span::styled(number_cell(&group.count.to_string(), COUNT - 1) + " ", look.colour(BAD)),
        Span::raw(cell(&reason, columns.saturating_sub(COUNT + at_columns), &look.layout)),
        Span::styled(number_cell(&at.filter(|_| at_columns > 0).unwrap_or_default(), at_columns), DIM),
    ])
}

fn next(item: &QueueItem, snapshot: &Snapshot, look: &Look, columns: usize) -> Line<'static> {
    let mut notes = Vec::new();
    notes.extend((item.priority.get() != 0).then(|| format!("priority {}", item.priority)));
    notes.extend((item.attempts > 0).then(|| format!("retry {}", item.attempts)));
    notes.extend(Some(item::note(item, snapshot.now)).filter(|note| !note.is_empty()));
    let name = look.layout.path(&item.file_path);
    let name_columns = if notes.is_empty() { columns } else { max(columns * 3 / 5, 1) };
    let style = if item.is_held { look.colour(LATER) } else { Style::new() };
    Line::from(vec![
        Span::raw(name_cell(&name, name_columns.saturating_sub(1), &look.layout) + " "),
        Span::styled(cell(&notes.join(", "), columns - name_columns.min(columns), &look.layout), style),
    ])
}

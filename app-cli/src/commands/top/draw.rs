//! Draws the live view as lines of text.
//!
//! This module escapes paths, reasons, errors and typed texts. All other untrusted texts are
//! escaped when the state is built.

mod footer;
mod header;
mod panes;
pub(super) mod plan;
mod style;
mod widths;

use ratatui::Frame;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;

use super::state::{Mode, Pane, State};
use super::text_page::TextPage;
use crate::view::layout::Size;
use plan::Plan;

pub(super) fn draw(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    let size = Size { columns: area.width.into(), rows: area.height.into() };
    for (row, line) in (area.top()..area.bottom()).zip(lines(state, size)) {
        frame.buffer_mut().set_line(area.left(), row, &line, area.width);
    }
}

fn lines(state: &State, size: Size) -> Vec<Line<'static>> {
    let plan = Plan::of(state, size);
    let mut lines = header::lines(state, size);
    lines.truncate(plan.header);
    lines.extend(body(state, &plan, size));
    lines.resize(size.rows.saturating_sub(plan.footer), Line::default());
    lines.extend(footer::lines(state, size).into_iter().take(plan.footer));
    lines
}

fn body(state: &State, plan: &Plan, size: Size) -> Vec<Line<'static>> {
    match &state.mode {
        Mode::Read(page) => of_page(state, page, plan, size),
        _ => Pane::ALL.into_iter().flat_map(|pane| panes::lines(state, pane, plan, size)).collect(),
    }
}

fn of_page(state: &State, page: &TextPage, plan: &Plan, size: Size) -> Vec<Line<'static>> {
    let title = state.look.layout.cut_in_middle(&page.title, size.columns);
    let title = Line::styled(title, Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED));
    let rows = page.shown(plan.page_rows()).iter().map(|row| Line::raw(row.clone()));
    std::iter::once(title).chain(rows).take(plan.body).collect()
}

//! The bottom lines of the live view.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::style::{BOLD, DIM, LATER, SELECTED};
use crate::commands::top::action::Action;
use crate::commands::top::state::{Mode, State};
use crate::commands::top::text_page::{Source, broken};
use crate::escape::Printable;
use crate::view::layout::Size;

/// The keys of the lists, the most important first. A narrow screen cuts off the last ones.
const LISTS: &str = "?: keys  q: quit  Tab: pane  Enter: story  l: output  /: filter  p: priority  h: hold  c: cancel  r: retry  s: stop";

const PAGE: &str = "q: back  Up, Down, PgUp, PgDn, g, G: scroll";

const ANSWERS: &str = "y: yes  any other key: no";

/// Returns the lines of the footer. A message replaces the keys, but never a question or a line in
/// which the user types: the user must see the command to confirm.
pub(super) fn lines(state: &State, size: Size) -> Vec<Line<'static>> {
    let fit = |text: &str| state.look.layout.cut_at_end(text, size.columns);
    let message =
        state.message.as_ref().map(|message| Line::styled(fit(message), state.look.colour(LATER).patch(BOLD)));
    let below_message = |lines: Vec<Line<'static>>| {
        let message = message.clone().filter(|_| lines.len() < size.rows);
        message.into_iter().chain(lines).collect()
    };
    match &state.mode {
        Mode::Confirm(action) => below_message(question(state, action, size)),
        Mode::Search(_) => below_message(vec![prompt("/", &state.filter)]),
        Mode::AskPriority(path, typed) => {
            let name = state.look.layout.cut_in_middle(&state.look.layout.path(path), size.columns / 2);
            below_message(vec![prompt(&format!("priority of {name}: "), typed)])
        }
        _ if message.is_some() => message.into_iter().collect(),
        Mode::Browse if !state.filter.is_empty() => {
            vec![Line::styled(fit(&format!("filter: {}  Esc: show all  {LISTS}", Printable(&state.filter))), DIM)]
        }
        Mode::Browse => vec![Line::styled(fit(LISTS), DIM)],
        Mode::Read(page) => {
            let more = match page.source {
                Source::Story(..) => "  l: output",
                Source::Output(..) => "  Enter: story",
                Source::Keys | Source::Group => "",
            };
            vec![Line::styled(fit(&format!("{PAGE}{more}")), DIM)]
        }
    }
}

fn prompt(before: &str, typed: &str) -> Line<'static> {
    let typed = Span::raw(Printable(typed).to_string());
    Line::from(vec![Span::styled(before.to_owned(), BOLD), typed, Span::styled(" ", SELECTED)])
}

fn question(state: &State, action: &Action, size: Size) -> Vec<Line<'static>> {
    let rows =
        |text: &str, style: Style| broken(text, size.columns).into_iter().map(move |row| Line::styled(row, style));
    let command = action.line(&state.look.layout, &state.look.options);
    let question = rows(action.question(), state.look.colour(LATER).patch(BOLD));
    question.chain(rows(&format!("  {command}"), Style::new())).chain(rows(ANSWERS, DIM)).collect()
}

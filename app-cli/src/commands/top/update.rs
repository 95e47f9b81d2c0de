//! Applies inputs to the state of `autoproc top`.

mod browsing;
mod keys;

use autoproc_domain::{FilePath, ItemId};
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEventKind};

use super::action::Action;
use super::draw::plan::Plan;
use super::snapshot::Snapshot;
use super::state::{Mode, Pane, State};
use super::text_page::Source;
use crate::priority;
use crate::view::layout::Size;

const WHEEL_ROWS: isize = 3;

/// The maximum length of typed text, in characters.
const MAX_TYPED: usize = 200;

#[derive(Debug, Clone)]
pub(super) enum Input {
    Terminal(Event),
    Snapshot(Box<Snapshot>),
    /// The reason why the queue cannot be read.
    Trouble(String),
    /// The text of a page. Ignored if the view shows another page.
    Text(Source, Vec<String>),
    /// The outcome of an action, or a warning.
    Outcome(String),
}

/// A side effect that the session carries out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Effect {
    Quit,
    Suspend,
    Redraw,
    Refresh,
    ReadStory(FilePath, ItemId),
    CarryOut(Action),
}

pub(super) fn update(state: &mut State, input: Input) -> Vec<Effect> {
    let effects = match input {
        Input::Terminal(Event::Key(key)) if key.kind != KeyEventKind::Release => on_key(state, key),
        Input::Terminal(Event::Mouse(mouse)) => {
            on_wheel(state, mouse.kind);
            Vec::new()
        }
        Input::Terminal(Event::Resize(columns, rows)) => {
            state.size = Size { columns: columns.into(), rows: rows.into() };
            Vec::new()
        }
        Input::Terminal(_) => Vec::new(),
        Input::Snapshot(snapshot) => {
            state.snapshot = Some(snapshot);
            state.trouble = None;
            Vec::new()
        }
        Input::Trouble(reason) => {
            state.trouble = Some(reason);
            Vec::new()
        }
        Input::Text(source, lines) => {
            if let Mode::Read(page) = &mut state.mode
                && page.source == source
            {
                page.set(lines);
            }
            Vec::new()
        }
        Input::Outcome(outcome) => {
            state.message = Some(outcome);
            Vec::new()
        }
    };
    state.filter_rows();
    fit(state);
    effects
}

fn fit(state: &mut State) {
    let plan = Plan::of(state, state.size);
    state.now.scroll(plan.rows(Pane::Now));
    state.failures.scroll(plan.rows(Pane::Failures));
    state.next.scroll(plan.rows(Pane::Next));
    if let Mode::Read(page) = &mut state.mode {
        page.fit(state.size.columns, plan.page_rows());
    }
}

fn on_wheel(state: &mut State, kind: MouseEventKind) {
    let rows = match kind {
        MouseEventKind::ScrollUp => -WHEEL_ROWS,
        MouseEventKind::ScrollDown => WHEEL_ROWS,
        _ => return,
    };
    match &mut state.mode {
        Mode::Browse => state.move_by(rows),
        Mode::Read(page) => page.move_by(rows),
        Mode::Search(_) | Mode::AskPriority(..) | Mode::Confirm(_) => {}
    }
}

fn on_key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    state.message = None;
    if let Some(effects) = on_any_mode(key) {
        return effects;
    }
    match std::mem::take(&mut state.mode) {
        Mode::Browse => browsing::on_key(state, key),
        Mode::Search(before) => on_search_key(state, before, key),
        Mode::Read(page) => browsing::on_page_key(state, page, key),
        Mode::AskPriority(path, typed) => {
            on_priority_key(state, path, typed, key);
            Vec::new()
        }
        Mode::Confirm(action) => match key.code {
            KeyCode::Char('y' | 'Y') if (key.modifiers - KeyModifiers::SHIFT).is_empty() => {
                vec![Effect::CarryOut(action)]
            }
            _ => {
                state.message = Some("nothing was changed".to_owned());
                Vec::new()
            }
        },
    }
}

fn on_any_mode(key: KeyEvent) -> Option<Vec<Effect>> {
    let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if is_control => Some(vec![Effect::Quit]),
        KeyCode::Char('z') if is_control => Some(vec![Effect::Suspend]),
        KeyCode::Char('l') if is_control => Some(vec![Effect::Redraw]),
        _ => None,
    }
}

fn on_search_key(state: &mut State, before: String, key: KeyEvent) -> Vec<Effect> {
    match key.code {
        KeyCode::Enter => return if state.filter == before { Vec::new() } else { vec![Effect::Refresh] },
        KeyCode::Esc => {
            state.filter = before;
            return Vec::new();
        }
        _ => edit(&mut state.filter, key),
    }
    state.mode = Mode::Search(before);
    Vec::new()
}

fn on_priority_key(state: &mut State, path: FilePath, mut typed: String, key: KeyEvent) {
    match key.code {
        KeyCode::Esc => return,
        KeyCode::Enter => match priority::parse(&typed) {
            Ok(priority) => {
                state.mode = Mode::Confirm(Action::Prioritise(path, priority));
                return;
            }
            Err(error) => state.message = Some(error.to_string()),
        },
        _ => edit(&mut typed, key),
    }
    state.mode = Mode::AskPriority(path, typed);
}

fn edit(text: &mut String, key: KeyEvent) {
    let is_plain = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
    match key.code {
        KeyCode::Char('u') if key.modifiers.contains(KeyModifiers::CONTROL) => text.clear(),
        KeyCode::Char(character) if is_plain && text.chars().count() < MAX_TYPED => text.push(character),
        KeyCode::Backspace => drop(text.pop()),
        _ => {}
    }
}

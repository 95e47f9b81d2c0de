//! Handles keys in the lists and text pages of `autoproc top`.

use autoproc_domain::signature::FailureGroup;
use ratatui::crossterm::event::{KeyCode, KeyEvent};

use super::Effect;
use super::keys::rows_of;
use crate::commands::top::HELP;
use crate::commands::top::action::Action;
use crate::commands::top::draw::plan::Plan;
use crate::commands::top::state::{Mode, Pane, State};
use crate::commands::top::text_page::{Source, TextPage};
use crate::escape::Printable;
use crate::view::files;

const NO_FILE: &str = "no file is selected";

pub(super) fn on_key(state: &mut State, key: KeyEvent) -> Vec<Effect> {
    if let Some(rows) = rows_of(key, Plan::of(state, state.size).rows(state.focus)) {
        state.move_by(rows);
        return Vec::new();
    }
    match key.code {
        KeyCode::Char('q') => return vec![Effect::Quit],
        KeyCode::Tab => state.focus = state.focus.after(1),
        KeyCode::BackTab => state.focus = state.focus.after(Pane::ALL.len() - 1),
        KeyCode::Char(digit @ '1'..='3') => state.focus = Pane::ALL[digit as usize - '1' as usize],
        KeyCode::Char('?') => show_keys(state),
        KeyCode::Char('/') => state.mode = Mode::Search(state.filter.clone()),
        KeyCode::Esc if !state.filter.is_empty() => {
            state.filter.clear();
            return vec![Effect::Refresh];
        }
        KeyCode::Enter => return show_story(state),
        KeyCode::Char('l') => show_output(state),
        KeyCode::Char(letter) => ask(state, letter),
        _ => {}
    }
    Vec::new()
}

pub(super) fn on_page_key(state: &mut State, mut page: TextPage, key: KeyEvent) -> Vec<Effect> {
    if let Some(rows) = rows_of(key, Plan::of(state, state.size).page_rows()) {
        page.move_by(rows);
        state.mode = Mode::Read(page);
        return Vec::new();
    }
    match (key.code, &page.source) {
        (KeyCode::Char('q') | KeyCode::Esc, _) => Vec::new(),
        (KeyCode::Char('l'), Source::Story(path, id)) => {
            state.mode = Mode::Read(TextPage::new(Source::Output(path.clone(), *id), page.title));
            Vec::new()
        }
        (KeyCode::Enter, Source::Output(path, id)) => {
            state.mode = Mode::Read(TextPage::new(Source::Story(path.clone(), *id), page.title.clone()));
            vec![Effect::ReadStory(path.clone(), *id)]
        }
        _ => {
            state.mode = Mode::Read(page);
            Vec::new()
        }
    }
}

fn show_keys(state: &mut State) {
    show(state, Source::Keys, "keys".to_owned(), HELP.lines().map(str::to_owned).collect());
}

fn show(state: &mut State, source: Source, title: String, lines: Vec<String>) {
    let mut page = TextPage::new(source, title);
    page.set(lines);
    state.mode = Mode::Read(page);
}

fn show_story(state: &mut State) -> Vec<Effect> {
    if state.focus == Pane::Failures {
        match state.selected_group().map(|group| described(group, state)) {
            Some(lines) => show(state, Source::Group, "failed for one reason".to_owned(), lines),
            None => state.message = Some("no reason is selected".to_owned()),
        }
        return Vec::new();
    }
    let Some((path, id)) = state.selected_file().map(|(path, id)| (path.clone(), id)) else {
        state.message = Some(NO_FILE.to_owned());
        return Vec::new();
    };
    show(state, Source::Story(path.clone(), id), state.look.layout.path(&path), vec!["reading …".to_owned()]);
    vec![Effect::ReadStory(path, id)]
}

fn show_output(state: &mut State) {
    match state.selected_file().map(|(path, id)| (path.clone(), id)) {
        Some((path, id)) => {
            let title = state.look.layout.path(&path);
            state.mode = Mode::Read(TextPage::new(Source::Output(path, id), title));
        }
        None => state.message = Some(NO_FILE.to_owned()),
    }
}

fn described(group: &FailureGroup, state: &State) -> Vec<String> {
    let (id, options, zone) = (group.signature.id(), &state.look.options, &state.look.zone);
    let mut lines =
        vec![format!("{id}  {}  {}", files(group.count), Printable(group.signature.reason())), String::new()];
    if let Some((first, last)) = group.first_at.zip(group.last_at) {
        lines.push(format!("latest attempts: {} to {}", zone.date_and_time(first), zone.date_and_time(last)));
    }
    lines.extend(group.examples.iter().map(|path| format!("  {}", state.look.layout.path(path))));
    match group.count.saturating_sub(group.examples.len() as u64) {
        0 => {}
        others => lines.push(format!("  and {others} more")),
    }
    lines.extend([String::new(), format!("autoproc retry-failed{options} --like {id}")]);
    lines.push(format!("autoproc log{options} --like {id}"));
    lines
}

fn ask(state: &mut State, letter: char) {
    let file = state.selected_file().map(|(path, _)| path.clone());
    let action = match (letter, file) {
        ('s', _) => Some(Action::Stop),
        ('S', _) => Some(Action::StopNow),
        ('r', _) => retry(state),
        ('p', Some(path)) => {
            state.mode = Mode::AskPriority(path, String::new());
            return;
        }
        ('c', Some(path)) => Some(Action::Cancel(path)),
        ('h', Some(_)) => hold(state),
        ('p' | 'c' | 'h', None) => {
            state.message = Some(NO_FILE.to_owned());
            None
        }
        _ => {
            state.message = Some("? shows the keys".to_owned());
            None
        }
    };
    if let Some(action) = action {
        state.mode = Mode::Confirm(action);
    }
}

fn retry(state: &mut State) -> Option<Action> {
    let group = state.selected_group().filter(|_| state.focus == Pane::Failures);
    let action = group.map(|group| Action::Retry(group.signature.id()));
    if action.is_none() {
        state.message = Some("select a reason in the pane WHY IT FAILS (2)".to_owned());
    }
    action
}

fn hold(state: &mut State) -> Option<Action> {
    let item = state.selected_next().filter(|_| state.focus == Pane::Next);
    let action = item.map(|item| {
        let path = item.file_path.clone();
        if item.is_held { Action::Unhold(path) } else { Action::Hold(path) }
    });
    if action.is_none() {
        state.message = Some("only a pending file can be held".to_owned());
    }
    action
}

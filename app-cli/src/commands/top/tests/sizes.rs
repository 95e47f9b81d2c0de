use proptest::prelude::*;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};

use super::Bench;
use super::night::{night, nothing};
use crate::commands::top::draw::plan::Plan;
use crate::commands::top::state::{Mode, Pane};
use crate::commands::top::update::Input;

const KEYS: [KeyCode; 14] = [
    KeyCode::Up,
    KeyCode::Down,
    KeyCode::PageUp,
    KeyCode::PageDown,
    KeyCode::Home,
    KeyCode::End,
    KeyCode::Tab,
    KeyCode::BackTab,
    KeyCode::Enter,
    KeyCode::Esc,
    KeyCode::Backspace,
    KeyCode::Left,
    KeyCode::Delete,
    KeyCode::F(1),
];

#[derive(Debug, Clone)]
enum Step {
    Key(KeyCode, KeyModifiers),
    Wheel(bool),
    Resize(u16, u16),
    Night(usize, usize, usize),
    Nothing,
    Text(Vec<String>),
    Trouble,
}

fn step() -> impl Strategy<Value = Step> {
    let letter = prop_oneof![
        4 => prop::sample::select("jkgGqly/?123pchrsSn 7-".chars().collect::<Vec<_>>()),
        1 => any::<char>(),
    ];
    let modifiers = prop_oneof![9 => Just(KeyModifiers::NONE), 1 => Just(KeyModifiers::CONTROL)];
    prop_oneof![
        8 => (letter, modifiers).prop_map(|(letter, modifiers)| Step::Key(KeyCode::Char(letter), modifiers)),
        6 => prop::sample::select(KEYS.to_vec()).prop_map(|code| Step::Key(code, KeyModifiers::NONE)),
        1 => any::<bool>().prop_map(Step::Wheel),
        2 => (1..100_u16, 1..40_u16).prop_map(|(columns, rows)| Step::Resize(columns, rows)),
        2 => (0..4_usize, 0..3_usize, 0..40_usize).prop_map(|(now, why, next)| Step::Night(now, why, next)),
        1 => Just(Step::Nothing),
        1 => prop::collection::vec(".{0,200}", 0..80).prop_map(Step::Text),
        1 => Just(Step::Trouble),
    ]
}

fn input(step: Step, bench: &Bench) -> Input {
    match step {
        Step::Key(code, modifiers) => Input::Terminal(Event::Key(KeyEvent::new(code, modifiers))),
        Step::Wheel(is_up) => {
            let kind = if is_up { MouseEventKind::ScrollUp } else { MouseEventKind::ScrollDown };
            Input::Terminal(Event::Mouse(MouseEvent { kind, column: 0, row: 0, modifiers: KeyModifiers::NONE }))
        }
        Step::Resize(columns, rows) => Input::Terminal(Event::Resize(columns, rows)),
        Step::Night(now, why, next) => {
            let mut night = night();
            night.running.truncate(now);
            night.groups.truncate(why);
            night.next.truncate(next);
            Input::Snapshot(Box::new(night))
        }
        Step::Nothing => Input::Snapshot(Box::new(nothing())),
        Step::Text(lines) => match &bench.state.mode {
            Mode::Read(page) => Input::Text(page.source.clone(), lines),
            _ => Input::Outcome(lines.concat()),
        },
        Step::Trouble => Input::Trouble("the database does not answer".to_owned()),
    }
}

#[track_caller]
fn check(bench: &Bench) {
    let state = &bench.state;
    for pane in Pane::ALL {
        let (selected, rows) = match pane {
            Pane::Now => (state.now.selected(), state.now.len()),
            Pane::Failures => (state.failures.selected(), state.failures.len()),
            Pane::Next => (state.next.selected(), state.next.len()),
        };
        assert_eq!(selected.is_some(), rows > 0, "{pane:?}");
    }
    let screen = bench.screen();
    assert_eq!(screen.len(), state.size.rows);
    let is_list = matches!(state.mode, Mode::Browse) && state.rows(state.focus) > 0;
    if is_list && state.size.rows >= 12 && state.size.columns >= 2 {
        // Leaves out the footer, which may contain any text.
        let footer = Plan::of(state, state.size).footer;
        let above = screen.iter().take(screen.len() - footer);
        assert_eq!(above.filter(|row| row.starts_with('>')).count(), 1, "{screen:#?}");
    }
}

proptest! {
    // Each case draws the screen up to 30 times.
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_sequence_of_inputs_breaks_the_view(
        columns in 1..100_u16,
        rows in 1..40_u16,
        steps in prop::collection::vec(step(), 0..30),
    ) {
        let mut bench = Bench::open(columns, rows, night());
        check(&bench);
        for step in steps {
            let input = input(step, &bench);
            bench.input(input);
            check(&bench);
        }
    }
}

#[test]
fn every_small_size_and_the_largest_are_drawn() {
    for (columns, rows) in
        (1..42).flat_map(|columns| (1..12).map(move |rows| (columns, rows))).chain([(250, 80), (1000, 300)])
    {
        for keys in ["", "?", "2r", "3c", "3p", "/x"] {
            let mut bench = Bench::open(columns, rows, night());
            bench.type_in(keys);
            check(&bench);
        }
    }
}

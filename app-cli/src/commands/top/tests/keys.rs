use std::ffi::OsString;

use autoproc_domain::Priority;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers, MouseEvent, MouseEventKind};

use unicode_width::UnicodeWidthStr as _;

use super::Bench;
use super::night::{night, nothing, path};
use crate::commands::top::action::Action;
use crate::commands::top::snapshot::Snapshot;
use crate::commands::top::state::{Mode, Pane};
use crate::commands::top::text_page::Source;
use crate::commands::top::update::{Effect, Input};

fn open() -> Bench {
    Bench::open(80, 24, night())
}

fn selected(bench: &Bench) -> String {
    bench.state.selected_file().expect("a file").0.as_path().file_name().expect("a name").to_string_lossy().into_owned()
}

#[test]
fn keys_and_the_wheel_move_the_selection() {
    let mut bench = open();
    bench.press(KeyCode::Tab);
    bench.press(KeyCode::Tab);
    assert_eq!((bench.state.focus, selected(&bench).as_str()), (Pane::Next, "0500.pdf"));
    for (keys, name) in [("jjj", "0023.pdf"), ("G", "0059.pdf"), ("k", "0058.pdf"), ("g", "0500.pdf")] {
        bench.type_in(keys);
        assert_eq!(selected(&bench), name, "after {keys}");
    }
    bench.press(KeyCode::PageDown);
    let rows_of_a_screen = bench.state.next.shown(100).count();
    assert_eq!(rows_of_a_screen, 40, "the first screen is still shown in full");
    assert_ne!(selected(&bench), "0500.pdf");
    bench.press(KeyCode::PageUp);
    let wheel =
        |kind| Input::Terminal(Event::Mouse(MouseEvent { kind, column: 0, row: 0, modifiers: KeyModifiers::NONE }));
    bench.input(wheel(MouseEventKind::ScrollDown));
    assert_eq!(selected(&bench), "0023.pdf");
    bench.input(wheel(MouseEventKind::ScrollUp));
    bench.press(KeyCode::BackTab);
    assert_eq!(bench.state.focus, Pane::Failures);
}

#[test]
fn the_selection_stays_on_its_file() {
    let mut bench = open();
    bench.type_in("3jjj");
    let mut later = night();
    later.next.remove(0);
    bench.input(Input::Snapshot(Box::new(later)));
    assert_eq!(selected(&bench), "0023.pdf");
    bench.input(Input::Snapshot(Box::new(nothing())));
    assert_eq!(bench.state.selected_file(), None);
}

#[test]
fn the_view_follows_the_size_of_the_terminal() {
    let mut bench = open();
    bench.type_in("3G");
    bench.input(Input::Terminal(Event::Resize(40, 10)));
    let screen = bench.screen();
    assert!(screen.len() == 10 && screen.iter().all(|row| row.width() <= 40), "{screen:#?}");
    assert!(bench.shows("> in/0059.pdf"), "the selected file is still shown: {screen:#?}");
}

#[test]
fn an_action_asks_first() {
    let group = night().groups[0].signature.id();
    let cases = [
        ("1jc", Action::Cancel(path("in/2024/0412.pdf")), "autoproc cancel in/2024/0412.pdf".to_owned()),
        ("3h", Action::Hold(path("in/0500.pdf")), "autoproc queue hold in/0500.pdf".to_owned()),
        ("2r", Action::Retry(group), format!("autoproc retry-failed --like {group}")),
        ("s", Action::Stop, "autoproc stop".to_owned()),
        ("S", Action::StopNow, "autoproc stop --now".to_owned()),
    ];
    for (keys, action, command) in cases {
        let mut bench = open();
        assert_eq!(bench.type_in(keys), [], "{keys}");
        assert!(bench.shows(&format!("  {command}")), "{keys}: {:#?}", bench.screen());
        assert_eq!(bench.type_in("n"), []);
        assert!(bench.shows("nothing was changed") && matches!(bench.state.mode, Mode::Browse));
        bench.type_in(keys.trim_start_matches("1j"));
        assert_eq!(bench.type_in("y"), [Effect::CarryOut(action)], "{keys}");
    }
}

#[test]
fn a_message_does_not_hide_a_question() {
    let mut bench = open();
    bench.type_in("s");
    bench.input(Input::Outcome("warning: an old file".to_owned()));
    for text in ["warning: an old file", "  autoproc stop", "y: yes"] {
        assert!(bench.shows(text), "{text}: {:#?}", bench.screen());
    }
    bench.input(Input::Terminal(Event::Resize(40, 4)));
    assert!(bench.shows("  autoproc stop") && bench.shows("y: yes"), "{:#?}", bench.screen());
    assert_eq!(bench.type_in("y"), [Effect::CarryOut(Action::Stop)]);
}

#[test]
fn a_message_does_not_hide_the_line_that_is_typed() {
    for (keys, line) in [("/GZ", "/GZ"), ("3p12", ": 12")] {
        let mut bench = open();
        bench.type_in(keys);
        bench.input(Input::Outcome("warning: an old file".to_owned()));
        assert!(bench.shows("warning: an old file") && bench.shows(line), "{keys}: {:#?}", bench.screen());
        bench.input(Input::Terminal(Event::Resize(40, 1)));
        assert!(bench.shows(line), "{keys}: {:#?}", bench.screen());
    }
}

#[test]
fn a_question_is_answered_without_modifiers() {
    let press = |letter, modifiers| {
        let mut bench = open();
        bench.type_in("s");
        bench.input(Input::Terminal(Event::Key(KeyEvent::new(KeyCode::Char(letter), modifiers))))
    };
    assert_eq!(press('Y', KeyModifiers::SHIFT), [Effect::CarryOut(Action::Stop)]);
    for modifiers in [KeyModifiers::CONTROL, KeyModifiers::ALT, KeyModifiers::CONTROL | KeyModifiers::SHIFT] {
        assert_eq!(press('y', modifiers), [], "{modifiers}");
    }
}

#[test]
fn a_held_file_is_released() {
    let mut bench = open();
    bench.type_in("3jjh");
    assert!(bench.shows("autoproc queue unhold in/a-name-that"));
}

#[test]
fn a_priority_is_typed_and_confirmed() {
    let mut bench = open();
    bench.type_in("3px");
    bench.press(KeyCode::Enter);
    assert!(bench.shows("a priority is an integer"), "{:#?}", bench.screen());
    bench.press(KeyCode::Backspace);
    bench.type_in("-7");
    bench.press(KeyCode::Enter);
    assert!(bench.shows("  autoproc queue prioritise in/0500.pdf -7"));
    assert_eq!(bench.type_in("y"), [Effect::CarryOut(Action::Prioritise(path("in/0500.pdf"), Priority::new(-7)))]);
}

#[test]
fn an_action_without_its_file_says_so() {
    for (keys, message) in [
        ("1c", "no file is selected"),
        ("3h", "no file is selected"),
        ("2r", "select a reason"),
        ("1r", "select a reason"),
        ("1z", "? shows the keys"),
    ] {
        let mut bench = Bench::open(80, 24, nothing());
        assert_eq!(bench.type_in(keys), []);
        assert!(bench.shows(message), "{keys}: {:#?}", bench.screen());
    }
}

#[test]
fn an_action_names_its_file_exactly() {
    let file = path("in/it's \u{1b}[2J.pdf");
    let words = Action::Prioritise(file.clone(), Priority::new(-1)).words();
    assert_eq!(words, ["queue", "prioritise", file.as_path().to_str().expect("text"), "-1"].map(OsString::from));
    let bench = open();
    let line = Action::Cancel(file).line(&bench.state.look.layout, " --project-dir /x");
    assert_eq!(line, "autoproc cancel --project-dir /x 'in/it'\\''s \\u{1b}[2J.pdf'");
}

#[test]
fn a_filter_narrows_all_panes() {
    let mut bench = open();
    bench.type_in("/GZ");
    assert!(bench.shows("/GZ") && bench.shows("WHY IT FAILS (25, 1 match)") && bench.shows("NOW (3, 0 match)"));
    assert_eq!(bench.press(KeyCode::Enter), [Effect::Refresh], "the queue is searched");
    assert!(bench.shows("filter: GZ"));
    bench.type_in("/z");
    bench.press(KeyCode::Esc);
    assert_eq!(bench.state.filter, "GZ", "Esc keeps the filter before");
    assert_eq!(bench.press(KeyCode::Esc), [Effect::Refresh]);
    assert!(bench.state.filter.is_empty() && bench.shows("NOW (3)"));
}

#[test]
fn pages_lead_to_each_other_and_back() {
    let mut bench = open();
    bench.type_in("1jl");
    let Mode::Read(page) = &bench.state.mode else { panic!("{:?}", bench.state.mode) };
    let source = page.source.clone();
    assert!(matches!(source, Source::Output(..)));
    bench.input(Input::Text(source.clone(), vec!["page 1".to_owned(), "page 2".to_owned()]));
    assert!(bench.shows("page 2"));
    let effects = bench.press(KeyCode::Enter);
    assert!(matches!(effects[..], [Effect::ReadStory(..)]));
    bench.input(Input::Text(source, vec!["too late".to_owned()]));
    assert!(!bench.shows("too late"), "a text of another page");
    bench.type_in("q?");
    assert!(bench.shows("Ctrl-C"));
    assert_eq!(bench.type_in("qq"), [Effect::Quit]);
}

#[test]
fn control_keys_work_everywhere() {
    for keys in ["", "/", "?", "c", "3p"] {
        let mut bench = open();
        bench.type_in(keys);
        let key = |letter| Event::Key(KeyEvent::new(KeyCode::Char(letter), KeyModifiers::CONTROL));
        assert_eq!(bench.input(Input::Terminal(key('z'))), [Effect::Suspend], "{keys}");
        assert_eq!(bench.input(Input::Terminal(key('l'))), [Effect::Redraw], "{keys}");
        assert_eq!(bench.input(Input::Terminal(key('c'))), [Effect::Quit], "{keys}");
    }
}

#[test]
fn trouble_is_shown_until_it_is_over() {
    let mut bench = open();
    bench.input(Input::Trouble("the queue is locked by \u{1b}x".to_owned()));
    assert!(bench.shows("cannot read the queue: the queue is locked by \\u{1b}x") && bench.shows("NEXT (2255)"));
    let later: Snapshot = night();
    bench.input(Input::Snapshot(Box::new(later)));
    assert!(!bench.shows("cannot read"));
}

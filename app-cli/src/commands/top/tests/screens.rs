use std::env;
use std::fs;
use std::path::PathBuf;

use ratatui::crossterm::event::KeyCode;
use ratatui::style::Color;

use super::Bench;
use super::night::{HOSTILE, night, nothing, path};
use crate::commands::top::text_page::Source;
use crate::commands::top::update::{Effect, Input};
use crate::delay::Delay;

const RENEW: &str = "AUTOPROC_RENEW_SCREENS";

#[track_caller]
fn expect(bench: &Bench, name: &str) {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/commands/top/tests/screens"));
    let (file, screen) = (folder.join(name).with_extension("txt"), bench.screen().join("\n") + "\n");
    if env::var_os(RENEW).is_some() {
        fs::write(&file, &screen).expect("the screen");
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        screen == expected,
        "{name} differs:\n{screen}\nlook at it, and renew it with {RENEW}=1 cargo test -p autoproc-cli screens"
    );
}

#[test]
fn the_night_at_three_sizes() {
    for (columns, rows) in [(80, 24), (120, 40), (40, 10)] {
        expect(&Bench::open(columns, rows, night()), &format!("night-{columns}x{rows}"));
    }
}

#[test]
fn questions_and_pages_at_two_sizes() {
    for (columns, rows) in [(80, 24), (40, 10)] {
        let mut bench = Bench::open(columns, rows, night());
        bench.type_in("c");
        expect(&bench, &format!("question-{columns}x{rows}"));
        bench.type_in("n2");
        bench.press(KeyCode::Enter);
        expect(&bench, &format!("reason-{columns}x{rows}"));
        bench.type_in("q3j");
        let effects = bench.press(KeyCode::Enter);
        let [Effect::ReadStory(file, id)] = &effects[..] else { panic!("{effects:?}") };
        assert_eq!(*file, path(HOSTILE));
        let lines = ["file         in/0412.pdf".to_owned(), "attempts     1".to_owned()].to_vec();
        bench.input(Input::Text(Source::Story(file.clone(), *id), lines));
        expect(&bench, &format!("story-{columns}x{rows}"));
    }
}

#[test]
fn a_stalled_attempt_is_marked() {
    let mut stalled = night();
    stalled.running[0].delay = Some(Delay::Stalled);
    for (columns, rows) in [(80, 24), (40, 10)] {
        let screen = Bench::open(columns, rows, stalled.clone()).screen();
        assert_eq!(screen.iter().filter(|line| line.contains(" stalled ")).count(), 1, "{screen:#?}");
    }
}

#[test]
fn an_empty_queue() {
    expect(&Bench::open(80, 24, nothing()), "nothing-80x24");
}

#[test]
fn without_colours_no_cell_has_one() {
    for (is_coloured, keys) in [(true, ""), (false, ""), (false, "c"), (false, "z"), (false, "2")] {
        let mut bench = Bench::open(120, 40, night());
        bench.state.look.is_coloured = is_coloured;
        bench.type_in(keys);
        let buffer = bench.drawn();
        let has_colour = buffer.content.iter().any(|cell| (cell.fg, cell.bg) != (Color::Reset, Color::Reset));
        assert_eq!(has_colour, is_coloured, "{keys}");
    }
}

#[test]
fn no_screen_has_control_characters() {
    for columns in (1..60).chain([80, 120]) {
        let mut bench = Bench::open(columns, 30, night());
        for keys in ["", "2", "3", "3jc", "n3jh", "n3jp", "1l"] {
            bench.type_in(keys);
            let screen = bench.screen().join("");
            let unprintable: String = screen.chars().filter(|c| autoproc_domain::path::is_unprintable(*c)).collect();
            assert!(unprintable.is_empty(), "{unprintable:?} after {keys:?} in {screen}");
        }
    }
}

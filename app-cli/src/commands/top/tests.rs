mod keys;
mod night;
mod screens;
mod sizes;

use std::path::Path;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use unicode_width::UnicodeWidthStr;

use super::draw::draw;
use super::snapshot::Snapshot;
use super::state::{Look, State};
use super::update::{Effect, Input, update};
use crate::view::layout::{Layout, Size};
use crate::view::time::Zone;

const HOME: &str = "/home/ada/scans";

/// The view in a simulated terminal.
struct Bench {
    state: State,
}

impl Bench {
    fn open(columns: u16, rows: u16, snapshot: Snapshot) -> Self {
        let layout = Layout::on_terminal(Path::new(HOME), columns.into());
        let look = Look { layout, zone: Zone::utc(), is_coloured: true, options: String::new() };
        let mut bench = Self { state: State::new(look, Size { columns: columns.into(), rows: rows.into() }) };
        bench.input(Input::Snapshot(Box::new(snapshot)));
        bench
    }

    fn input(&mut self, input: Input) -> Vec<Effect> {
        update(&mut self.state, input)
    }

    fn press(&mut self, code: KeyCode) -> Vec<Effect> {
        self.input(Input::Terminal(Event::Key(KeyEvent::new(code, KeyModifiers::NONE))))
    }

    fn type_in(&mut self, text: &str) -> Vec<Effect> {
        text.chars().map(|character| self.press(KeyCode::Char(character))).last().unwrap_or_default()
    }

    fn drawn(&self) -> Buffer {
        let Size { columns, rows } = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(size(columns), size(rows))).expect("memory");
        terminal.draw(|frame| draw(&self.state, frame)).expect("memory");
        terminal.backend().buffer().clone()
    }

    fn screen(&self) -> Vec<String> {
        let buffer = self.drawn();
        let row = |row: u16| {
            let (mut text, mut column) = (String::new(), 0);
            while column < buffer.area.width {
                let symbol = buffer[(column, row)].symbol();
                text.push_str(symbol);
                column += size(symbol.width().max(1));
            }
            text.trim_end().to_owned()
        };
        (0..buffer.area.height).map(row).collect()
    }

    fn shows(&self, text: &str) -> bool {
        self.screen().iter().any(|row| row.contains(text))
    }
}

fn size(of: usize) -> u16 {
    u16::try_from(of).expect("a small terminal")
}

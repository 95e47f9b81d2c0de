//! Prints output with carriage returns, for instance a progress bar.
//!
//! The text after a carriage return replaces the whole line. A terminal shows each version of a
//! line. A file or pipe receives only the last version.

use std::mem;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::escape::{escaped, unfinished};

/// The maximum length of a line in memory. A longer line is printed early.
const MAX_LINE_BYTES: usize = 64 * 1024;

const TAB_COLUMNS: usize = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Plain,
    Terminal { columns: Option<usize> },
}

/// Converts the output of an attempt to printed text, piece by piece.
#[derive(Debug)]
pub(crate) struct LinePrinter {
    target: Target,
    line: Vec<u8>,
    is_returned: bool,
    is_overwritten: bool,
    is_spilled: bool,
    drawn: Drawn,
}

#[derive(Debug, Default)]
struct Drawn {
    text: Vec<u8>,
    columns: usize,
    /// True if the line on the screen differs from `text`.
    is_stale: bool,
}

impl LinePrinter {
    pub(crate) fn plain() -> Self {
        Self::to(Target::Plain)
    }

    pub(crate) fn terminal(columns: Option<usize>) -> Self {
        Self::to(Target::Terminal { columns })
    }

    fn to(target: Target) -> Self {
        Self {
            target,
            line: Vec::new(),
            is_returned: false,
            is_overwritten: false,
            is_spilled: false,
            drawn: Drawn::default(),
        }
    }

    /// Adds output. Returns the text, not printed yet, of lines that are complete or too long.
    pub(crate) fn take(&mut self, piece: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for part in piece.split_inclusive(|byte| matches!(byte, b'\r' | b'\n')) {
            match part.split_last() {
                Some((b'\n', text)) => {
                    self.add(text);
                    self.end_line(&mut out);
                }
                Some((b'\r', text)) => {
                    self.add(text);
                    self.is_returned = true;
                }
                _ => self.add(part),
            }
            if self.line.len() > MAX_LINE_BYTES {
                self.spill(&mut out);
            }
        }
        out
    }

    /// Returns the part of the unfinished line that is not printed yet. If a carriage return
    /// replaced the line, returns the line again for a terminal of known width, and otherwise
    /// nothing.
    pub(crate) fn current(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let mut text = self.rendered(self.line.len() - unfinished(&self.line));
        if self.is_overwritten || self.is_returned {
            let Target::Terminal { columns: Some(columns) } = self.target else { return out };
            text = cut(&text, columns.saturating_sub(1));
        }
        self.draw(text, &mut out);
        out
    }

    /// Returns the text of the last line that is not printed yet.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.draw(self.rendered(self.line.len()), &mut out);
        out
    }

    fn add(&mut self, text: &[u8]) {
        if text.is_empty() {
            return;
        }
        if mem::take(&mut self.is_returned) {
            self.line.clear();
            self.drawn.is_stale |= mem::take(&mut self.is_spilled);
            self.is_overwritten = true;
        }
        self.line.extend_from_slice(text);
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        self.draw(self.rendered(self.line.len()), out);
        if self.is_returned && self.target == Target::Plain {
            out.push(b'\r');
        }
        out.push(b'\n');
        *self = Self::to(self.target);
    }

    fn spill(&mut self, out: &mut Vec<u8>) {
        let length = self.line.len() - unfinished(&self.line);
        self.draw(self.rendered(length), out);
        self.line.drain(..length);
        self.drawn = Drawn::default();
        self.is_spilled = true;
    }

    fn rendered(&self, length: usize) -> Vec<u8> {
        match self.target {
            Target::Plain => self.line[..length].to_vec(),
            Target::Terminal { .. } => escaped(&self.line[..length]).into_bytes(),
        }
    }

    fn draw(&mut self, text: Vec<u8>, out: &mut Vec<u8>) {
        match text.strip_prefix(self.drawn.text.as_slice()) {
            Some(added) if !self.drawn.is_stale => out.extend_from_slice(added),
            _ if text == self.drawn.text => return,
            _ => {
                out.push(b'\r');
                out.extend_from_slice(&text);
            }
        }
        let columns = width(&text);
        let blanks = match self.target {
            Target::Plain => 0,
            Target::Terminal { columns: limit } => {
                self.drawn.columns.min(limit.unwrap_or(usize::MAX).saturating_sub(1)).saturating_sub(columns)
            }
        };
        out.resize(out.len() + blanks, b' ');
        self.drawn = Drawn { text, columns, is_stale: blanks > 0 };
    }
}

fn width(text: &[u8]) -> usize {
    let text = String::from_utf8_lossy(text);
    text.width() + text.matches('\t').count() * TAB_COLUMNS
}

fn cut(text: &[u8], columns: usize) -> Vec<u8> {
    let mut used = 0;
    let fits = |character: &char| {
        used += if *character == '\t' { TAB_COLUMNS } else { character.width().unwrap_or(0) };
        used <= columns
    };
    String::from_utf8_lossy(text).chars().take_while(fits).collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(output: &[u8]) -> Vec<u8> {
        let mut printer = LinePrinter::plain();
        [printer.take(output), printer.finish()].concat()
    }

    fn screen(printed: &[u8]) -> Vec<String> {
        let text = str::from_utf8(printed).expect("text");
        let row = |line: &str| {
            let (mut row, mut column) = (Vec::new(), 0);
            for character in line.chars() {
                if character == '\r' {
                    column = 0;
                    continue;
                }
                row.resize(row.len().max(column + 1), ' ');
                row[column] = character;
                column += 1;
            }
            row.into_iter().collect::<String>().trim_end().to_owned()
        };
        text.split('\n').map(row).collect()
    }

    #[test]
    fn a_pipe_gets_the_last_version_of_a_line() {
        for (output, printed) in [
            (&b"10%\r20%\r100%\ndone\n"[..], &b"100%\ndone\n"[..]),
            (b"\r10%\r100%\r", b"100%"),
            (b"a long text\rshort\n", b"short\n"),
            (b"one\r\ntwo\r\n", b"one\r\ntwo\r\n"),
            (b"10%\rdone\r\n", b"done\r\n"),
            (b"\x1b[31m\xff\0\n", b"\x1b[31m\xff\0\n"),
            (b"\n\r\n", b"\n\r\n"),
        ] {
            assert_eq!(plain(output).escape_ascii().to_string(), printed.escape_ascii().to_string());
        }
    }

    #[test]
    fn a_terminal_shows_each_version_and_nothing_of_a_longer_one() {
        let mut printer = LinePrinter::terminal(Some(80));
        let mut shown = Vec::new();
        for (piece, row) in [
            (&b"step 1: "[..], "step 1:"),
            (b"10 percent", "step 1: 10 percent"),
            (b"\r20 %", "20 %"),
            (b" of 5", "20 % of 5"),
            (b"\r", "20 % of 5"),
            (b"30\x1b[2J%\r", "30\\u{1b}[2J%"),
        ] {
            shown.extend(printer.take(piece));
            shown.extend(printer.current());
            assert_eq!(screen(&shown), [row]);
        }
        shown.extend(printer.take(b"done\r\nnext"));
        shown.extend(printer.finish());
        assert_eq!(screen(&shown), ["done", "next"]);
        assert!(!shown.contains(&b'\x1b'));
    }

    #[test]
    fn a_version_that_is_wider_than_the_terminal_is_cut_until_the_line_ends() {
        let mut printer = LinePrinter::terminal(Some(6));
        let current = [printer.take(b"\r123456789"), printer.current()].concat();
        assert_eq!(current, b"\r123456789"[1..6].to_vec());
        assert_eq!(printer.take(b"\n"), b"6789\n");
    }

    #[test]
    fn a_pipe_is_given_the_beginning_of_a_line_at_once_unless_it_may_be_replaced() {
        let mut printer = LinePrinter::plain();
        assert_eq!([printer.take(b"ready? "), printer.current()].concat(), b"ready? ");
        assert_eq!([printer.take(b"yes\n10%\r"), printer.current()].concat(), b"yes\n");
        assert_eq!([printer.take(b"20%"), printer.current()].concat(), b"");
        assert_eq!(printer.take(b"\n"), b"20%\n");
        // Text that was already printed cannot be replaced.
        assert_eq!([printer.take(b"30%"), printer.current(), printer.take(b"\r40%\n")].concat(), b"30%\r40%\n");
    }

    #[test]
    fn a_long_line_is_not_kept() {
        let long = vec![b'x'; MAX_LINE_BYTES + 1];
        let mut printer = LinePrinter::plain();
        assert_eq!(printer.take(&long).len(), long.len());
        assert_eq!(printer.take(b"y\rz\n"), b"\rz\n");
    }

    #[test]
    fn pieces_may_be_cut_anywhere() {
        for output in ["ab\r€\r\nb a\r\r  \ra\n", "\r\n\n\rab\rb", "a\r", "aé€𝄞\u{1b}b\rlonger than that\rshort"]
        {
            let (output, whole) = (output.as_bytes(), plain(output.as_bytes()));
            for (first, second) in
                (0..=output.len()).flat_map(|first| (first..=output.len()).map(move |second| (first, second)))
            {
                let (mut pipe, mut terminal) = (LinePrinter::plain(), LinePrinter::terminal(Some(80)));
                let (mut printed, mut shown) = (Vec::new(), Vec::new());
                for piece in [&output[..first], &output[first..second], &output[second..]] {
                    printed.extend(pipe.take(piece));
                    shown.extend(terminal.take(piece));
                    shown.extend(terminal.current());
                }
                printed.extend(pipe.finish());
                shown.extend(terminal.finish());
                assert_eq!(printed, whole, "cut at {first} and {second}");
                assert_eq!(
                    screen(&shown),
                    screen(escaped(&whole).replace("\\r", "").as_bytes()),
                    "cut at {first} and {second}"
                );
            }
        }
    }
}

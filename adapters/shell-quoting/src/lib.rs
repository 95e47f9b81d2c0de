//! References to variables in a string for the shell, quoted for the place they stand in.
//!
//! # Theory of operation
//!
//! Values are never written into the string. Each becomes a reference to an environment variable
//! that holds it, and a shell does not parse what a variable expands to (POSIX, Shell Command
//! Language, 2.6). That is the safety, and nothing here can weaken it. The quotes around a
//! reference keep the value one word: in double quotes it stands bare, in single quotes these are
//! closed and opened again around it, elsewhere it gets double quotes.
//!
//! [`Quoting`] follows the string byte by byte, closely enough for that. Where it errs (a
//! here-document, a `case` pattern within a substitution) a value may be split or the reference
//! stay as text; this shell still takes none for code.
//!
//! # Limits
//!
//! Two places are code all the same, and [`Quoting`] says of each whether it is one. In quotes with
//! other text the value becomes a part of a word; a program that takes the word for code (`sh -c`,
//! `eval`, `awk`) executes what the value holds. In `$((…))` quotes are refused by some shells
//! (dash), and others (bash) evaluate the value as an expression.
//!
//! # Deliberately absent
//!
//! Placeholders and expressions, which belong to the caller, and running the string.

/// What is open at some place of a string, the innermost last, and what stands before that place.
#[derive(Debug, Clone, Default)]
pub struct Quoting {
    open: Vec<Open>,
    before: Before,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Single,
    Double,
    Parenthesis,
    /// The inner parenthesis of `$((`.
    Arithmetic,
    Backquote,
    Comment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Before {
    /// A word may begin, or a comment.
    #[default]
    Blank,
    /// A part of a word, in which `#` begins no comment.
    Word,
    /// A `$` that counts.
    Dollar,
    /// The parenthesis of `$(`, behind which a word may begin as well.
    Substitution,
    /// A backslash that counts.
    Backslash,
}

impl Quoting {
    /// Whether the shell would take what comes next for no more than its bytes: behind a backslash,
    /// and in a comment.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.before == Before::Backslash || self.open.last() == Some(&Open::Comment)
    }

    /// Whether this is in single quotes.
    #[must_use]
    pub fn is_single_quoted(&self) -> bool {
        self.open.last() == Some(&Open::Single)
    }

    /// Whether this is in `$((…))`, at any depth: what a command prints there is evaluated too.
    #[must_use]
    pub fn is_arithmetic(&self) -> bool {
        self.open.contains(&Open::Arithmetic)
    }

    /// The variable's value at this place, as one word; the place is behind it then.
    pub fn reference(&mut self, name: &str) -> String {
        self.before = Before::Word;
        match self.open.last() {
            Some(Open::Single) => format!("'\"${{{name}}}\"'"),
            Some(Open::Double) => format!("${{{name}}}"),
            Some(Open::Parenthesis | Open::Arithmetic | Open::Backquote | Open::Comment) | None => {
                format!("\"${{{name}}}\"")
            }
        }
    }

    /// Goes on behind this text. Only bytes of ASCII mean anything to the shell, so text of any
    /// encoding that keeps them apart can be passed.
    pub fn pass(&mut self, text: &[u8]) {
        for byte in text {
            self.step(*byte);
        }
    }

    fn step(&mut self, byte: u8) {
        let innermost = self.open.last().copied();
        self.before = match innermost {
            _ if self.before == Before::Backslash => Before::Word,
            Some(Open::Comment) => self.end(byte == b'\n', Before::Blank),
            Some(Open::Single) => self.end(byte == b'\'', Before::Word),
            Some(Open::Double) => self.in_double(byte),
            Some(Open::Parenthesis | Open::Arithmetic | Open::Backquote) | None => self.bare(byte, innermost),
        };
    }

    fn in_double(&mut self, byte: u8) -> Before {
        match byte {
            b'\\' => Before::Backslash,
            b'$' => Before::Dollar,
            b'"' => self.end(true, Before::Word),
            b'`' => self.backquote(),
            b'(' if self.before == Before::Dollar => self.begin(Open::Parenthesis, Before::Substitution),
            _ => Before::Word,
        }
    }

    fn bare(&mut self, byte: u8, innermost: Option<Open>) -> Before {
        match byte {
            b'\\' => Before::Backslash,
            b'\'' => self.begin(Open::Single, Before::Word),
            b'"' => self.begin(Open::Double, Before::Word),
            b'`' => self.backquote(),
            b'$' => Before::Dollar,
            b'(' if self.before == Before::Dollar => self.begin(Open::Parenthesis, Before::Substitution),
            b'(' if self.before == Before::Substitution => self.begin(Open::Arithmetic, Before::Blank),
            b'(' => self.begin(Open::Parenthesis, Before::Blank),
            b')' => self.end(matches!(innermost, Some(Open::Parenthesis | Open::Arithmetic)), Before::Blank),
            b'#' if matches!(self.before, Before::Blank | Before::Substitution) => {
                self.begin(Open::Comment, Before::Blank)
            }
            b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' => Before::Blank,
            _ => Before::Word,
        }
    }

    fn backquote(&mut self) -> Before {
        match self.open.last() {
            Some(Open::Backquote) => self.end(true, Before::Word),
            _ => self.begin(Open::Backquote, Before::Blank),
        }
    }

    fn begin(&mut self, inner: Open, before: Before) -> Before {
        self.open.push(inner);
        before
    }

    fn end(&mut self, ends: bool, before: Before) -> Before {
        if ends {
            self.open.pop();
        }
        before
    }
}

//! Quotes references to environment variables in a shell command.
//!
//! # Theory of operation
//!
//! A value is never written into the shell command. The command refers to an environment variable
//! instead. A shell does not parse the expansion of a variable (POSIX, Shell Command Language,
//! 2.6). Even with wrong quotes, the shell therefore does not run a value as code. *Limits* lists
//! the exceptions.
//!
//! The quotes only keep the value one word. Within double quotes, a reference needs no further
//! quotes. Elsewhere, the reference is put in double quotes. Surrounding single quotes are closed
//! before the reference and reopened after it.
//!
//! [`Quoting`] does not parse the whole shell grammar. It may misjudge a here-document, or a `case`
//! pattern within a substitution. The value may then be split, or the reference may appear
//! literally.
//!
//! # Limits
//!
//! A shell or program may still run a value as code in three contexts:
//!
//! - Some commands and parameter expansions evaluate a text as code. Examples are `trap`, `sh -c`
//!   and an index as in `${x[…]}`. [`Quoting::executor`] detects many of them.
//! - Within quotes that contain other text, the value becomes part of a word. An unknown program
//!   may run this word as code. [`Quoting::is_single_quoted`] reports single quotes.
//! - Within `$((…))`, some shells (bash) evaluate the value as an expression. Others (dash) refuse
//!   quotes there. [`Quoting::is_arithmetic`] reports this context.
//!
//! # Deliberately absent
//!
//! This crate parses no placeholders or expressions, and runs no commands.

mod executor;

pub use executor::{code_arguments, script_argument};

/// Parses a shell command, and tracks the quotes and brackets that are open at the current
/// position.
#[derive(Debug, Clone, Default)]
pub struct Quoting {
    open: Vec<Open>,
    before: Before,
    /// The current simple command, up to the current position.
    command: Vec<u8>,
    /// The enclosing simple commands, the outermost first.
    outer_commands: Vec<Vec<u8>>,
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
    #[default]
    Blank,
    Word,
    /// An unescaped `$`.
    Dollar,
    /// The parenthesis of `$(`.
    Substitution,
    /// An unescaped backslash.
    Backslash,
}

impl Open {
    const fn contains_commands(self) -> bool {
        matches!(self, Self::Parenthesis | Self::Arithmetic | Self::Backquote)
    }
}

impl Quoting {
    /// True if the shell takes the next byte literally: after a backslash or in a comment. For
    /// single quotes, see [`is_single_quoted`](Self::is_single_quoted).
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.before == Before::Backslash || self.open.last() == Some(&Open::Comment)
    }

    /// True within single quotes.
    #[must_use]
    pub fn is_single_quoted(&self) -> bool {
        self.open.last() == Some(&Open::Single)
    }

    /// True within `$((…))`, even in a command nested in it, because the shell also evaluates the
    /// output of that command.
    #[must_use]
    pub fn is_arithmetic(&self) -> bool {
        self.open.contains(&Open::Arithmetic)
    }

    /// Returns a reference to the variable `name`, quoted so that the value stays one word at the
    /// current position. Moves the position past the reference.
    pub fn reference(&mut self, name: &str) -> String {
        self.before = Before::Word;
        self.command.push(b'_');
        match self.open.last() {
            Some(Open::Single) => format!("'\"${{{name}}}\"'"),
            Some(Open::Double) => format!("${{{name}}}"),
            Some(Open::Parenthesis | Open::Arithmetic | Open::Backquote | Open::Comment) | None => {
                format!("\"${{{name}}}\"")
            }
        }
    }

    /// Moves the position past `text`. The text may have any encoding that contains ASCII
    /// unchanged, because only ASCII bytes have a meaning in the shell.
    pub fn pass(&mut self, text: &[u8]) {
        for byte in text {
            self.step(*byte);
        }
    }

    fn step(&mut self, byte: u8) {
        let innermost = self.open.last().copied();
        self.command.push(byte);
        self.before = match innermost {
            _ if self.before == Before::Backslash => Before::Word,
            Some(Open::Comment) => {
                self.command.pop();
                if byte == b'\n' {
                    self.command.clear();
                }
                self.end(byte == b'\n', Before::Blank)
            }
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
                self.command.pop();
                self.begin(Open::Comment, Before::Blank)
            }
            b' ' | b'\t' => Before::Blank,
            // This `&` belongs to a redirection, as in `2>&1` and `0<&3`.
            b'&' if self.command.ends_with(b">&") || self.command.ends_with(b"<&") => Before::Word,
            b'\n' | b';' | b'&' | b'|' => {
                self.command.clear();
                Before::Blank
            }
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
        if inner.contains_commands() {
            self.outer_commands.push(std::mem::take(&mut self.command));
        }
        before
    }

    fn end(&mut self, ends: bool, before: Before) -> Before {
        if ends
            && let Some(inner) = self.open.pop()
            && inner.contains_commands()
        {
            self.command = self.outer_commands.pop().unwrap_or_default();
        }
        before
    }
}

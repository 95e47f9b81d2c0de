//! Strings for the shell.
//!
//! [`Quoting`] follows the string closely enough to quote a reference for the place it stands in: in double quotes it
//! stands bare, in single quotes these are closed and opened again around it, elsewhere it gets double quotes. Where it
//! errs (a here-document, a `case` pattern within a substitution) a value may be split or the reference stay as text; it
//! is still not code, because only the shell expands it and never parses what it expands to.

use super::error::ExpressionError;
use super::scope::Scope;
use super::template::{MAX_TEXT_BYTES, Piece, pieces, words};

/// The variables that hold the values, numbered from 1.
const VARIABLE: &str = "AUTOPROC_VALUE_";

/// A string for `sh -c`, and the variables it refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShellText {
    /// The string.
    pub text: String,
    /// The variables to set, names and values.
    pub environment: Vec<(String, String)>,
}

/// A string for the shell, each `${…}` in it a reference to a variable that holds its value in words.
///
/// # Errors
/// [`ExpressionError`] where a value is none, holds a NUL, or is longer than [`MAX_TEXT_BYTES`] less its name.
pub fn render_shell(text: &str, scope: &Scope) -> Result<ShellText, ExpressionError> {
    let (mut rendered, mut environment, mut quoting) = (String::new(), Vec::new(), Quoting::default());
    for piece in pieces(text)? {
        match piece {
            Piece::Literal(literal) => {
                quoting.pass(literal);
                rendered.push_str(literal);
            }
            Piece::Expression(expression) => {
                let name = format!("{VARIABLE}{}", environment.len() + 1);
                rendered.push_str(&quoting.reference(&name));
                environment.push((name, value(expression, scope)?));
            }
        }
    }
    if rendered.contains('\0') {
        return Err(ExpressionError::Nul { expression: text.to_owned() });
    }
    if rendered.len() >= MAX_TEXT_BYTES {
        return Err(ExpressionError::TooLong { limit: MAX_TEXT_BYTES - 1 });
    }
    Ok(ShellText { text: rendered, environment })
}

fn value(expression: &str, scope: &Scope) -> Result<String, ExpressionError> {
    /// The name of a variable with any number, `=` and NUL.
    const OTHERS: usize = VARIABLE.len() + 20 + 2;
    let value = words(expression, scope)?;
    if value.contains('\0') {
        return Err(ExpressionError::Nul { expression: expression.to_owned() });
    }
    if value.len() > MAX_TEXT_BYTES - OTHERS {
        return Err(ExpressionError::TooLong { limit: MAX_TEXT_BYTES - OTHERS });
    }
    Ok(value)
}

/// What is open at some place of a shell string, the innermost last, and what stands before it.
#[derive(Debug, Default)]
struct Quoting {
    open: Vec<Open>,
    before: Before,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Single,
    Double,
    Parenthesis,
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
    /// A backslash that counts.
    Backslash,
}

impl Quoting {
    fn reference(&mut self, name: &str) -> String {
        self.before = Before::Word;
        match self.open.last() {
            Some(Open::Single) => format!("'\"${{{name}}}\"'"),
            Some(Open::Double) => format!("${{{name}}}"),
            Some(Open::Parenthesis | Open::Backquote | Open::Comment) | None => format!("\"${{{name}}}\""),
        }
    }

    fn pass(&mut self, literal: &str) {
        literal.chars().for_each(|character| self.step(character));
    }

    fn step(&mut self, character: char) {
        let innermost = self.open.last().copied();
        self.before = match innermost {
            _ if self.before == Before::Backslash => Before::Word,
            Some(Open::Comment) => self.end(character == '\n', Before::Blank),
            Some(Open::Single) => self.end(character == '\'', Before::Word),
            Some(Open::Double) => self.in_double(character),
            Some(Open::Parenthesis | Open::Backquote) | None => self.bare(character, innermost),
        };
    }

    fn in_double(&mut self, character: char) -> Before {
        match character {
            '\\' => Before::Backslash,
            '$' => Before::Dollar,
            '"' => self.end(true, Before::Word),
            '`' => self.backquote(),
            '(' if self.before == Before::Dollar => self.begin(Open::Parenthesis, Before::Blank),
            _ => Before::Word,
        }
    }

    fn bare(&mut self, character: char, innermost: Option<Open>) -> Before {
        match character {
            '\\' => Before::Backslash,
            '\'' => self.begin(Open::Single, Before::Word),
            '"' => self.begin(Open::Double, Before::Word),
            '`' => self.backquote(),
            '(' => self.begin(Open::Parenthesis, Before::Blank),
            ')' => self.end(innermost == Some(Open::Parenthesis), Before::Blank),
            '#' if self.before == Before::Blank => self.begin(Open::Comment, Before::Blank),
            ' ' | '\t' | '\n' | ';' | '&' | '|' => Before::Blank,
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

//! Splits an expression into tokens.

pub(super) enum Token<'e> {
    Open(&'e str),
    Close(&'e str),
    Comparison(&'e str),
    /// `and` or `or`, with the original spelling, such as `&&`.
    Connective(&'static str, &'e str),
    /// A token with lower precedence than a comparison, such as `if`.
    Loose(&'e str),
    /// The word `is`, `in` or `not`.
    Test(&'e str),
    Exists,
    Other(&'e str),
}

/// The remaining text of an expression.
#[derive(Clone)]
pub(super) struct Tokens<'e> {
    rest: &'e str,
    is_after_dot: bool,
}

impl<'e> Tokens<'e> {
    pub(super) fn new(expression: &'e str) -> Self {
        Self { rest: expression, is_after_dot: false }
    }

    /// Returns the next token that is not a blank, without consuming it.
    pub(super) fn peek(&self) -> Option<Token<'e>> {
        self.clone().skip_next()
    }

    /// Consumes and returns the next token that is not a blank.
    pub(super) fn skip_next(&mut self) -> Option<Token<'e>> {
        self.rest = self.rest.trim_start();
        self.next()
    }
}

impl<'e> Iterator for Tokens<'e> {
    type Item = Token<'e>;

    fn next(&mut self) -> Option<Token<'e>> {
        let first = self.rest.chars().next()?;
        let (text, rest) = self.rest.split_at(length(self.rest, first));
        self.rest = rest;
        let is_member = self.is_after_dot && !first.is_whitespace();
        self.is_after_dot = matches!(text, "." | "|") || (self.is_after_dot && first.is_whitespace());
        Some(if is_member { Token::Other(text) } else { token(text) })
    }
}

fn token(text: &str) -> Token<'_> {
    match text {
        "(" | "[" | "{" => Token::Open(text),
        ")" | "]" | "}" => Token::Close(text),
        "<" | "<=" | ">" | ">=" | "==" | "!=" | "contains" => Token::Comparison(text),
        "CONTAINS" => Token::Comparison("contains"),
        "and" | "AND" | "&&" => Token::Connective("and", text),
        "or" | "OR" | "||" => Token::Connective("or", text),
        "if" | "else" | "," | ":" | "=" => Token::Loose(text),
        "is" | "IS" => Token::Test("is"),
        "in" | "IN" => Token::Test("in"),
        "not" | "NOT" | "!" => Token::Test("not"),
        "exists" | "EXISTS" => Token::Exists,
        "NULL" => Token::Other("null"),
        "TRUE" => Token::Other("true"),
        "FALSE" => Token::Other("false"),
        _ => Token::Other(text),
    }
}

fn length(text: &str, first: char) -> usize {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    match first {
        '\'' | '"' => quoted(text, first),
        '<' | '>' | '=' | '!' if text[1..].starts_with('=') => 2,
        '&' | '|' if text[1..].starts_with(first) => 2,
        first if is_word(first) => text.find(|character| !is_word(character)).unwrap_or(text.len()),
        first => first.len_utf8(),
    }
}

/// Returns the length in bytes of the quoted text, with its quotes.
pub(super) fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

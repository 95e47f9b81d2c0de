//! Makes comparisons refuse values of different types.
//!
//! # Theory of operation
//!
//! minijinja orders any two values. Values of different types are ordered by type: `errors < 3`
//! would hold if `errors` is null, and `score > 0.8` if `score` is a text. Operators cannot be
//! redefined, but filters can. So `a < b` is rewritten as a filter that is applied to `a` and takes
//! `b` as an argument. `and`, `or` and `if` still short-circuit. To find the start of `a` and the
//! end of `b`, the rewriting recognises brackets, quotes, and the words and signs that bind less
//! tightly than a comparison.
//!
//! # Deliberately absent
//!
//! The rewriting of comparisons next to `in` and `is`, as in `a < b in c`. They are rare, and keep
//! minijinja's meaning.

use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

/// The name of the filter that replaces comparisons. No author uses this name by accident.
const FILTER: &str = "__in_order";

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter(FILTER, in_order);
}

/// Returns the rewritten expression; `None` if it contains neither `<` nor `>`.
pub(super) fn guarded(expression: &str) -> Option<String> {
    expression.contains(['<', '>']).then(|| group(&mut Tokens(expression)))
}

/// True if a chain of comparisons holds. `first` is the first operand; `rest` alternates operators
/// and operands.
fn in_order(first: &Value, rest: Rest<Value>) -> Result<bool, Error> {
    let (mut left, mut rest) = (first.clone(), rest.0.into_iter());
    while let (Some(operator), Some(right)) = (rest.next(), rest.next()) {
        if !holds(&left, operator.as_str().unwrap_or_default(), &right)? {
            return Ok(false);
        }
        left = right;
    }
    Ok(true)
}

fn holds(left: &Value, operator: &str, right: &Value) -> Result<bool, Error> {
    if left.is_undefined() || right.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let is_about_equality = ["==", "!="].contains(&operator);
    if !is_about_equality && (left.kind() != right.kind() || left.is_none()) {
        let message = format!("{} and {} have no order", noun(left), noun(right));
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    }
    Ok(match operator {
        "<" => left < right,
        "<=" => left <= right,
        ">" => left > right,
        ">=" => left >= right,
        "!=" => left != right,
        _ => left == right,
    })
}

fn noun(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::None => "null",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a string",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        _ => "a map",
    }
}

enum Token<'e> {
    Open(&'e str),
    Close(&'e str),
    Comparison(&'e str),
    /// A token that binds less tightly than a comparison.
    Loose(&'e str),
    /// A word of a test or a membership comparison: `is`, `in` or `not`.
    Test(&'e str),
    Other(&'e str),
}

/// The remaining text of an expression.
struct Tokens<'e>(&'e str);

impl<'e> Iterator for Tokens<'e> {
    type Item = Token<'e>;

    fn next(&mut self) -> Option<Token<'e>> {
        let first = self.0.chars().next()?;
        let (text, rest) = self.0.split_at(length(self.0, first));
        self.0 = rest;
        Some(match text {
            "(" | "[" | "{" => Token::Open(text),
            ")" | "]" | "}" => Token::Close(text),
            "<" | "<=" | ">" | ">=" | "==" | "!=" => Token::Comparison(text),
            "and" | "or" | "if" | "else" | "," | ":" | "=" => Token::Loose(text),
            "is" | "in" | "not" => Token::Test(text),
            _ => Token::Other(text),
        })
    }
}

/// Returns the length in bytes of the first token of `text`. `first` is the first character.
fn length(text: &str, first: char) -> usize {
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    match first {
        '\'' | '"' => quoted(text, first),
        '<' | '>' | '=' | '!' if text[1..].starts_with('=') => 2,
        first if is_word(first) => text.find(|character| !is_word(character)).unwrap_or(text.len()),
        first => first.len_utf8(),
    }
}

fn quoted(text: &str, quote: char) -> usize {
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

/// Rewrites the tokens up to the closing bracket of the group, or up to the end of the expression.
fn group(tokens: &mut Tokens<'_>) -> String {
    let (mut rewritten, mut run, mut is_tested) = (String::new(), Run::default(), false);
    while let Some(token) = tokens.next() {
        match token {
            Token::Open(text) => {
                run.push(text);
                run.push(&group(tokens));
            }
            Token::Comparison(text) => run.compare(text),
            Token::Other(text) => run.push(text),
            Token::Loose(text) => {
                rewritten += &std::mem::take(&mut run).end(is_tested);
                rewritten += text;
                is_tested = false;
            }
            Token::Test(text) => {
                // A leading `not` is a negation, which binds less tightly than a comparison.
                let is_negation = text == "not" && run.is_blank();
                rewritten += &std::mem::take(&mut run).end(true);
                rewritten += text;
                is_tested |= !is_negation;
            }
            Token::Close(text) => {
                rewritten += &run.end(is_tested);
                return rewritten + text;
            }
        }
    }
    rewritten + &run.end(is_tested)
}

/// A sequence of operands with comparison operators between them.
#[derive(Default)]
struct Run<'e> {
    operands: Vec<String>,
    last: String,
    operators: Vec<&'e str>,
}

impl<'e> Run<'e> {
    fn push(&mut self, text: &str) {
        self.last += text;
    }

    fn compare(&mut self, operator: &'e str) {
        self.operands.push(std::mem::take(&mut self.last));
        self.operators.push(operator);
    }

    fn is_blank(&self) -> bool {
        self.operators.is_empty() && self.last.trim().is_empty()
    }

    /// Returns the sequence as a call of the filter. Returns it as written if `as_written` is true,
    /// an operand is empty, or there is no ordering comparison.
    fn end(mut self, as_written: bool) -> String {
        self.operands.push(self.last);
        let is_whole = self.operands.iter().all(|operand| !operand.trim().is_empty());
        if as_written || !is_whole || !self.operators.iter().any(|operator| operator.starts_with(['<', '>'])) {
            let operators = self.operators.into_iter().chain([""]);
            return self.operands.into_iter().zip(operators).map(|(operand, operator)| operand + operator).collect();
        }
        let (first, rest) = self.operands.split_first().expect("the last one was added above");
        let rest: Vec<_> =
            self.operators.iter().zip(rest).map(|(operator, operand)| format!("'{operator}', ({operand})")).collect();
        format!(" (({first}) | {FILTER}({})) ", rest.join(", "))
    }
}

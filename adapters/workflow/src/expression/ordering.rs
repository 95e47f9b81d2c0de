//! Comparisons that order, made such that they refuse values that have no order.
//!
//! # Theory of operation
//!
//! minijinja orders any two values, by their kinds where these differ: `errors < 3` would hold where nobody has returned
//! `errors`, and `score > 0.8` for every text. What an operator does cannot be changed there, but what a filter does is ours.
//! So `a < b` is evaluated as a filter on `a` with `b` behind it, at the place where it stands: what `and`, `or` and `if` leave
//! out stays left out. This needs to know where `a` begins and `b` ends, and no more of the language than brackets,
//! quotes, and the words and signs that bind less than a comparison.
//!
//! # Deliberately absent
//!
//! Comparisons beside `in` and `is`, as in `a < b in c`: nobody writes them, and they stay what they are.

use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind};

/// The filter. The name is none that a person would hit upon.
const FILTER: &str = "__in_order";

pub(super) fn add_to(environment: &mut Environment<'static>) {
    environment.add_filter(FILTER, in_order);
}

/// The expression with such comparisons; none where it has none of them.
pub(super) fn guarded(expression: &str) -> Option<String> {
    expression.contains(['<', '>']).then(|| group(&mut Tokens(expression)))
}

/// Whether all comparisons hold that follow the first operand: an operator and an operand each.
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
        let message = format!("{} and {} have no order", words(left), words(right));
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

fn words(value: &Value) -> &'static str {
    match value.kind() {
        ValueKind::None => "null",
        ValueKind::Bool => "a truth value",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        _ => "a map",
    }
}

/// What matters of an expression's words and signs.
enum Token<'e> {
    Open(&'e str),
    Close(&'e str),
    Comparison(&'e str),
    /// It binds less than a comparison.
    Loose(&'e str),
    /// It stands for a comparison, or within one.
    Test(&'e str),
    Other(&'e str),
}

/// The rest of an expression.
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

/// How many bytes the first token has.
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

/// What stands between two brackets, or all there is.
fn group(tokens: &mut Tokens<'_>) -> String {
    let (mut made, mut run, mut is_tested) = (String::new(), Run::default(), false);
    while let Some(token) = tokens.next() {
        match token {
            Token::Open(text) => {
                run.push(text);
                run.push(&group(tokens));
            }
            Token::Comparison(text) => run.compare(text),
            Token::Other(text) => run.push(text),
            Token::Loose(text) => {
                made += &std::mem::take(&mut run).end(is_tested);
                made += text;
                is_tested = false;
            }
            Token::Test(text) => {
                // `not` before anything else is a plain negation, and looser than a comparison.
                let is_negation = text == "not" && run.is_blank();
                made += &std::mem::take(&mut run).end(true);
                made += text;
                is_tested |= !is_negation;
            }
            Token::Close(text) => {
                made += &run.end(is_tested);
                return made + text;
            }
        }
    }
    made + &run.end(is_tested)
}

/// Operands with comparisons between them.
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

    /// As it is written, or guarded.
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

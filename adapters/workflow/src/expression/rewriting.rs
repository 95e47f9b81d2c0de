//! Translates expressions of workflow files to minijinja.
//!
//! # Theory of operation
//!
//! Words such as `AND`, `&&` and `NULL` become the words of minijinja. Comparisons and `contains`
//! become calls of the filter [`COMPARE`], because minijinja's operators order any two values. With
//! these operators, `errors < 3` would hold if `errors` is null. The filter is applied to the left
//! operand, and the right operand is its argument. The operands end at brackets, and at words and
//! signs that bind less tightly than a comparison.
//!
//! `x exists` and `exists x` become a test. `exists a == b` is an error, because it is ambiguous.
//!
//! # Deliberately absent
//!
//! Comparisons next to `in` and `is` are not rewritten, as in `a < b in c`. Such comparisons are
//! rare, and keep minijinja's meaning.

use super::operators::{COMPARE, EXISTS};
use super::tokens::{Token, Tokens};

const COMPARED_EXISTS: &str = "`exists` applies to one value; to compare the value too, write `a exists and a == 'b'`";

/// Returns the rewritten expression. An invalid expression stays invalid.
///
/// # Errors
/// [`COMPARED_EXISTS`] if a comparison begins with `exists`.
pub(super) fn rewritten(expression: &str) -> Result<String, &'static str> {
    group(&mut Tokens::new(expression))
}

fn group(tokens: &mut Tokens<'_>) -> Result<String, &'static str> {
    let (mut rewritten, mut run, mut is_tested) = (String::new(), Run::default(), false);
    while let Some(token) = tokens.next() {
        match token {
            Token::Open(text) => {
                run.push(text);
                run.push(&group(tokens)?);
            }
            Token::Comparison("contains") if run.is_blank() => run.push("contains"),
            Token::Comparison(text) => run.compare(text),
            Token::Exists if run.is_blank() && !has_operand(tokens) => run.push("exists"),
            Token::Exists => run.ask_existence(false),
            Token::Other(text) => run.push(text),
            // Without a left operand, `OR` is a name.
            Token::Connective(_, text) if run.is_blank() => run.push(text),
            Token::Loose(text) | Token::Connective(text, _) => {
                rewritten += &std::mem::take(&mut run).end(is_tested)?;
                rewritten.extend([" ", text, " "]);
                is_tested = false;
            }
            Token::Test("not") if !run.is_blank() && negates(tokens, &mut run) => {}
            Token::Test(text) => {
                // A leading `not` is a negation, which binds less tightly than a comparison.
                let is_negation = text == "not" && run.is_blank();
                if run.begins_with_exists {
                    return Err(COMPARED_EXISTS);
                }
                rewritten += &std::mem::take(&mut run).end(true)?;
                rewritten += text;
                rewritten += if is_negation { " " } else { "" };
                is_tested |= !is_negation;
            }
            Token::Close(text) => {
                rewritten += &run.end(is_tested)?;
                return Ok(rewritten + text);
            }
        }
    }
    Ok(rewritten + &run.end(is_tested)?)
}

/// True if `exists` is an operator, and not a name as in `exists.a`.
fn has_operand(tokens: &Tokens<'_>) -> bool {
    match tokens.peek() {
        Some(Token::Open(text) | Token::Other(text)) => !matches!(text, "." | "|" | "["),
        _ => false,
    }
}

fn negates(tokens: &mut Tokens<'_>, run: &mut Run<'_>) -> bool {
    match tokens.peek() {
        Some(Token::Comparison("contains")) => run.compare("not contains"),
        Some(Token::Exists) => run.ask_existence(true),
        _ => return false,
    }
    tokens.skip_next();
    true
}

#[derive(Default)]
struct Run<'e> {
    operands: Vec<String>,
    last: String,
    operators: Vec<&'e str>,
    begins_with_exists: bool,
}

impl<'e> Run<'e> {
    fn push(&mut self, text: &str) {
        self.last += text;
    }

    fn compare(&mut self, operator: &'e str) {
        self.operands.push(std::mem::take(&mut self.last));
        self.operators.push(operator);
    }

    fn ask_existence(&mut self, is_negated: bool) {
        if self.is_blank() {
            self.begins_with_exists = true;
        } else {
            self.last = existence(&self.last, is_negated);
        }
    }

    fn is_blank(&self) -> bool {
        self.operators.is_empty() && self.last.trim().is_empty()
    }

    /// Returns the rewritten comparison, or the unchanged text if `as_written` is true.
    ///
    /// # Errors
    /// [`COMPARED_EXISTS`] if a comparison begins with `exists`.
    fn end(mut self, as_written: bool) -> Result<String, &'static str> {
        if self.begins_with_exists {
            if !self.operators.is_empty() {
                return Err(COMPARED_EXISTS);
            }
            self.last = existence(&self.last, false);
        }
        self.operands.push(self.last);
        let is_whole = self.operands.iter().all(|operand| !operand.trim().is_empty());
        if as_written || !is_whole || self.operators.is_empty() {
            let operators = self.operators.into_iter().chain([""]);
            return Ok(self
                .operands
                .into_iter()
                .zip(operators)
                .map(|(operand, operator)| operand + operator)
                .collect());
        }
        let (first, rest) = self.operands.split_first().expect("the last one was added above");
        let rest: Vec<_> =
            self.operators.iter().zip(rest).map(|(operator, operand)| format!("'{operator}', ({operand})")).collect();
        Ok(format!(" (({first}) | {COMPARE}({})) ", rest.join(", ")))
    }
}

fn existence(operand: &str, is_negated: bool) -> String {
    let not = if is_negated { "not " } else { "" };
    format!(" (({operand}) is {not}{EXISTS}) ")
}

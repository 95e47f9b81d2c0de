//! Evaluates conditions, and the `${…}` in texts.
//!
//! # Theory of operation
//!
//! Expressions have the syntax of minijinja, and further words such as `AND` and `exists`. In a
//! text, an unknown name is an error. In a condition, an unknown name is null.
//!
//! In a text, only `${expression}` is special, and `$${` stands for a literal `${`. A text of
//! exactly one `${expression}` may have a value of any type. Within a longer text, a value other
//! than a text becomes JSON in one line, and null is an error.
//!
//! In a shell command, each `${expression}` becomes a quoted reference to an environment variable.
//! Values are never inserted into the command. A shell does not parse the expansion of a variable
//! (POSIX, Shell Command Language, 2.6).
//!
//! Expressions have no loops, and their length and number of operations are limited. Results have
//! maximum sizes. Evaluation therefore takes bounded time and memory.
//!
//! # Deliberately absent
//!
//! Expressions cannot access files, the environment, the time or random numbers. Their values
//! depend only on the values of their names.

mod braces;
mod compile;
mod error;
mod evaluate;
mod filters;
mod names;
mod operators;
mod parts;
mod pieces;
mod rewriting;
mod scope;
mod shell;
mod template;
mod tokens;

pub(crate) use error::ExpressionError;
pub(crate) use evaluate::{holds, holds_so_far, transition_holds};
pub(crate) use names::{Name, names_in_condition, names_in_text, names_in_value, required_in_text, required_in_value};
pub(crate) use parts::{Part, parts_of_condition};
pub(crate) use scope::Scope;
pub(crate) use shell::{CodePlace, ShellText, code_places, embedded, render_shell};
pub(crate) use template::{placeholder, render_text, render_value, render_value_or_null, text_of};

#[cfg(test)]
pub(crate) use {
    compile::MAX_EXPRESSION_CHARACTERS,
    template::{MAX_TEXT_BYTES, render},
};

//! Evaluates conditions, and the `${…}` in texts.
//!
//! # Theory of operation
//!
//! An expression has the syntax of minijinja and some further words, such as `AND` and `exists`;
//! see `rewriting`. In a text, an unknown name is an error that lists the known names. In a
//! condition, an unknown name is null.
//!
//! A text is split into literals and `${expression}`. `$${` stands for a literal `${`. All other
//! text, such as `{}`, `{timestamp}`, `{{` and `{%`, is literal. A text that is exactly one
//! `${expression}` has the value of the expression, of any type. Within a longer text, a value that
//! is not a text becomes JSON in one line, and null is an error.
//!
//! Values are never inserted into a shell command. Each `${expression}` becomes a quoted reference
//! to an environment variable, and a shell does not parse the expansion of a variable (POSIX, Shell
//! Command Language, 2.6).
//!
//! Evaluation takes bounded time and memory. Expressions have a maximum length
//! ([`compile::MAX_EXPRESSION_CHARACTERS`]), a maximum number of operations, and no loops or
//! assignments. The results of filters and the rendered texts have maximum sizes.
//!
//! # Deliberately absent
//!
//! Expressions have no statements, macros or includes. They cannot access files, the environment,
//! the time or random numbers: the value of an expression depends only on the values of its names.

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

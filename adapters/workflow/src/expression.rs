//! Conditions and the `${…}` in texts.
//!
//! # Theory of operation
//!
//! An expression is minijinja's, evaluated strictly: a name that stands for nothing is an error that lists what does. A
//! text is cut into literal pieces and `${expression}` ones; nothing else in it means anything, so `{}`, `{timestamp}`,
//! `{{` and `{%` stay as they are, and `$${` stands for `${`. A text that is exactly one `${expression}` keeps the type of
//! its value; in any other, a value is said in words: a text as it is, a number and a truth value as in JSON, a list and
//! a map as JSON in one line. A value that is none has no words, and is an error there.
//!
//! A string for the shell never contains a value: each `${expression}` becomes a reference to a variable of the
//! environment, quoted for the place it stands in, and a shell does not parse what a variable expands to (POSIX, Shell
//! Command Language, 2.6).
//!
//! Nothing here can hang or eat memory: an expression has at most [`MAX_EXPRESSION_CHARACTERS`] and a bounded number of
//! operations, there are no loops and no assignments, filters that multiply texts are bounded, and so is what comes out.
//!
//! # Deliberately absent
//!
//! Statements, macros, includes, access to files, the environment, the time, or anything random: the same names give the
//! same values.

mod compile;
mod error;
mod evaluate;
mod filters;
mod names;
mod ordering;
mod pieces;
mod scope;
mod shell;
mod template;

pub use compile::MAX_EXPRESSION_CHARACTERS;
pub use error::ExpressionError;
pub use evaluate::{holds, transition_holds};
pub use names::{NameUsed, names_in_condition, names_in_text, names_in_value};
pub use scope::Scope;
pub use shell::{ShellText, render_shell};
pub use template::{MAX_TEXT_BYTES, render, render_text, render_value, text_of};

pub(crate) use shell::{CodePlace, code_places, embedded};

//! Workflow files: read, checked, found, explained.

mod checks;
mod expressions;
mod finding;
mod place;
mod reading;
mod robustness;
mod runners;
mod samples;
mod schema;
mod shell_texts;
mod tasks;

//! Views for people.

mod execution;
mod history;
mod item;
mod maintenance;
mod queue;
mod quoting;
mod recovery;
mod run;
mod workflow;

/// "1 file", "2 files".
fn files(count: impl TryInto<u64> + std::fmt::Display + Copy) -> String {
    let noun = if count.try_into().is_ok_and(|count: u64| count == 1) { "file" } else { "files" };
    format!("{count} {noun}")
}

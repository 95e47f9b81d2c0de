//! Determines what happens to a file next.

use std::fmt::Write as _;

use autoproc_domain::{FilePath, QueueItem, Status, Timestamp};

use super::situation::{Ahead, Claimant, FileNow, Runs, Situation};
use super::story::is_cancelled;
use crate::commands::queue::show::attempts::{RunningAttempt, unended};
use crate::context::Context;
use crate::escape::Printable;
use crate::view::failure::in_one_line;
use crate::view::files;
use crate::view::time::{local, span};

/// What happens to a file next.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Next {
    /// A stable word for scripts, such as `held` or `backoff`.
    pub(super) reason: &'static str,
    /// What happens next, in words for the user. Contains no unprintable characters.
    pub(super) text: String,
    /// The time when the file's backoff ends.
    pub(super) at: Option<Timestamp>,
    /// The number of due files ahead of this one. `None` if this file is not due.
    pub(super) ahead: Option<u64>,
    /// The suggested command lines, the most useful one first.
    pub(super) commands: Vec<String>,
}

impl Next {
    fn new(reason: &'static str, text: impl Into<String>, commands: Vec<String>) -> Self {
        Self { reason, text: text.into(), at: None, ahead: None, commands }
    }

    pub(super) fn not_queued(commands: &Commands) -> Self {
        Self::new("not_queued", "nothing: the file is not in the queue", vec![commands.add()])
    }

    /// Returns what happens to an item next. `running` is its running attempt.
    pub(super) fn of(
        item: &QueueItem,
        situation: &Situation,
        running: Option<&RunningAttempt>,
        commands: &Commands,
    ) -> Self {
        match item.status {
            Status::Pending => pending(item, situation, commands),
            Status::Processing => processing(item, situation, running, commands),
            Status::Completed => completed(situation, commands),
            Status::Failed | Status::Timeout => failed(item, situation, commands),
        }
    }
}

fn pending(item: &QueueItem, situation: &Situation, commands: &Commands) -> Next {
    if item.is_held {
        return Next::new("held", "held: no run takes the file", vec![commands.of_file("queue unhold")]);
    }
    let due = item.not_before().filter(|due| *due > situation.now);
    let next = match due {
        Some(due) => backoff(item, due, situation, commands),
        None => Next { ahead: Some(situation.ahead.due), ..waiting(item, situation, commands) },
    };
    match situation.file {
        FileNow::Missing => missing(next, commands),
        _ => next,
    }
}

fn missing(next: Next, commands: &Commands) -> Next {
    let text = format!("{}; the file does not exist now", next.text);
    let commands = next.commands.into_iter().chain([commands.of_file("queue remove")]).collect();
    Next { text, commands, ..next }
}

fn backoff(item: &QueueItem, due: Timestamp, situation: &Situation, commands: &Commands) -> Next {
    let wait = span(due.saturating_since(situation.now));
    let no_run = match &situation.runs {
        Runs::None => "; no run is live".to_owned(),
        Runs::Starting => String::new(),
        Runs::Stopping(how) => format!("; no live run takes it: {how}"),
        Runs::Paused => "; the live runs are paused".to_owned(),
        Runs::Holding(reason) => format!("; no live run starts files: {reason}"),
    };
    let attempt = numbered(item, situation);
    let text = format!("waits until {} (in {wait}): backoff after {attempt}{no_run}", local(due));
    let again = format!("{} && {}", commands.of_file("cancel"), commands.of_file("retry-failed"));
    let start = if situation.runs == Runs::None { commands.start(situation) } else { Vec::new() };
    Next { at: Some(due), ..Next::new("backoff", text, [vec![again], start].concat()) }
}

/// Returns the number of the latest attempt, as in `attempt 2 of 4`.
fn numbered(item: &QueueItem, situation: &Situation) -> String {
    // The circuit breaker may grant one attempt more than the limit.
    match situation.max_attempts.filter(|max| item.attempts <= *max) {
        Some(max) => format!("attempt {} of {max}", item.attempts),
        None => format!("attempt {}", item.attempts),
    }
}

fn waiting(item: &QueueItem, situation: &Situation, commands: &Commands) -> Next {
    let ahead = situation.ahead;
    let place = match ahead.due {
        0 => "it is the next file".to_owned(),
        due => format!("{} before it {} due", files(due), if due == 1 { "is" } else { "are" }),
    };
    match &situation.runs {
        Runs::None => {
            let text = format!("due; {place}, but no run is live");
            Next::new("no_run", text, [commands.start(situation), commands.to_front(item, ahead)].concat())
        }
        Runs::Starting => {
            let text = format!(
                "due; {place}, and a live run takes it in its turn, unless that run processes other files only"
            );
            Next::new("due", text, commands.to_front(item, ahead))
        }
        Runs::Stopping(how) => {
            let text =
                format!("due, but the live runs start no more files: {how}; start another run when they have ended");
            Next::new("stopping", text, commands.start(situation))
        }
        Runs::Paused => {
            Next::new("paused", "due, but the live runs are paused", vec![commands.line("resume", "--paused-only")])
        }
        Runs::Holding(reason) => {
            let text = format!("due, but no live run starts files: {reason}");
            Next::new("starts_held", text, Vec::new())
        }
    }
}

fn processing(item: &QueueItem, situation: &Situation, running: Option<&RunningAttempt>, commands: &Commands) -> Next {
    let (host, is_paused) = match &situation.claimant {
        Some(Claimant::Live { host, is_paused }) => (host, *is_paused),
        Some(Claimant::Dead(Some(doubt))) => return doubtful(doubt, commands),
        Some(Claimant::Dead(None)) | None => {
            let text = if is_cancelled(item) {
                "its run died after the file was cancelled; the next run marks the file as failed"
            } else {
                "its run died; the next run recovers the file by itself"
            };
            let recover = commands.line("queue recover", "");
            return Next::new("run_died", text, vec![recover]);
        }
    };
    let attempt = numbered(item, situation);
    let state = running.map_or_else(|| "claimed by a live run".to_owned(), |running| unended(Some(running)));
    let text = format!("{attempt}, {state}, on {}", Printable(host));
    if is_cancelled(item) {
        return Next::new("cancelling", format!("{text}; it was cancelled, and ends soon"), Vec::new());
    }
    if is_paused {
        return Next::new(
            "paused",
            format!("{text}; its run is paused"),
            vec![commands.line("resume", "--paused-only")],
        );
    }
    Next::new("processing", text, vec![commands.log(item, "-f "), commands.of_file("cancel")])
}

fn doubtful(doubt: &str, commands: &Commands) -> Next {
    let text = format!("its run is dead, but processes of that run may still be working: {}", Printable(doubt));
    Next::new("run_died", text, vec![commands.line("queue recover", "--force")])
}

fn completed(situation: &Situation, commands: &Commands) -> Next {
    let (remove, again) = (commands.of_file("queue remove"), commands.of_file("queue add --again"));
    match situation.file {
        FileNow::Missing => {
            Next::new("completed", "nothing: it is completed, and the file does not exist any more", vec![remove])
        }
        FileNow::Changed => {
            let text = "nothing, until it is added again: it is completed, and the file has changed since";
            Next::new("changed", text, vec![commands.add()])
        }
        FileNow::Unchanged => {
            let text = "nothing: it is completed, and has not changed since. `autoproc queue add` queues it again only with --again";
            Next::new("completed", text, vec![again])
        }
        FileNow::Unknown => {
            Next::new("completed", "nothing: it is completed; whether it has changed since is not known", vec![again])
        }
    }
}

fn failed(item: &QueueItem, situation: &Situation, commands: &Commands) -> Next {
    if situation.file == FileNow::Missing {
        let text = "nothing: it failed, and the file does not exist. Put it back and retry it, or remove it";
        return Next::new("failed", text, vec![commands.of_file("retry-failed"), commands.of_file("queue remove")]);
    }
    let retry = commands.of_file("retry-failed");
    if is_cancelled(item) {
        return Next::new("cancelled", "nothing: it was cancelled", vec![retry]);
    }
    let mut text =
        if item.status == Status::Timeout { "nothing: it timed out for good" } else { "nothing: it failed for good" }
            .to_owned();
    if let Some(error) = item.last_error.as_ref().filter(|_| situation.is_error_missing) {
        let _ = write!(text, ": {}", in_one_line(error));
    }
    Next::new("failed", text, vec![retry, commands.log(item, "")])
}

/// Builds the suggested command lines for a file.
pub(super) struct Commands {
    options: String,
    /// The path, quoted for a shell. `None` if it contains unprintable characters.
    argument: Option<String>,
}

impl Commands {
    pub(super) fn new(path: &FilePath, context: &Context) -> Self {
        Self { options: context.project_option(), argument: context.console.out().argument(path) }
    }

    fn line(&self, name: &str, words: &str) -> String {
        let blank = if words.is_empty() { "" } else { " " };
        format!("autoproc {name}{}{blank}{words}", self.options)
    }

    fn of_file(&self, name: &str) -> String {
        self.line(name, self.argument.as_deref().unwrap_or("FILE"))
    }

    pub(super) fn list(&self) -> String {
        self.line("queue list", "")
    }

    pub(super) fn add(&self) -> String {
        self.of_file("queue add")
    }

    fn log(&self, item: &QueueItem, option: &str) -> String {
        let word = self.argument.clone().unwrap_or_else(|| item.id.to_string());
        self.line("log", &format!("{option}{word}"))
    }

    fn start(&self, situation: &Situation) -> Vec<String> {
        let resume = situation.can_resume.then(|| self.line("resume", ""));
        resume.into_iter().chain([self.line("run", "-- COMMAND")]).collect()
    }

    fn to_front(&self, item: &QueueItem, ahead: Ahead) -> Vec<String> {
        let highest = ahead.priority.map(|priority| priority.max(item.priority));
        let higher = highest.and_then(|highest| highest.get().checked_add(1));
        higher.into_iter().map(|priority| format!("{} {priority}", self.of_file("queue prioritise"))).collect()
    }
}

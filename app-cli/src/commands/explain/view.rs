//! Prints the history and future of a file, as text and JSON.

use std::io::{self, Write};

use autoproc_domain::ports::{PastAttempt, PastEnd};
use autoproc_domain::signature::Signature;
use autoproc_domain::{FilePath, QueueItem};
use serde::Serialize;

use super::next::Next;
use super::story::{Kind, Moment, RoundCause};
use crate::commands::queue::show::attempts::{RunningAttempt, after, unended};
use crate::escape::printable;
use crate::view::json::{ItemJson, PathJson};
use crate::view::past_run::short_id;
use crate::view::screen::Screen;
use crate::view::time::{local, span};
use crate::view::{View, failure};

const TIME_COLUMNS: usize = 19;

pub(super) struct Explained {
    pub(super) file_path: FilePath,
    /// The file in the queue; `None` if it has left the queue.
    pub(super) item: Option<QueueItem>,
    pub(super) story: Vec<Moment>,
    pub(super) running: Option<RunningAttempt>,
    pub(super) next: Next,
}

impl View for Explained {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        let status = self.item.as_ref().map_or("not in the queue", |item| item.status.word());
        let line = out.line("", &self.file_path, &format!(": {status}"));
        writeln!(out, "{line}\n")?;
        self.story.iter().try_for_each(|moment| self.moment(moment, out))?;
        writeln!(out, "\nnext: {}", self.next.text)?;
        if !self.next.commands.is_empty() {
            writeln!(out, "what you can do:")?;
        }
        self.next.commands.iter().try_for_each(|command| writeln!(out, "  {command}"))
    }

    fn document(&self) -> impl Serialize {
        ExplainedJson {
            path: (&self.file_path).into(),
            item: self.item.as_ref().map(ItemJson::from),
            story: self.story.iter().map(|moment| self.moment_json(moment)).collect(),
            next: (&self.next).into(),
        }
    }
}

impl Explained {
    fn moment(&self, moment: &Moment, out: &mut Screen<'_>) -> io::Result<()> {
        if let Some(waited) = moment.waited {
            writeln!(out, "{:TIME_COLUMNS$}  (waited {} before it was tried)", "", span(waited))?;
        }
        let at = moment.at.map_or_else(String::new, local);
        writeln!(out, "{at:TIME_COLUMNS$}  {}", self.text(&moment.kind))
    }

    fn text(&self, kind: &Kind) -> String {
        match kind {
            Kind::Added(priority) => format!("added; its priority is {priority}"),
            Kind::Round(number, RoundCause::Unknown) => format!("round {number} began"),
            Kind::Round(number, RoundCause::Completed) => {
                format!("round {number} began: it was added again after it had completed")
            }
            Kind::Round(number, RoundCause::Failed) => {
                format!("round {number} began: it was retried, or added again, after it had failed")
            }
            Kind::Attempt(past) => self.attempt(past),
            Kind::Recovered(run) => format!("recovered by run {}", printable(&short_id(run))),
            Kind::Held => "held by a user".to_owned(),
            Kind::Cancelled => "cancelled by a user".to_owned(),
        }
    }

    fn attempt(&self, past: &PastAttempt) -> String {
        let running = self.running_as(past);
        let end = past.end.map_or_else(|| unended(running), |end| words(end).to_owned());
        let run = printable(&short_id(&past.run));
        let error = past.error.as_deref().map_or_else(String::new, |error| {
            format!(": {} (signature {})", failure::in_one_line(error), self.signature(error))
        });
        format!("attempt {} in run {run} {end}{}{error}", past.of.attempt, after(past))
    }

    fn running_as(&self, past: &PastAttempt) -> Option<&RunningAttempt> {
        self.running.as_ref().filter(|running| running.is(past))
    }

    fn signature(&self, error: &str) -> String {
        Signature::of(Some(error), &self.file_path).id().to_string()
    }

    fn moment_json(&self, moment: &Moment) -> MomentJson {
        let json = MomentJson {
            at: moment.at.map(|at| at.to_string()),
            waited_s: moment.waited.map(|waited| waited.as_secs_f64()),
            ..MomentJson::default()
        };
        match &moment.kind {
            Kind::Added(_) => MomentJson { event: "added", ..json },
            Kind::Round(number, _) => MomentJson { event: "round", round: Some(*number), ..json },
            Kind::Attempt(past) => MomentJson {
                event: "attempt",
                round: Some(past.of.round),
                attempt: Some(past.of.attempt.get()),
                run_id: Some(past.run.to_string()),
                end: past.end.map(PastEnd::word),
                duration_s: past.elapsed.map(|elapsed| elapsed.as_secs_f64()),
                error: past.error.as_deref().map(str::to_owned),
                signature: past.error.as_deref().map(|error| self.signature(error)),
                ..json
            },
            Kind::Recovered(run) => MomentJson { event: "recovered", run_id: Some(run.to_string()), ..json },
            Kind::Held => MomentJson { event: "held", ..json },
            Kind::Cancelled => MomentJson { event: "cancelled", ..json },
        }
    }
}

fn words(end: PastEnd) -> &'static str {
    match end {
        PastEnd::Completed => "completed",
        PastEnd::Requeued => "failed",
        PastEnd::Failed => "failed for good",
        PastEnd::Timeout => "timed out for good",
        PastEnd::Released => "does not count, and ended",
        PastEnd::Died => "ended when its run died",
        PastEnd::Discarded => "was discarded, because another run had recovered the file",
    }
}

#[derive(Serialize)]
struct ExplainedJson {
    #[serde(flatten)]
    path: PathJson,
    item: Option<ItemJson>,
    story: Vec<MomentJson>,
    next: NextJson,
}

#[derive(Serialize, Default)]
struct MomentJson {
    at: Option<String>,
    event: &'static str,
    waited_s: Option<f64>,
    round: Option<u32>,
    attempt: Option<u32>,
    run_id: Option<String>,
    end: Option<&'static str>,
    duration_s: Option<f64>,
    error: Option<String>,
    signature: Option<String>,
}

#[derive(Serialize)]
struct NextJson {
    reason: &'static str,
    text: String,
    at: Option<String>,
    ahead: Option<u64>,
    commands: Vec<String>,
}

impl From<&Next> for NextJson {
    fn from(next: &Next) -> Self {
        Self {
            reason: next.reason,
            text: next.text.clone(),
            at: next.at.map(|at| at.to_string()),
            ahead: next.ahead,
            commands: next.commands.clone(),
        }
    }
}

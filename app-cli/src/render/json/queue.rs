//! The answers of `queue …` and `retry-failed`.

use std::io::{self, Write};

use autoproc_domain::QueueItem;
use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::{PastAttempt, PastEnd};
use serde::{Serialize, Serializer};
use serde_json::json;

use super::{CountsJson, ItemJson, PathJson, print};
use crate::view::{AddOutcome, Added, Cleared, Listed, Peeked, Removed, Reprioritised, Requeued, Shown, Size};

#[derive(Serialize)]
struct AddedJson<'a> {
    added: usize,
    raised: usize,
    unchanged: usize,
    accepted: usize,
    missing: usize,
    priority: i32,
    #[serde(serialize_with = "files")]
    files: &'a Added,
}

#[derive(Serialize)]
struct AddedFileJson {
    #[serde(flatten)]
    path: PathJson,
    outcome: &'static str,
}

fn outcome_word(outcome: AddOutcome) -> &'static str {
    match outcome {
        AddOutcome::Added => "added",
        AddOutcome::Raised => "raised",
        AddOutcome::Unchanged => "unchanged",
        AddOutcome::Accepted => "accepted",
    }
}

/// Serialises one file at a time, so that a million of them are not in memory together.
fn files<S: Serializer>(view: &Added, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(
        view.each().map(|(path, outcome)| AddedFileJson { path: path.into(), outcome: outcome_word(outcome) }),
    )
}

pub(in crate::render) fn added(view: &Added, out: &mut dyn Write) -> io::Result<()> {
    let document = AddedJson {
        added: view.count(AddOutcome::Added),
        raised: view.count(AddOutcome::Raised),
        unchanged: view.count(AddOutcome::Unchanged),
        accepted: view.count(AddOutcome::Accepted),
        missing: view.missing,
        priority: view.priority.get(),
        files: view,
    };
    print(out, &document)
}

#[derive(Serialize)]
struct ListedJson<'a> {
    #[serde(serialize_with = "items")]
    items: &'a [QueueItem],
    more: bool,
}

fn items<S: Serializer>(items: &[QueueItem], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(items.iter().map(ItemJson::from))
}

pub(in crate::render) fn listed(view: &Listed, out: &mut dyn Write) -> io::Result<()> {
    print(out, &ListedJson { items: &view.items, more: view.more })
}

pub(in crate::render) fn size(view: &Size, out: &mut dyn Write) -> io::Result<()> {
    print(out, &json!({ "size": view.0 }))
}

pub(in crate::render) fn peeked(view: &Peeked, out: &mut dyn Write) -> io::Result<()> {
    print(out, &view.0.as_ref().map(ItemJson::from))
}

pub(in crate::render) fn shown(view: &Shown, out: &mut dyn Write) -> io::Result<()> {
    let history = view.history.iter().map(PastJson::from).collect();
    print(out, &ShownJson { item: (&view.item).into(), history })
}

#[derive(Serialize)]
struct ShownJson {
    #[serde(flatten)]
    item: ItemJson,
    history: Vec<PastJson>,
}

#[derive(Serialize)]
struct PastJson {
    round: u32,
    attempt: u32,
    claim: Option<u64>,
    run_id: String,
    started_at: Option<String>,
    end: Option<&'static str>,
    duration_s: Option<f64>,
    user_s: Option<f64>,
    system_s: Option<f64>,
    peak_memory_bytes: Option<u64>,
    error: Option<String>,
}

impl From<&PastAttempt> for PastJson {
    fn from(past: &PastAttempt) -> Self {
        Self {
            round: past.of.round,
            attempt: past.of.attempt.get(),
            claim: past.of.claim.map(ClaimNumber::get),
            run_id: past.run.to_string(),
            started_at: past.started_at.map(|at| at.to_string()),
            end: past.end.map(PastEnd::word),
            duration_s: past.elapsed.map(|elapsed| elapsed.as_secs_f64()),
            user_s: past.usage.map(|usage| usage.user.as_secs_f64()),
            system_s: past.usage.map(|usage| usage.system.as_secs_f64()),
            peak_memory_bytes: past.usage.map(|usage| usage.peak_memory),
            error: past.error.as_deref().map(str::to_owned),
        }
    }
}

pub(in crate::render) fn reprioritised(view: &Reprioritised, out: &mut dyn Write) -> io::Result<()> {
    print(out, &ItemJson::from(&view.0))
}

pub(in crate::render) fn removed(view: &Removed, out: &mut dyn Write) -> io::Result<()> {
    print(out, &json!({ "removed": view.0 }))
}

pub(in crate::render) fn requeued(view: &Requeued, out: &mut dyn Write) -> io::Result<()> {
    print(out, &json!({ "requeued": view.0 }))
}

#[derive(Serialize)]
struct ClearedJson {
    cleared: CountsJson,
    still_processing: usize,
}

pub(in crate::render) fn cleared(view: &Cleared, out: &mut dyn Write) -> io::Result<()> {
    print(out, &ClearedJson { cleared: view.gone.into(), still_processing: view.still_processing })
}

//! Files: each ended as its script deserves.

use autoproc_domain::command::Verdict;
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::AttemptOutcome;
use autoproc_domain::{QueueItem, Status};

use super::super::plan::{Plan, PlannedFile};
use super::super::world::{RunEnd, World};
use super::holds;
use crate::{AttemptEnd, AttemptRecord};

pub(super) fn check(world: &World) -> Result<(), String> {
    let (queue, records) = (world.place.queue(), world.orchestrator.records());
    holds(queue.counts().total() == world.plan.files.len(), || format!("files were lost or doubled: {queue:?}"))?;
    let nobody_died = world.ended.values().all(|(_, end)| matches!(end, RunEnd::Returned(Ok(_))));
    for file in &world.plan.files {
        let item = queue.items().find(|item| item.file_path == file.new.file_path);
        let item = item.ok_or_else(|| format!("{} was lost", file.new.file_path))?;
        let attempts: Vec<_> = records.iter().filter(|record| record.token.item == item.id).collect();
        if nobody_died {
            got_what_it_deserves(&world.plan, file, item)?;
        }
        ended_as_its_last_attempt(&world.plan, item, attempts.last().copied())?;
    }
    Ok(())
}

/// What the script and the policy make of a file whose every attempt is seen to its end: aborted ones were given back.
fn got_what_it_deserves(plan: &Plan, file: &PlannedFile, item: &QueueItem) -> Result<(), String> {
    let (status, attempts) = deserved(plan, file);
    let is_right = (item.status, item.attempts) == (status, attempts);
    holds(is_right, || format!("after {attempts} attempts it deserves to be {status}: {item:?}, {:?}", file.script))
}

fn deserved(plan: &Plan, file: &PlannedFile) -> (Status, u32) {
    let attempts = (1..).filter_map(AttemptNumber::new);
    let ends = attempts.map(|number| (number.get(), ending(&plan.retry.judge(&scripted(plan, file, number), number))));
    let mut ends = ends.filter_map(|(number, status)| Some((status?, number)));
    ends.next().expect("a policy does not retry for ever")
}

fn scripted(plan: &Plan, file: &PlannedFile, number: AttemptNumber) -> AttemptOutcome {
    let index = usize::try_from(number.get() - 1).unwrap_or(usize::MAX);
    let attempt = file.script.get(index).or(file.script.last()).expect("a planned script is not empty");
    match &attempt.outcome {
        _ if attempt.takes > plan.timeout => AttemptOutcome::TimedOut { after: plan.timeout },
        Some(outcome) => outcome.clone(),
        None => unreachable!("a run whose attempt is lost sight of ends with an error"),
    }
}

fn ending(verdict: &Verdict) -> Option<Status> {
    match verdict {
        Verdict::Complete => Some(Status::Completed),
        Verdict::Fail { timed_out: true, .. } => Some(Status::Timeout),
        Verdict::Fail { timed_out: false, .. } => Some(Status::Failed),
        Verdict::Retry { .. } | Verdict::Release => None,
    }
}

/// Whatever died on the way: the last attempt decides, unless it died too and there was none left.
fn ended_as_its_last_attempt(plan: &Plan, item: &QueueItem, last: Option<&AttemptRecord>) -> Result<(), String> {
    let of_the_last = last.filter(|last| last.number.get() == item.attempts).and_then(|last| match &last.over {
        Some((_, AttemptEnd::Reported(outcome))) => ending(&plan.retry.judge(outcome, last.number)),
        _ => None,
    });
    let used_up = item.status == Status::Failed && item.attempts == plan.retry.max_attempts();
    let died_at_last = used_up && item.last_error.as_deref().is_some_and(|error| error.contains("its run died"));
    holds(of_the_last == Some(item.status) || died_at_last, || format!("{item:?} after {last:?}"))
}

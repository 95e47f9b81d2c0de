//! Chooses the output to show. If there is none, chooses a message that says why.
//!
//! The queue records only the latest attempt. The history records past attempts, but it may be
//! incomplete.
//!
//! Without the history, an output counts as that of the latest attempt if both are true:
//!
//! - The output was written after the attempt began.
//! - The output has the attempt number of the queue, or the next number. The queue does not count a
//!   released attempt, which has the next number.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, SystemTime};

use autoproc_domain::item::ClaimNumber;
use autoproc_domain::ports::PastAttempt;
use autoproc_domain::{ItemId, QueueItem, RunId, Timestamp};
use autoproc_subprocess::{AttemptLog, AttemptLogs};

use super::attempts::{AttemptFile, Attempts};
use super::rounds;

/// The tolerance for modification times. They may lag by one clock tick (time(7), "HZ").
const CLOCK_SLACK: Duration = Duration::from_millis(100);

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Show this log, whose file may not exist yet. The text names the attempt.
    Log(AttemptLog, String),
    /// No attempt of the round has begun. The text is the remark to print.
    Remark(String),
    /// The attempt has no output.
    NoOutput {
        /// The name of the attempt.
        name: String,
        /// The part of the message after the name.
        what: &'static str,
        hint: String,
        run: Option<RunId>,
    },
    NeverMade {
        /// The requested attempt or round, in words.
        wanted: String,
        made: String,
    },
}

/// An existing output. `written` is `None` for a file outside this project folder.
#[derive(Debug)]
struct Output {
    log: AttemptLog,
    round: u32,
    written: Option<Timestamp>,
}

#[derive(Debug)]
pub(super) struct Known {
    item: Option<QueueItem>,
    current: Option<AttemptLog>,
    /// The existing outputs, the earliest first.
    outputs: Vec<Output>,
    past: Vec<PastAttempt>,
    /// Outputs written until this time may have been pruned.
    pruned_until: Option<Timestamp>,
}

impl Known {
    pub(super) fn find(
        item: Option<QueueItem>,
        logs: Vec<AttemptLog>,
        mut past: Vec<PastAttempt>,
        logs_dir: &AttemptLogs,
    ) -> io::Result<Self> {
        if let Some(item) = &item {
            // A queue that was created again reuses ids, so an older log may contain other files.
            past.retain(|past| past.of.file_path == item.file_path && past.of.round <= item.round);
        }
        let mut written = Vec::new();
        for log in &logs {
            written.push(log.written_at()?.map(timestamp));
        }
        let newest = item.as_ref().map(|item| {
            let latest = logs.last().zip(written.last().copied().flatten());
            let is_of_latest = latest.is_some_and(|(log, written)| is_of_this_round(item, log, written));
            (item.round, item.attempts.saturating_add(if is_of_latest { 2 } else { 0 }))
        });
        let rounds = rounds::of(&logs, &places(item.as_ref(), &past), newest);
        let outputs = logs.into_iter().zip(rounds).zip(written);
        Ok(Self {
            current: item.as_ref().and_then(|item| logs_dir.current(item)),
            outputs: outputs.map(|((log, round), written)| Output { log, round, written }).collect(),
            item,
            past,
            pruned_until: logs_dir.pruned_until()?.map(timestamp),
        })
    }

    /// Returns the outputs of a round and attempt; `None` selects every round or attempt.
    pub(super) fn files(&self, item: ItemId, round: Option<u32>, attempt: Option<u32>) -> Attempts {
        let wanted = self.outputs.iter().filter(|output| round.is_none_or(|round| output.round == round));
        let wanted = wanted.filter(|output| attempt.is_none_or(|number| output.log.attempt.get() == number));
        let file = |Output { log, round, .. }: &Output| AttemptFile {
            path: log.path.clone(),
            host: None,
            round: *round,
            attempt: log.attempt,
            claim: log.claim,
        };
        Attempts { item, files: wanted.map(file).collect() }
    }

    /// Chooses an output, by default of the latest attempt in the newest round.
    pub(super) fn choose(self, round: Option<u32>, attempt: Option<u32>) -> Choice {
        let newest = self.newest_round();
        let round = round.unwrap_or(newest);
        if round > newest {
            return Choice::NeverMade { wanted: format!("round {round}"), made: counted(newest, "round") };
        }
        let made = self.made(round);
        let is_latest = self.is_current(round) && attempt.is_none_or(|number| Some(number) == made);
        if let Some(log) = self.current.as_ref().filter(|_| is_latest) {
            return Choice::Log(log.clone(), self.name(round, Some(log.attempt.get())));
        }
        let number = if self.is_current(round) { attempt } else { attempt.or(made) };
        let mut fitting = self
            .outputs
            .iter()
            .filter(|output| output.round == round && number.is_none_or(|number| output.log.attempt.get() == number));
        let last = fitting.next_back();
        match last.filter(|output| self.is_of(output, round, number, is_latest)) {
            Some(Output { log, .. }) => Choice::Log(log.clone(), self.name(round, Some(log.attempt.get()))),
            None => self.nothing(round, attempt, last),
        }
    }

    fn newest_round(&self) -> u32 {
        let seen = self.outputs.iter().map(|output| output.round).chain(self.past.iter().map(|past| past.of.round));
        self.item.as_ref().map_or_else(|| seen.max().unwrap_or(1), |item| item.round)
    }

    fn is_current(&self, round: u32) -> bool {
        self.item.as_ref().is_some_and(|item| item.round == round)
    }

    fn made(&self, round: u32) -> Option<u32> {
        match &self.item {
            Some(item) if item.round == round => Some(item.attempts),
            _ => self.past_in(round).map(|past| past.of.attempt.get()).max(),
        }
    }

    fn past_in(&self, round: u32) -> impl DoubleEndedIterator<Item = &PastAttempt> {
        self.past.iter().filter(move |past| past.of.round == round)
    }

    fn last_of(&self, round: u32, number: Option<u32>) -> Option<&PastAttempt> {
        self.past_in(round).rfind(|past| number.is_none_or(|number| past.of.attempt.get() == number))
    }

    /// True if the output belongs to attempt `number`, or to the latest attempt if `number` is
    /// `None`. Excludes earlier, released attempts with the same number.
    fn is_of(&self, output: &Output, round: u32, number: Option<u32>, is_latest: bool) -> bool {
        match self.last_of(round, number).and_then(|past| past.of.claim) {
            Some(claim) => output.log.claim >= claim,
            None if is_latest => self.item.as_ref().is_none_or(|item| match (item.last_attempt, output.written) {
                (None, _) => true,
                // The output is in a database whose history of this attempt was removed.
                (Some(_), None) => output.log.attempt.get() == item.attempts,
                (Some(_), Some(written)) => fits_latest(item, &output.log, written),
            }),
            None => true,
        }
    }

    fn name(&self, round: u32, number: Option<u32>) -> String {
        let attempt = number.map_or_else(|| "the latest attempt".to_owned(), |number| format!("attempt {number}"));
        attempt + &self.of_round(round)
    }

    fn of_round(&self, round: u32) -> String {
        if self.newest_round() > 1 { format!(" of round {round}") } else { String::new() }
    }

    fn nothing(&self, round: u32, wanted: Option<u32>, earlier: Option<&Output>) -> Choice {
        let made = self.made(round);
        let limit = made.or_else(|| self.item.is_none().then_some(0));
        if let Some((wanted, made)) = wanted.zip(limit).filter(|(wanted, made)| wanted > made) {
            let made = counted(made, "attempt") + &self.of_round(round);
            return Choice::NeverMade { wanted: self.name(round, Some(wanted)), made };
        }
        let has_begun = !self.is_current(round)
            || self.last_of(round, None).is_some()
            || self.item.as_ref().is_some_and(|item| item.attempts > 0 || (round == 1 && item.last_attempt.is_some()));
        if !has_begun {
            return Choice::Remark(not_begun(round));
        }
        let number = wanted.or(made).filter(|number| *number > 0);
        let is_removed = made.is_none() || self.may_be_pruned(round, number);
        let what = if is_removed { "has no output, or its output was removed" } else { "printed nothing" };
        let other = earlier.filter(|output| Some(output.log.attempt.get()) != number);
        let hint =
            other.map_or_else(String::new, |other| format!("; `--attempt {}` shows an earlier one", other.log.attempt));
        let run = self.last_of(round, number).map(|past| past.run.clone());
        Choice::NoOutput { name: self.name(round, number), what, hint, run }
    }

    fn may_be_pruned(&self, round: u32, number: Option<u32>) -> bool {
        let is_latest = |item: &&QueueItem| item.round == round && number.is_none_or(|number| number >= item.attempts);
        let began = match self.item.as_ref().filter(is_latest) {
            Some(item) => item.last_attempt,
            None => self.last_of(round, number).and_then(|past| past.started_at),
        };
        self.pruned_until.is_some_and(|until| began.is_none_or(|began| began <= until))
    }
}

/// Returns the output of the latest attempt in this round. Its file may not exist yet.
pub(in crate::commands) fn latest(item: &QueueItem, logs: &AttemptLogs) -> Option<AttemptLog> {
    if let Some(current) = logs.current(item) {
        return Some(current);
    }
    let log = logs.attempts_of(item.id).ok()?.pop()?;
    let written = timestamp(log.written_at().ok()??);
    is_of_this_round(item, &log, written).then_some(log)
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

fn places(item: Option<&QueueItem>, past: &[PastAttempt]) -> BTreeMap<ClaimNumber, rounds::Place> {
    let past = past.iter().filter_map(|past| Some((past.of.claim?, (past.of.round, past.of.attempt.get()))));
    let current = item.and_then(|item| Some((item.claim.as_ref()?.number, (item.round, item.attempts))));
    past.chain(current).collect()
}

/// True if the latest attempt of this round may have written the output.
fn is_of_this_round(item: &QueueItem, log: &AttemptLog, written: Timestamp) -> bool {
    (item.attempts > 0 || item.round == 1) && fits_latest(item, log, written)
}

/// True if the latest attempt may have written the output.
fn fits_latest(item: &QueueItem, log: &AttemptLog, written: Timestamp) -> bool {
    let is_next = (item.attempts..=item.attempts.saturating_add(1)).contains(&log.attempt.get());
    let is_after = item.last_attempt.is_none_or(|began| written.saturating_add(CLOCK_SLACK) >= began);
    is_after && (item.attempts == 0 || is_next)
}

fn not_begun(round: u32) -> String {
    match round.checked_sub(1).filter(|earlier| *earlier > 0) {
        Some(earlier) => {
            format!("round {round} has no attempt yet; `--round {earlier}` shows the previous round")
        }
        None => "the file has no attempt yet".to_owned(),
    }
}

fn counted(count: u32, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use autoproc_domain::item::{AttemptNumber, ClaimToken};
    use autoproc_domain::{FilePath, Priority};

    use super::*;

    #[test]
    fn an_older_output_is_not_the_latest() {
        let folder = tempfile::tempdir().expect("a folder");
        let logs = AttemptLogs::new(folder.path());
        let item = ItemId::new(7);
        let path = FilePath::new("/a").expect("a path");
        let mut queued = QueueItem::added(item, path, Priority::default(), Timestamp::from_micros(0));
        (queued.attempts, queued.last_attempt) = (2, Some(Timestamp::from_micros(0)));
        let log = |number| {
            let attempt = AttemptNumber::new(number).expect("not 0");
            logs.log_of(ClaimToken { item, number: ClaimNumber::new(number.into()) }, attempt)
        };
        fs::write(&log(1).path, "one").expect("a file");
        assert_eq!(latest(&queued, &logs), None, "the second attempt ran elsewhere");
        fs::write(&log(2).path, "two").expect("a file");
        assert_eq!(latest(&queued, &logs), Some(log(2)));
    }
}

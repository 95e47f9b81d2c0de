//! Chooses the output to show, or the message if there is none: an attempt without output has no
//! file, and old output is removed.
//!
//! The queue has the number of attempts and the start of the latest one, but the claim number of
//! its file only while the claim is held. So a file belongs to the latest attempt if it has that
//! attempt's number and was written to after its start. An attempt that was given back is no longer
//! counted; its number is one higher.

use std::io;
use std::time::Duration;

use autoproc_domain::{QueueItem, Timestamp};

use crate::wiring::{self, AttemptFiles, AttemptLog};

/// File times lag behind the clock by up to a tick of the system (time(7), "HZ").
const CLOCK_SLACK: Duration = Duration::from_millis(100);

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Show this log, which may not exist yet.
    Log(AttemptLog),
    /// Print this remark: there is no output.
    Remark(String),
    NeverMade {
        /// The requested attempt.
        wanted: u32,
        /// The number of attempts, in words.
        made: String,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Known {
    /// Counted attempts.
    attempts: u32,
    /// Start of the latest attempt.
    began: Option<Timestamp>,
    /// True if the item is in the queue.
    is_queued: bool,
    /// The log of the attempt that is under way.
    current: Option<AttemptLog>,
    /// Existing logs, the earliest first, each with the time of its last write.
    logs: Vec<(AttemptLog, Option<Timestamp>)>,
    /// Outputs older than this may have been removed.
    pruned_until: Option<Timestamp>,
}

impl Known {
    pub(super) fn find(
        item: Option<&QueueItem>,
        logs: Vec<AttemptLog>,
        current: Option<AttemptLog>,
        files: &AttemptFiles,
    ) -> io::Result<Self> {
        let dated = logs.into_iter().map(|log| wiring::written_at(&log).map(|time| (log, time)));
        Ok(Self {
            attempts: item.map_or(0, |item| item.attempts),
            began: item.and_then(|item| item.last_attempt),
            is_queued: item.is_some(),
            current,
            logs: dated.collect::<io::Result<_>>()?,
            pruned_until: files.pruned_until()?,
        })
    }

    /// Chooses the log of the latest attempt, or of the attempt with this number.
    pub(super) fn choose(mut self, wanted: Option<u32>) -> Choice {
        let is_latest = wanted.is_none_or(|number| self.is_queued && number == self.attempts);
        if let Some(current) = self.current.take_if(|_| is_latest) {
            return Choice::Log(current);
        }
        if let Some(number) = wanted {
            self.logs.retain(|(log, _)| log.attempt.get() == number);
        }
        match self.logs.pop() {
            Some((log, written)) if !is_latest || self.is_of_latest(&log, written) => Choice::Log(log),
            earlier => self.nothing(wanted, earlier.map(|(log, _)| log)),
        }
    }

    /// True if the latest existing log belongs to the latest attempt; always true if the item is
    /// not in the queue.
    fn is_of_latest(&self, log: &AttemptLog, written: Option<Timestamp>) -> bool {
        let Some(began) = self.began else { return true };
        let is_after = written.is_some_and(|written| written.saturating_add(CLOCK_SLACK) >= began);
        let is_next = |attempts: u32| (attempts..=attempts.saturating_add(1)).contains(&log.attempt.get());
        is_after && (self.attempts == 0 || is_next(self.attempts))
    }

    fn nothing(self, wanted: Option<u32>, earlier: Option<AttemptLog>) -> Choice {
        if let Some(wanted) = wanted.filter(|number| !self.is_queued || *number > self.attempts) {
            let noun = if self.attempts == 1 { "attempt" } else { "attempts" };
            return Choice::NeverMade { wanted, made: format!("{} {noun}", self.attempts) };
        }
        if self.began.is_none() {
            return Choice::Remark("no attempt on it has been made yet".to_owned());
        }
        let number = Some(wanted.unwrap_or(self.attempts)).filter(|number| *number > 0);
        let which = number.map_or_else(|| "the latest attempt".to_owned(), |number| format!("attempt {number}"));
        let what = if self.may_be_pruned(number) {
            format!("the output of {which} is no longer kept, if there was any")
        } else {
            format!("{which} printed nothing")
        };
        let other = earlier.filter(|log| Some(log.attempt.get()) != number);
        let hint = other.map_or_else(String::new, |log| format!("; `--attempt {}` shows an earlier one", log.attempt));
        Choice::Remark(what + &hint)
    }

    /// The queue has no start time of attempts before the latest.
    fn may_be_pruned(&self, number: Option<u32>) -> bool {
        let is_latest = number.is_none_or(|number| number >= self.attempts);
        self.pruned_until.is_some_and(|until| !is_latest || self.began.is_none_or(|began| began <= until))
    }
}

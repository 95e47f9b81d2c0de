//! Which output is meant, and what to say where there is none: an attempt that prints nothing leaves no file, and neither
//! does one whose output was removed because it was old.
//!
//! The queue knows how many attempts there were and when the latest began, but only a claim that is still held tells
//! which file is its own. So a file belongs to the latest attempt if it has its number and was written to after its
//! beginning. An attempt that was given back is no longer counted; its number is one more.

use std::io;
use std::time::Duration;

use autoproc_domain::{QueueItem, Timestamp};

use crate::wiring::{self, AttemptFiles, AttemptLog};

/// Times of files lag behind the clock by up to a tick of the system (time(7), "HZ").
const CLOCK_SLACK: Duration = Duration::from_millis(100);

/// What `log` is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// Show this one, which need not be there yet.
    Log(AttemptLog),
    /// Say this: there is nothing to show.
    Remark(String),
    /// Refuse.
    NeverMade {
        /// The attempt that was asked for.
        wanted: u32,
        /// How many there were, in words.
        made: String,
    },
}

/// What is known of an item's attempts.
#[derive(Debug, Clone)]
pub(super) struct Known {
    /// How many count.
    attempts: u32,
    /// When the latest began.
    began: Option<Timestamp>,
    /// Whether the queue has the item.
    is_queued: bool,
    /// The one that is being made.
    current: Option<AttemptLog>,
    /// What is kept, the earliest first, each with the time of its latest change.
    logs: Vec<(AttemptLog, Option<Timestamp>)>,
    /// Up to when outputs may have been removed.
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

    /// The latest attempt's, or that of the attempt with this number.
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

    /// Whether a log that has no later one is that of the latest attempt. Where the queue does not know the item, it is.
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

    /// Of an attempt that is not the latest, the queue does not know when it began.
    fn may_be_pruned(&self, number: Option<u32>) -> bool {
        let is_latest = number.is_none_or(|number| number >= self.attempts);
        self.pruned_until.is_some_and(|until| !is_latest || self.began.is_none_or(|began| began <= until))
    }
}

//! The domain's events as they stand in the journal.

use std::borrow::Cow;
use std::path::Path;

use autoproc_domain::event::Event;
use autoproc_domain::{FilePath, ItemId, Priority, RunId, Timestamp};
use autoproc_time_text::timestamp;
use serde::{Deserialize, Serialize};

use crate::record::StatusWord;

/// One event: an object with one key, which names it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Op<'a> {
    Enqueue {
        #[serde(borrow)]
        file_path: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file_path_bytes: Option<Cow<'a, str>>,
        priority: i32,
        #[serde(with = "timestamp::required")]
        at: Timestamp,
    },
    Reprioritise {
        id: u64,
        priority: i32,
    },
    Claim {
        id: u64,
        run: Cow<'a, str>,
        #[serde(with = "timestamp::required")]
        at: Timestamp,
    },
    Complete {
        id: u64,
    },
    Retry {
        id: u64,
        #[serde(with = "timestamp::required")]
        not_before: Timestamp,
        error: Cow<'a, str>,
    },
    Fail {
        id: u64,
        timed_out: bool,
        error: Cow<'a, str>,
    },
    Release {
        id: u64,
    },
    Recover {
        id: u64,
    },
    BringForward {
        id: u64,
        #[serde(with = "timestamp::required")]
        not_before: Timestamp,
    },
    Requeue {
        id: u64,
    },
    Remove {
        id: u64,
    },
    Clear {
        statuses: Vec<StatusWord>,
    },
}

impl<'a> From<&'a Event> for Op<'a> {
    fn from(event: &'a Event) -> Self {
        match event {
            Event::Enqueued { file_path, priority, at } => {
                let file_path_bytes = file_path.exact_hex().map(Cow::Owned);
                Self::Enqueue { file_path: file_path.text(), file_path_bytes, priority: priority.get(), at: *at }
            }
            Event::Reprioritised { id, priority } => Self::Reprioritise { id: id.get(), priority: priority.get() },
            Event::Claimed { id, run, at } => Self::Claim { id: id.get(), run: Cow::Borrowed(run.as_str()), at: *at },
            Event::Completed { id } => Self::Complete { id: id.get() },
            Event::RetryScheduled { id, not_before, error } => {
                Self::Retry { id: id.get(), not_before: *not_before, error: Cow::Borrowed(error) }
            }
            Event::Failed { id, timed_out, error } => {
                Self::Fail { id: id.get(), timed_out: *timed_out, error: Cow::Borrowed(error) }
            }
            Event::Released { id } => Self::Release { id: id.get() },
            Event::Recovered { id } => Self::Recover { id: id.get() },
            Event::BroughtForward { id, not_before } => Self::BringForward { id: id.get(), not_before: *not_before },
            Event::Requeued { id } => Self::Requeue { id: id.get() },
            Event::Removed { id } => Self::Remove { id: id.get() },
            Event::Cleared { statuses } => {
                Self::Clear { statuses: statuses.iter().copied().map(StatusWord::from).collect() }
            }
        }
    }
}

impl Op<'_> {
    /// The event; an error tells what is wrong with it, for a person.
    pub(crate) fn into_event(self, base: &Path) -> Result<Event, String> {
        Ok(match self {
            Self::Enqueue { file_path, file_path_bytes, priority, at } => Event::Enqueued {
                file_path: FilePath::from_text(&file_path, file_path_bytes.as_deref(), base)
                    .map_err(|invalid| invalid.to_string())?,
                priority: Priority::new(priority),
                at,
            },
            Self::Reprioritise { id, priority } => {
                Event::Reprioritised { id: ItemId::new(id), priority: Priority::new(priority) }
            }
            Self::Claim { id, run, at } => Event::Claimed { id: ItemId::new(id), run: RunId::new(&*run), at },
            Self::Complete { id } => Event::Completed { id: ItemId::new(id) },
            Self::Retry { id, not_before, error } => {
                Event::RetryScheduled { id: ItemId::new(id), not_before, error: error.into() }
            }
            Self::Fail { id, timed_out, error } => {
                Event::Failed { id: ItemId::new(id), timed_out, error: error.into() }
            }
            Self::Release { id } => Event::Released { id: ItemId::new(id) },
            Self::Recover { id } => Event::Recovered { id: ItemId::new(id) },
            Self::BringForward { id, not_before } => Event::BroughtForward { id: ItemId::new(id), not_before },
            Self::Requeue { id } => Event::Requeued { id: ItemId::new(id) },
            Self::Remove { id } => Event::Removed { id: ItemId::new(id) },
            Self::Clear { statuses } => {
                Event::Cleared { statuses: statuses.into_iter().map(StatusWord::into).collect() }
            }
        })
    }
}

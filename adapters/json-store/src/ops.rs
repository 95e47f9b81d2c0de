//! The JSON format of events in the journal.

mod version_1;

use std::borrow::Cow;
use std::path::Path;

use autoproc_domain::event::Event;
use autoproc_domain::fingerprint::Completion;
use autoproc_domain::item::Backoff;
use autoproc_domain::request::Repeat;
use autoproc_domain::{FileQueue, ItemId, Priority, RunId, Timestamp};
use autoproc_time_text::timestamp;
use serde::{Deserialize, Serialize};

use crate::record::{self, StatusWord};

/// An event as a JSON object with one key, the name of the operation.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Op<'a> {
    Add {
        #[serde(borrow)]
        file_path: Cow<'a, str>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        file_path_bytes: Option<Cow<'a, str>>,
        /// The depth below the added folder: 1 for a file directly in it. Absent for a single file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        depth: Option<u8>,
        priority: i32,
        #[serde(with = "timestamp::required")]
        at: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size_bytes: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modified_ns: Option<i64>,
        /// When to process a completed file again. Absent: only if the file has changed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        repeat: Option<RepeatWord>,
        /// The current recipe; present only with [`RepeatWord::OtherThan`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recipe: Option<Cow<'a, str>>,
    },
    /// An added file in version 1; see [`version_1`].
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
    Hold {
        id: u64,
        held: bool,
    },
    Claim {
        id: u64,
        run: Cow<'a, str>,
        #[serde(with = "timestamp::required")]
        at: Timestamp,
    },
    Complete {
        id: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size_bytes: Option<u64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modified_ns: Option<i64>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        recipe: Option<Cow<'a, str>>,
    },
    Retry {
        id: u64,
        #[serde(with = "timestamp::required")]
        not_before: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp::optional")]
        from: Option<Timestamp>,
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
    RequestCancel {
        id: u64,
    },
    BringForward {
        id: u64,
        #[serde(with = "timestamp::required")]
        not_before: Timestamp,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp::optional")]
        from: Option<Timestamp>,
    },
    Requeue {
        id: u64,
    },
    MoveToEnd {
        id: u64,
    },
    Remove {
        id: u64,
    },
    Clear {
        statuses: Vec<StatusWord>,
    },
}

/// Tells whether an unchanged completed file is processed again if it is added again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RepeatWord {
    Always,
    OtherThan,
}

impl<'a> From<&'a Event> for Op<'a> {
    fn from(event: &'a Event) -> Self {
        match event {
            Event::Enqueued { file_path, depth, priority, fingerprint, repeat, at } => {
                let (repeat, recipe) = match repeat {
                    Repeat::IfChanged => (None, None),
                    Repeat::Always => (Some(RepeatWord::Always), None),
                    Repeat::IfOtherRecipe(recipe) => (Some(RepeatWord::OtherThan), Some(recipe.to_string().into())),
                };
                Self::Add {
                    file_path: file_path.text(),
                    file_path_bytes: file_path.exact_hex().map(Cow::Owned),
                    depth: Some(*depth).filter(|depth| *depth != 0),
                    priority: priority.get(),
                    at: *at,
                    size_bytes: fingerprint.map(|fingerprint| fingerprint.size),
                    modified_ns: fingerprint.map(|fingerprint| fingerprint.modified_ns),
                    repeat,
                    recipe,
                }
            }
            Event::Reprioritised { id, priority } => Self::Reprioritise { id: id.get(), priority: priority.get() },
            Event::Held { id, is_held } => Self::Hold { id: id.get(), held: *is_held },
            Event::Claimed { id, run, at } => Self::Claim { id: id.get(), run: Cow::Borrowed(run.as_str()), at: *at },
            Event::Completed { id, completion: Completion { fingerprint, recipe } } => Self::Complete {
                id: id.get(),
                size_bytes: fingerprint.map(|fingerprint| fingerprint.size),
                modified_ns: fingerprint.map(|fingerprint| fingerprint.modified_ns),
                recipe: recipe.map(|recipe| recipe.to_string().into()),
            },
            Event::RetryScheduled { id, backoff: Backoff { not_before, ordered_at }, error } => Self::Retry {
                id: id.get(),
                not_before: *not_before,
                from: Some(*ordered_at),
                error: Cow::Borrowed(error),
            },
            Event::Failed { id, timed_out, error } => {
                Self::Fail { id: id.get(), timed_out: *timed_out, error: Cow::Borrowed(error) }
            }
            Event::Released { id } => Self::Release { id: id.get() },
            Event::Recovered { id } => Self::Recover { id: id.get() },
            Event::CancelRequested { id } => Self::RequestCancel { id: id.get() },
            Event::BroughtForward { id, backoff: Backoff { not_before, ordered_at } } => {
                Self::BringForward { id: id.get(), not_before: *not_before, from: Some(*ordered_at) }
            }
            Event::RoundBegun { id } => Self::Requeue { id: id.get() },
            Event::MovedToEnd { id } => Self::MoveToEnd { id: id.get() },
            Event::Removed { id } => Self::Remove { id: id.get() },
            Event::Cleared { statuses } => {
                Self::Clear { statuses: statuses.iter().copied().map(StatusWord::from).collect() }
            }
        }
    }
}

impl Op<'_> {
    /// Applies the operation to the queue and returns its event, or a human-readable error.
    pub(crate) fn apply_to(self, queue: &mut FileQueue, base: &Path) -> Result<Event, String> {
        let is_version_1 = version_1::is_incomplete(&self);
        let mut event = self.into_event(base)?;
        if is_version_1 {
            version_1::complete(&mut event, queue);
        }
        queue.apply(&event);
        Ok(event)
    }

    pub(crate) fn into_event(self, base: &Path) -> Result<Event, String> {
        Ok(match self {
            Self::Add { file_path, file_path_bytes, depth, priority, at, size_bytes, modified_ns, repeat, recipe } => {
                Event::Enqueued {
                    file_path: record::path(&file_path, file_path_bytes.as_deref(), base)?,
                    depth: depth.unwrap_or(0),
                    priority: Priority::new(priority),
                    fingerprint: record::fingerprint(size_bytes, modified_ns),
                    repeat: match (repeat, record::recipe(recipe.as_deref())?) {
                        (None, _) => Repeat::IfChanged,
                        (Some(RepeatWord::OtherThan), Some(recipe)) => Repeat::IfOtherRecipe(recipe),
                        (Some(RepeatWord::Always | RepeatWord::OtherThan), _) => Repeat::Always,
                    },
                    at,
                }
            }
            Self::Enqueue { file_path, file_path_bytes, priority, at } => Event::Enqueued {
                file_path: record::path(&file_path, file_path_bytes.as_deref(), base)?,
                depth: 0,
                priority: Priority::new(priority),
                fingerprint: None,
                repeat: Repeat::Always,
                at,
            },
            Self::Reprioritise { id, priority } => {
                Event::Reprioritised { id: ItemId::new(id), priority: Priority::new(priority) }
            }
            Self::Hold { id, held } => Event::Held { id: ItemId::new(id), is_held: held },
            Self::Claim { id, run, at } => Event::Claimed { id: ItemId::new(id), run: RunId::new(&*run), at },
            Self::Complete { id, size_bytes, modified_ns, recipe } => Event::Completed {
                id: ItemId::new(id),
                completion: Completion {
                    fingerprint: record::fingerprint(size_bytes, modified_ns),
                    recipe: record::recipe(recipe.as_deref())?,
                },
            },
            Self::Retry { id, not_before, from, error } => Event::RetryScheduled {
                id: ItemId::new(id),
                backoff: Backoff { not_before, ordered_at: from.unwrap_or(not_before) },
                error: error.into(),
            },
            Self::Fail { id, timed_out, error } => {
                Event::Failed { id: ItemId::new(id), timed_out, error: error.into() }
            }
            Self::Release { id } => Event::Released { id: ItemId::new(id) },
            Self::Recover { id } => Event::Recovered { id: ItemId::new(id) },
            Self::RequestCancel { id } => Event::CancelRequested { id: ItemId::new(id) },
            Self::BringForward { id, not_before, from } => Event::BroughtForward {
                id: ItemId::new(id),
                backoff: Backoff { not_before, ordered_at: from.unwrap_or(not_before) },
            },
            Self::Requeue { id } => Event::RoundBegun { id: ItemId::new(id) },
            Self::MoveToEnd { id } => Event::MovedToEnd { id: ItemId::new(id) },
            Self::Remove { id } => Event::Removed { id: ItemId::new(id) },
            Self::Clear { statuses } => {
                Event::Cleared { statuses: statuses.into_iter().map(StatusWord::into).collect() }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use autoproc_domain::{FilePath, Fingerprint, Recipe, Status};

    use super::*;

    fn events() -> Vec<Event> {
        let (id, at) = (ItemId::new(3), Timestamp::from_micros(1_700_000_000_000_000));
        let fingerprint = Some(Fingerprint { size: 5, modified_ns: -1 });
        let recipe = Recipe::new([1, 2, 3, 4, 5, 6, 7, 8]);
        let backoff = Backoff { not_before: Timestamp::MAX, ordered_at: at };
        let added = |fingerprint: Option<Fingerprint>, repeat| {
            let file_path = FilePath::new("/a").expect("a path");
            let depth = if fingerprint.is_some() { 2 } else { 0 };
            Event::Enqueued { file_path, depth, priority: Priority::new(-1), fingerprint, repeat, at }
        };
        vec![
            added(None, Repeat::IfChanged),
            added(fingerprint, Repeat::IfOtherRecipe(recipe)),
            added(fingerprint, Repeat::Always),
            Event::Reprioritised { id, priority: Priority::new(7) },
            Event::Held { id, is_held: true },
            Event::Claimed { id, run: RunId::new("run"), at },
            Event::Completed { id, completion: Completion::default() },
            Event::Completed { id, completion: Completion { fingerprint, recipe: Some(recipe) } },
            Event::RetryScheduled { id, backoff, error: "exit status 1".into() },
            Event::Failed { id, timed_out: true, error: "timeout".into() },
            Event::Released { id },
            Event::Recovered { id },
            Event::CancelRequested { id },
            Event::BroughtForward { id, backoff },
            Event::RoundBegun { id },
            Event::MovedToEnd { id },
            Event::Removed { id },
            Event::Cleared { statuses: Status::ALL.to_vec() },
        ]
    }

    #[test]
    fn every_event_comes_back() {
        for event in events() {
            let json = serde_json::to_string(&Op::from(&event)).expect("JSON");
            let op: Op<'_> = serde_json::from_str(&json).expect("an operation");
            assert!(!version_1::is_incomplete(&op), "{json}");
            assert_eq!(op.into_event(Path::new("/")), Ok(event), "{json}");
        }
    }
}

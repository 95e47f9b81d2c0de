//! An item as it stands in the snapshot: the six keys of the original program, and ours where they say something.

use std::borrow::Cow;
use std::path::Path;

use autoproc_domain::item::{Claim, ClaimNumber};
use autoproc_domain::{FilePath, ItemId, Priority, QueueItem, RunId, Status, Timestamp};
use autoproc_time_text::timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The run that an item in processing belongs to when its record names none: no such run ever lives, so it is recovered.
const UNKNOWN_RUN: &str = "unknown";

/// One item. The order of the fields is the order on disk.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ItemRecord<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(borrow)]
    file_path: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_path_bytes: Option<Cow<'a, str>>,
    #[serde(default)]
    priority: i32,
    #[serde(default = "epoch", with = "timestamp::required")]
    added_at: Timestamp,
    #[serde(default)]
    attempts: u32,
    #[serde(default, with = "timestamp::optional")]
    last_attempt: Option<Timestamp>,
    #[serde(default)]
    status: StatusWord,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp::optional")]
    not_before: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_error: Option<Cow<'a, str>>,
}

/// The keys of [`ItemRecord`]; whatever else stands in an item is somebody's own, and kept.
const KNOWN_KEYS: [&str; 12] = [
    "id",
    "file_path",
    "file_path_bytes",
    "priority",
    "added_at",
    "attempts",
    "last_attempt",
    "status",
    "not_before",
    "run_id",
    "token",
    "last_error",
];

fn epoch() -> Timestamp {
    Timestamp::from_micros(0)
}

/// The status words on disk.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StatusWord {
    #[default]
    Pending,
    Processing,
    Completed,
    Failed,
    Timeout,
}

impl From<Status> for StatusWord {
    fn from(status: Status) -> Self {
        match status {
            Status::Pending => Self::Pending,
            Status::Processing => Self::Processing,
            Status::Completed => Self::Completed,
            Status::Failed => Self::Failed,
            Status::Timeout => Self::Timeout,
        }
    }
}

impl From<StatusWord> for Status {
    fn from(word: StatusWord) -> Self {
        match word {
            StatusWord::Pending => Self::Pending,
            StatusWord::Processing => Self::Processing,
            StatusWord::Completed => Self::Completed,
            StatusWord::Failed => Self::Failed,
            StatusWord::Timeout => Self::Timeout,
        }
    }
}

/// An item read from the snapshot, before the queue has taken it.
pub(crate) struct ReadItem {
    /// The item; its number is 0 where the record has none.
    pub(crate) item: QueueItem,
    /// Keys that are not ours.
    pub(crate) extra: Map<String, Value>,
}

/// Reads one item from its JSON text.
///
/// # Errors
/// What is wrong with it, for a person.
pub(crate) fn read(json: &[u8], base: &Path) -> Result<ReadItem, String> {
    match serde_json::from_slice::<ItemRecord<'_>>(json) {
        Ok(record) => Ok(ReadItem { item: record.into_item(base)?, extra: Map::new() }),
        Err(error) if error.is_data() => read_with_extra(json, base),
        Err(error) => Err(error.to_string()),
    }
}

/// The slow way, for an item that holds keys which are not ours.
fn read_with_extra(json: &[u8], base: &Path) -> Result<ReadItem, String> {
    let all: Map<String, Value> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let (known, extra): (Map<_, _>, Map<_, _>) =
        all.into_iter().partition(|(key, _)| KNOWN_KEYS.contains(&key.as_str()));
    let known = Value::Object(known).to_string();
    let record: ItemRecord<'_> = serde_json::from_str(&known).map_err(|error| error.to_string())?;
    Ok(ReadItem { item: record.into_item(base)?, extra })
}

/// An item with keys that are not ours behind its own.
#[derive(Serialize)]
pub(crate) struct WithExtra<'a> {
    #[serde(flatten)]
    pub(crate) record: ItemRecord<'a>,
    #[serde(flatten)]
    pub(crate) extra: &'a Map<String, Value>,
}

impl<'a> From<&'a QueueItem> for ItemRecord<'a> {
    fn from(item: &'a QueueItem) -> Self {
        Self {
            id: Some(item.id.get()),
            file_path: item.file_path.text(),
            file_path_bytes: item.file_path.exact_hex().map(Cow::Owned),
            priority: item.priority.get(),
            added_at: item.added_at,
            attempts: item.attempts,
            last_attempt: item.last_attempt,
            status: item.status.into(),
            not_before: item.not_before,
            run_id: item.claim.as_ref().map(|claim| Cow::Borrowed(claim.run.as_str())),
            token: item.claim.as_ref().map(|claim| claim.number.get()),
            last_error: item.last_error.as_deref().map(Cow::Borrowed),
        }
    }
}

impl ItemRecord<'_> {
    fn into_item(self, base: &Path) -> Result<QueueItem, String> {
        let file_path = FilePath::from_text(&self.file_path, self.file_path_bytes.as_deref(), base)
            .map_err(|invalid| invalid.to_string())?;
        let status = Status::from(self.status);
        let claim = (status == Status::Processing).then(|| {
            let number = ClaimNumber::new(self.token.unwrap_or(0));
            Box::new(Claim { number, run: RunId::new(self.run_id.as_deref().unwrap_or(UNKNOWN_RUN)) })
        });
        Ok(QueueItem {
            id: ItemId::new(self.id.unwrap_or(0)),
            file_path,
            priority: Priority::new(self.priority),
            added_at: self.added_at,
            attempts: self.attempts,
            last_attempt: self.last_attempt,
            status,
            not_before: self.not_before,
            claim,
            last_error: self.last_error.map(|error| error.into_owned().into()),
        })
    }
}

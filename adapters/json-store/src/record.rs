//! An item in the snapshot: the six keys of the original program, and optional keys of this one.

use std::borrow::Cow;
use std::path::Path;

use autoproc_domain::item::{Claim, ClaimNumber};
use autoproc_domain::{FilePath, ItemId, Priority, QueueItem, RunId, Status, Timestamp};
use autoproc_time_text::timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The run of an item in processing whose record names none. No run of this name is ever alive, so the item is recovered.
pub(crate) const UNKNOWN_RUN: &str = "unknown";

/// An item. The order of the fields is the order on disk.
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

/// The keys of [`ItemRecord`]. Other keys of an item are kept unchanged.
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

/// A status on disk.
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

/// An item as read from the snapshot.
pub(crate) struct ReadItem {
    /// Its number is 0 if the record has none.
    pub(crate) item: QueueItem,
    /// Unknown keys.
    pub(crate) extra: Map<String, Value>,
}

/// Reads one item from its JSON text.
///
/// # Errors
/// A description of the fault, for a person.
pub(crate) fn read(json: &[u8], base: &Path) -> Result<ReadItem, String> {
    match serde_json::from_slice::<ItemRecord<'_>>(json) {
        Ok(record) => Ok(ReadItem { item: record.into_item(base)?, extra: Map::new() }),
        Err(error) if error.is_data() => read_with_extra(json, base),
        Err(error) => Err(error.to_string()),
    }
}

/// The slow way, for an item with unknown keys.
fn read_with_extra(json: &[u8], base: &Path) -> Result<ReadItem, String> {
    let all: Map<String, Value> = serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let (known, extra): (Map<_, _>, Map<_, _>) =
        all.into_iter().partition(|(key, _)| KNOWN_KEYS.contains(&key.as_str()));
    let known = Value::Object(known).to_string();
    let record: ItemRecord<'_> = serde_json::from_str(&known).map_err(|error| error.to_string())?;
    Ok(ReadItem { item: record.into_item(base)?, extra })
}

/// An item followed by its unknown keys.
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

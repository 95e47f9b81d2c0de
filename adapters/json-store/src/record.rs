//! The JSON format of items in the snapshot.

use std::borrow::Cow;
use std::path::Path;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::item::{Backoff, Claim, ClaimNumber, Sequence};
use autoproc_domain::{FilePath, Fingerprint, ItemId, Priority, QueueItem, Recipe, RunId, Status, Timestamp};
use autoproc_time_text::timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::without_position;
use crate::unique_keys;

/// The run id of a claim by an unknown run. No live run has this id.
pub(crate) const UNKNOWN_RUN: &str = "unknown";

/// An item on disk. The keys are in the order of the fields.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ItemRecord<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    /// Absent if it equals the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(borrow)]
    file_path: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file_path_bytes: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    depth: Option<u8>,
    #[serde(default)]
    priority: i32,
    #[serde(default = "epoch", with = "timestamp::required")]
    added_at: Timestamp,
    /// Absent if it is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    round: Option<u32>,
    #[serde(default, skip_serializing_if = "is_false")]
    follows_completion: bool,
    #[serde(default)]
    attempts: u32,
    #[serde(default, with = "timestamp::optional")]
    last_attempt: Option<Timestamp>,
    #[serde(default)]
    status: StatusWord,
    #[serde(default, skip_serializing_if = "is_false")]
    held: bool,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp::optional")]
    not_before: Option<Timestamp>,
    /// The time at which the backoff was set. Absent in version 1.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "timestamp::optional")]
    backoff_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    run_id: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<u64>,
    #[serde(default, skip_serializing_if = "is_false")]
    cancelled: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_error: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified_ns: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recipe: Option<Cow<'a, str>>,
}

const KNOWN_KEYS: [&str; 22] = [
    "id",
    "sequence",
    "file_path",
    "file_path_bytes",
    "depth",
    "priority",
    "added_at",
    "round",
    "follows_completion",
    "attempts",
    "last_attempt",
    "status",
    "held",
    "not_before",
    "backoff_from",
    "run_id",
    "token",
    "cancelled",
    "last_error",
    "size_bytes",
    "modified_ns",
    "recipe",
];

fn epoch() -> Timestamp {
    Timestamp::from_micros(0)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

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

pub(crate) struct ReadItem {
    /// The item. Its id is 0 if the record has no id.
    pub(crate) item: QueueItem,
    pub(crate) extra: Map<String, Value>,
}

/// Reads one item from its JSON text.
///
/// # Errors
/// A description of the fault for users.
pub(crate) fn read(json: &[u8], base: &Path) -> Result<ReadItem, String> {
    match serde_json::from_slice::<ItemRecord<'_>>(json) {
        Ok(record) => Ok(ReadItem { item: record.into_item(base)?, extra: Map::new() }),
        Err(error) if error.is_data() => read_with_extra(json, base),
        Err(error) => Err(without_position(&error)),
    }
}

/// Returns the id in an item's JSON text, or 0.
pub(crate) fn id(json: &[u8]) -> u64 {
    #[derive(Deserialize)]
    struct Numbered {
        id: Option<u64>,
    }
    serde_json::from_slice(json).ok().and_then(|Numbered { id }| id).unwrap_or(0)
}

fn read_with_extra(json: &[u8], base: &Path) -> Result<ReadItem, String> {
    unique_keys::check(json).map_err(|error| without_position(&error))?;
    let all: Map<String, Value> = serde_json::from_slice(json).map_err(|error| without_position(&error))?;
    let (known, extra): (Map<_, _>, Map<_, _>) =
        all.into_iter().partition(|(key, _)| KNOWN_KEYS.contains(&key.as_str()));
    let known = Value::Object(known).to_string();
    let record: ItemRecord<'_> = serde_json::from_str(&known).map_err(|error| without_position(&error))?;
    Ok(ReadItem { item: record.into_item(base)?, extra })
}

#[derive(Serialize)]
pub(crate) struct WithExtra<'a> {
    #[serde(flatten)]
    pub(crate) record: ItemRecord<'a>,
    #[serde(flatten)]
    pub(crate) extra: &'a Map<String, Value>,
}

impl<'a> From<&'a QueueItem> for ItemRecord<'a> {
    fn from(item: &'a QueueItem) -> Self {
        let Completion { fingerprint, recipe } = item.completion.as_deref().copied().unwrap_or_default();
        Self {
            id: Some(item.id.get()),
            sequence: Some(item.sequence.get()).filter(|sequence| *sequence != item.id.get()),
            file_path: item.file_path.text(),
            file_path_bytes: item.file_path.exact_hex().map(Cow::Owned),
            depth: Some(item.depth).filter(|depth| *depth != 0),
            priority: item.priority.get(),
            added_at: item.added_at,
            round: Some(item.round).filter(|round| *round != 1),
            follows_completion: item.follows_completion,
            attempts: item.attempts,
            last_attempt: item.last_attempt,
            status: item.status.into(),
            held: item.is_held,
            not_before: item.backoff.map(|backoff| backoff.not_before),
            backoff_from: item.backoff.map(|backoff| backoff.ordered_at),
            run_id: item.claim.as_ref().map(|claim| Cow::Borrowed(claim.run.as_str())),
            token: item.claim.as_ref().map(|claim| claim.number.get()),
            cancelled: item.claim.as_ref().is_some_and(|claim| claim.is_cancelled),
            last_error: item.last_error.as_deref().map(Cow::Borrowed),
            size_bytes: fingerprint.map(|fingerprint| fingerprint.size),
            modified_ns: fingerprint.map(|fingerprint| fingerprint.modified_ns),
            recipe: recipe.map(|recipe| recipe.to_string().into()),
        }
    }
}

impl ItemRecord<'_> {
    fn into_item(self, base: &Path) -> Result<QueueItem, String> {
        let file_path = path(&self.file_path, self.file_path_bytes.as_deref(), base)?;
        let status = Status::from(self.status);
        let claim = || Claim {
            number: ClaimNumber::new(self.token.unwrap_or(0)),
            run: RunId::new(self.run_id.as_deref().unwrap_or(UNKNOWN_RUN)),
            is_cancelled: self.cancelled,
        };
        let completion = Completion {
            fingerprint: fingerprint(self.size_bytes, self.modified_ns),
            recipe: recipe(self.recipe.as_deref())?,
        };
        let ordered_at = |not_before| self.backoff_from.or(self.last_attempt).unwrap_or(not_before);
        let id = self.id.unwrap_or(0);
        Ok(QueueItem {
            id: ItemId::new(id),
            sequence: Sequence::new(self.sequence.unwrap_or(id)),
            file_path,
            depth: self.depth.unwrap_or(0),
            priority: Priority::new(self.priority),
            added_at: self.added_at,
            round: self.round.unwrap_or(1),
            follows_completion: self.follows_completion,
            attempts: self.attempts,
            last_attempt: self.last_attempt,
            status,
            is_held: self.held,
            backoff: self.not_before.map(|not_before| Backoff { not_before, ordered_at: ordered_at(not_before) }),
            claim: (status == Status::Processing).then(|| Box::new(claim())),
            completion: (status == Status::Completed).then(|| Box::new(completion)),
            last_error: self.last_error.map(|error| error.into_owned().into()),
        })
    }
}

/// Resolves `text` against `base`. Prefers the bytes in `exact_hex` if they agree with `text`.
pub(crate) fn path(text: &str, exact_hex: Option<&str>, base: &Path) -> Result<FilePath, String> {
    FilePath::from_text(text, exact_hex, base).map_err(|invalid| invalid.to_string())
}

pub(crate) fn fingerprint(size_bytes: Option<u64>, modified_ns: Option<i64>) -> Option<Fingerprint> {
    size_bytes.zip(modified_ns).map(|(size, modified_ns)| Fingerprint { size, modified_ns })
}

pub(crate) fn recipe(text: Option<&str>) -> Result<Option<Recipe>, String> {
    text.map(|text| Recipe::from_hex(text).ok_or_else(|| format!("{text:?} is not a recipe"))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> QueueItem {
        let path = FilePath::new("/a").expect("a path");
        let at = Timestamp::from_micros(1_700_000_000_000_000);
        QueueItem {
            sequence: Sequence::new(9),
            depth: 255,
            round: 2,
            follows_completion: true,
            attempts: 1,
            last_attempt: Some(at),
            last_error: Some("exit status 1".into()),
            ..QueueItem::added(ItemId::new(3), path, Priority::new(5), at)
        }
    }

    fn written(item: &QueueItem) -> Map<String, Value> {
        let json = serde_json::to_vec(&ItemRecord::from(item)).expect("JSON");
        assert_eq!(read(&json, Path::new("/")).expect("an item").item, *item);
        serde_json::from_slice(&json).expect("JSON")
    }

    #[test]
    fn every_written_key_is_known_and_every_item_comes_back() {
        let (number, run) = (ClaimNumber::new(7), RunId::new("run"));
        let backoff = Backoff { not_before: Timestamp::from_micros(20), ordered_at: Timestamp::from_micros(10) };
        let completion = Completion {
            fingerprint: Some(Fingerprint { size: 5, modified_ns: -1 }),
            recipe: Some(Recipe::new([1, 2, 3, 4, 5, 6, 7, 8])),
        };
        let items = [
            QueueItem { is_held: true, backoff: Some(backoff), ..full() },
            QueueItem {
                status: Status::Processing,
                claim: Some(Box::new(Claim { number, run, is_cancelled: true })),
                ..full()
            },
            QueueItem { status: Status::Completed, completion: Some(Box::new(completion)), ..full() },
        ];
        let keys: Vec<_> = items.iter().flat_map(written).map(|(key, _)| key).collect();
        assert!(keys.iter().all(|key| KNOWN_KEYS.contains(&key.as_str())), "{keys:?}");
        let not_written: Vec<_> = KNOWN_KEYS.iter().filter(|known| !keys.iter().any(|key| key == *known)).collect();
        assert_eq!(not_written, [&"file_path_bytes"]);
    }

    #[test]
    fn a_plain_item_has_the_keys_of_version_1() {
        let item = QueueItem::added(ItemId::new(3), FilePath::new("/a").expect("a path"), Priority::new(5), epoch());
        let keys: Vec<_> = written(&item).into_iter().map(|(key, _)| key).collect();
        let expected = ["added_at", "attempts", "file_path", "id", "last_attempt", "priority", "status"];
        assert!(keys.len() == expected.len() && expected.iter().all(|key| keys.iter().any(|k| k == key)), "{keys:?}");
    }
}

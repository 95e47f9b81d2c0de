//! Reads items from rows of the table `item`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::item::{Backoff, Claim, ClaimNumber, ClaimToken, Sequence};
use autoproc_domain::ports::StorageError;
use autoproc_domain::view::{Claimed, Counts};
use autoproc_domain::{FilePath, Fingerprint, ItemId, Priority, QueueItem, Recipe, RunId, Status, Timestamp};
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;

use crate::error::Answer;

pub(crate) fn status_number(status: Status) -> i16 {
    match status {
        Status::Pending => 0,
        Status::Processing => 1,
        Status::Completed => 2,
        Status::Failed => 3,
        Status::Timeout => 4,
    }
}

/// A too large number becomes the maximum, which matches no row.
pub(crate) fn bigint(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Escapes NUL, which the server cannot store: `\` becomes `\\`, and NUL becomes `\0`.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('\0', "\\0")
}

pub(crate) fn unescaped(text: &str) -> Box<str> {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' if characters.next() == Some('0') => plain.push('\0'),
            other => plain.push(other),
        }
    }
    plain.into()
}

/// Reads a column.
///
/// # Errors
/// [`StorageError::Damaged`] if the column is absent or of another type.
pub(crate) fn column<T: FromSqlOwned>(row: &Row, name: &str) -> Answer<T> {
    row.try_get(name).map_err(|error| damaged(format!("the column {name}: {error}")).into())
}

pub(crate) fn damaged(detail: String) -> StorageError {
    StorageError::Damaged { place: "the queue in the database".to_owned(), detail }
}

pub(crate) fn number<T: TryFrom<i64>>(row: &Row, name: &str) -> Answer<T> {
    let value: i64 = column(row, name)?;
    T::try_from(value).map_err(|_| damaged(format!("the column {name} is {value}")).into())
}

pub(crate) fn item(row: &Row) -> Answer<QueueItem> {
    let status: i16 = column(row, "status")?;
    let known = Status::ALL.into_iter().find(|known| status_number(*known) == status);
    Ok(QueueItem {
        id: ItemId::new(number(row, "id")?),
        sequence: Sequence::new(number(row, "sequence")?),
        file_path: path(row)?,
        depth: depth(row, "depth")?,
        priority: Priority::new(column(row, "priority")?),
        added_at: Timestamp::from_micros(column(row, "added_at_us")?),
        round: number(row, "round")?,
        follows_completion: column(row, "follows_completion")?,
        attempts: number(row, "attempts")?,
        last_attempt: time(row, "last_attempt_us")?,
        status: known.ok_or_else(|| damaged(format!("the status {status}")))?,
        is_held: column(row, "is_held")?,
        backoff: time(row, "not_before_us")?
            .zip(time(row, "ordered_at_us")?)
            .map(|(not_before, ordered_at)| Backoff { not_before, ordered_at }),
        claim: claim(row)?.map(Box::new),
        last_error: column::<Option<String>>(row, "last_error")?.map(|text| unescaped(&text)),
        completion: completion(row)?.map(Box::new),
    })
}

fn depth(row: &Row, name: &str) -> Answer<u8> {
    let depth: i16 = column(row, name)?;
    u8::try_from(depth).map_err(|_| damaged(format!("the depth {depth}")).into())
}

fn path(row: &Row) -> Answer<FilePath> {
    let bytes: Vec<u8> = column(row, "path")?;
    FilePath::new(OsStr::from_bytes(&bytes)).map_err(|error| damaged(format!("a path: {error}")).into())
}

pub(crate) fn time(row: &Row, name: &str) -> Answer<Option<Timestamp>> {
    Ok(column::<Option<i64>>(row, name)?.map(Timestamp::from_micros))
}

fn claim(row: &Row) -> Answer<Option<Claim>> {
    let Some(number) = column::<Option<i64>>(row, "claim_number")? else { return Ok(None) };
    let run: Option<String> = column(row, "claim_run")?;
    let run = RunId::new(run.unwrap_or_default());
    let number = ClaimNumber::new(number.cast_unsigned());
    Ok(Some(Claim { number, run, is_cancelled: column(row, "claim_is_cancelled")? }))
}

fn completion(row: &Row) -> Answer<Option<Completion>> {
    if !column::<bool>(row, "is_completion_known")? {
        return Ok(None);
    }
    let size: Option<i64> = column(row, "completed_size")?;
    let modified_ns: Option<i64> = column(row, "completed_modified_ns")?;
    let fingerprint =
        size.zip(modified_ns).map(|(size, modified_ns)| Fingerprint { size: size.cast_unsigned(), modified_ns });
    Ok(Some(Completion { fingerprint, recipe: recipe(row, "completed_recipe")? }))
}

/// Reads a recipe; `None` if the column is null or not 8 bytes long.
pub(crate) fn recipe(row: &Row, name: &str) -> Answer<Option<Recipe>> {
    let bytes: Option<Vec<u8>> = column(row, name)?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map(Recipe::new))
}

pub(crate) fn recipe_bytes(recipe: Recipe) -> Vec<u8> {
    // `Recipe` exposes its hash only as text.
    u64::from_str_radix(&recipe.to_string(), 16).map_or_else(|_| Vec::new(), |hash| hash.to_be_bytes().to_vec())
}

pub(crate) fn claims(rows: &[Row]) -> Answer<Vec<Claimed>> {
    let mut claims = rows.iter().map(claimed).collect::<Answer<Vec<_>>>()?;
    claims.sort_unstable_by_key(|(token, _)| token.number);
    Ok(claims)
}

/// Reads an item as it was when it was claimed.
fn claimed(row: &Row) -> Answer<Claimed> {
    let mut item = item(row)?;
    item.priority = Priority::new(column(row, "claim_priority")?);
    item.depth = depth(row, "claim_depth")?;
    let Some(claim) = &mut item.claim else { return Err(damaged(format!("item {} has no claim", item.id)).into()) };
    claim.is_cancelled = false;
    Ok((ClaimToken { item: item.id, number: claim.number }, item))
}

pub(crate) fn counts(row: &Row) -> Answer<Counts> {
    Ok(Counts {
        pending: number(row, "pending")?,
        held: number(row, "held")?,
        processing: number(row, "processing")?,
        completed: number(row, "completed")?,
        failed: number(row, "failed")?,
        timeout: number(row, "timeout")?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_escaped_text_is_the_same_without_nul(text in "[\\\\\\x000a]{0,8}|.{0,20}") {
            let escaped = escaped(&text);
            prop_assert!(!escaped.contains('\0'));
            prop_assert_eq!(&*unescaped(&escaped), text);
        }
    }

    #[test]
    fn a_recipe_survives_its_bytes() {
        let recipe = Recipe::new([0, 1, 2, 3, 4, 5, 6, 0xff]);
        assert_eq!(recipe_bytes(recipe), [0, 1, 2, 3, 4, 5, 6, 0xff]);
    }
}

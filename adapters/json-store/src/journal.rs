//! Writes and verifies the lines of the journal.
//!
//! Each line is one transaction: `{"c":"<crc32c>",<the rest>`. The checksum covers `<the rest>`
//! without the newline. Each line contains its number and the checksum of the previous line. They
//! reveal missing and misplaced lines. The first line also contains a header that names the
//! snapshot. Header and first transaction share one line, so a crash cannot separate them.

mod salvage;

use autoproc_domain::event::Event;
use serde::{Deserialize, Serialize};

use crate::checksum;
use crate::error::without_position;
use crate::ops::Op;
use crate::snapshot::Numbering;

pub(crate) use salvage::{Salvage, SalvagedLine, salvage};

/// The start of every line, before the checksum.
const PREFIX: &[u8] = b"{\"c\":\"";
const DIGITS: usize = 8;
const AFTER_DIGITS: &[u8] = b"\",";
const BODY_AT: usize = PREFIX.len() + DIGITS + AFTER_DIGITS.len();

/// Identifies the snapshot to which the journal belongs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    pub(crate) store: String,
    pub(crate) generation: u64,
    /// The number of the last transaction in the snapshot.
    pub(crate) seq: u64,
    pub(crate) snapshot_len: u64,
    #[serde(with = "hex")]
    pub(crate) snapshot_crc: u32,
    /// The numbering of the snapshot's items. Absent in version 1.
    #[serde(default, skip_serializing_if = "Numbering::is_version_1")]
    pub(crate) numbering: Numbering,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<Header>,
    /// The checksum of the previous line; 0 in the first.
    #[serde(with = "hex")]
    p: u32,
    /// The transaction's number.
    s: u64,
    #[serde(borrow)]
    ops: Vec<Op<'a>>,
}

/// A position between two lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    pub(crate) offset: u64,
    /// The number of the last transaction before the position.
    pub(crate) seq: u64,
    /// The checksum of the previous line; 0 at the beginning.
    pub(crate) chain: u32,
}

/// The bytes after the valid lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tail {
    Clean,
    /// An unfinished last line after a crash. Its transaction was not acknowledged, unless the
    /// journal was once longer.
    Torn,
    /// Other invalid bytes. They may contain acknowledged transactions.
    Damaged {
        offset: u64,
        detail: String,
    },
}

/// Returns the next line and the position after it.
pub(crate) fn line(position: Position, header: &Header, events: &[Event]) -> (Vec<u8>, Position) {
    let seq = position.seq + 1;
    let header = (position.offset == 0).then(|| header.clone());
    let (bytes, chain) = seal(&Line { header, p: position.chain, s: seq, ops: events.iter().map(Op::from).collect() });
    let offset = position.offset + bytes.len() as u64;
    (bytes, Position { offset, seq, chain })
}

fn seal(body: &impl Serialize) -> (Vec<u8>, u32) {
    let mut line = Vec::with_capacity(256);
    line.extend_from_slice(PREFIX);
    line.extend_from_slice(&[b'0'; DIGITS]);
    line.extend_from_slice(AFTER_DIGITS);
    // The line is one JSON object: the checksum, followed by the fields of the body. So the body
    // overwrites the last comma, and then a comma overwrites the body's opening brace.
    let brace = line.len() - 1;
    line.pop();
    serde_json::to_writer(&mut line, body).expect("lines hold only strings, numbers and lists, written to memory");
    line[brace] = b',';
    let crc = checksum::of(&line[BODY_AT..]);
    line[PREFIX.len()..PREFIX.len() + DIGITS].copy_from_slice(format!("{crc:08x}").as_bytes());
    line.push(b'\n');
    (line, crc)
}

mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(crc: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{crc:08x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let digits = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        u32::from_str_radix(&digits, 16).map_err(de::Error::custom)
    }
}

/// Returns the checksum of a line without its newline. Returns `None` if the line is invalid.
fn verify(line: &[u8]) -> Option<u32> {
    let digits = line.get(PREFIX.len()..PREFIX.len() + DIGITS)?;
    let is_framed = line.starts_with(PREFIX) && line[PREFIX.len() + DIGITS..].starts_with(AFTER_DIGITS);
    // The parser would accept a sign and capital letters, which this program never writes.
    let is_canonical = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_canonical)?;
    let claimed = u32::from_str_radix(digits, 16).ok()?;
    (is_framed && checksum::of(&line[BODY_AT..]) == claimed).then_some(claimed)
}

fn body(line: &[u8]) -> Vec<u8> {
    let mut json = Vec::with_capacity(line.len() - BODY_AT + 1);
    json.push(b'{');
    json.extend_from_slice(&line[BODY_AT..]);
    json
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    pub(crate) position: Position,
    pub(crate) tail: Tail,
}

/// Passes each operation to `take`, up to the first invalid line.
pub(crate) fn scan(
    bytes: &[u8],
    mut position: Position,
    header: &Header,
    mut take: impl FnMut(Op<'_>) -> Result<(), String>,
) -> Scan {
    let mut rest = bytes;
    while let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..length];
        let Some(crc) = verify(line) else { break };
        match read_line(line, position, header, &mut take) {
            Ok(seq) => position = Position { offset: position.offset + length as u64 + 1, seq, chain: crc },
            Err(detail) => return Scan { position, tail: Tail::Damaged { offset: position.offset, detail } },
        }
        rest = &rest[length + 1..];
    }
    let tail = classify_tail(rest, position.offset);
    Scan { position, tail }
}

fn read_line(
    line: &[u8],
    position: Position,
    header: &Header,
    take: &mut impl FnMut(Op<'_>) -> Result<(), String>,
) -> Result<u64, String> {
    let json = body(line);
    let line: Line<'_> = serde_json::from_slice(&json).map_err(|error| without_position(&error))?;
    let expected = (position.offset == 0).then_some(header);
    if line.header.as_ref() != expected {
        return Err(wrong_header(line.header.as_ref(), header));
    }
    check_order(&line, position)?;
    line.ops.into_iter().try_for_each(take)?;
    Ok(line.s)
}

fn check_order(line: &Line<'_>, position: Position) -> Result<(), String> {
    if line.p != position.chain {
        return Err("a line is missing or out of place".into());
    }
    if line.s != position.seq + 1 {
        return Err(format!("transaction {} follows transaction {}", line.s, position.seq));
    }
    Ok(())
}

fn wrong_header(found: Option<&Header>, expected: &Header) -> String {
    let is_own = found.is_some_and(|found| (&found.store, found.generation) == (&expected.store, expected.generation));
    if is_own {
        "QUEUE-STATE.json was changed by another program or by hand after this journal was started".into()
    } else {
        "a line belongs to another journal".into()
    }
}

/// Returns the numbering in the first line of a journal.
pub(crate) fn numbering(bytes: &[u8]) -> Option<Numbering> {
    #[derive(Deserialize)]
    struct FirstLine {
        header: Header,
    }
    let line = bytes.split(|byte| *byte == b'\n').next().filter(|line| verify(line).is_some())?;
    let FirstLine { header } = serde_json::from_slice(&body(line)).ok()?;
    Some(header.numbering)
}

/// Classifies the bytes after the last valid line.
///
/// If a file's length became durable before its data, the file contains NULs. So an unfinished line
/// may contain a NUL.
fn classify_tail(rest: &[u8], offset: u64) -> Tail {
    if rest.is_empty() {
        return Tail::Clean;
    }
    let is_unterminated = rest.last() != Some(&b'\n');
    // A NUL may have replaced a newline, so NULs also end lines.
    let is_followed = rest.split(|byte| matches!(byte, b'\n' | 0)).skip(1).any(|line| verify(line).is_some());
    let is_torn = !is_followed && (is_unterminated || rest.contains(&0));
    if is_torn {
        return Tail::Torn;
    }
    Tail::Damaged { offset, detail: "a line does not match its checksum".into() }
}

pub(crate) fn last_seq(bytes: &[u8]) -> Option<u64> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| verify(line).is_some());
    lines.filter_map(|line| Some(serde_json::from_slice::<Line<'_>>(&body(line)).ok()?.s)).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_header_is_explained() {
        let header = Header {
            store: "a".to_owned(),
            generation: 2,
            seq: 7,
            snapshot_len: 100,
            snapshot_crc: 1,
            numbering: Numbering::Kept,
        };
        let edited = Header { snapshot_crc: 2, ..header.clone() };
        assert!(wrong_header(Some(&edited), &header).starts_with("QUEUE-STATE.json was changed by another program"));
        let others = [Header { generation: 3, ..header.clone() }, Header { store: "b".to_owned(), ..header.clone() }];
        for other in others.iter().map(Some).chain([None]) {
            assert_eq!(wrong_header(other, &header), "a line belongs to another journal");
        }
    }
}

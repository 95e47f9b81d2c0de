//! The journal's lines: how they are written, how they are checked, and what damage in them means.
//!
//! A line is `{"c":"<crc32c>",<the rest>`; the checksum covers every byte after its own comma up to the line's end. Each
//! line is a transaction, carries the number it has in the history of the store, and repeats the checksum of the line
//! before it, so that a line which is missing, or stands in another's place, shows. The first line also holds a header that
//! ties the journal to its snapshot: within the line and not before it, so that the two cannot be torn apart.
//!
//! Nothing here touches a file: the scan is a function of bytes.

mod salvage;

use std::path::Path;

use autoproc_domain::event::Event;
use serde::{Deserialize, Serialize};

use crate::checksum;
use crate::mistake::{Mistake, made};
use crate::ops::Op;

pub(crate) use salvage::{Stray, Strays, strays};

/// `{"c":"`, eight hexadecimal digits, `",`.
const PREFIX: &[u8] = b"{\"c\":\"";
const DIGITS: usize = 8;
const AFTER_DIGITS: &[u8] = b"\",";
const BODY_AT: usize = PREFIX.len() + DIGITS + AFTER_DIGITS.len();

/// What the journal extends; stands in its first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header {
    /// The store's identity.
    pub(crate) store: String,
    /// The snapshot's generation.
    pub(crate) generation: u64,
    /// The number of the last transaction that the snapshot holds.
    pub(crate) seq: u64,
    /// The snapshot's length in bytes.
    pub(crate) snapshot_len: u64,
    /// The snapshot's crc32c.
    #[serde(with = "hex")]
    pub(crate) snapshot_crc: u32,
}

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    header: Option<Header>,
    /// The previous line's checksum.
    #[serde(with = "hex")]
    p: u32,
    /// The transaction's number.
    s: u64,
    /// Its events.
    #[serde(borrow)]
    ops: Vec<Op<'a>>,
}

/// A place between two lines: what the next one must follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// The bytes before it.
    pub(crate) offset: u64,
    /// The number of the last transaction before it.
    pub(crate) seq: u64,
    /// The checksum of the line before it.
    pub(crate) chain: u32,
}

/// What stands behind the valid lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing.
    Clean,
    /// A line that was being written when its writer or the machine died; nothing acknowledged is in it.
    Torn,
    /// Something else, at this offset: acknowledged transactions may be in it or behind it.
    Damaged {
        /// Where.
        offset: u64,
        /// What is wrong, for a person.
        what: String,
    },
}

/// Writes the line that is to stand at `position`, and where it ends. The header goes into the first line only.
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
    // The body's opening brace gives its place to the comma before it.
    let brace = line.len() - 1;
    line.pop();
    serde_json::to_writer(&mut line, body).expect("lines hold only strings, numbers and lists, written to memory");
    line[brace] = b',';
    let crc = checksum::of(&line[BODY_AT..]);
    line[PREFIX.len()..PREFIX.len() + DIGITS].copy_from_slice(format!("{crc:08x}").as_bytes());
    line.push(b'\n');
    (line, crc)
}

/// Checksums as eight hexadecimal digits, the way they stand at the head of a line.
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

/// The checksum of a line without its newline, where the line agrees with it.
fn verify(line: &[u8]) -> Option<u32> {
    let digits = line.get(PREFIX.len()..PREFIX.len() + DIGITS)?;
    let is_framed = line.starts_with(PREFIX) && line[PREFIX.len() + DIGITS..].starts_with(AFTER_DIGITS);
    // Only the digits we write: the parser would take a sign in the place of a leading zero.
    let is_ours = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    let digits = std::str::from_utf8(digits).ok().filter(|_| is_ours)?;
    let claimed = u32::from_str_radix(digits, 16).ok()?;
    let agrees = |body| checksum::of(body) == claimed || made(Mistake::ChecksumIgnored);
    (is_framed && agrees(&line[BODY_AT..])).then_some(claimed)
}

/// The body of a verified line, as JSON.
fn body(line: &[u8]) -> Vec<u8> {
    let mut json = Vec::with_capacity(line.len() - BODY_AT + 1);
    json.push(b'{');
    json.extend_from_slice(&line[BODY_AT..]);
    json
}

/// The outcome of a scan.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Scan {
    /// The end of the valid lines.
    pub(crate) position: Position,
    /// What stands behind it.
    pub(crate) tail: Tail,
}

/// Reads the lines that stand at `position` in the journal of this header, handing their events to `take`, until their
/// end or the first that is not valid.
pub(crate) fn scan(
    bytes: &[u8],
    mut position: Position,
    header: &Header,
    base: &Path,
    mut take: impl FnMut(&Event),
) -> Scan {
    let mut rest = bytes;
    while let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..length];
        let Some(crc) = verify(line) else { break };
        match read_line(line, position, header, base, &mut take) {
            Ok(seq) => position = Position { offset: position.offset + length as u64 + 1, seq, chain: crc },
            Err(what) => return Scan { position, tail: Tail::Damaged { offset: position.offset, what } },
        }
        rest = &rest[length + 1..];
    }
    let tail = judge_tail(rest, position.offset);
    Scan { position, tail }
}

fn read_line(
    line: &[u8],
    position: Position,
    header: &Header,
    base: &Path,
    take: &mut impl FnMut(&Event),
) -> Result<u64, String> {
    let json = body(line);
    let line: Line<'_> = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    let expected = (position.offset == 0).then_some(header);
    if line.header.as_ref() != expected && !made(Mistake::HeaderIgnored) {
        return Err(wrong_header(line.header.as_ref(), header));
    }
    if line.p != position.chain && !made(Mistake::ChainIgnored) {
        return Err("a line is missing or out of place".into());
    }
    if line.s != position.seq + 1 && !made(Mistake::ChainIgnored) {
        return Err(format!("transaction {} follows transaction {}", line.s, position.seq));
    }
    for op in line.ops {
        take(&op.into_event(base)?);
    }
    Ok(line.s)
}

fn wrong_header(found: Option<&Header>, expected: &Header) -> String {
    let is_ours = found.is_some_and(|found| (&found.store, found.generation) == (&expected.store, expected.generation));
    if is_ours {
        "QUEUE-STATE.json was changed by somebody else while this journal extended it".into()
    } else {
        "a line belongs to another journal".into()
    }
}

/// The rule that tells a half-written last line from damage: it reaches the end of the file, no valid line follows it, and
/// it is either unterminated or holds NUL bytes, the two shapes that an interrupted append leaves (a file whose length
/// became durable before its data reads as zeros there).
fn judge_tail(rest: &[u8], offset: u64) -> Tail {
    if rest.is_empty() {
        return Tail::Clean;
    }
    let is_unterminated = rest.last() != Some(&b'\n');
    // A NUL may stand where a newline stood, so it ends a line here too.
    let is_followed = rest.split(|byte| matches!(byte, b'\n' | 0)).skip(1).any(|line| verify(line).is_some());
    let is_torn = !is_followed && (is_unterminated || rest.contains(&0));
    if (is_torn || made(Mistake::AllDamageIsTorn)) && !made(Mistake::NothingIsTorn) {
        return Tail::Torn;
    }
    Tail::Damaged { offset, what: "a line does not agree with its checksum".into() }
}

/// The number of the last transaction in a journal that belongs to no snapshot, as far as its lines can be read; `None`
/// where none can.
pub(crate) fn last_seq(bytes: &[u8]) -> Option<u64> {
    let lines = bytes.split(|byte| *byte == b'\n').filter(|line| verify(line).is_some());
    lines.filter_map(|line| Some(serde_json::from_slice::<Line<'_>>(&body(line)).ok()?.s)).max()
}

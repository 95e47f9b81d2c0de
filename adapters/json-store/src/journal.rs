//! The journal's lines: how they are written, how they are checked, and what damage in them means.
//!
//! A line is `{"c":"<crc32c>",<the rest>`; the checksum covers every byte after its own comma up to the line's end. The
//! first line is a header that ties the journal to its snapshot; each further one is a transaction, carries the number it
//! has in the history of the store, and repeats the checksum of the line before it, so that a line which is missing, or
//! stands in another's place, shows.
//!
//! Nothing here touches a file: the scan is a function of bytes.

use std::path::Path;

use autoproc_domain::event::Event;
use serde::{Deserialize, Serialize};

use crate::ops::Op;

/// `{"c":"`, eight hexadecimal digits, `",`.
const PREFIX: &[u8] = b"{\"c\":\"";
const DIGITS: usize = 8;
const AFTER_DIGITS: &[u8] = b"\",";
const BODY_AT: usize = PREFIX.len() + DIGITS + AFTER_DIGITS.len();

/// The first line: what the journal extends.
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

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderLine {
    header: Header,
}

/// A line that holds a transaction.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TransactionLine<'a> {
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// Writes the header line.
pub(crate) fn header_line(header: &Header) -> (Vec<u8>, u32) {
    seal(&HeaderLine { header: header.clone() })
}

/// Writes a transaction's line, to stand at `position`; also its checksum.
pub(crate) fn transaction_line(position: Position, events: &[Event]) -> (Vec<u8>, u32) {
    seal(&TransactionLine { p: position.chain, s: position.seq + 1, ops: events.iter().map(Op::from).collect() })
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
    let crc = crc32c::crc32c(&line[BODY_AT..]);
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
    let digits = std::str::from_utf8(digits).ok().filter(|digits| *digits == digits.to_lowercase())?;
    let claimed = u32::from_str_radix(digits, 16).ok()?;
    (is_framed && crc32c::crc32c(&line[BODY_AT..]) == claimed).then_some(claimed)
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

/// What the bytes must begin with.
#[derive(Debug, Clone)]
pub(crate) enum Expect<'a> {
    /// The header of the journal that extends this snapshot.
    Header(&'a Header),
    /// The line that follows this place.
    After(Position),
}

/// Reads lines from `bytes`, handing their events to `take`, until their end or the first that is not valid.
pub(crate) fn scan(bytes: &[u8], expect: &Expect<'_>, base: &Path, mut take: impl FnMut(&Event)) -> Scan {
    let (mut position, mut header) = match expect {
        Expect::Header(header) => (Position { offset: 0, seq: header.seq, chain: 0 }, Some(*header)),
        Expect::After(position) => (*position, None),
    };
    let mut rest = bytes;
    while let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
        let line = &rest[..length];
        let Some(crc) = verify(line) else { break };
        let read = match header.take() {
            Some(expected) => check_header(line, expected),
            None => read_transaction(line, position, base, &mut take),
        };
        match read {
            Ok(seq) => {
                position = Position { offset: position.offset + length as u64 + 1, seq, chain: crc };
            }
            Err(what) => return Scan { position, tail: Tail::Damaged { offset: position.offset, what } },
        }
        rest = &rest[length + 1..];
    }
    let tail = judge_tail(rest, position.offset);
    Scan { position, tail }
}

fn check_header(line: &[u8], expected: &Header) -> Result<u64, String> {
    let HeaderLine { header } = serde_json::from_slice(&body(line)).map_err(|error| error.to_string())?;
    if header == *expected {
        return Ok(header.seq);
    }
    let is_edited = (&header.store, header.generation) == (&expected.store, expected.generation);
    Err(if is_edited {
        "the snapshot was changed by somebody else while this journal extended it".into()
    } else {
        "the journal belongs to another snapshot".into()
    })
}

fn read_transaction(
    line: &[u8],
    position: Position,
    base: &Path,
    take: &mut impl FnMut(&Event),
) -> Result<u64, String> {
    let json = body(line);
    let transaction: TransactionLine<'_> = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    if transaction.p != position.chain {
        return Err("a line is missing or out of place".into());
    }
    if transaction.s != position.seq + 1 {
        return Err(format!("transaction {} follows transaction {}", transaction.s, position.seq));
    }
    for op in transaction.ops {
        take(&op.into_event(base)?);
    }
    Ok(transaction.s)
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
    if !is_followed && (is_unterminated || rest.contains(&0)) {
        return Tail::Torn;
    }
    Tail::Damaged { offset, what: "a line does not agree with its checksum".into() }
}

/// The number of the last transaction in a journal that belongs to no snapshot, as far as its lines can be read; `None`
/// where not even the header can.
pub(crate) fn last_seq(bytes: &[u8]) -> Option<u64> {
    let mut lines = bytes.split(|byte| *byte == b'\n').filter(|line| verify(line).is_some());
    let HeaderLine { header } = serde_json::from_slice(&body(lines.next()?)).ok()?;
    let numbers = lines.filter_map(|line| serde_json::from_slice::<TransactionLine<'_>>(&body(line)).ok().map(|t| t.s));
    Some(numbers.fold(header.seq, u64::max))
}

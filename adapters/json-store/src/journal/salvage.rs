//! What can be read behind damage: the lines that agree with their own checksum, wherever they stand.
//!
//! Nothing ties such a line to what is before it, so its number and its events are all that is known of it.

use std::path::Path;

use autoproc_domain::event::Event;

use super::{Line, PREFIX, body, verify};

/// A line behind damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stray {
    /// The transaction's number.
    pub(crate) seq: u64,
    /// The store that its header names, where it has one.
    pub(crate) store: Option<String>,
    /// What it says.
    pub(crate) events: Vec<Event>,
}

/// What stands behind damage.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Strays {
    /// The lines that can be read, in the order in which they stand.
    pub(crate) lines: Vec<Stray>,
    /// The bytes that cannot.
    pub(crate) unreadable_bytes: u64,
}

/// Reads what can be read.
pub(crate) fn strays(bytes: &[u8], base: &Path) -> Strays {
    let mut strays = Strays::default();
    // A NUL may stand where a newline stood, so it ends a line here too.
    for segment in bytes.split(|byte| matches!(byte, b'\n' | 0)).filter(|segment| !segment.is_empty()) {
        let found = beginnings(segment).find_map(|at| Some((at, read(&segment[at..], base)?)));
        strays.unreadable_bytes += found.as_ref().map_or(segment.len(), |(at, _)| *at) as u64;
        strays.lines.extend(found.map(|(_, line)| line));
    }
    strays
}

/// Where a line may begin. Behind a newline that was damaged, a line begins in the middle: its first bytes cannot stand in
/// any other place, because quotes in JSON strings are escaped.
fn beginnings(segment: &[u8]) -> impl Iterator<Item = usize> {
    segment.windows(PREFIX.len()).enumerate().filter(|(_, window)| *window == PREFIX).map(|(at, _)| at)
}

fn read(line: &[u8], base: &Path) -> Option<Stray> {
    verify(line)?;
    let json = body(line);
    let line: Line<'_> = serde_json::from_slice(&json).ok()?;
    let events = line.ops.into_iter().map(|op| op.into_event(base)).collect::<Result<_, _>>().ok()?;
    Some(Stray { seq: line.s, store: line.header.map(|header| header.store), events })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Header, Position, line};

    fn journal(lines: u64) -> Vec<u8> {
        let header = Header { store: "s".into(), generation: 1, seq: 0, snapshot_len: 0, snapshot_crc: 0 };
        let mut position = Position { offset: 0, seq: 0, chain: 0 };
        let mut bytes = Vec::new();
        for number in 1..=lines {
            let id = autoproc_domain::ItemId::new(number);
            let (line, after) = line(position, &header, &[Event::Completed { id }]);
            bytes.extend(line);
            position = after;
        }
        bytes
    }

    fn numbers(bytes: &[u8]) -> Vec<u64> {
        strays(bytes, Path::new("/")).lines.iter().map(|line| line.seq).collect()
    }

    #[test]
    fn every_changed_byte_costs_its_own_line_and_no_other() {
        let bytes = journal(3);
        for at in 0..bytes.len() {
            for change in [1, 0x80, bytes[at], bytes[at] ^ b'\n'] {
                let mut damaged = bytes.clone();
                damaged[at] ^= change;
                let of = bytes[..at].split(|byte| *byte == b'\n').count() as u64;
                let others: Vec<_> = (1..=3).filter(|number| *number != of).collect();
                let found: Vec<_> = numbers(&damaged).into_iter().filter(|number| *number != of).collect();
                assert_eq!(found, others, "byte {at} changed by {change:#x}");
            }
        }
    }

    #[test]
    fn what_cannot_be_read_is_measured() {
        let mut bytes = journal(2);
        assert_eq!(strays(&bytes, Path::new("/")).unreadable_bytes, 0);
        let first = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
        bytes[first / 2] ^= 1;
        assert_eq!(strays(&bytes, Path::new("/")).unreadable_bytes, first as u64);
    }
}

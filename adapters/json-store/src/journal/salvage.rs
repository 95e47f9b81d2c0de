//! Reads the valid lines of a damaged journal.

use std::path::Path;

use autoproc_domain::event::Event;

use super::{Line, PREFIX, body, verify};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SalvagedLine {
    pub(crate) seq: u64,
    pub(crate) store: Option<String>,
    pub(crate) events: Vec<Event>,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Salvage {
    pub(crate) lines: Vec<SalvagedLine>,
    pub(crate) unreadable_bytes: u64,
}

pub(crate) fn salvage(bytes: &[u8], base: &Path) -> Salvage {
    let mut salvage = Salvage::default();
    // A NUL may have replaced a newline, so NULs also end lines.
    for segment in bytes.split(|byte| matches!(byte, b'\n' | 0)).filter(|segment| !segment.is_empty()) {
        let found = line_starts(segment).find_map(|at| Some((at, read(&segment[at..], base)?)));
        salvage.unreadable_bytes += found.as_ref().map_or(segment.len(), |(at, _)| *at) as u64;
        salvage.lines.extend(found.map(|(_, line)| line));
    }
    salvage
}

/// Returns the offsets of possible line starts.
///
/// Damage may have removed a newline. JSON strings escape quotes, so they never contain the prefix.
fn line_starts(segment: &[u8]) -> impl Iterator<Item = usize> {
    segment.windows(PREFIX.len()).enumerate().filter(|(_, window)| *window == PREFIX).map(|(at, _)| at)
}

fn read(line: &[u8], base: &Path) -> Option<SalvagedLine> {
    verify(line)?;
    let json = body(line);
    let line: Line<'_> = serde_json::from_slice(&json).ok()?;
    let events = line.ops.into_iter().map(|op| op.into_event(base)).collect::<Result<_, _>>().ok()?;
    Some(SalvagedLine { seq: line.s, store: line.header.map(|header| header.store), events })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Header, Position, line};
    use crate::snapshot::Numbering;

    fn journal(lines: u64) -> Vec<u8> {
        let header = Header {
            store: "s".into(),
            generation: 1,
            seq: 0,
            snapshot_len: 0,
            snapshot_crc: 0,
            numbering: Numbering::Kept,
        };
        let mut position = Position { offset: 0, seq: 0, chain: 0 };
        let mut bytes = Vec::new();
        for number in 1..=lines {
            let id = autoproc_domain::ItemId::new(number);
            let (line, after) = line(position, &header, &[Event::Released { id }]);
            bytes.extend(line);
            position = after;
        }
        bytes
    }

    fn numbers(bytes: &[u8]) -> Vec<u64> {
        salvage(bytes, Path::new("/")).lines.iter().map(|line| line.seq).collect()
    }

    #[test]
    fn every_changed_byte_costs_its_own_line_and_no_other() {
        let bytes = journal(3);
        for at in 0..bytes.len() {
            for change in [1, 0x80, bytes[at], bytes[at] ^ b'\n'] {
                let mut damaged = bytes.clone();
                damaged[at] ^= change;
                let number = bytes[..at].split(|byte| *byte == b'\n').count() as u64;
                let others: Vec<_> = (1..=3).filter(|other| *other != number).collect();
                let found: Vec<_> = numbers(&damaged).into_iter().filter(|other| *other != number).collect();
                assert_eq!(found, others, "byte {at} changed by {change:#x}");
            }
        }
    }

    #[test]
    fn unreadable_bytes_are_counted() {
        let mut bytes = journal(2);
        assert_eq!(salvage(&bytes, Path::new("/")).unreadable_bytes, 0);
        let first = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
        bytes[first / 2] ^= 1;
        assert_eq!(salvage(&bytes, Path::new("/")).unreadable_bytes, first as u64);
    }
}

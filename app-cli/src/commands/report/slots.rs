//! Lays attempts out in rows: attempts that run at the same time are in different rows.

use std::time::Duration;

use autoproc_domain::Timestamp;

use super::html::night::Mark;

/// Two attempts may share a row if they overlap by at most the whole time span divided by this.
/// Such an overlap is too short to be seen. It arises because different clocks measure beginnings
/// and durations.
const PART_OF_SPAN: u32 = 500;

/// Two attempts may share a row only if they overlap by at most the duration of the later attempt
/// divided by this.
const PART_OF_ATTEMPT: u32 = 10;

/// Assigns each attempt to a row: to the free row that became free last, or to a new row. Stores
/// only the end of the last attempt in each row.
///
/// If attempts come in order of beginning or of end, this rule needs as few rows as possible: as
/// many as attempts run at the same time (Faigle and Nawijn, Note on scheduling intervals on-line,
/// 1995).
#[derive(Debug)]
pub(super) struct Rows {
    ends: Vec<Timestamp>,
    max_overlap: Duration,
}

impl Rows {
    pub(super) fn within(whole: Duration) -> Self {
        Self { ends: Vec::new(), max_overlap: whole / PART_OF_SPAN }
    }

    /// Assigns an attempt to a row. Returns the row, counted from 0, and the beginning of the
    /// attempt. If the previous attempt in the row ended after `from`, the returned beginning is
    /// the end of the previous attempt.
    pub(super) fn place(&mut self, from: Timestamp, to: Timestamp) -> (usize, Timestamp) {
        let overlap = self.max_overlap.min(to.saturating_since(from) / PART_OF_ATTEMPT);
        let begins = from.saturating_add(overlap);
        let free = (0..self.ends.len()).filter(|row| self.ends[*row] <= begins);
        let Some(row) = free.max_by_key(|row| (self.ends[*row], std::cmp::Reverse(*row))) else {
            self.ends.push(to);
            return (self.ends.len() - 1, from);
        };
        let from = from.max(self.ends[row]);
        self.ends[row] = to;
        (row, from)
    }
}

pub(super) struct Placed<'m> {
    pub(super) row: usize,
    pub(super) mark: &'m Mark,
}

/// Assigns each attempt to a row in which it overlaps no other attempt, or only by an invisible
/// part. Returns the attempts in order of beginning.
pub(super) fn placed(marks: &[Mark], (from, to): (Timestamp, Timestamp)) -> Vec<Placed<'_>> {
    let mut sorted: Vec<_> = marks.iter().collect();
    sorted.sort_by_key(|mark| mark.from);
    let mut rows = Rows::within(to.saturating_since(from));
    sorted.into_iter().map(|mark| Placed { row: rows.place(mark.from, mark.to).0, mark }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn at(second: u32) -> Timestamp {
        Timestamp::MIN.saturating_add(Duration::from_secs(second.into()))
    }

    fn depth(attempts: &[(u32, u32)]) -> usize {
        let running = |second| attempts.iter().filter(|(from, to)| *from <= second && second < *to).count();
        attempts.iter().map(|(from, _)| running(*from)).max().unwrap_or(0)
    }

    fn rows(attempts: &[(u32, u32)]) -> Vec<usize> {
        let mut rows = Rows::within(Duration::ZERO);
        attempts.iter().map(|(from, to)| rows.place(at(*from), at(*to)).0).collect()
    }

    proptest! {
        #[test]
        fn no_row_is_superfluous_and_none_overlaps(spans in vec((0_u32..40, 1_u32..20), 1..30)) {
            let mut attempts: Vec<_> = spans.into_iter().map(|(from, length)| (from, from + length)).collect();
            for sort_by in [|attempt: &(u32, u32)| attempt.0, |attempt: &(u32, u32)| attempt.1] {
                attempts.sort_by_key(sort_by);
                let rows = rows(&attempts);
                prop_assert_eq!(rows.iter().max().map(|row| row + 1), Some(depth(&attempts)));
                for (index, (from, to)) in attempts.iter().enumerate() {
                    let is_overlapping = |other: &usize| {
                        rows[*other] == rows[index] && attempts[*other].0 < *to && *from < attempts[*other].1
                    };
                    prop_assert!(!(0..index).any(|other| is_overlapping(&other)), "{:?} {:?}", attempts, rows);
                }
            }
        }
    }

    #[test]
    fn a_small_overlap_is_cut_off() {
        let mut rows = Rows::within(Duration::from_secs(5_000));
        assert_eq!(rows.place(at(0), at(100)), (0, at(0)));
        assert_eq!(rows.place(at(95), at(195)), (0, at(100)), "ten seconds are a tenth of the attempt");
        assert_eq!(rows.place(at(184), at(284)), (1, at(184)));
    }
}

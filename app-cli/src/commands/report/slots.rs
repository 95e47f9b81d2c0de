//! Places concurrent attempts in different rows.

use std::time::Duration;

use autoproc_domain::Timestamp;

use super::html::night::Mark;

/// The maximum overlap in a row, as a part of the whole time span. Different clocks measure
/// beginnings and durations, so attempts overlap a little.
const PART_OF_SPAN: u32 = 500;

/// The maximum overlap in a row, as a part of the later attempt.
const PART_OF_ATTEMPT: u32 = 10;

/// Assigns each attempt to the free row that became free last, or to a new row.
///
/// For attempts in order of beginning or of end, this rule needs the fewest rows (Faigle and
/// Nawijn, Note on scheduling intervals on-line, 1995).
#[derive(Debug)]
pub(super) struct Rows {
    ends: Vec<Timestamp>,
    max_overlap: Duration,
}

impl Rows {
    pub(super) fn within(whole: Duration) -> Self {
        Self { ends: Vec::new(), max_overlap: whole / PART_OF_SPAN }
    }

    /// Returns the row and the beginning of an attempt. The beginning is not before the end of the
    /// previous attempt in the row.
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

/// Assigns each attempt to a row. Returns the attempts in order of beginning.
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

//! Determines the round of each output of an item.
//!
//! A round is a series of attempts. A new round begins if the file is added again or retried after
//! its end.
//!
//! The history contains the rounds of recent claims. The rounds of older outputs are guessed from
//! the attempt numbers. If the number does not increase, a new round is assumed. The guess is wrong
//! if a released attempt was repeated under the same number.

use std::collections::BTreeMap;

use autoproc_domain::item::ClaimNumber;
use autoproc_subprocess::AttemptLog;

/// A round, and the number of an attempt in this round.
pub(super) type Place = (u32, u32);

/// Returns the round of each output. `logs` must be sorted by claim.
///
/// `newest` contains the current round and a number above all attempt numbers in this round.
pub(super) fn of(logs: &[AttemptLog], known: &BTreeMap<ClaimNumber, Place>, newest: Option<Place>) -> Vec<u32> {
    let newest = newest.or_else(|| known.values().max().map(|(round, attempts)| (*round, attempts.saturating_add(1))));
    // If no round is known, counts down from a high number. At the end, renumbers the rounds from
    // 1.
    let (mut round, mut attempt) = newest.map_or((i64::MAX, u32::MAX), |(round, number)| (i64::from(round), number));
    let mut rounds = Vec::with_capacity(logs.len());
    let mut next_claim = None;
    for log in logs.iter().rev() {
        if let Some((claim, place)) =
            known.range(log.claim..).next().filter(|(claim, _)| is_nearer(**claim, next_claim))
        {
            (round, attempt) = (i64::from(place.0), if *claim == log.claim { u32::MAX } else { place.1 });
        }
        round -= i64::from(log.attempt.get() >= attempt);
        (attempt, next_claim) = (log.attempt.get(), Some(log.claim));
        rounds.push(round);
    }
    rounds.reverse();
    let shift = if newest.is_none() { rounds.first().map_or(0, |first| first - 1) } else { 0 };
    rounds.into_iter().map(|round| u32::try_from((round - shift).max(1)).unwrap_or(u32::MAX)).collect()
}

fn is_nearer(claim: ClaimNumber, next: Option<ClaimNumber>) -> bool {
    next.is_none_or(|next| claim < next)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use autoproc_domain::ItemId;
    use autoproc_domain::item::AttemptNumber;

    use super::*;

    fn rounds(attempts: &[u32], known: &[(u64, Place)], newest: Option<Place>) -> Vec<u32> {
        let log = |(claim, attempt): (u64, &u32)| AttemptLog {
            path: PathBuf::new(),
            item: ItemId::FIRST,
            attempt: AttemptNumber::new(*attempt).expect("not zero"),
            claim: ClaimNumber::new(claim * 10),
        };
        let logs: Vec<_> = (1..).zip(attempts).map(log).collect();
        let known = known.iter().map(|(claim, place)| (ClaimNumber::new(*claim), *place)).collect();
        of(&logs, &known, newest)
    }

    #[test]
    fn the_history_decides() {
        let known = [(10, (1, 1)), (20, (1, 2)), (30, (2, 1)), (40, (2, 1))];
        assert_eq!(rounds(&[1, 2, 1, 1], &known, Some((2, 2))), [1, 1, 2, 2]);
        assert_eq!(rounds(&[1, 2, 1, 1], &known, None), [1, 1, 2, 2]);
    }

    #[test]
    fn what_is_older_is_placed_by_the_order_of_claims() {
        assert_eq!(rounds(&[1, 2, 1], &[], Some((2, 2))), [1, 1, 2]);
        assert_eq!(rounds(&[1, 2, 1], &[(30, (5, 1))], Some((5, 2))), [4, 4, 5]);
        // The history contains an attempt without output between two outputs.
        assert_eq!(rounds(&[1, 2], &[(15, (2, 1))], Some((2, 3))), [1, 2]);
        assert_eq!(rounds(&[1, 1, 1], &[], None), [1, 2, 3]);
        assert_eq!(rounds(&[], &[], None), [0; 0]);
    }

    #[test]
    fn nothing_is_of_a_round_that_has_no_attempt_yet() {
        assert_eq!(rounds(&[1, 2], &[], Some((2, 0))), [1, 1]);
        assert_eq!(rounds(&[1], &[], Some((1, 0))), [1], "given back");
    }
}

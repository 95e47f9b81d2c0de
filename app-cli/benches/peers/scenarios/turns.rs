//! The order in which those who are measured side by side come: another one in every round.
//!
//! Who comes first after other work, or after somebody who leaves much behind, may be slower for it. So each turn is a row
//! of Williams' square ("Experimental designs balanced for the estimation of residual effects of treatments", Australian
//! Journal of Scientific Research, 1949): turn i begins with contestant i, and in as many turns as there are contestants
//! each comes once in every place and, where their number is even, once after every other. Where it is odd, each comes
//! twice after half of the others, which is near enough.

/// The contestants of a turn, which are counted from 0 as turns are.
pub(super) fn order(turn: usize, count: usize) -> impl Iterator<Item = usize> {
    let away = move |place: usize| if place % 2 == 1 { place.div_ceil(2) } else { count - place / 2 };
    (0..count).map(move |place| (turn + away(place)) % count)
}

/// Measures each contestant in the order of a turn. What comes out is in the contestants' own order, which is that of the
/// report.
pub(super) fn each<T>(turn: usize, count: usize, mut measure: impl FnMut(usize) -> T) -> Vec<T> {
    let mut outcomes: Vec<_> = order(turn, count).map(|index| (index, measure(index))).collect();
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

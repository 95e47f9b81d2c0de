//! Commands that hang and are not alone: what they have started must be gone before the next attempt.

use crate::checks::{Accounts, BACKOFF_BASE};
use crate::desert::{deserts, numbered};
use crate::place::Place;

#[test]
fn nothing_of_an_attempt_lives_when_the_next_begins() {
    let place = Place::new();
    let names = [numbered("tree", 0..1), numbered("thicket", 0..1)].concat();
    place.create(&names);
    place.add(0, &names);
    let options = ["-j", "2", "-r", "1", "--timeout", "5", "--grace", "200ms", "--backoff-base", BACKOFF_BASE];
    let result = place.start_run(&options).wait().result();
    let mut deserts = deserts(&names);
    for desert in deserts.values_mut() {
        desert.attempts = 2;
    }
    // That the two attempts on a file did not meet is asserted where the record is read.
    Accounts::gather(&place, vec![result]).check(&place, &deserts);
}

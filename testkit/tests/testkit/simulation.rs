//! Whole runs in a hostile world, thousands of them, each from a seed.
//!
//! A seed that fails is printed. `AUTOPROC_SIM_SEED=<seed> cargo test -p autoproc-testkit simulation` plays it again, alone;
//! `AUTOPROC_SIM_SEEDS=<number>` plays that many seeds in place of the usual.

use std::sync::Arc;

use autoproc_domain::RetryPolicy;
use autoproc_domain::ports::Storage;
use autoproc_testkit::simulation::{Failure, Setup, Summary, simulate};
use autoproc_testkit::{Jitter, MemoryPlace};

use crate::flawed::{Flaw, FlawedStore};

/// What takes less than ten seconds without optimisation.
const SEEDS: u64 = 10_000;
/// A flaw that so many seeds do not find would not be found by chance either.
const SEEDS_FOR_A_FLAW: u64 = 2000;

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a seed is a number"))
}

#[test]
fn every_file_ends_as_it_deserves_whatever_happens() {
    let seeds = match number_from("AUTOPROC_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_from("AUTOPROC_SIM_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        if let Err(failure) = simulate(seed, Setup::default()) {
            panic!("{failure}; to play it again, set AUTOPROC_SIM_SEED={seed}");
        }
    }
}

/// A simulation in which nothing ever went wrong would prove nothing.
#[test]
fn the_world_is_hostile_enough() {
    let mut seen = Summary::default();
    for seed in 0..600 {
        let summary = simulate(seed, Setup::default()).expect("these seeds hold");
        seen.kills += summary.kills;
        seen.stops += summary.stops;
        seen.releases += summary.releases;
        seen.recoveries += summary.recoveries;
        seen.troubles += summary.troubles;
        seen.holds += summary.holds;
        seen.withheld += summary.withheld;
        seen.halts += summary.halts;
    }
    let least =
        [seen.kills, seen.stops, seen.releases, seen.recoveries, seen.troubles, seen.holds, seen.withheld, seen.halts]
            .into_iter()
            .min();
    assert!(least > Some(20), "{seen:?}");
}

#[test]
fn a_seed_always_goes_the_same_way() {
    for seed in 0..100 {
        assert_eq!(simulate(seed, Setup::default()), simulate(seed, Setup::default()));
    }
}

/// The first failure that a broken setup shows.
fn failure_of(setup: Setup) -> Failure {
    let failures = (0..SEEDS_FOR_A_FLAW).filter_map(|seed| simulate(seed, setup).err());
    let mut failures = failures.take(1);
    failures.next().expect("a broken setup must not hold under every seed")
}

/// Which of several checks finds a flaw first is chance; that it is found is not.
fn expect_objection(setup: Setup, objections: &[&str]) {
    let failure = failure_of(setup);
    let is_known = objections.iter().any(|objection| failure.what.contains(objection));
    assert!(is_known, "wanted one of {objections:?}: {failure}");
}

type Open = fn(&MemoryPlace, Arc<Jitter>) -> Arc<dyn Storage>;

macro_rules! with_flaw {
    ($flaw:ident) => {{
        let open: Open = |place, jitter| Arc::new(FlawedStore::new(place, Flaw::$flaw).with_jitter(jitter));
        Setup { open, ..Setup::default() }
    }};
}

#[test]
fn a_store_without_order_is_noticed() {
    expect_objection(with_flaw!(IgnoresSequence), &["was passed over"]);
    expect_objection(with_flaw!(IgnoresPriority), &["was passed over"]);
}

#[test]
fn a_store_that_ignores_backoffs_is_noticed() {
    expect_objection(with_flaw!(ClaimsEarly), &["began before the backoff was over"]);
}

#[test]
fn a_store_that_grants_too_much_is_noticed() {
    // The processor keeps what it did not ask for until a slot is free; the room for its results runs out first then.
    expect_objection(with_flaw!(ExceedsTheLimit), &["attempts at once", "a run failed without a cause"]);
    expect_objection(with_flaw!(ClaimsTwice), &["two attempts of one item at once", "a living run lost a claim"]);
}

#[test]
fn a_store_that_robs_the_living_is_noticed() {
    expect_objection(with_flaw!(RobsTheLiving), &["two attempts of one item at once", "a living run lost a claim"]);
}

#[test]
fn a_store_that_loses_results_is_noticed() {
    expect_objection(with_flaw!(LosesResults), &["was started again", "it deserves to be"]);
}

#[test]
fn a_store_that_forgets_attempts_is_noticed() {
    expect_objection(
        with_flaw!(ForgetsAttempts),
        &["it deserves to be", "no end after", "after Some", "somebody spins"],
    );
}

fn with_policy(policy: fn(RetryPolicy) -> RetryPolicy) -> Setup {
    Setup { policy, ..Setup::default() }
}

#[test]
fn a_policy_that_is_not_the_promised_one_is_noticed() {
    let hasty = with_policy(|policy| RetryPolicy { backoff_base: policy.backoff_base / 2, ..policy });
    expect_objection(hasty, &["a backoff of"]);
    let stubborn = with_policy(|policy| RetryPolicy { retries: policy.retries + 1, ..policy });
    expect_objection(stubborn, &["more than", "it deserves to be", "after Some"]);
    let blind = with_policy(|policy| RetryPolicy { permanent_exits: [].into(), ..policy });
    expect_objection(blind, &["it deserves to be", "after Some"]);
    let faint = with_policy(|policy| RetryPolicy { retries: 0, ..policy });
    expect_objection(faint, &["it deserves to be", "after Some"]);
}

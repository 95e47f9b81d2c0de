//! Whole runs in a hostile world, thousands of them, each from a seed.
//!
//! A seed that fails is printed. `AUTOPROC_SIM_SEED=<seed> cargo test -p autoproc-testkit simulation`
//! plays it again, alone; `AUTOPROC_SIM_SEEDS=<number>` plays that many seeds in place of the usual.

use std::sync::Arc;

use autoproc_domain::request::Settlement;
use autoproc_domain::run::{Action, Input};
use autoproc_domain::{RetryPolicy, RunConfig};
use autoproc_testkit::simulation::{Failure, Setup, Summary, simulate};

use crate::flawed::{Flaw, FlawedStore};

/// These take less than ten seconds.
const SEEDS: u64 = 10_000;
/// A flaw that so many seeds do not find would not be found by chance either.
const SEEDS_FOR_A_FLAW: u64 = 5000;

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
            panic!("{failure}\nto play it again, set AUTOPROC_SIM_SEED={seed}");
        }
    }
}

/// A simulation in which nothing ever went wrong would prove nothing.
#[test]
fn the_world_is_hostile_enough() {
    let mut total = Summary::default();
    for seed in 0..2000 {
        total.add(&simulate(seed, Setup::default()).expect("these seeds hold"));
    }
    let Summary { files: _, attempts: _, runs: _, rounds, not_started, kills, lost_leases, stops, .. } = total;
    let Summary { limits, releases, recoveries, far_recoveries, withheld, pressures, .. } = total;
    let Summary { troubles, asked_again, cancels, holds, cut_waits, .. } = total;
    let hostile = [
        [rounds, not_started, kills, lost_leases, stops, limits],
        [releases, recoveries, far_recoveries, withheld, pressures, troubles],
        [asked_again, cancels, holds, cut_waits, usize::MAX, usize::MAX],
    ];
    assert!(hostile.as_flattened().iter().min() > Some(&20), "{total:?}");
}

#[test]
fn a_seed_always_goes_the_same_way() {
    for seed in 0..100 {
        assert_eq!(simulate(seed, Setup::default()), simulate(seed, Setup::default()));
    }
}

/// The first failure that a broken setup shows.
fn failure_of(setup: Setup) -> Failure {
    let mut failures = (0..SEEDS_FOR_A_FLAW).filter_map(|seed| simulate(seed, setup).err());
    failures.next().expect("a broken setup must not hold under every seed")
}

macro_rules! with_flaw {
    ($flaw:ident) => {
        Setup { open: |database| Arc::new(FlawedStore::new(database, Flaw::$flaw)), ..Setup::default() }
    };
}

#[test]
fn a_store_with_a_flaw_is_noticed() {
    let flawed = [
        with_flaw!(IgnoresSequence),
        with_flaw!(IgnoresPriority),
        with_flaw!(ClaimsEarly),
        with_flaw!(ExceedsTheLimit),
        with_flaw!(ClaimsTwice),
        with_flaw!(ClaimsHeldItems),
        with_flaw!(HidesCancellations),
        with_flaw!(IgnoresScopes),
        with_flaw!(LosesResults),
        with_flaw!(LosesUnansweredResults),
        with_flaw!(RobsTheLiving),
        with_flaw!(ForgetsAttempts),
    ];
    for setup in flawed {
        failure_of(setup);
    }
}

fn with_retry(config: RunConfig, change: fn(RetryPolicy) -> RetryPolicy) -> RunConfig {
    RunConfig { retry: change(config.retry.clone()), ..config }
}

#[test]
fn a_policy_that_is_not_the_promised_one_is_noticed() {
    let policies: [fn(RunConfig) -> RunConfig; 3] = [
        |config| with_retry(config, |retry| RetryPolicy { backoff_base: retry.backoff_base / 2, ..retry }),
        |config| with_retry(config, |retry| RetryPolicy { retries: retry.retries + 1, ..retry }),
        |config| with_retry(config, |retry| RetryPolicy { permanent_exits: [].into(), ..retry }),
    ];
    for config in policies {
        failure_of(Setup { config, ..Setup::default() });
    }
}

/// The run loop with one rule broken: what it does not hear, or what it does not do.
#[test]
fn a_run_loop_with_a_broken_rule_is_noticed() {
    let deaf: [fn(Input) -> Option<Input>; 4] = [
        |input| (!matches!(input, Input::Stop(_))).then_some(input),
        |input| (!matches!(input, Input::Pressure(_))).then_some(input),
        |input| (!matches!(input, Input::LeaseLost)).then_some(input),
        |input| (!matches!(input, Input::Woken)).then_some(input),
    ];
    for input in deaf {
        failure_of(Setup { input, ..Setup::default() });
    }
    let idle: [fn(Action) -> Option<Action>; 2] = [
        |action| (!matches!(action, Action::Cancel(_))).then_some(action),
        |action| match action {
            Action::Exchange(mut request) => {
                request.settlements = request.settlements.into_iter().skip(1).collect::<Vec<Settlement>>();
                Some(Action::Exchange(request))
            }
            other => Some(other),
        },
    ];
    for action in idle {
        failure_of(Setup { action, ..Setup::default() });
    }
}

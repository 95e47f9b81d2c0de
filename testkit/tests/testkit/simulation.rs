//! Simulates thousands of whole runs with injected faults.
//!
//! A failing seed is printed. `AUTOPROC_SIM_SEED=<seed> cargo test -p autoproc-testkit simulation`
//! repeats the seed. `AUTOPROC_SIM_SEEDS=<number>` sets the number of seeds.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use autoproc_domain::ports::AttemptProgress;
use autoproc_domain::request::{ExchangeRequest, RequestId, Scope};
use autoproc_domain::run::{Action, Input, Wakeup};
use autoproc_domain::{RetryPolicy, RunConfig};
use autoproc_testkit::location_on;
use autoproc_testkit::simulation::{Failure, Setup, simulate};

use crate::flawed::{Flaw, FlawedStore};

const SEEDS: u64 = 50_000;
const SEEDS_FOR_A_FLAW: u64 = 20_000;

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a seed is a number"))
}

fn first_failure(seeds: std::ops::Range<u64>) -> Option<Failure> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let failures = thread::scope(|scope| {
        let shares = (0..threads).map(|first| {
            let mut share = seeds.clone().skip(first).step_by(threads);
            scope.spawn(move || share.find_map(|seed| simulate(seed, Setup::default()).err()))
        });
        let shares: Vec<_> = shares.collect();
        shares.into_iter().filter_map(|share| share.join().expect("panics are failures")).collect::<Vec<_>>()
    });
    failures.into_iter().min_by_key(|failure| failure.seed)
}

#[test]
fn every_file_ends_as_it_deserves_whatever_happens() {
    let seeds = match number_from("AUTOPROC_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_from("AUTOPROC_SIM_SEEDS").unwrap_or(SEEDS),
    };
    if let Some(failure) = first_failure(seeds) {
        panic!("{failure}; to play it again, set AUTOPROC_SIM_SEED={}", failure.seed);
    }
}

#[test]
fn the_world_is_hostile_enough() {
    let mut totals = BTreeMap::new();
    for seed in 0..3000 {
        let summary = simulate(seed, Setup::default()).expect("these seeds hold");
        for (name, count) in summary.counts() {
            *totals.entry(name).or_insert(0) += count;
        }
    }
    let rare: Vec<_> = totals.iter().filter(|(_, count)| **count < 40).collect();
    assert!(rare.is_empty(), "seldom: {rare:?} of {totals:?}");
}

#[test]
fn a_seed_always_goes_the_same_way() {
    for seed in 0..100 {
        assert_eq!(simulate(seed, Setup::default()), simulate(seed, Setup::default()));
    }
}

fn failure_of(setup: Setup) -> Failure {
    let mut failures = (0..SEEDS_FOR_A_FLAW).filter_map(|seed| simulate(seed, setup).err());
    failures.next().expect("a broken setup must not hold under every seed")
}

fn expect_objection(name: &str, setup: Setup, objections: &[&str]) {
    let failure = failure_of(setup);
    let is_known = objections.iter().any(|objection| failure.objection.contains(objection));
    assert!(is_known, "{name}: wanted one of {objections:?}: {failure}");
}

macro_rules! store {
    ($flaw:ident) => {
        Setup { open: |database| Arc::new(FlawedStore::new(database, Flaw::$flaw)), ..Setup::default() }
    };
}

#[test]
fn a_broken_store_is_noticed() {
    let passed_over = &["was passed over"][..];
    let forbidden = &["that must not be"][..];
    let robbed = &["at the same time", "lost a claim", "living run run-"][..];
    let setups = [
        ("ignores sequence numbers", store!(IgnoresSequence), passed_over),
        ("ignores priorities", store!(IgnoresPriority), passed_over),
        ("claims early", store!(ClaimsEarly), forbidden),
        ("claims held items", store!(ClaimsHeldItems), &["that must not be", "is not recorded"]),
        ("ignores scopes", store!(IgnoresScopes), forbidden),
        ("exceeds the limit", store!(ExceedsTheLimit), &["claims, and"]),
        ("claims twice", store!(ClaimsTwice), &["a claim that the store did not make"]),
        ("robs the living", store!(RobsTheLiving), robbed),
        (
            "reports the living of other hosts as dead",
            store!(ReportsOtherHostsAsDead),
            &["from another host", "living run run-"],
        ),
        ("forgets where runs worked", store!(ForgetsLocations), &["from another host"]),
        ("carries out again", store!(CarriesOutAgain), &["lost a claim", "is not recorded", "was not reported"]),
        ("loses results", store!(LosesResults), &["is not recorded"]),
        ("forgets attempts", store!(ForgetsAttempts), &["it deserves to be", "judges wrongly", "after Some", "no end"]),
        ("hides cancellations", store!(HidesCancellations), &["lets a cancelled attempt go on", "is not recorded"]),
        ("retries cancelled items", store!(RetriesCancelledItems), &["a cancelled item was claimed", "must not be"]),
    ];
    for (name, setup, objections) in setups {
        expect_objection(name, setup, objections);
    }
}

fn with_config(config: fn(RunConfig) -> RunConfig) -> Setup {
    Setup { config, ..Setup::default() }
}

macro_rules! policy {
    ($policy:ident => $change:expr) => {
        with_config(|config| {
            let $policy = config.retry.clone();
            RunConfig { retry: $change, ..config }
        })
    };
}

#[test]
fn a_run_that_is_not_as_planned_is_noticed() {
    let wrong = &["judges wrongly", "that is not planned"][..];
    let setups = [
        ("hasty", policy!(policy => RetryPolicy { backoff_base: policy.backoff_base / 2, ..policy }), wrong),
        ("stubborn", policy!(policy => RetryPolicy { retries: policy.retries + 1, ..policy }), wrong),
        ("faint", policy!(policy => RetryPolicy { retries: 0, ..policy }), wrong),
        ("undiscerning", policy!(policy => RetryPolicy { permanent_exits: [].into(), ..policy }), wrong),
        ("patient", with_config(|config| RunConfig { timeout: config.timeout * 2, ..config }), wrong),
        (
            "greedy",
            with_config(|config| RunConfig { jobs: config.jobs.saturating_add(1), ..config }),
            &["attempts at the same time"],
        ),
        (
            "unlimited",
            with_config(|config| RunConfig { failure_limit: None, ..config }),
            &["after its failure limit", "did not obey its failure limit"],
        ),
        ("rash", with_config(|config| RunConfig { program_wait: Duration::ZERO, ..config }), wrong),
        (
            "hopeless",
            with_config(|config| RunConfig { program_wait: config.program_wait / 4, ..config }),
            &["ended without its reason"],
        ),
        (
            "nervous",
            with_config(|config| RunConfig {
                pause_on_same: config.pause_on_same.map(|_| NonZeroUsize::MIN),
                ..config
            }),
            &["pauses after 1 files"],
        ),
        ("unbounded", with_config(|config| RunConfig { scope: Scope::Queue, ..config }), &["left its scope"]),
        (
            "impatient",
            with_config(|config| RunConfig { wait_for_backoff: false, ..config }),
            &["ended without its reason"],
        ),
        (
            "without a recipe",
            with_config(|config| RunConfig { recipe: None, ..config }),
            &["judges wrongly", "is reported wrongly"],
        ),
        (
            "of a confused host",
            Setup { location: |_| location_on("everywhere"), ..Setup::default() },
            &["from another host"],
        ),
    ];
    for (name, setup, objections) in setups {
        expect_objection(name, setup, objections);
    }
}

#[test]
fn a_run_that_overlooks_an_input_is_noticed() {
    fn without(input: fn(Input) -> Option<Input>) -> Setup {
        Setup { input, ..Setup::default() }
    }
    let setups = [
        (
            "stop",
            without(|input| (!matches!(input, Input::Stop(_))).then_some(input)),
            &["after it was asked to stop", "was asked to stop at"][..],
        ),
        (
            "pressure",
            without(|input| (!matches!(input, Input::Pressure(_))).then_some(input)),
            &["while starts are held"],
        ),
        (
            "capacity",
            without(|input| match input {
                Input::Capacity(capacity) => Some(Input::Capacity(capacity + 1)),
                input => Some(input),
            }),
            &["more than the orchestrator takes"],
        ),
        (
            "lost lease",
            without(|input| (!matches!(input, Input::LeaseLost)).then_some(input)),
            &["works on after it lost its lease", "claims or settles after it lost its lease"],
        ),
        ("wake-up", without(|input| (!matches!(input, Input::Woken)).then_some(input)), &["is idle", "were left"]),
        (
            "shortage",
            without(|input| match input {
                Input::Attempts(mut progress) => {
                    for (_, progress) in &mut progress {
                        if let AttemptProgress::NotStarted { shortage } = progress {
                            *shortage = None;
                        }
                    }
                    Some(Input::Attempts(progress))
                }
                input => Some(input),
            }),
            &["no process is left"],
        ),
        (
            "what did not start",
            without(|input| match input {
                Input::Attempts(mut progress) => {
                    progress.retain(|(_, progress)| !matches!(progress, AttemptProgress::NotStarted { .. }));
                    Some(Input::Attempts(progress))
                }
                input => Some(input),
            }),
            &["were left", "was asked to stop at", "is idle"],
        ),
    ];
    for (name, setup, objections) in setups {
        expect_objection(name, setup, objections);
    }
}

static LAST_ID: AtomicU64 = AtomicU64::new(1 << 40);

#[test]
fn a_run_that_acts_wrongly_is_noticed() {
    fn without(action: fn(Action) -> Option<Action>) -> Setup {
        Setup { action, ..Setup::default() }
    }
    let setups = [
        ("recall", without(|action| (!matches!(action, Action::Recall)).then_some(action)), &["begins an attempt"][..]),
        (
            "cancel",
            without(|action| (!matches!(action, Action::Cancel(_))).then_some(action)),
            &["lets a cancelled attempt go on"],
        ),
        (
            "abort",
            without(|action| (!matches!(action, Action::Abort)).then_some(action)),
            &["works on after it lost its lease"],
        ),
        (
            "report",
            without(|action| (!matches!(action, Action::Emit(_))).then_some(action)),
            &["it returned", "returned Tally", "was not reported", "failed without a cause"],
        ),
        (
            "a new id for a request without an answer",
            without(|action| match action {
                Action::Exchange(request) => {
                    let id = RequestId::new(LAST_ID.fetch_add(1, Ordering::Relaxed));
                    Some(Action::Exchange(ExchangeRequest { id, ..request }))
                }
                action => Some(action),
            }),
            &["lost a claim", "was not reported", "ended without"],
        ),
        (
            "loses settlements",
            without(|action| match action {
                Action::Exchange(request) => {
                    Some(Action::Exchange(ExchangeRequest { settlements: Vec::new(), ..request }))
                }
                action => Some(action),
            }),
            &["is not recorded"],
        ),
        (
            "sleeps too long",
            without(|action| match action {
                Action::Wait(_) => Some(Action::Wait(Wakeup::default())),
                action => Some(action),
            }),
            &["is idle", "were left", "lets a cancelled attempt go on"],
        ),
        (
            "ends early",
            without(|action| match action {
                Action::Start(_) => Some(Action::Recall),
                action => Some(action),
            }),
            &["were left", "no end", "settles what never began", "is idle"],
        ),
    ];
    for (name, setup, objections) in setups {
        expect_objection(name, setup, objections);
    }
}

//! Whole runs in a hostile world, thousands of them, each from a seed.
//!
//! A seed that fails is printed. `AUTOPROC_SIM_SEED=<seed> cargo test -p autoproc-testkit simulation`
//! plays it again, alone; `AUTOPROC_SIM_SEEDS=<number>` plays that many seeds in place of the usual.

use autoproc_testkit::simulation::{Setup, simulate};

/// These take a few seconds.
const SEEDS: u64 = 10_000;

fn number_from(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a seed is a number"))
}

#[test]
fn every_file_ends_as_it_deserves_whatever_happens() {
    let seeds = match number_from("AUTOPROC_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number_from("AUTOPROC_SIM_SEEDS").unwrap_or(SEEDS),
    };
    let mut failures = 0;
    for seed in seeds {
        if let Err(failure) = simulate(seed, Setup::default()) {
            if std::env::var_os("AUTOPROC_SIM_SEED").is_some() {
                eprintln!("{failure}");
            } else {
                eprintln!("under the seed {}: {}", failure.seed, failure.objection);
            }
            failures += 1;
            if failures > 10 {
                panic!()
            }
        }
    }
    assert_eq!(failures, 0);
}

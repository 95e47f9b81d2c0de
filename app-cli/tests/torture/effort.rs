//! The size of each test: small in an ordinary run, larger if an environment variable says so.

/// Returns the number of kills at random moments.
pub(crate) fn kills() -> usize {
    number("AUTOPROC_TORTURE_KILLS", 120)
}

/// Returns the number of queues in the test `killed_runs`.
pub(crate) fn rounds() -> usize {
    number("AUTOPROC_TORTURE_ROUNDS", 2)
}

/// Returns the number of files in each queue of the test `killed_runs`.
pub(crate) fn files_per_round() -> usize {
    number("AUTOPROC_TORTURE_FILES", 100)
}

/// Returns the maximum number of runs that the test `killed_runs` kills for each queue.
pub(crate) fn kills_per_round() -> usize {
    number("AUTOPROC_TORTURE_NIGHT_KILLS", 20)
}

/// Returns the number of power cuts.
pub(crate) fn power_cuts() -> usize {
    number("AUTOPROC_TORTURE_POWER_CUTS", 4)
}

/// Returns the number of commands that each process of the test `crowd` executes.
pub(crate) fn crowd() -> usize {
    number("AUTOPROC_TORTURE_CROWD", 25)
}

/// Returns the distance between the points at which faults are injected; 1 means every possible
/// point.
pub(crate) fn stride() -> usize {
    number("AUTOPROC_TORTURE_STRIDE", 4).max(1)
}

/// Servers of a queue killed under load.
pub(crate) fn postmaster_kills() -> usize {
    number("AUTOPROC_TORTURE_POSTMASTER_KILLS", 10)
}

/// Promotions of a standby after its primary was killed.
pub(crate) fn promotions() -> usize {
    number("AUTOPROC_TORTURE_PROMOTIONS", 3)
}

/// Machines of each kind of fault: a killed runner, a suspended one, a lost network.
pub(crate) fn machines_per_fault() -> usize {
    number("AUTOPROC_TORTURE_MACHINES", 3)
}

/// The seed of the random moments, and by default another one each time.
pub(crate) fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    number("AUTOPROC_TORTURE_SEED", usize::try_from(now.as_secs()).expect("it fits")) as u64
}

fn number(variable: &str, ordinary: usize) -> usize {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(ordinary)
}

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

pub(crate) fn power_cuts() -> usize {
    number("AUTOPROC_TORTURE_POWER_CUTS", 4)
}

/// Returns the number of commands that each process of the test `crowd` executes.
pub(crate) fn crowd() -> usize {
    number("AUTOPROC_TORTURE_CROWD", 25)
}

/// Returns the step from one tested fault point to the next.
pub(crate) fn stride() -> usize {
    number("AUTOPROC_TORTURE_STRIDE", 4).max(1)
}

/// Returns how often the test kills a database server under load.
pub(crate) fn postmaster_kills() -> usize {
    number("AUTOPROC_TORTURE_POSTMASTER_KILLS", 10)
}

/// Returns how often the test kills a primary server and promotes its standby.
pub(crate) fn promotions() -> usize {
    number("AUTOPROC_TORTURE_PROMOTIONS", 3)
}

/// Returns the number of machines for each kind of fault.
pub(crate) fn machines_per_fault() -> usize {
    number("AUTOPROC_TORTURE_MACHINES", 3)
}

/// Returns the seed for random numbers, by default the current time.
pub(crate) fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    number("AUTOPROC_TORTURE_SEED", usize::try_from(now.as_secs()).expect("it fits")) as u64
}

fn number(variable: &str, ordinary: usize) -> usize {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(ordinary)
}

//! Tests the resource usage of a run.

use std::time::Duration;

use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{AttemptRef, ResourceUsage, RunEvent, RunEventKind};
use autoproc_domain::run::{PeakMemory, RunResources};
use autoproc_domain::view::Counts;
use autoproc_domain::{FilePath, ItemId, RunId, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;

fn file(number: usize) -> FilePath {
    FilePath::new(format!("/{number}")).expect("a path")
}

fn ended(number: usize, usage: Option<ResourceUsage>) -> RunEvent {
    let attempt = AttemptNumber::new(1).expect("not zero");
    let of = AttemptRef { id: ItemId::new(number as u64), file_path: file(number), round: 1, attempt, claim: None };
    let (elapsed, input_changed, error) = (Duration::ZERO, false, "why".into());
    let kind = match number % 5 {
        0 => RunEventKind::FileCompleted { of, elapsed, usage, input_changed },
        1 => RunEventKind::FileRequeued { of, elapsed, usage, input_changed, backoff: Duration::ZERO, error },
        2 => RunEventKind::FileFailed { of, elapsed, usage, input_changed, error },
        3 => RunEventKind::FileTimeout { of, elapsed, usage, input_changed, error },
        _ => RunEventKind::FileReleased { of, elapsed, usage, input_changed },
    };
    RunEvent { at: Timestamp::from_micros(0), run: RunId::new("run"), kind }
}

fn usages() -> impl Strategy<Value = Option<ResourceUsage>> {
    let millis = |most: u64| (0..most).prop_map(Duration::from_millis);
    let usage = (millis(5000), millis(5000), 0..100_u64);
    proptest::option::of(usage.prop_map(|(user, system, peak_memory)| ResourceUsage { user, system, peak_memory }))
}

#[test]
fn a_new_run_begins_at_zero() {
    let mut total = RunResources::default();
    let usage = ResourceUsage { user: Duration::from_secs(1), system: Duration::ZERO, peak_memory: 7 };
    total.apply(&ended(0, Some(usage)));
    let kind = RunEventKind::ProcessorStarted { jobs: 1, counts: Counts::default() };
    total.apply(&RunEvent { at: Timestamp::from_micros(0), run: RunId::new("run"), kind });
    assert_eq!(total, RunResources::default());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn times_add_up_and_the_first_highest_peak_is_kept(usages in vec(usages(), 0..40)) {
        let mut total = RunResources::default();
        for (number, usage) in usages.iter().enumerate() {
            total.apply(&ended(number, *usage));
        }
        let known: Vec<_> = usages.iter().flatten().collect();
        prop_assert_eq!(total.attempts, known.len() as u64);
        prop_assert_eq!(total.user, known.iter().map(|usage| usage.user).sum());
        prop_assert_eq!(total.system, known.iter().map(|usage| usage.system).sum());
        let highest = known.iter().map(|usage| usage.peak_memory).max();
        let whose = usages.iter().position(|usage| usage.is_some_and(|usage| Some(usage.peak_memory) == highest));
        let peak = highest.zip(whose).map(|(memory, number)| PeakMemory { memory, file_path: file(number) });
        prop_assert_eq!(total.peak, peak);
    }
}

//! Tests the retry policy.

use std::collections::BTreeSet;
use std::time::Duration;

use autoproc_domain::RetryPolicy;
use autoproc_domain::item::AttemptNumber;
use autoproc_domain::ports::{AttemptOutcome, StartFault};
use autoproc_domain::request::Verdict;
use autoproc_domain::retry::BackoffRange;
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

fn attempt(number: u32) -> AttemptNumber {
    AttemptNumber::new(number).expect("attempts are counted from 1")
}

fn policies() -> impl Strategy<Value = RetryPolicy> {
    let durations = || prop_oneof![4 => (0..5000_u64).prop_map(Duration::from_millis), 1 => Just(Duration::MAX)];
    (0..6_u32, durations(), durations(), any::<bool>(), btree_set(1..5_i32, 0..3)).prop_map(
        |(retries, backoff_base, max_backoff, retry_timeouts, permanent_exits)| RetryPolicy {
            retries,
            backoff_base,
            max_backoff,
            retry_timeouts,
            permanent_exits,
            ok_exits: BTreeSet::new(),
        },
    )
}

fn outcomes() -> impl Strategy<Value = AttemptOutcome> {
    plain_outcomes().prop_recursive(3, 3, 1, |cause| {
        (any::<bool>(), cause).prop_map(|(is_step, cause)| match (is_step, Box::new(cause)) {
            (true, cause) => AttemptOutcome::StepFailed { step: "phase/step".into(), cause },
            (false, cause) => AttemptOutcome::InputGone { cause },
        })
    })
}

fn start_fault() -> impl Strategy<Value = StartFault> {
    prop::sample::select(vec![StartFault::Shortage, StartFault::Missing, StartFault::Permanent, StartFault::Temporary])
}

fn plain_outcomes() -> impl Strategy<Value = AttemptOutcome> {
    prop_oneof![
        1 => Just(AttemptOutcome::Succeeded),
        6 => (1..6_i32).prop_map(|code| AttemptOutcome::Exited { code }),
        1 => (126..=127_i32).prop_map(|code| AttemptOutcome::Exited { code }),
        2 => (1..32_i32).prop_map(|signal| AttemptOutcome::Signalled { signal }),
        2 => Just(AttemptOutcome::TimedOut { after: Duration::from_secs(300) }),
        1 => any::<bool>().prop_map(|is_certain| AttemptOutcome::OutOfMemory { is_certain }),
        1 => Just(AttemptOutcome::Interrupted { reason: "why".into() }),
        2 => start_fault().prop_map(|fault| AttemptOutcome::CannotStart { reason: "why".into(), fault }),
        2 => any::<bool>().prop_map(|permanent| AttemptOutcome::Unmet { reason: "why".into(), permanent }),
        2 => Just(AttemptOutcome::Aborted),
    ]
}

fn is_permanent(outcome: &AttemptOutcome, policy: &RetryPolicy) -> bool {
    match outcome {
        AttemptOutcome::StepFailed { cause, .. } | AttemptOutcome::InputAway { cause } => is_permanent(cause, policy),
        AttemptOutcome::Exited { code } => [126, 127].contains(code) || policy.permanent_exits.contains(code),
        AttemptOutcome::TimedOut { .. } => !policy.retry_timeouts,
        AttemptOutcome::CannotStart { fault, .. } => [StartFault::Missing, StartFault::Permanent].contains(fault),
        AttemptOutcome::Unmet { permanent, .. } => *permanent,
        AttemptOutcome::InputGone { .. } => true,
        _ => false,
    }
}

#[test]
fn the_default_waits_2_4_and_8_seconds() {
    let policy = RetryPolicy::default();
    assert_eq!(policy.max_attempts(), 4);
    let waits: Vec<_> = (1..=3).map(|number| policy.backoff(attempt(number)).as_secs()).collect();
    assert_eq!(waits, [2, 4, 8]);
}

#[test]
fn the_default_ends_with_the_fourth_failure() {
    let policy = RetryPolicy::default();
    let failure = AttemptOutcome::Exited { code: 1 };
    for number in 1..=3 {
        let wanted = Verdict::Retry { backoff: Duration::from_secs(1 << number), error: "exit status 1".into() };
        assert_eq!(policy.judge(&failure, attempt(number)), wanted);
    }
    let wanted = Verdict::Fail { timed_out: false, error: "exit status 1".into() };
    assert_eq!(policy.judge(&failure, attempt(4)), wanted);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn attempts_never_exceed_the_limit(policy in policies(), outcomes in vec(outcomes(), 1..40)) {
        let mut made = 0;
        for outcome in outcomes {
            made += 1;
            prop_assert!(made <= policy.max_attempts());
            match policy.judge(&outcome, attempt(made)) {
                Verdict::Release => made -= 1,
                Verdict::Retry { .. } => {}
                Verdict::Complete(_) | Verdict::Fail { .. } => return Ok(()),
            }
        }
    }

    /// Tests only factors that fit into 32 bits; `the_wait_is_capped_after_any_attempt` tests all.
    #[test]
    fn the_wait_doubles_up_to_the_cap(policy in policies(), number in 1..32_u32) {
        let (wait, next) = (policy.backoff(attempt(number)), policy.backoff(attempt(number + 1)));
        prop_assert!(wait <= next && next <= policy.max_backoff);
        prop_assert_eq!(next, wait.saturating_mul(2).min(policy.max_backoff));
        prop_assert_eq!(policy.backoff(attempt(1)), policy.backoff_base.min(policy.max_backoff));
    }

    #[test]
    fn without_a_base_there_is_no_wait(policy in policies(), number in 1..=u32::MAX) {
        let policy = RetryPolicy { backoff_base: Duration::ZERO, ..policy };
        prop_assert_eq!(policy.backoff(attempt(number)), Duration::ZERO);
    }

    #[test]
    fn a_range_waits_like_a_policy(policy in policies(), number in 1..=u32::MAX) {
        let range = BackoffRange { first: policy.backoff_base, longest: policy.max_backoff };
        prop_assert_eq!(range.wait(attempt(number)), policy.backoff(attempt(number)));
        let wait = range.wait(attempt(number));
        prop_assert!(wait >= range.first.min(range.longest) && wait <= range.longest);
    }

    #[test]
    fn the_wait_is_capped_after_any_attempt(policy in policies(), number in 1..=u32::MAX) {
        prop_assert!(policy.backoff(attempt(number)) <= policy.max_backoff);
    }

    #[test]
    fn each_outcome_is_judged_by_its_kind(policy in policies(), outcome in outcomes(), number in 1..8_u32) {
        let verdict = policy.judge(&outcome, attempt(number));
        let is_last = number >= policy.max_attempts() || is_permanent(&outcome, &policy);
        let is_as_wanted = match (outcome.root_cause(), &verdict) {
            (AttemptOutcome::Succeeded, verdict) => matches!(verdict, Verdict::Complete(_)),
            (AttemptOutcome::Aborted, verdict) => *verdict == Verdict::Release,
            (_, Verdict::Retry { backoff, error }) => {
                !is_last && *backoff == policy.backoff(attempt(number)) && **error == *outcome.to_string()
            }
            (_, Verdict::Fail { timed_out, error }) => {
                let ran_out = matches!(outcome.root_cause(), AttemptOutcome::TimedOut { .. });
                is_last && *timed_out == ran_out && **error == *outcome.to_string()
            }
            (_, Verdict::Complete(_) | Verdict::Release) => false,
        };
        prop_assert!(is_as_wanted, "{:?} became {:?}", outcome, verdict);
    }

    #[test]
    fn what_no_retry_can_help_is_tried_once(code in prop_oneof![Just(126), Just(127), Just(77)]) {
        let policy = RetryPolicy { permanent_exits: BTreeSet::from([77]), ..RetryPolicy::default() };
        let verdict = policy.judge(&AttemptOutcome::Exited { code }, attempt(1));
        let is_failed = matches!(verdict, Verdict::Fail { timed_out: false, .. });
        prop_assert!(is_failed, "{:?}", verdict);
    }
}

#[test]
fn other_exit_statuses_can_mean_success_even_without_the_file_but_not_of_a_step() {
    let policy = RetryPolicy { ok_exits: BTreeSet::from([6]), ..RetryPolicy::default() };
    let is_success = |outcome: &AttemptOutcome| matches!(policy.judge(outcome, attempt(1)), Verdict::Complete(_));
    let exited = |code| AttemptOutcome::Exited { code };
    assert!(is_success(&exited(6)));
    assert!(!is_success(&exited(7)));
    // A command may remove its file and succeed.
    assert!(is_success(&AttemptOutcome::InputGone { cause: Box::new(exited(6)) }));
    assert!(is_success(&AttemptOutcome::InputAway { cause: Box::new(exited(6)) }));
    assert!(!is_success(&AttemptOutcome::InputGone { cause: Box::new(exited(7)) }));
    assert!(!is_success(&AttemptOutcome::StepFailed { step: "a/b".into(), cause: Box::new(exited(6)) }));
}

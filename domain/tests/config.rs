//! Tests the `with_` methods of the run configuration.

use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use autoproc_domain::item::AttemptNumber;
use autoproc_domain::request::Scope;
use autoproc_domain::retry::BackoffRules;
use autoproc_domain::run::FailureLimit;
use autoproc_domain::{FilePath, ItemId, Recipe, RetryPolicy, RunConfig, RunId, Timestamp};

#[derive(Debug)]
struct NoRules;

impl BackoffRules for NoRules {
    fn wait(&self, _: &str, _: &FilePath, _: AttemptNumber, of_policy: Duration) -> Duration {
        of_policy
    }
}

#[test]
fn configurations_with_the_same_rules_are_equal() {
    let with_rules = || RunConfig::default().with_backoff_rules(Arc::new(NoRules));
    let config = with_rules();
    assert_eq!(config, config.clone());
    assert_ne!(config, with_rules(), "the rules are other objects");
}

#[test]
fn each_method_sets_its_field_alone() {
    let (jobs, limit) = (NonZeroUsize::new(3).expect("not 0"), FailureLimit::Files(NonZeroU64::MIN));
    let (retry, scope) = (RetryPolicy { retries: 9, ..RetryPolicy::default() }, Scope::from_iter([ItemId::new(1)]));
    let (short, long) = (Duration::from_secs(1), Duration::from_secs(2));
    let (until, recipe) = (Timestamp::from_micros(5), Recipe::new([7; 8]));
    let base = RunConfig::default;
    let changed = [
        (base().with_run(RunId::new("a")), RunConfig { run: RunId::new("a"), ..base() }),
        (base().with_jobs(jobs), RunConfig { jobs, ..base() }),
        (base().with_timeout(short), RunConfig { timeout: short, ..base() }),
        (base().with_retry(retry.clone()), RunConfig { retry, ..base() }),
        (base().with_failure_limit(limit), RunConfig { failure_limit: Some(limit), ..base() }),
        (base().with_program_wait(long), RunConfig { program_wait: long, ..base() }),
        (base().with_pause_on_same(jobs), RunConfig { pause_on_same: Some(jobs), ..base() }),
        (base().with_probe_after(short), RunConfig { probe_after: short, ..base() }),
        (base().with_until(until), RunConfig { until: Some(until), ..base() }),
        (base().with_scope(scope.clone()), RunConfig { scope, ..base() }),
        (base().with_recipe(recipe), RunConfig { recipe: Some(recipe), ..base() }),
        (base().with_edits_files(true), RunConfig { edits_files: true, ..base() }),
        (base().with_work("wc {}"), RunConfig { work: Some("wc {}".into()), ..base() }),
        (base().without_waiting(), RunConfig { wait_for_backoff: false, ..base() }),
    ];
    for (found, expected) in changed {
        assert_eq!(found, expected);
        assert_ne!(found, base());
    }
}

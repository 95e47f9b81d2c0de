//! The conformance suite is worth what it refuses: stores with one flaw each, and the check that finds it.

use autoproc_testkit::MemoryPlace;
use autoproc_testkit::conformance::storage::{Effort, exercise};

use crate::flawed::{Flaw, FlawedPlace};

/// Which check has to find which flaw. The first one that fails is reported, so a flaw that several would find is listed
/// with the first of them.
const CATCHES: [(Flaw, &str); 30] = [
    (Flaw::LosesTheLastOfABatch, "every_file_added_is_there"),
    (Flaw::AnswersInReverse, "an_addition_answers_each_file_in_order"),
    (Flaw::MissesDuplicates, "a_path_has_one_live_entry"),
    (Flaw::IgnoresPriority, "the_more_urgent_is_claimed_first"),
    (Flaw::IgnoresSequence, "the_first_in_is_claimed_first"),
    (Flaw::OrdersByClock, "order_does_not_depend_on_the_clock"),
    (Flaw::ExceedsTheLimit, "claims_never_exceed_the_limit"),
    (Flaw::ClaimsTwice, "what_is_claimed_is_not_claimed_again"),
    (Flaw::ClaimsEarly, "nothing_is_claimed_before_it_is_due"),
    (Flaw::NamesNoDueTime, "the_answer_names_the_next_due_time"),
    (Flaw::ForgetsAttempts, "attempts_are_counted"),
    (Flaw::CountsWhatWasGivenBack, "an_attempt_given_back_is_not_counted"),
    (Flaw::ClaimsBeforeItSettles, "an_immediate_retry_is_claimed_in_the_same_exchange"),
    (Flaw::AcceptsStaleTokens, "a_stale_token_changes_nothing"),
    (Flaw::KeepsHalfARequeue, "a_rejected_requeue_changes_nothing"),
    (Flaw::RemovesWhatIsProcessed, "what_is_processed_is_not_removed"),
    (Flaw::KeepsHalfARemoval, "a_rejected_removal_changes_nothing"),
    (Flaw::PagesBySequence, "a_page_is_in_claim_order"),
    (Flaw::SkipsBetweenPages, "pages_together_show_every_item_once"),
    (Flaw::Miscounts, "counts_are_true"),
    (Flaw::TellsNobodyWhoIsLeft, "an_ending_run_is_told_who_is_left"),
    (Flaw::TakesTheLivingForDead, "a_living_run_is_not_dead"),
    (Flaw::RemembersTheRecovered, "a_recovered_run_is_forgotten"),
    (Flaw::RecoversTheLiving, "a_living_run_keeps_its_claims"),
    (Flaw::ForgetsWhenClosed, "every_field_survives_reopening"),
    (Flaw::UsesNumbersAgain, "numbers_are_not_used_again_after_reopening"),
    (Flaw::OverwritesOthers, "additions_at_once_are_all_kept"),
    (Flaw::HearsNothing, "a_change_by_another_is_noticed"),
    (Flaw::AddsOneByOne, "an_abandoned_transaction_is_whole"),
    (Flaw::ForgetsErrorsOnRequeue, "differs_from_the_rules"),
];

#[test]
fn the_memory_store_passes() {
    assert_eq!(exercise(MemoryPlace::new, Effort::default()), Ok(()));
}

#[test]
fn every_flaw_is_found_by_its_check() {
    let found = CATCHES.map(|(flaw, _)| (flaw, exercise(|| FlawedPlace::new(flaw), Effort::default())));
    let missed: Vec<_> = found
        .iter()
        .zip(CATCHES)
        .filter(|((_, outcome), (_, check))| outcome.as_ref().map_err(|violation| violation.check) != Err(*check))
        .collect();
    assert!(missed.is_empty(), "not found by the check that should: {missed:#?}");
}

/// The wrapper itself breaks nothing, so what the suite finds above are the flaws.
#[test]
fn a_wrapped_store_without_a_flaw_passes() {
    assert_eq!(exercise(|| FlawedPlace::new(Flaw::None), Effort::default()), Ok(()));
}

#[test]
fn a_violation_tells_what_was_wanted() {
    let violation = exercise(|| FlawedPlace::new(Flaw::Miscounts), Effort::default()).expect_err("it miscounts");
    assert!(violation.detail.contains("wanted"), "{violation}");
}

use autoproc_testkit::conformance::storage::{Effort, exercise};

use crate::flawed::{Flaw, FlawedFixture};

const CATCHES: [(Flaw, &str); 52] = [
    (Flaw::LosesTheLastOfABatch, "every_file_added_is_there"),
    (Flaw::AnswersInReverse, "an_addition_answers_each_file_in_order"),
    (Flaw::DefersEveryAnswer, "an_addition_answers_each_file_in_order"),
    (Flaw::MissesDuplicates, "a_path_has_one_item"),
    (Flaw::ForgetsCompletions, "a_completion_is_kept"),
    (Flaw::LosesRounds, "a_changed_completed_file_begins_a_round"),
    (Flaw::RenewsIds, "a_new_round_keeps_the_item_and_its_history"),
    (Flaw::KeepsOldPlaces, "a_new_round_goes_to_the_end_of_its_priority"),
    (Flaw::IgnoresPriority, "a_higher_priority_is_claimed_first"),
    (Flaw::IgnoresSequence, "items_are_claimed_first_in_first_out"),
    (Flaw::OrdersByClock, "order_does_not_depend_on_the_clock"),
    (Flaw::ExceedsTheLimit, "claims_never_exceed_the_limit"),
    (Flaw::ClaimsTwice, "a_claimed_item_is_not_claimed_again"),
    (Flaw::ClaimsEarly, "nothing_is_claimed_before_it_is_due"),
    (Flaw::NamesNoDueTime, "the_answer_names_the_next_due_time"),
    (Flaw::KeepsLongWaits, "a_wait_is_cut_down_after_the_clock_was_set_back"),
    (Flaw::ForgetsAttempts, "attempts_are_counted"),
    (Flaw::CountsWhatWasGivenBack, "a_released_attempt_is_not_counted"),
    (Flaw::RepeatsClaimNumbers, "a_released_attempt_is_not_counted"),
    (Flaw::ClaimsBeforeItSettles, "an_immediate_retry_is_claimed_in_the_same_exchange"),
    (Flaw::AcceptsStaleTokens, "a_stale_token_changes_nothing"),
    (Flaw::SettlesForAnotherRun, "a_settlement_by_another_run_is_stale"),
    (Flaw::ServesEveryRun, "a_run_that_never_began_is_refused"),
    (Flaw::ServesEndedRuns, "a_run_that_ended_is_refused"),
    (Flaw::CarriesOutAgain, "an_exchange_asked_again_answers_the_same"),
    (Flaw::IgnoresScopes, "a_scope_limits_the_claims"),
    (Flaw::KeepsHalfARequeue, "a_rejected_requeue_changes_nothing"),
    (Flaw::RemovesWhatIsProcessed, "an_item_being_processed_is_not_removed"),
    (Flaw::KeepsHalfARemoval, "a_rejected_removal_changes_nothing"),
    (Flaw::ClaimsHeldItems, "a_held_item_is_not_claimed"),
    (Flaw::HidesCancellations, "the_run_of_a_cancelled_item_is_notified"),
    (Flaw::RetriesCancelledItems, "a_cancelled_item_is_not_retried"),
    (Flaw::PagesBySequence, "a_page_is_in_claim_order"),
    (Flaw::SkipsBetweenPages, "pages_together_show_every_item_once"),
    (Flaw::Miscounts, "counts_are_correct"),
    (Flaw::PeeksAtHeldItems, "a_peek_shows_the_next_claim"),
    (Flaw::NamesNoRunsThatAreLeft, "an_ending_run_receives_the_remaining_ones"),
    (Flaw::ReportsTheLivingAsDead, "a_live_run_is_never_dead"),
    (Flaw::ReportsOtherHostsAsDead, "a_live_run_of_another_host_is_never_dead"),
    (Flaw::ForgetsLocations, "a_dead_run_is_reported_with_its_location"),
    (Flaw::RemembersTheRecovered, "a_recovered_run_is_forgotten"),
    (Flaw::RecoversTheLiving, "a_live_run_keeps_its_claims"),
    (Flaw::RecoversOtherHosts, "a_live_run_of_another_host_keeps_its_claims"),
    (Flaw::KeepsLostLeasesSecret, "a_run_is_notified_of_its_lost_lease"),
    (Flaw::ServesLostLeases, "a_run_that_lost_its_lease_claims_and_settles_nothing"),
    (Flaw::ForgetsWhenClosed, "every_field_survives_reopening"),
    (Flaw::UsesNumbersAgain, "numbers_are_not_used_again_after_reopening"),
    (Flaw::LosesClaimsOnClose, "closing_changes_nothing"),
    (Flaw::OverwritesOthers, "concurrent_additions_are_all_kept"),
    (Flaw::NoticesNothing, "a_change_by_another_handle_is_noticed"),
    (Flaw::AddsOneByOne, "an_abandoned_transaction_is_whole"),
    (Flaw::ForgetsLastAttemptsOnRequeue, "differs_from_the_rules"),
];

#[test]
fn every_flaw_is_found_by_its_check() {
    let found = CATCHES.map(|(flaw, check)| (flaw, check, exercise(|| FlawedFixture::new(flaw), Effort::default())));
    let missed: Vec<_> = found
        .iter()
        .filter(|(_, check, outcome)| outcome.as_ref().map_err(|violation| violation.check) != Err(*check))
        .collect();
    assert!(missed.is_empty(), "not found by the check that should: {missed:#?}");
}

#[test]
fn a_wrapped_store_without_a_flaw_passes() {
    assert_eq!(exercise(|| FlawedFixture::new(Flaw::None), Effort::default()), Ok(()));
}

#[test]
fn a_violation_names_the_expected_value() {
    let violation = exercise(|| FlawedFixture::new(Flaw::Miscounts), Effort::default()).expect_err("it miscounts");
    assert!(violation.detail.contains("expected"), "{violation}");
}

//! Checks of adding a file again.

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::request::{Enqueue, Repeat, Verdict};
use autoproc_domain::view::EnqueueOutcome::{self, AlreadyCompleted, Changed, FailedBefore, Repeated};
use autoproc_domain::{Fingerprint, Priority, QueueItem, Recipe, Status};

use super::client::{Client, at, failed, new_item, texts, timed_out};
use super::expect::{Check, Fault, holds, same};
use super::{NamedCheck, StorageFixture, named};

const SEEN: Fingerprint = Fingerprint { size: 3, modified_ns: 5 };
const CHANGED: Fingerprint = Fingerprint { size: 3, modified_ns: 6 };
const RECIPE: Recipe = Recipe::new([1; 8]);
const OTHER_RECIPE: Recipe = Recipe::new([2; 8]);

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        a_completion_is_kept,
        an_unchanged_completed_file_is_left_alone,
        a_changed_completed_file_begins_a_round,
        a_completed_file_is_repeated_on_request,
        a_failed_file_added_again_begins_a_round,
        a_round_records_whether_it_follows_a_completion,
        a_new_round_keeps_the_item_and_its_history,
        a_new_round_takes_the_new_priority,
        a_new_round_goes_to_the_end_of_its_priority,
        a_file_begins_one_round_in_a_batch,
        the_latest_folder_gives_the_depth,
    ]
}

fn completed_so(fingerprint: Option<Fingerprint>, recipe: Option<Recipe>) -> Verdict {
    Verdict::Complete(Completion { fingerprint, recipe })
}

fn after<F: StorageFixture>(fixture: &F, verdict: Verdict) -> Result<Client<'_, F>, Fault> {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/a", verdict)?;
    Ok(client)
}

fn add_again<F: StorageFixture>(
    client: &Client<'_, F>,
    fingerprint: Option<Fingerprint>,
    repeat: Repeat,
) -> Result<EnqueueOutcome, Fault> {
    let item = new_item("/a").with_fingerprint(fingerprint);
    let answer = client.enqueue(Enqueue { repeat, ..Enqueue::new(vec![item]) }, at(9))?;
    let [enqueued] = answer.as_slice() else { return Err(Fault::new(format!("expected one file, found {answer:?}"))) };
    Ok(enqueued.outcome)
}

fn round_state(item: &QueueItem) -> (Status, u32, u32) {
    (item.status, item.round, item.attempts)
}

fn a_completion_is_kept<F: StorageFixture>(fixture: &F) -> Check {
    let client = after(fixture, completed_so(Some(SEEN), Some(RECIPE)))?;
    let completion = Completion { fingerprint: Some(SEEN), recipe: Some(RECIPE) };
    same("the completion", &client.item("/a")?.completion.as_deref().copied(), &Some(completion))
}

fn an_unchanged_completed_file_is_left_alone<F: StorageFixture>(fixture: &F) -> Check {
    let client = after(fixture, completed_so(Some(SEEN), Some(RECIPE)))?;
    let before = client.all()?;
    for fingerprint in [Some(SEEN), None] {
        same("the outcome", &add_again(&client, fingerprint, Repeat::IfChanged)?, &AlreadyCompleted)?;
    }
    let by_this_recipe = add_again(&client, Some(SEEN), Repeat::IfOtherRecipe(RECIPE))?;
    same("the outcome for its own recipe", &by_this_recipe, &AlreadyCompleted)?;
    same("the queue", &client.all()?, &before)
}

fn the_latest_folder_gives_the_depth<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    let depth_after = |depth| -> Result<u8, Fault> {
        client.enqueue(Enqueue::new(vec![new_item("/a").with_depth(depth)]), at(9))?;
        Ok(client.item("/a")?.depth)
    };
    for (added, expected) in [(2, 2), (0, 2), (255, 255), (1, 1)] {
        same("the depth of a pending item", &depth_after(added)?, &expected)?;
    }
    let token = client.claim_one("run", at(9))?;
    client.settle("run", token, failed(), at(9))?;
    for (added, expected) in [(0, 1), (3, 3)] {
        same("the depth in a new round", &depth_after(added)?, &expected)?;
    }
    let token = client.claim_one("run", at(9))?;
    client.settle("run", token, completed_so(None, None), at(9))?;
    same("the depth of a completed item", &depth_after(4)?, &3)
}

fn a_changed_completed_file_begins_a_round<F: StorageFixture>(fixture: &F) -> Check {
    let client = after(fixture, completed_so(Some(SEEN), None))?;
    same("the outcome", &add_again(&client, Some(CHANGED), Repeat::IfChanged)?, &Changed)?;
    let item = client.item("/a")?;
    same("its status, round and attempts", &round_state(&item), &(Status::Pending, 2, 0))?;
    holds("a pending item has no completion", item.completion.is_none())
}

fn a_completed_file_is_repeated_on_request<F: StorageFixture>(fixture: &F) -> Check {
    let client = after(fixture, completed_so(Some(SEEN), Some(RECIPE)))?;
    let by_another_recipe = add_again(&client, Some(SEEN), Repeat::IfOtherRecipe(OTHER_RECIPE))?;
    same("the outcome for another recipe", &by_another_recipe, &Repeated)?;
    let token = client.claim_one("run", at(9))?;
    client.settle("run", token, completed_so(None, None), at(9))?;
    same("the outcome for any recipe", &add_again(&client, None, Repeat::Always)?, &Repeated)?;
    same("its status, round and attempts", &round_state(&client.item("/a")?), &(Status::Pending, 3, 0))
}

fn a_failed_file_added_again_begins_a_round<F: StorageFixture>(fixture: &F) -> Check {
    let client = after(fixture, failed())?;
    same("the outcome", &add_again(&client, None, Repeat::IfChanged)?, &FailedBefore)?;
    same("its status, round and attempts", &round_state(&client.item("/a")?), &(Status::Pending, 2, 0))?;
    let token = client.claim_one("run", at(9))?;
    client.settle("run", token, timed_out(), at(9))?;
    same("the outcome after a timeout", &add_again(&client, None, Repeat::IfChanged)?, &FailedBefore)
}

fn a_round_records_whether_it_follows_a_completion<F: StorageFixture>(fixture: &F) -> Check {
    let client = after(fixture, failed())?;
    for (verdict, follows) in [(completed_so(None, None), false), (failed(), true), (failed(), false)] {
        add_again(&client, None, Repeat::Always)?;
        same("whether the round follows a completion", &client.item("/a")?.follows_completion, &follows)?;
        let token = client.claim_one("run", at(9))?;
        client.settle("run", token, verdict, at(9))?;
    }
    Ok(())
}

fn a_new_round_keeps_the_item_and_its_history<F: StorageFixture>(fixture: &F) -> Check {
    let client = after(fixture, failed())?;
    let before = client.item("/a")?;
    add_again(&client, None, Repeat::IfChanged)?;
    let item = client.item("/a")?;
    same("its id", &item.id, &before.id)?;
    same("its time of addition", &item.added_at, &before.added_at)?;
    same("its last attempt", &item.last_attempt, &before.last_attempt)?;
    same("its last error", &item.last_error, &before.last_error)?;
    same("the entries", &client.paths()?, &texts(&["/a"]))
}

fn a_new_round_takes_the_new_priority<F: StorageFixture>(fixture: &F) -> Check {
    // `after` adds `/a` with the highest priority, `add_again` with the default priority.
    let client = after(fixture, failed())?;
    add_again(&client, None, Repeat::IfChanged)?;
    same("its priority", &client.item("/a")?.priority, &Priority::default())
}

fn a_new_round_goes_to_the_end_of_its_priority<F: StorageFixture>(fixture: &F) -> Check {
    let client = after(fixture, failed())?;
    client.add(&[("/b", 0), ("/low", -1)])?;
    add_again(&client, None, Repeat::IfChanged)?;
    client.add(&[("/c", 0)])?;
    same("the order", &client.claim_paths("run", 9, at(9))?, &texts(&["/b", "/a", "/c", "/low"]))
}

fn a_file_begins_one_round_in_a_batch<F: StorageFixture>(fixture: &F) -> Check {
    let client = after(fixture, failed())?;
    let outcomes = client.add(&[("/a", 0), ("/a", 0)])?;
    same("the outcomes", &outcomes, &vec![FailedBefore, EnqueueOutcome::Unchanged])?;
    same("its round", &client.item("/a")?.round, &2)
}

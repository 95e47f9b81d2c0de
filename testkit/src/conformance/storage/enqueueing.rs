//! Checks of adding files to the queue.

use autoproc_domain::Status;
use autoproc_domain::request::{AnswerNeeded, Enqueue};
use autoproc_domain::view::EnqueueOutcome::{Accepted, Added, Raised, Unchanged};
use autoproc_domain::view::{EnqueueOutcome, Enqueued};

use super::client::{Client, at, batch, texts};
use super::expect::{Check, holds, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        every_file_added_is_there,
        a_path_has_one_item,
        an_addition_answers_each_file_in_order,
        an_addition_answers_with_the_items,
        an_answer_is_deferred_only_if_the_request_allows_it,
        a_file_being_processed_is_not_added_again,
        an_empty_batch_changes_nothing,
    ]
}

fn every_file_added_is_there<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    client.add_at(&[("/a", 1), ("/b", 0), ("/c", -1)], at(5))?;
    same("the paths", &client.paths()?, &texts(&["/a", "/b", "/c"]))?;
    let item = client.item("/b")?;
    same("its status", &item.status, &Status::Pending)?;
    same("its time of addition", &item.added_at, &at(5))?;
    same("its round and attempts", &(item.round, item.attempts), &(1, 0))
}

fn an_addition_answers_each_file_in_order<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    client.add(&[("/a", 0)])?;
    let answer = client.add(&[("/b", 0), ("/a", 0), ("/a", 2), ("/b", 1), ("/c", 0), ("/b", 1)])?;
    same("the outcomes", &answer, &vec![Added, Unchanged, Raised, Raised, Added, Unchanged])
}

fn an_addition_answers_with_the_items<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    let answer = client.enqueue(Enqueue::new(batch(&[("/a", 0), ("/b", 1), ("/a", 0)])), at(0))?;
    let (a, b) = (client.item("/a")?.id, client.item("/b")?.id);
    let wanted = [(Added, a), (Added, b), (Unchanged, a)];
    let wanted = wanted.map(|(outcome, item)| Enqueued { outcome, item: Some(item) });
    same("the answer", &answer, &wanted.into())
}

fn an_answer_is_deferred_only_if_the_request_allows_it<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    let request = |answer| Enqueue { answer, ..Enqueue::new(batch(&[("/a", 0)])) };
    let is_right = |answer: &[Enqueued], allowed: &[EnqueueOutcome]| {
        let [Enqueued { outcome, item }] = answer else { return false };
        allowed.contains(outcome) && item.is_none() == (*outcome == Accepted)
    };
    let later = client.enqueue(request(AnswerNeeded::Later), at(0))?;
    holds(&format!("{later:?} is added, or accepted"), is_right(&later, &[Added, Accepted]))?;
    let now = client.enqueue(request(AnswerNeeded::Now), at(0))?;
    holds(&format!("{now:?} is unchanged"), is_right(&now, &[Unchanged]))?;
    same("the paths", &client.paths()?, &texts(&["/a"]))
}

fn a_path_has_one_item<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    client.add(&[("/a", 3)])?;
    client.add_at(&[("/a", 5), ("/a", 1)], at(9))?;
    same("the entries", &client.paths()?, &texts(&["/a"]))?;
    let item = client.item("/a")?;
    same("its priority, which only rises", &item.priority.get(), &5)?;
    same("its time of addition", &item.added_at, &at(0))
}

fn a_file_being_processed_is_not_added_again<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    let token = client.claim_one("run", at(0))?;
    same("the outcomes", &client.add(&[("/a", 0), ("/a", 4)])?, &vec![Unchanged, Raised])?;
    let item = client.item("/a")?;
    same("its id", &item.id, &token.item)?;
    same("its status", &item.status, &Status::Processing)?;
    same("its priority", &item.priority.get(), &4)
}

fn an_empty_batch_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    same("the answer", &client.add(&[])?, &vec![])?;
    same("the queue", &client.all()?, &vec![])
}

//! Adding files.

use autoproc_domain::Status;
use autoproc_domain::command::Verdict;
use autoproc_domain::view::EnqueueOutcome::{Added, Raised, Unchanged};

use super::desk::{Desk, at};
use super::expect::{Check, holds, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        every_file_added_is_there,
        a_path_has_one_live_entry,
        an_addition_answers_each_file_in_order,
        a_file_being_processed_is_not_added_again,
        an_ended_file_added_again_is_new,
        an_empty_batch_changes_nothing,
    ]
}

fn every_file_added_is_there<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::open(fixture);
    desk.add_at(&[("/a", 1), ("/b", 0), ("/c", -1)], at(5))?;
    same("the paths", &desk.paths()?, &["/a", "/b", "/c"].map(String::from).into())?;
    let item = desk.item("/b")?;
    same("its number", &item.id.get(), &2)?;
    same("its status", &item.status, &Status::Pending)?;
    same("its time of addition", &item.added_at, &at(5))?;
    same("its attempts", &item.attempts, &0)
}

fn an_addition_answers_each_file_in_order<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::open(fixture);
    desk.add(&[("/a", 0)])?;
    let answer = desk.add(&[("/b", 0), ("/a", 0), ("/a", 2), ("/b", 1), ("/c", 0), ("/b", 1)])?;
    same("the outcomes", &answer, &vec![Added, Unchanged, Raised, Raised, Added, Unchanged])
}

fn a_path_has_one_live_entry<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::open(fixture);
    desk.add(&[("/a", 3)])?;
    desk.add_at(&[("/a", 5), ("/a", 1)], at(9))?;
    same("the entries", &desk.paths()?, &vec!["/a".to_owned()])?;
    let item = desk.item("/a")?;
    same("its priority, which only rises", &item.priority.get(), &5)?;
    same("its time of addition", &item.added_at, &at(0))
}

fn a_file_being_processed_is_not_added_again<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/a", 0)])?;
    let token = desk.claim_one("run", at(0))?;
    same("the outcomes", &desk.add(&[("/a", 0), ("/a", 4)])?, &vec![Unchanged, Raised])?;
    let item = desk.item("/a")?;
    same("its number", &item.id, &token.item)?;
    same("its status", &item.status, &Status::Processing)
}

fn an_ended_file_added_again_is_new<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add_ended("run", "/a", Verdict::Complete)?;
    desk.add(&[("/b", 0)])?;
    same("the outcome", &desk.add(&[("/a", 0)])?, &vec![Added])?;
    let item = desk.item("/a")?;
    same("its number", &item.id.get(), &3)?;
    same("its attempts", &item.attempts, &0)?;
    holds("the entry that had ended is gone", desk.all()?.len() == 2)
}

fn an_empty_batch_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::open(fixture);
    same("the answer", &desk.add(&[])?, &vec![])?;
    same("the queue", &desk.all()?, &vec![])
}

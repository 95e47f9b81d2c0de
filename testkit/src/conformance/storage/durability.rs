//! What was answered is there for whoever opens the place next.

use std::time::Duration;

use autoproc_domain::command::Verdict;
use autoproc_domain::ports::Storage;
use autoproc_domain::{Status, Timestamp};

use super::desk::{Desk, at, failed, info, retry_after};
use super::expect::{Check, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        every_field_survives_reopening,
        a_backoff_without_end_survives_reopening,
        numbers_are_not_used_again_after_reopening,
        a_run_survives_others_opening_and_closing,
        another_handle_sees_what_was_answered,
    ]
}

fn every_field_survives_reopening<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add_ended("run", "/failed", failed())?;
    desk.add_ended("run", "/retried", retry_after(8))?;
    desk.add_at(&[("/claimed", 5), ("/in/\u{e9} \"\n\\", i32::MIN)], at(-7))?;
    let token = desk.claim_one("run", Timestamp::from_micros(at(3).as_micros() + 1))?;
    let before = desk.all()?;
    same("what another opens", &Desk::open(fixture).all()?, &before)?;
    desk.settle("run", token, Verdict::Complete, at(4))?;
    let before = desk.all()?;
    desk.end("run")?;
    drop(desk);
    same("what is opened when all is closed", &Desk::open(fixture).all()?, &before)
}

fn a_backoff_without_end_survives_reopening<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    let verdict = Verdict::Retry { backoff: Duration::MAX, error: "exit status 1".into() };
    desk.add_ended("run", "/a", verdict)?;
    desk.end("run")?;
    drop(desk);
    same("its due time", &Desk::open(fixture).item("/a")?.not_before, &Some(Timestamp::MAX))
}

fn numbers_are_not_used_again_after_reopening<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add_ended("run", "/a", Verdict::Complete)?;
    desk.wait(desk.store().clear(Status::ALL.into(), at(1)))?;
    desk.end("run")?;
    drop(desk);
    let desk = Desk::with_run(fixture, "next")?;
    desk.add(&[("/b", 0)])?;
    let token = desk.claim_one("next", at(2))?;
    same("the numbers of item and claim", &(token.item.get(), token.number.get()), &(2, 2))
}

fn a_run_survives_others_opening_and_closing<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    Desk::open(fixture).add(&[("/a", 0)])?;
    same("the living", &Desk::open(fixture).live_runs()?, &vec![info("run")])?;
    same("the dead", &Desk::open(fixture).dead_runs()?, &vec![])?;
    same("its claim", &desk.claim("run", 1, at(0))?.len(), &1)
}

fn another_handle_sees_what_was_answered<F: StorageFixture>(fixture: &F) -> Check {
    let (one, other) = (Desk::with_run(fixture, "run")?, Desk::open(fixture));
    same("an empty queue", &other.paths()?, &vec![])?;
    one.add(&[("/a", 0)])?;
    same("its addition", &other.paths()?, &vec!["/a".to_owned()])?;
    let token = one.claim_one("run", at(0))?;
    same("its claim", &other.item("/a")?.status, &Status::Processing)?;
    one.settle("run", token, failed(), at(1))?;
    same("its settlement", &other.item("/a")?.status, &Status::Failed)
}

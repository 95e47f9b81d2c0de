//! Checks that acknowledged changes are durable.

use std::time::Duration;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::ports::Storage;
use autoproc_domain::request::{Clear, Verdict};
use autoproc_domain::{Fingerprint, Recipe, Status, Timestamp};

use super::client::{Client, at, completed, failed, info, retry_after, texts};
use super::expect::{Check, holds, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        every_field_survives_reopening,
        an_endless_backoff_survives_reopening,
        numbers_are_not_used_again_after_reopening,
        a_run_survives_others_opening_and_closing,
        another_handle_sees_acknowledged_changes,
        closing_changes_nothing,
    ]
}

fn every_field_survives_reopening<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/failed", failed())?;
    client.add_ended("run", "/retried", retry_after(8))?;
    let fingerprint = Some(Fingerprint { size: u64::MAX, modified_ns: i64::MIN });
    let completion = Completion { fingerprint, recipe: Some(Recipe::new([0, 1, 2, 3, 4, 5, 6, 0xff])) };
    client.add_ended("run", "/completed", Verdict::Complete(completion))?;
    client.add_ended("run", "/another-round", failed())?;
    client.add(&[("/another-round", 0), ("/held", 0)])?;
    client.hold(&["/held"], true)?;
    client.add_at(&[("/claimed", 5), ("/in/\u{e9} \"\n\\", i32::MIN)], at(-7))?;
    let token = client.claim_one("run", Timestamp::from_micros(at(3).as_micros() + 1))?;
    client.cancel(&["/claimed"])?;
    let before = client.all()?;
    same("the items for another handle", &Client::open(fixture).all()?, &before)?;
    client.settle("run", token, completed(), at(4))?;
    let before = client.all()?;
    client.end("run")?;
    drop(client);
    same("the items after all handles were closed", &Client::open(fixture).all()?, &before)
}

fn an_endless_backoff_survives_reopening<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    let verdict = Verdict::Retry { backoff: Duration::MAX, error: "exit status 1".into() };
    client.add_ended("run", "/a", verdict)?;
    client.end("run")?;
    drop(client);
    same("its due time", &Client::open(fixture).item("/a")?.not_before(), &Some(Timestamp::MAX))
}

fn numbers_are_not_used_again_after_reopening<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0)])?;
    let before = client.claim_one("run", at(0))?;
    client.settle("run", before, failed(), at(0))?;
    // Adding `/a` again begins a new round with the highest sequence number.
    client.add(&[("/a", 0)])?;
    let sequence = client.item("/a")?.sequence;
    client.wait_at(at(1), client.store().clear(Clear(Status::ALL.into()), at(1)))?;
    client.end("run")?;
    drop(client);
    let client = Client::with_run(fixture, "next")?;
    client.add(&[("/b", 0)])?;
    let token = client.claim_one("next", at(2))?;
    holds("ids increase", token.item > before.item)?;
    holds("claim numbers increase", token.number > before.number)?;
    holds("sequence numbers increase", client.item("/b")?.sequence > sequence)
}

fn a_run_survives_others_opening_and_closing<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    Client::open(fixture).add(&[("/a", 0)])?;
    same("the live runs", &Client::open(fixture).live()?, &vec![info("run")])?;
    same("the dead runs", &Client::open(fixture).dead()?, &vec![])?;
    same("its claims", &client.claim("run", 1, at(0))?.len(), &1)
}

fn another_handle_sees_acknowledged_changes<F: StorageFixture>(fixture: &F) -> Check {
    let (one, other) = (Client::with_run(fixture, "run")?, Client::open(fixture));
    same("an empty queue", &other.paths()?, &vec![])?;
    one.add(&[("/a", 0)])?;
    same("its addition", &other.paths()?, &texts(&["/a"]))?;
    let token = one.claim_one("run", at(0))?;
    same("its claim", &other.item("/a")?.status, &Status::Processing)?;
    one.settle("run", token, failed(), at(1))?;
    same("its settlement", &other.item("/a")?.status, &Status::Failed)
}

fn closing_changes_nothing<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/a", 0), ("/b", 0)])?;
    client.claim_one("run", at(0))?;
    let before = client.all()?;
    client.wait(client.store().close())?;
    same("the items for the handle", &client.all()?, &before)?;
    same("the items for another handle", &Client::open(fixture).all()?, &before)?;
    same("the next claim", &client.claim_paths("run", 1, at(0))?, &texts(&["/b"]))
}

//! Checks of reading the queue.

use autoproc_domain::ports::Storage;
use autoproc_domain::request::{Scope, Selector};
use autoproc_domain::view::{Counts, PageRequest};
use autoproc_domain::{ItemId, Status};

use super::client::{Client, at, completed, failed, path, retry_after, texts, timed_out};
use super::expect::{Check, Fault, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        a_page_is_in_claim_order,
        a_page_contains_only_its_statuses,
        pages_together_show_every_item_once,
        counts_are_correct,
        an_item_is_found_by_path_and_by_id,
        a_peek_shows_the_next_claim,
        a_peek_shows_the_backoff_as_it_is_stored,
    ]
}

fn a_page_is_in_claim_order<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add(&[("/c", 0), ("/a", 5), ("/d", -5), ("/b", 0)])?;
    client.claim("run", 1, at(0))?;
    same("the paths", &client.paths()?, &texts(&["/a", "/c", "/b", "/d"]))
}

fn a_page_contains_only_its_statuses<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/failed", failed())?;
    client.add_ended("run", "/timeout", timed_out())?;
    client.add(&[("/pending", 0)])?;
    let request = PageRequest { statuses: vec![Status::Timeout, Status::Pending], ..PageRequest::default() };
    let items = client.wait(client.store().page(request))?.items;
    let found: Vec<_> = items.iter().map(|item| item.status).collect();
    same("their statuses", &found, &vec![Status::Timeout, Status::Pending])
}

fn pages_together_show_every_item_once<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    client.add(&[("/a", 0), ("/b", 3), ("/c", 0), ("/d", 3), ("/e", -1)])?;
    let (mut seen, mut after) = (Vec::new(), None);
    // The items fill 3 pages. A fourth request detects a store that never reports the last page.
    for _ in 0..4 {
        let request = PageRequest { after, limit: Some(2), ..PageRequest::default() };
        let page = client.wait(client.store().page(request))?;
        seen.extend(page.items.iter().map(|item| item.file_path.to_string()));
        after = page.next;
        if after.is_none() {
            return same("the paths", &seen, &texts(&["/b", "/d", "/a", "/c", "/e"]));
        }
    }
    Err(Fault::new(format!("there was always another page; seen: {seen:?}")))
}

fn counts_are_correct<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/completed", completed())?;
    client.add_ended("run", "/failed", failed())?;
    client.add_ended("run", "/timeout", timed_out())?;
    client.add(&[("/a", 0), ("/b", 0), ("/c", 0), ("/d", 0)])?;
    client.claim("run", 1, at(0))?;
    client.hold(&["/d"], true)?;
    let wanted = Counts { pending: 3, held: 1, processing: 1, completed: 1, failed: 1, timeout: 1 };
    same("the counts", &client.wait(client.store().counts(Scope::Queue))?, &wanted)
}

fn an_item_is_found_by_path_and_by_id<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::open(fixture);
    client.add(&[("/a", 0), ("/b", 7)])?;
    let item = client.item("/b")?;
    let by_id = client.wait(client.store().find(Selector::Id(item.id)))?;
    same("the item by id", &by_id, &Some(item))?;
    same("its path", &by_id.map(|item| item.file_path.to_string()), &Some("/b".to_owned()))?;
    same("an absent path", &client.wait(client.store().find(path("/c")))?, &None)?;
    same("an absent id", &client.wait(client.store().find(Selector::Id(ItemId::new(1 << 60))))?, &None)
}

fn a_peek_shows_the_next_claim<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    let peek = |seconds: i64| {
        let item = client.wait_at(at(seconds), client.store().peek(at(seconds)))?;
        Ok::<_, Fault>(item.map(|item| item.file_path.to_string()))
    };
    same("an empty queue", &peek(0)?, &None)?;
    client.add_ended("run", "/backing-off", retry_after(8))?;
    client.add(&[("/a", 0), ("/held", 7), ("/b", 5)])?;
    client.hold(&["/held"], true)?;
    same("before the backoff is over", &peek(7)?, &Some("/b".to_owned()))?;
    same("afterwards", &peek(8)?, &Some("/backing-off".to_owned()))?;
    same("the claims", &client.claim_paths("run", 2, at(7))?, &texts(&["/b", "/a"]))?;
    same("when nothing is due", &peek(7)?, &None)
}

fn a_peek_shows_the_backoff_as_it_is_stored<F: StorageFixture>(fixture: &F) -> Check {
    let client = Client::with_run(fixture, "run")?;
    client.add_ended("run", "/a", retry_after(0))?;
    let stored = client.wait(client.store().find(path("/a")))?;
    let set_back = at(-3600);
    same("after the clock was set back", &client.wait_at(set_back, client.store().peek(set_back))?, &stored)
}

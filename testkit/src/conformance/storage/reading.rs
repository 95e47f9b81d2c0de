//! Looking at the queue.

use autoproc_domain::command::{Selector, Verdict};
use autoproc_domain::ports::Storage;
use autoproc_domain::view::{Counts, PageRequest};
use autoproc_domain::{ItemId, Status};

use super::desk::{Desk, at, failed, path, timed_out};
use super::expect::{Check, Fault, same};
use super::{NamedCheck, StorageFixture, named};

pub(super) fn checks<F: StorageFixture>() -> Vec<NamedCheck<F>> {
    named![
        a_page_is_in_claim_order,
        a_page_keeps_to_its_statuses,
        pages_together_show_every_item_once,
        counts_are_true,
        an_item_is_found_by_path_and_by_number,
    ]
}

fn a_page_is_in_claim_order<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add(&[("/c", 0), ("/a", 5), ("/d", -5), ("/b", 0)])?;
    desk.claim("run", 1, at(0))?;
    same("the paths", &desk.paths()?, &["/a", "/c", "/b", "/d"].map(String::from).into())
}

fn a_page_keeps_to_its_statuses<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add_ended("run", "/failed", failed())?;
    desk.add_ended("run", "/timeout", timed_out())?;
    desk.add(&[("/pending", 0)])?;
    let request = PageRequest { statuses: vec![Status::Timeout, Status::Pending], ..PageRequest::default() };
    let items = desk.wait(desk.store().page(request))?.items;
    let found: Vec<_> = items.iter().map(|item| item.status).collect();
    same("their statuses", &found, &vec![Status::Timeout, Status::Pending])
}

fn pages_together_show_every_item_once<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::open(fixture);
    desk.add(&[("/a", 0), ("/b", 3), ("/c", 0), ("/d", 3), ("/e", -1)])?;
    let (mut seen, mut after) = (Vec::new(), None);
    // One more than there are pages, so that an end that never comes is noticed.
    for _ in 0..4 {
        let request = PageRequest { after, limit: Some(2), ..PageRequest::default() };
        let page = desk.wait(desk.store().page(request))?;
        seen.extend(page.items.iter().map(|item| item.file_path.to_string()));
        after = page.next;
        if after.is_none() {
            return same("the paths", &seen, &["/b", "/d", "/a", "/c", "/e"].map(String::from).into());
        }
    }
    Err(Fault::new(format!("there was always one more page; seen: {seen:?}")))
}

fn counts_are_true<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::with_run(fixture, "run")?;
    desk.add_ended("run", "/completed", Verdict::Complete)?;
    desk.add_ended("run", "/failed", failed())?;
    desk.add_ended("run", "/timeout", timed_out())?;
    desk.add(&[("/a", 0), ("/b", 0), ("/c", 0)])?;
    desk.claim("run", 1, at(0))?;
    let wanted = Counts { pending: 2, processing: 1, completed: 1, failed: 1, timeout: 1 };
    same("the counts", &desk.wait(desk.store().counts())?, &wanted)
}

fn an_item_is_found_by_path_and_by_number<F: StorageFixture>(fixture: &F) -> Check {
    let desk = Desk::open(fixture);
    desk.add(&[("/a", 0), ("/b", 7)])?;
    let by_number = desk.wait(desk.store().find(Selector::Id(ItemId::new(2))))?;
    same("the item by number", &by_number, &Some(desk.item("/b")?))?;
    same("its path", &by_number.map(|item| item.file_path.to_string()), &Some("/b".to_owned()))?;
    same("what is not there", &desk.wait(desk.store().find(path("/c")))?, &None)?;
    same("a number not given", &desk.wait(desk.store().find(Selector::Id(ItemId::new(3))))?, &None)
}

//! The answer of `queue recover`.

use std::io::{self, Write};

use autoproc_domain::ports::Unproven;
use autoproc_domain::view::RecoveredItem;
use serde::Serialize;

use super::{ItemJson, print};
use crate::view::Recovered;

#[derive(Serialize)]
struct RecoveredJson<'a> {
    recovered: Vec<RecoveredItemJson<'a>>,
    kept: Vec<ItemJson>,
    unproven: Vec<UnprovenJson<'a>>,
    forced: bool,
}

#[derive(Serialize)]
struct RecoveredItemJson<'a> {
    dead_run: &'a str,
    #[serde(flatten)]
    item: ItemJson,
}

#[derive(Serialize)]
struct UnprovenJson<'a> {
    run: &'a str,
    reason: &'a str,
}

pub(in crate::render) fn recovered(view: &Recovered, out: &mut dyn Write) -> io::Result<()> {
    let document = RecoveredJson {
        recovered: view.items.iter().map(recovered_item).collect(),
        kept: view.kept.iter().map(ItemJson::from).collect(),
        unproven: view.unproven.iter().map(unproven).collect(),
        forced: view.forced,
    };
    print(out, &document)
}

fn recovered_item(recovered: &RecoveredItem) -> RecoveredItemJson<'_> {
    RecoveredItemJson { dead_run: recovered.dead_run.as_str(), item: ItemJson::from(&recovered.item) }
}

fn unproven(left: &Unproven) -> UnprovenJson<'_> {
    UnprovenJson { run: left.run.as_str(), reason: &left.reason }
}

//! The sections on queues without jobs: adding, looking, the store alone, and the floors it stands on.

use super::numbers::{grouped, known, megabytes, percent, rate, seconds, unknown};
use super::section;
use super::table::Table;
use crate::bars;
use crate::results::{OURS, Results, Scenario, Series};
use crate::scenarios::{FLOOR, LEAST};
use crate::statistics::{extremes, median};

/// Adding.
pub(super) fn add(results: &Results) -> String {
    let text = "![milliseconds for one add](benchmarks/add.svg)\n\n".to_owned() + &singles(results) + &bulk(results);
    section(results, &[Scenario::Add, Scenario::BulkAdd], "Adding", &text)
}

fn singles(results: &Results) -> String {
    let mut table =
        Table::new(&["One process for each file", "to a queue of", "median", "beside the least", "peak memory"]);
    for series in results.of(Scenario::Add) {
        let key = (Scenario::Add, series.tool.as_str(), series.at);
        table.row(&[
            series.tool.clone(),
            if series.tool == OURS { grouped(series.at) } else { unknown() },
            known(median(&series.walls()), seconds),
            known(results.times_as_long(key, (Scenario::Add, LEAST, 0)), |beside| format!("{beside:.2} ×")),
            known(median(&series.peaks()), megabytes),
        ]);
    }
    table.finish()
}

fn bulk(results: &Results) -> String {
    let mut table = Table::new(&["Paths added by one command", "time", "paths a second", "peak memory"]);
    for series in results.of(Scenario::BulkAdd) {
        table.row(&[
            grouped(series.at),
            known(median(&series.walls()), seconds),
            known(median(&series.rates()), rate),
            known(median(&series.peaks()), megabytes),
        ]);
    }
    table.finish()
}

/// How what people look at grows with the queue.
pub(super) fn lengths(results: &Results) -> String {
    let plot =
        "Time and peak memory of whole processes.\n\n![seconds by length](benchmarks/lengths.svg)\n\n".to_owned();
    let text = plot + &looks(results) + &memory(results) + &waiting(results);
    section(results, &[Scenario::Status, Scenario::RunMemory, Scenario::Waiting], "Long queues", &text)
}

fn looks(results: &Results) -> String {
    let looks = [Scenario::Status, Scenario::QueueSize, Scenario::QueueList];
    let mut table = Table::new(&["Files queued", "`status`", "", "`queue size`", "", "`queue list`", ""]);
    for at in results.ats(Scenario::Status) {
        let cells = looks.map(|scenario| {
            let series = results.find((scenario, OURS, at));
            let peak = series.and_then(|series| median(&series.peaks()));
            [known(results.wall((scenario, OURS, at)), seconds), known(peak, megabytes)]
        });
        table.row(&[vec![grouped(at)], cells.concat()].concat());
    }
    table.finish()
}

fn memory(results: &Results) -> String {
    let line = |series: &Series| {
        let peak = known(median(&series.peaks()), megabytes);
        format!("A run over {} queued paths of 60 bytes takes {peak} at its peak.\n\n", grouped(series.at))
    };
    results.of(Scenario::RunMemory).map(line).collect()
}

fn waiting(results: &Results) -> String {
    let line = |part| format!("A run that waits for files that are not due takes {} of a core.\n\n", percent(part));
    bars::waiting(results).map(line).unwrap_or_default()
}

/// The store alone.
pub(super) fn store(results: &Results) -> String {
    let mut table = Table::new(&["Files queued", "open and count", "parse alone", "one add", "one settle and claim"]);
    for at in results.ats(Scenario::StoreOpen) {
        let ours = |scenario| known(results.wall((scenario, OURS, at)), seconds);
        let parse = known(results.wall((Scenario::FloorParse, FLOOR, at)), seconds);
        let (open, add) = (ours(Scenario::StoreOpen), ours(Scenario::StoreAdd));
        table.row(&[grouped(at), open, parse, add, ours(Scenario::StoreExchange)]);
    }
    let text =
        "Within one process, each change durable. \"Parse alone\" is the same file read into plain structures by the \
                JSON library,\nwhich no reader of it can undercut by much.\n\n"
            .to_owned();
    section(results, &[Scenario::StoreOpen], "The store alone", &(text + &table.finish()))
}

/// The machine alone.
pub(super) fn floors(results: &Results) -> String {
    let mut table = Table::new(&["What the machine does", "median", "lowest to highest"]);
    for series in results.series.iter().filter(|series| series.tool == FLOOR) {
        let (what, values, show): (_, _, fn(f64) -> String) = match series.scenario {
            Scenario::FloorAppend => ("200 bytes appended and synced".to_owned(), series.walls(), seconds),
            Scenario::FloorSpawn => {
                let threads = if series.at == 1 { "1 thread".to_owned() } else { format!("{} threads", series.at) };
                (format!("`/bin/true` started and waited for, {threads}, a second"), series.rates(), rate)
            }
            _ => continue,
        };
        let span = known(extremes(&values), |(low, high)| format!("{} to {}", show(low), show(high)));
        table.row(&[what, known(median(&values), show), span]);
    }
    section(results, &[Scenario::FloorAppend, Scenario::FloorSpawn], "Floors", &table.finish())
}

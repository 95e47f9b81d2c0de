//! The sections on running jobs, small and real.

use super::numbers::{grouped, known, megabytes, percent, rate, seconds, unknown};
use super::section;
use super::table::Table;
use crate::bars;
use crate::results::{Key, OURS, Results, Scenario, Series};
use crate::scenarios::{FLOOR, PARALLELISMS, SHELL, STEPS, WORK_AT_ONCE};
use crate::statistics::{count, extremes, median};

/// Small jobs.
pub(super) fn drain(results: &Results) -> String {
    if results.ats(Scenario::Drain).is_empty() {
        return String::new();
    }
    let head = "## Small jobs: `/bin/true`\n\nJobs a second, and how many times as fast autoproc is.\n\n\
                    ![jobs a second](benchmarks/drain.svg)\n\n"
        .to_owned();
    let tables = PARALLELISMS.map(|at_once| {
        let series: Vec<_> = results.all(Scenario::Drain, at_once as u64).collect();
        format!("### {at_once} at a time\n\n{}", drain_table(results, &series))
    });
    head + &tables.concat() + &beside_others(results) + &ceiling(results)
}

fn drain_table(results: &Results, series: &[&Series]) -> String {
    let head = ["Tool", "jobs", "jobs/s", "lowest to highest", "autoproc is", "processor, ms a job", "peak memory"];
    let mut table = Table::new(&head);
    for series in series {
        let ours =
            results.times_as_long((Scenario::Drain, &series.tool, series.at), (Scenario::Drain, OURS, series.at));
        let cpu = median(&series.cpus()).map(|cpu| format!("{:.2}", cpu * 1e3 / count(series.units)));
        table.row(&[
            series.tool.clone(),
            grouped(series.units),
            known(median(&series.rates()), rate),
            known(extremes(&series.rates()), |(low, high)| format!("{} to {}", rate(low), rate(high))),
            known(ours.filter(|_| series.tool != OURS), |ours| format!("{ours:.2} ×")),
            cpu.unwrap_or_else(unknown),
            known(median(&series.peaks()), megabytes),
        ]);
    }
    table.finish()
}

fn beside_others(results: &Results) -> String {
    let rows = [
        (Scenario::Drain, "none"),
        (Scenario::DrainBesideBackingOff, "100,000 that are not due"),
        (Scenario::DrainBesideLower, "100,000 of lower priority"),
    ];
    let mut table = Table::new(&["Others queued", "jobs/s at -j2", "beside none", "jobs/s at -j8", "beside none"]);
    for (scenario, others) in rows {
        let cells = PARALLELISMS.map(|at_once| {
            let key = (scenario, OURS, at_once as u64);
            let beside = results.times_as_long((Scenario::Drain, OURS, at_once as u64), key);
            [known(median_rate(results, key), rate), known(beside, |beside| format!("{beside:.2} ×"))]
        });
        table.row(&[vec![others.to_owned()], cells.concat()].concat());
    }
    format!("### autoproc with others queued\n\n{}", table.finish())
}

fn ceiling(results: &Results) -> String {
    let floor = median_rate(results, (Scenario::FloorSpawn, FLOOR, 2));
    let (Some(floor), Some(part)) = (floor, bars::part_of_ceiling(results)) else { return String::new() };
    format!(
        "Two threads that do nothing but start `/bin/true` and wait for it start {} a second on this machine; \
         autoproc at -j2\nreaches {} of that.\n\n",
        rate(floor),
        percent(part)
    )
}

/// Real jobs.
pub(super) fn work(results: &Results) -> String {
    let title = "Real work: `gzip -9` on files of 50 to 200 KB, two at a time";
    section(results, &[Scenario::Work], title, &beside_the_least(results, Scenario::Work, "xargs"))
}

/// Real jobs of several steps.
pub(super) fn steps(results: &Results) -> String {
    let title = format!("A workflow: {STEPS} steps of `gzip -9` for each file, two files at a time");
    let text =
        "Beside xargs with a shell for each file, which starts the same processes and keeps nothing; the shell itself is \
                a process\nmore than autoproc starts. Each step's result is durable before the next begins.\n\n"
            .to_owned();
    section(results, &[Scenario::Steps], &title, &(text + &beside_the_least(results, Scenario::Steps, SHELL)))
}

/// What each tool took for the same work, beside one that keeps nothing.
fn beside_the_least(results: &Results, scenario: Scenario, least: &str) -> String {
    let at = WORK_AT_ONCE as u64;
    let mut table = Table::new(&["Tool", "files", "time", &format!("beside {least}"), "processor time"]);
    for series in results.all(scenario, at) {
        let beside = results.times_as_long((scenario, &series.tool, at), (scenario, least, at));
        table.row(&[
            series.tool.clone(),
            grouped(series.units),
            known(median(&series.walls()), seconds),
            known(beside, |beside| format!("{beside:.3} ×")),
            known(median(&series.cpus()), seconds),
        ]);
    }
    table.finish()
}

fn median_rate(results: &Results, key: Key<'_>) -> Option<f64> {
    median(&results.find(key)?.rates())
}

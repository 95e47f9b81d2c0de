//! The report, in Markdown: first the bars, then what was measured, then with what.

mod jobs;
pub(crate) mod numbers;
mod queues;
mod table;

use crate::bars;
use crate::results::{Results, Scenario, Series};
use table::Table;

/// The whole report.
pub(crate) fn markdown(results: &Results) -> String {
    let parts = [
        head(results),
        bars(results),
        jobs::drain(results),
        jobs::work(results),
        jobs::steps(results),
        queues::add(results),
        queues::lengths(results),
        queues::store(results),
        queues::floors(results),
        conditions(results),
    ];
    parts.concat().trim_end().to_owned() + "\n"
}

fn head(results: &Results) -> String {
    let warning = if results.quick {
        "**This is a quick run: a few small rounds, to see that the measuring works. Its figures mean little.**\n\n"
    } else {
        ""
    };
    format!(
        "# Benchmarks\n\n{warning}Written by `just bench`, which measures `autoproc` beside the tools that are installed \
         of those people would\nuse instead. Medians of {} rounds, each tool in turn in every round, in an order that \
         changes from round to round. A\nratio is the median of the ratios within the rounds. Every sample is in \
         [results.json](benchmarks/results.json). Runs\nof one tool differ by 10 to 30 %, so smaller differences mean \
         nothing; and figures from another machine cannot be set\nbeside these.\n\n",
        results.rounds
    )
}

fn bars(results: &Results) -> String {
    let mut table = Table::new(&["What it should show", "Measured", ""]);
    for bar in bars::all(results) {
        let verdict = match (&bar.figure, bar.met) {
            (None, _) => "not measured",
            (_, true) => "met",
            (_, false) => "**not met**",
        };
        table.row(&[bar.promise.as_str(), bar.figure.as_deref().unwrap_or("–"), verdict]);
    }
    let note = format!("\"No slower\" is met from {} times the other rate.\n\n", bars::NO_SLOWER);
    format!("## The bars\n\n{}{note}", table.finish())
}

fn conditions(results: &Results) -> String {
    let machine = &results.machine;
    let load = machine.load_before.map_or_else(|| "unknown".to_owned(), |load| format!("{load:.2}"));
    let mut facts = Table::new(&["The machine", ""]);
    facts.row(&["taken", &machine.taken_at]);
    facts.row(&["processor", &machine.processor]);
    facts.row(&["cores", &machine.cores.to_string()]);
    facts.row(&["memory", &format!("{} MiB", numbers::grouped(machine.memory_mib))]);
    facts.row(&["kernel", &machine.kernel]);
    facts.row(&["file system of the queues", &machine.file_system]);
    facts.row(&["load in the minute before", &load]);
    let mut tools = Table::new(&["Tool", "Version", "What is left of the queue when the machine goes down"]);
    for tool in &results.tools {
        tools.row(&[&tool.name, &tool.version, &tool.keeps]);
    }
    format!("## Conditions\n\n{}{}{}{}", facts.finish(), tools.finish(), failures(results), HOW)
}

/// The tools that have no figure somewhere, and why.
fn failures(results: &Results) -> String {
    let failed = results.series.iter().filter_map(|series| Some((series, series.failure.as_ref()?)));
    let line =
        |(series, why): (&Series, _)| format!("- {}, {:?} at {}: {why}", series.tool, series.scenario, series.at);
    let lines: Vec<_> = failed.map(line).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("Without a figure in some round:\n\n{}\n\n", lines.join("\n"))
}

/// A section, where any of the scenarios that it tells of was measured.
fn section(results: &Results, scenarios: &[Scenario], title: &str, text: &str) -> String {
    let measured = results.series.iter().any(|series| scenarios.contains(&series.scenario));
    if measured { format!("## {title}\n\n{text}") } else { String::new() }
}

const HOW: &str = "\
Each round begins with another tool and goes through them in another order (a Latin square of Williams), so that neither
coming first nor coming after a certain other one always helps or harms the same tool. Before each run of jobs
everything written so far is synced to the disk; where there are real files, each is read once before that, and what a
run made of them is removed before the next. Single adds take turns in the same way, an add each, and are preceded by
such a sync once in a round.

A tool that reads a list (xargs, make, the two programs named parallel) is timed as a whole process from list to end;
list and makefile are there beforehand. A tool with a queue gets its jobs beforehand and is timed from the moment it may
start until the last job has ended; for `autoproc` that is the whole process `autoproc run`, from its start to its end,
without the `queue add` before it (but until the last job's entry in the event log where others of lower priority would
be next). huey is timed from its consumer's start, without Python's own. Peers are set up as their documentation does
it, and where a choice had to be made it is the one that favours the peer. Tools that take minutes, or cannot hold more,
get fewer jobs; rates are comparable all the same, except that those of nq and of the original program fall with the
number.

Memory is the largest resident set of one process of the tool (`ru_maxrss`), not the sum of them. A few megabytes are
those of the measuring process, which Linux counts in for a child until it has begun; see the row of `/bin/true`.
Processor time is that of the tool and everything it waited for, the jobs included.
";

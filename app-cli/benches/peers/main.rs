//! Measures `autoproc` beside the tools that people would use instead, and writes what came out.
//!
//! `cargo bench -p autoproc-cli --bench peers`, or `just bench`, measures everything and writes `docs/benchmarks.md`, the
//! plots beside it and every sample as JSON. With `quick` it measures a little of everything, to see that it works, and
//! writes to the target folder instead; so it does where scenarios are named. A number is that of the rounds. With `redraw` it measures nothing and
//! writes report and plots again from the samples. A peer that is not installed is left out.
//!
//! Every figure is taken from outside, of whole processes, but for the floors and the store's own cost. Absent by
//! intention: warm-up that is thrown away, discarding of outliers, and anything that would make a difference of a few
//! percent look certain. Medians, extremes and every sample are told, and readers may judge.

mod autoproc;
mod bars;
mod floor;
mod machine;
mod peers;
mod plots;
mod process;
mod report;
mod results;
mod scenarios;
mod scratch;
mod statistics;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use autoproc::Autoproc;
use machine::Machine;
use peers::Peer;
use process::say;
use results::{Results, Tool};
use scenarios::{Bench, Plan};
use scratch::Scratch;

/// What `cargo bench` adds to the words that it is given. `cargo test --all-targets` does not, and starts this too.
const MARK: &str = "--bench";

/// The folder for plots and samples, beside the report.
const BESIDE: &str = "benchmarks";

fn main() -> io::Result<()> {
    let (marks, words): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word == MARK);
    match words.first().map(String::as_str) {
        Some(floor::WORD) => floor::main(&words[1..]),
        _ if marks.is_empty() => {
            say("nothing measured: this is for `cargo bench`");
            Ok(())
        }
        Some("redraw") => draw(&Results::load(&documents().join(BESIDE).join("results.json"))?, &documents()),
        Some("quick") => measure(Plan::QUICK, &words[1..]),
        _ => measure(Plan::FULL, &words),
    }
}

fn measure(mut plan: Plan, words: &[String]) -> io::Result<()> {
    let (numbers, names): (Vec<_>, Vec<_>) = words.iter().cloned().partition(|word| word.parse::<usize>().is_ok());
    plan.rounds = numbers.last().and_then(|number| number.parse().ok()).unwrap_or(plan.rounds).max(1);
    let scratch = Scratch::new()?;
    let (peers, tools) = contestants();
    let results = Results::new(plan.quick, plan.rounds, Machine::here(scratch.path())?, tools);
    let mut bench = Bench { plan, scratch, peers, results };
    bench.measure(&names)?;
    let folder = if plan.quick || !names.is_empty() { trial_folder() } else { documents() };
    draw(&bench.results, &folder)
}

/// The peers that are installed, and what the report says of them and of us.
fn contestants() -> (Vec<Box<dyn Peer>>, Vec<Tool>) {
    let (mut peers, mut tools) = (Vec::new(), Vec::new());
    tools.extend(tool(&Autoproc));
    for peer in peers::all() {
        match tool(peer.as_ref()) {
            Some(tool) => {
                tools.push(tool);
                peers.push(peer);
            }
            None => say(&format!("{} is not installed and is left out", peer.name())),
        }
    }
    (peers, tools)
}

fn tool(peer: &dyn Peer) -> Option<Tool> {
    let version = peer.version()?;
    Some(Tool { name: peer.name().to_owned(), version, keeps: peer.keeps().to_owned() })
}

/// Writes report, plots and samples.
fn draw(results: &Results, folder: &Path) -> io::Result<()> {
    let beside = folder.join(BESIDE);
    fs::create_dir_all(&beside)?;
    results.save(&beside.join("results.json"))?;
    plots::draw(results, &beside)?;
    let report = folder.join("benchmarks.md");
    fs::write(&report, report::markdown(results))?;
    say(&format!("written: {}", report.display()));
    Ok(())
}

fn documents() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn trial_folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("trial")
}

//! Measures the accuracy and the cost of forecasts.
//!
//! `cargo bench -p autoproc-domain --bench forecast -- TRACE.csv`. The trace has a header line and
//! the columns group, order, size in bytes and duration in seconds. Without a trace, only the cost
//! is measured.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot continue has no result")]
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark reads a file and a clock")]

#[path = "forecast/score.rs"]
mod score;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use autoproc_domain::FilePath;
use autoproc_domain::forecast::{Backlog, Forecast, RemainingFile};
use score::{Group, Score, percentile, share, shuffled};

fn main() {
    // Skips the argument `--bench`, which Cargo passes.
    if let Some(trace) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) {
        let groups = groups(&std::fs::read_to_string(trace).unwrap());
        print("in the recorded order", &groups);
        print("in random order", &shuffled(&groups));
        let varied: Vec<_> = groups.into_iter().filter(varies).collect();
        print("whose sizes vary, in the recorded order", &varied);
        print("whose sizes vary, in random order", &shuffled(&varied));
    }
    cost();
}

fn groups(trace: &str) -> Vec<Group> {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for line in trace.lines().skip(1) {
        let fields: Vec<_> = line.split(',').collect();
        groups.entry(fields[0]).or_default().push((fields[2].parse().unwrap(), fields[3].parse().unwrap()));
    }
    groups.into_values().collect()
}

fn varies(group: &Group) -> bool {
    let sizes = || group.iter().map(|(bytes, _)| *bytes);
    sizes().max() >= sizes().min().map(|least| 2 * least.max(1))
}

fn print(order: &str, groups: &[Group]) {
    let score = Score::of(groups);
    let left = |errors: &[f64]| [50, 90].map(|percent| format!("{:.1} %", 100.0 * percentile(errors, percent)));
    let good = score.group_coverage.iter().filter(|coverage| **coverage >= 0.8).count();
    println!("{} groups {order}", groups.len());
    println!("  one file: median error {:.1} %", 100.0 * percentile(&score.files, 50));
    println!("  without a forecast: {} files", score.much_larger);
    println!("  range of one file: {:.3} of {} files within", share(score.covered), score.covered.1);
    println!("    at least 0.8 in {good} of {} groups of 100 files or more", score.group_coverage.len());
    println!("  slow at their end: {:.2} % of {} files", 100.0 * share((score.slow, score.all)), score.all);
    println!("  time left after a quarter, {} groups: error, median and 90th percentile", score.left.len());
    println!("    only a lower bound: {} groups; {} of them take longer", score.bounds.1, score.bounds.0);
    println!("    forecast {:?}, mean x count {:?}", left(&score.left), left(&score.left_by_mean));
    println!("    likely range: {:.3} of {} groups within", share(score.left_covered), score.left_covered.1);
}

fn cost() {
    let path = FilePath::new("/srv/archive/session-000000000001/audio.wav").unwrap();
    let mut forecast = Forecast::default();
    let begin = Instant::now();
    for number in 0..1_000_000_u64 {
        forecast.record(black_box(&path), number % 977, Duration::from_micros(1000 + number % 977));
    }
    println!("1,000,000 records: {:?}", begin.elapsed());
    let file = RemainingFile { file_path: &path, size_bytes: Some(500), elapsed: Duration::ZERO };
    let backlog = Backlog { slots: 8, running: vec![file; 8], pending: vec![file; 5000], more: 1_000_000 };
    let begin = Instant::now();
    black_box(forecast.time_left(black_box(&backlog)));
    println!("time left of 1,005,000 files: {:?}", begin.elapsed());
    let begin = Instant::now();
    black_box(forecast.likely_time_left(black_box(&backlog)));
    println!("time left of 1,005,000 files with its range: {:?}", begin.elapsed());
}

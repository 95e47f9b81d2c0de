//! Measures the time to compute the signatures of recorded failures.
//!
//! `cargo bench -p autoproc-domain --bench signature -- FAILURES.tsv`. Each line of the file has
//! the path of a failed file, a tab, and the first line of the error text.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot continue has no result")]
#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a benchmark reads a file and a clock")]

use std::hint::black_box;
use std::time::Instant;

use autoproc_domain::FilePath;
use autoproc_domain::signature::Signature;

const ROUNDS: u32 = 50;

fn main() {
    // Cargo passes `--bench`.
    let Some(file) = std::env::args().skip(1).find(|argument| !argument.starts_with("--")) else {
        return println!("no file of failures was given");
    };
    let text = std::fs::read_to_string(file).unwrap();
    let failure = |line: &'static str| {
        let (path, error) = line.split_once('\t').unwrap();
        (FilePath::new(path).unwrap(), error)
    };
    let failures: Vec<_> = text.leak().lines().map(failure).collect();
    let mut costs: Vec<_> = failures.iter().map(|(path, error)| microseconds(path, error)).collect();
    costs.sort_by(f64::total_cmp);
    let mean = costs.iter().sum::<f64>() / f64::from(u32::try_from(costs.len()).unwrap());
    println!("{} failures: {mean:.1} µs each, at most {:.1} µs", costs.len(), costs.last().unwrap());
}

fn microseconds(path: &FilePath, error: &str) -> f64 {
    let began = Instant::now();
    for _ in 0..ROUNDS {
        black_box(Signature::of(black_box(Some(error)), path));
    }
    began.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
}

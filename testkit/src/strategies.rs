//! Proptest strategies for queues and requests.
//!
//! The sets of values are small, so that requests often refer to the same items.

mod grown;
mod histories;

use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::fingerprint::Completion;
use autoproc_domain::request::{NewItem, Repeat, Verdict};
use autoproc_domain::{FilePath, Fingerprint, Priority, Recipe, Status, Timestamp};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub use grown::{Turn, grown_queue, replay};
pub use histories::{ItemChoice, Resolver, ScopeChoice, SymbolicRequest, TokenChoice, histories, symbolic_request};

/// The start time of the histories and of the virtual clock: 2025-01-01 00:00 UTC.
pub const EPOCH: Timestamp = Timestamp::from_micros(1_735_689_600_000_000);

/// Generates paths from a small set, so that requests often contain the same path. Some paths are
/// difficult to encode.
pub fn file_paths() -> impl Strategy<Value = FilePath> {
    let plain = select(vec!["/in/a", "/in/b", "/in/c", "/in/d", "/in/e"]).prop_map(PathBuf::from);
    let odd = select(odd_paths());
    prop_oneof![5 => plain, 1 => odd].prop_map(valid)
}

fn valid(path: PathBuf) -> FilePath {
    FilePath::new(path).expect("each path of these strategies is valid")
}

fn odd_paths() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = [
        "/in/with space",
        "/in/new\nline",
        "/in/\"quote\\",
        "/in/\u{e9}\u{1f980}",
        "/in/./a/../dotted",
        "/in/\u{1b}[2J",
    ]
    .map(PathBuf::from)
    .into();
    paths.extend(not_utf8());
    paths
}

#[cfg(unix)]
fn not_utf8() -> Vec<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    vec![std::ffi::OsString::from_vec(b"/in/\xff\xfe".to_vec()).into()]
}

#[cfg(not(unix))]
fn not_utf8() -> Vec<PathBuf> {
    Vec::new()
}

/// Generates few distinct priorities, so that the sequence number often decides the order. Includes
/// the lowest and the highest priority.
pub fn priorities() -> impl Strategy<Value = Priority> {
    prop_oneof![8 => -2..=2_i32, 1 => Just(i32::MIN), 1 => Just(i32::MAX)].prop_map(Priority::new)
}

/// Generates files to add, with or without a fingerprint.
pub fn new_items() -> impl Strategy<Value = NewItem> {
    (file_paths(), 0..3_u8, priorities(), option::of(fingerprints()))
        .prop_map(|(file_path, depth, priority, fingerprint)| NewItem { file_path, depth, priority, fingerprint })
}

/// Generates fingerprints from a small set, so that a file is often unchanged. Includes extreme
/// values.
pub fn fingerprints() -> impl Strategy<Value = Fingerprint> {
    let common = (0..2_u64, 0..2_i64).prop_map(|(size, modified_ns)| Fingerprint { size, modified_ns });
    let extreme = select(vec![(u64::MAX, i64::MIN), (u64::MAX, i64::MAX), (1, -1)])
        .prop_map(|(size, modified_ns)| Fingerprint { size, modified_ns });
    prop_oneof![8 => common, 1 => extreme]
}

/// Generates one of three recipes.
pub fn recipes() -> impl Strategy<Value = Recipe> {
    select(vec![[0; 8], [1, 2, 3, 4, 5, 6, 7, 8], [0xff; 8]]).prop_map(Recipe::new)
}

/// Generates the rules that decide whether a completed item begins a new round.
pub fn repeats() -> impl Strategy<Value = Repeat> {
    prop_oneof![4 => Just(Repeat::IfChanged), 1 => Just(Repeat::Always), 1 => recipes().prop_map(Repeat::IfOtherRecipe)]
}

/// Generates completions, with or without fingerprint and recipe.
pub fn completions() -> impl Strategy<Value = Completion> {
    (option::of(fingerprints()), option::of(recipes()))
        .prop_map(|(fingerprint, recipe)| Completion { fingerprint, recipe })
}

/// Generates clock steps in microseconds. Most steps go forward by less than five seconds. Some go
/// back, and some are hours long.
pub fn clock_steps() -> impl Strategy<Value = i64> {
    prop_oneof![
        10 => 0..5_000_000_i64,
        2 => Just(0),
        2 => -20_000_000..0_i64,
        1 => Just(3_600_000_000_i64),
        1 => Just(-7_200_000_000_i64),
    ]
}

/// Generates backoffs: those of the default policy, zero, an hour, and an endless one.
pub fn backoffs() -> impl Strategy<Value = Duration> {
    let seconds = prop_oneof![Just(0_u64), Just(2), Just(4), Just(8), Just(3600)].prop_map(Duration::from_secs);
    prop_oneof![20 => seconds, 1 => Just(Duration::MAX)]
}

/// Generates error texts. Some contain line breaks, quotation marks or control characters.
pub fn errors() -> impl Strategy<Value = Box<str>> {
    select(vec!["exit status 1", "", "two\nlines", "\"quoted\\\" \u{0} \u{1f980}", "killed by signal 9"])
        .prop_map(Box::from)
}

/// Generates any verdict.
pub fn verdicts() -> impl Strategy<Value = Verdict> {
    prop_oneof![
        2 => completions().prop_map(Verdict::Complete),
        3 => (backoffs(), errors()).prop_map(|(backoff, error)| Verdict::Retry { backoff, error }),
        2 => (any::<bool>(), errors()).prop_map(|(timed_out, error)| Verdict::Fail { timed_out, error }),
        1 => Just(Verdict::Release),
    ]
}

/// Generates any status.
pub fn statuses() -> impl Strategy<Value = Status> {
    select(Status::ALL.to_vec())
}

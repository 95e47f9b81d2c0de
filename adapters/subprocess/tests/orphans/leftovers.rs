//! Finding the processes that are left.

use std::fs;
use std::time::{Duration, Instant};

/// The maximum time to wait for a condition.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Describes the processes, except guards, that have the tag as an argument or the run's marker.
pub(crate) fn of(tag: &str, run: &str) -> Vec<String> {
    let marker = format!("AUTOPROC_RUN_ID={run}");
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("a process table").flatten() {
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let (command, environment) = (words(&path.join("cmdline")), words(&path.join("environ")));
        let is_guard = command.iter().any(|word| word == "__guard");
        if !is_guard && (command.iter().any(|word| word == tag) || environment.contains(&marker)) {
            found.push(format!("{name}: {}", command.join(" ")));
        }
    }
    found
}

/// Waits for a condition; panics with `what` after the timeout.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started_at = Instant::now();
    while !condition() {
        assert!(started_at.elapsed() < TIMEOUT, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Returns the words of a file in `/proc`, such as `cmdline`. The file of a process that is gone or
/// a zombie counts as empty.
fn words(path: &std::path::Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

//! Finding who is left.

use std::fs;
use std::time::{Duration, Instant};

/// What never takes this long takes for ever.
const BOUND: Duration = Duration::from_secs(120);

/// The processes, guards left out, that have the tag as an argument or bear the run's marker; in words.
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

/// Waits for a condition; with what it waits for in the panic that ends the wait.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < BOUND, "{what} never came true");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Nothing, where the process is gone or a zombie.
fn words(path: &std::path::Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

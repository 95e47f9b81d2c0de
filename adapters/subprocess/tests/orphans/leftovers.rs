use std::fs;
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(120);

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

pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let started_at = Instant::now();
    while !condition() {
        assert!(started_at.elapsed() < TIMEOUT, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn words(path: &std::path::Path) -> Vec<String> {
    let bytes = fs::read(path).unwrap_or_default();
    bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

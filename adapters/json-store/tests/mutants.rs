//! Mutations of the protocol's decisions. The crate's own tests must detect each.
//!
//! `just mutants` applies one after another to a copy of the workspace and runs the named test
//! there. Wrong calls to the disk need no mutation: the simulation has a flawed disk for them.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Mutation {
    name: &'static str,
    /// Relative to the crate.
    file: &'static str,
    /// Occurs exactly once in the file.
    text: &'static str,
    replacement: &'static str,
    /// The test that must fail.
    test: &'static str,
}

const CRASHES: &str = "no_crash_loses_an_acknowledged_change";
const CHANGED_BYTES: &str = "every_changed_byte_is_refused";
const MISPLACED_LINES: &str = "misplaced_lines_are_refused";
const INTERFERENCE: &str = "simulation::interference";
const REPAIR: &str = "repair::tests";

const MUTATIONS: [Mutation; 18] = [
    Mutation {
        name: "after a failed sync the line stays in the journal",
        file: "src/engine/commit.rs",
        text: "return self.recover_from_failed_sync(loaded, &name, before, error);",
        replacement: "return Err(Fault::Unchanged(classify(&name)(error)));",
        test: CRASHES,
    },
    Mutation {
        name: "the journals of all generations have the same name",
        file: "src/engine/commit.rs",
        text: "journal: layout::journal(generation, &nonce),",
        replacement: "journal: layout::journal(0, &nonce[..0]),",
        test: CRASHES,
    },
    Mutation {
        name: "a change that could not be made durable stays in memory",
        file: "src/engine.rs",
        text: "if worked.is_err() {",
        replacement: "if false {",
        test: CRASHES,
    },
    Mutation {
        name: "any damage at the end counts as a torn tail",
        file: "src/journal.rs",
        text: "    if is_torn {",
        replacement: "    if is_torn || true {",
        test: CHANGED_BYTES,
    },
    Mutation {
        name: "a torn tail counts as damage",
        file: "src/journal.rs",
        text: "    if is_torn {",
        replacement: "    if is_torn && false {",
        test: CRASHES,
    },
    Mutation {
        name: "checksums are not checked",
        file: "src/journal.rs",
        text: "checksum::of(&line[BODY_AT..]) == claimed)",
        replacement: "true)",
        test: CHANGED_BYTES,
    },
    Mutation {
        name: "the order of the lines is not checked",
        file: "src/journal.rs",
        text: "check_order(&line, position)?;",
        replacement: "let _ = check_order;",
        test: MISPLACED_LINES,
    },
    Mutation {
        name: "the header of the journal is not checked",
        file: "src/journal.rs",
        text: "if line.header.as_ref() != expected {",
        replacement: "if false {",
        test: MISPLACED_LINES,
    },
    Mutation {
        name: "the note of the store's end is not checked",
        file: "src/engine/blind_append.rs",
        text: "(snapshot == tip.snapshot && ends_there).then_some(tip)",
        replacement: "(snapshot == tip.snapshot && ends_there || true).then_some(tip)",
        test: INTERFERENCE,
    },
    Mutation {
        name: "a journal may be shorter than it was",
        file: "src/engine/load.rs",
        text: "if len < known_len {",
        replacement: "if false {",
        test: INTERFERENCE,
    },
    Mutation {
        name: "lost lines count as a torn tail",
        file: "src/engine/load.rs",
        text: "Tail::Torn if position.offset < known_len => {",
        replacement: "Tail::Torn if false => {",
        test: INTERFERENCE,
    },
    Mutation {
        name: "an older snapshot is accepted",
        file: "src/engine/load.rs",
        text: "if !is_missing && !is_older {",
        replacement: "if true {",
        test: INTERFERENCE,
    },
    Mutation {
        name: "the file that the journal's name leads to is not compared",
        file: "src/engine/load.rs",
        text: "Ok(!named.is_same_file(&open))",
        replacement: "Ok(named.is_same_file(&open) && false)",
        test: INTERFERENCE,
    },
    Mutation {
        name: "a lock file without its name is trusted",
        file: "src/engine.rs",
        text: "let in_place = lock.is_in_place(&self.disk);",
        replacement: "let in_place = lock.is_in_place(&self.disk).map(|_| true);",
        test: INTERFERENCE,
    },
    Mutation {
        name: "another folder in the place of the state folder is used",
        file: "src/engine.rs",
        text: "Some(folder) if self.disk.identify_folder().ok() != Some(folder) => Err(no_longer_there()),",
        replacement: "Some(_) if false => Err(no_longer_there()),",
        test: INTERFERENCE,
    },
    Mutation {
        name: "a rescued queue with more transactions is ignored",
        file: "src/engine/load.rs",
        text: "rescued.seq > loaded.position.seq",
        replacement: "rescued.seq > u64::MAX - 1",
        test: INTERFERENCE,
    },
    Mutation {
        name: "a missing snapshot beside its journal is an empty queue",
        file: "src/engine/load.rs",
        text: "is_rescued || known.iter().any(|tip| tip.journal == name)",
        replacement: "is_rescued || known.is_empty() && is_rescued",
        test: INTERFERENCE,
    },
    Mutation {
        name: "a repair does not count the transactions of a rescued queue",
        file: "src/repair/inspection.rs",
        text: ".chain(rescued);",
        replacement: ".chain(rescued.filter(|_| false));",
        test: REPAIR,
    },
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

impl Mutation {
    fn apply(&self, krate: &Path) -> String {
        let text = fs::read_to_string(krate.join(self.file)).unwrap();
        assert_eq!(text.matches(self.text).count(), 1, "{}: {:?} in {}", self.name, self.text, self.file);
        text.replace(self.text, self.replacement)
    }
}

#[test]
fn every_mutation_finds_its_text() {
    for mutation in &MUTATIONS {
        mutation.apply(Path::new(env!("CARGO_MANIFEST_DIR")));
    }
}

/// Copies the workspace's sources. No test changes anything outside the copy.
fn copy_sources(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            if entry.file_name() != "target" && entry.file_name() != ".git" {
                fs::create_dir_all(&copy).unwrap();
                copy_sources(&path, &copy);
            }
        } else if fs::read(&copy).ok() != Some(fs::read(&path).unwrap()) {
            fs::copy(&path, &copy).unwrap();
        }
    }
}

/// Runs a test of the copy; `None` if the copy does not compile.
fn passes(copy: &Path, test: &str) -> Option<bool> {
    let cargo = |extra: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.current_dir(copy).env("CARGO_TARGET_DIR", copy.with_file_name("target")).env("RUSTFLAGS", "-Awarnings");
        command.args(["test", "--offline", "--quiet", "-p", "autoproc-json-store", "--lib"]).args(extra);
        command.output().unwrap().status.success()
    };
    cargo(&["--no-run"]).then(|| cargo(&["--", test]))
}

#[test]
#[ignore = "builds the crate for each mutation: `just mutants`"]
#[expect(clippy::print_stderr, reason = "the list is the result")]
fn every_mutation_is_noticed() {
    let copy = workspace().join("target/mutants/workspace");
    fs::create_dir_all(&copy).unwrap();
    copy_sources(&workspace(), &copy);
    for test in [CRASHES, CHANGED_BYTES, MISPLACED_LINES, INTERFERENCE, REPAIR] {
        assert_eq!(passes(&copy, test), Some(true), "{test} fails without a mutation");
    }
    let krate = copy.join("adapters/json-store");
    for mutation in &MUTATIONS {
        let original = fs::read(krate.join(mutation.file)).unwrap();
        fs::write(krate.join(mutation.file), mutation.apply(&krate)).unwrap();
        let passed = passes(&copy, mutation.test);
        fs::write(krate.join(mutation.file), original).unwrap();
        assert_eq!(passed, Some(false), "not noticed: {}", mutation.name);
        eprintln!("noticed: {}", mutation.name);
    }
}

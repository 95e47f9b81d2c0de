//! Mutation tests: each mutation introduces a bug, and a test must detect it.
//!
//! The mutations are applied one at a time, to a copy of the workspace in `target/mutants`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A change of the source code that introduces a bug.
#[derive(Debug, Clone, Copy)]
pub struct Mutation {
    /// A short description of the wrong behaviour.
    pub name: &'static str,
    /// The changed file, relative to the crate's folder.
    pub file: &'static str,
    /// The replaced text. It must occur exactly once in the file.
    pub text: &'static str,
    /// The new text. The crate must still compile.
    pub replacement: &'static str,
    /// The test that must fail, as a filter for the test binary.
    pub test: &'static str,
}

/// The mutations of a crate.
#[derive(Debug, Clone, Copy)]
pub struct Mutants {
    /// The name of the crate's package.
    pub package: &'static str,
    /// The folder of the crate, two levels below the workspace root.
    pub folder: &'static str,
    /// The arguments of `cargo test` that select the test binary, such as `--lib`.
    pub target: &'static [&'static str],
    /// Environment variables for the tests.
    pub environment: &'static [(&'static str, &'static str)],
    /// The mutations.
    pub mutations: &'static [Mutation],
}

impl Mutants {
    /// Checks that the text of each mutation occurs exactly once in its file.
    ///
    /// # Panics
    /// Panics if the text of a mutation is absent, or occurs more than once.
    pub fn find_texts(&self) {
        for mutation in self.mutations {
            mutation.applied(Path::new(self.folder));
        }
    }

    /// Checks that each named test passes without a mutation and fails with its mutation. Prints
    /// the name of each detected mutation. Takes minutes, because it builds the crate for each
    /// mutation.
    ///
    /// # Panics
    /// Panics if a mutation does not compile or is not detected, or if a test fails without a
    /// mutation.
    #[expect(clippy::print_stderr, reason = "the list is the result")]
    pub fn apply_all(&self) {
        let workspace = Path::new(self.folder).join("../..").canonicalize().expect("the workspace");
        let copy = workspace.join("target/mutants/workspace");
        fs::create_dir_all(&copy).expect("a folder for the copy");
        copy_sources(&workspace, &copy);
        for test in self.mutations.iter().map(|mutation| mutation.test).collect::<BTreeSet<_>>() {
            assert_eq!(self.passes(&copy, test), Some(true), "{test} fails without a mutation");
        }
        let folder = Path::new(self.folder).canonicalize().expect("the crate");
        let folder = copy.join(folder.strip_prefix(&workspace).expect("a folder of the workspace"));
        for mutation in self.mutations {
            let (file, mutated) = (folder.join(mutation.file), mutation.applied(&folder));
            let original = fs::read(&file).expect("the file of the mutation");
            fs::write(&file, mutated).expect("mutated");
            let passed = self.passes(&copy, mutation.test);
            fs::write(&file, original).expect("restored");
            assert_eq!(passed, Some(false), "not noticed: {}", mutation.name);
            eprintln!("noticed: {}", mutation.name);
        }
    }

    /// Returns `None` if the copy does not compile.
    fn passes(&self, copy: &Path, test: &str) -> Option<bool> {
        let cargo = |arguments: &[&str]| {
            let mut command = Command::new(env!("CARGO"));
            command.current_dir(copy).env("CARGO_TARGET_DIR", copy.with_file_name("target"));
            command.env("RUSTFLAGS", "-Awarnings").envs(self.environment.iter().copied());
            command.args(["test", "--offline", "--quiet", "-p", self.package]).args(self.target).args(arguments);
            command.output().expect("cargo").status.success()
        };
        cargo(&["--no-run"]).then(|| cargo(&["--", test]))
    }
}

impl Mutation {
    fn applied(&self, folder: &Path) -> String {
        let text = fs::read_to_string(folder.join(self.file)).expect("the file of the mutation");
        assert_eq!(text.matches(self.text).count(), 1, "{}: {:?} in {}", self.name, self.text, self.file);
        text.replace(self.text, self.replacement)
    }
}

/// Skips unchanged files, so that cargo does not rebuild their crates.
fn copy_sources(from: &Path, to: &Path) {
    let entries = fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry"));
    for entry in entries.filter(|entry| entry.file_name() != "target" && entry.file_name() != ".git") {
        let (path, copy): (PathBuf, PathBuf) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            fs::create_dir_all(&copy).expect("a folder");
            copy_sources(&path, &copy);
        } else if fs::read(&copy).ok() != Some(fs::read(&path).expect("a source")) {
            fs::copy(&path, &copy).expect("copied");
        }
    }
}

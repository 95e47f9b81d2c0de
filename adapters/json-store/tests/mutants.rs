//! Checks that the crate's tests detect mutations of its code. `just mutants` runs this check.

use autoproc_testkit::mutants::{Mutants, Mutation};

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
        text: ".max(rescued)",
        replacement: ".max(rescued.min(0))",
        test: REPAIR,
    },
];

const MUTANTS: Mutants = Mutants {
    package: "autoproc-json-store",
    folder: env!("CARGO_MANIFEST_DIR"),
    target: &["--lib"],
    environment: &[],
    mutations: &MUTATIONS,
};

#[test]
fn every_mutation_finds_its_text() {
    MUTANTS.find_texts();
}

#[test]
#[ignore = "builds the crate for each mutation: `just mutants`"]
fn every_mutation_is_noticed() {
    MUTANTS.apply_all();
}

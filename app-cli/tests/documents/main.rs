//! Runs the commands in the documents.
//!
//! A ` ```sh ` block is a script. A ` ```console ` block shows a terminal. Lines with the prefix
//! `$ ` are commands, and lines with the prefix `> ` continue a command. Other lines, if any, are
//! the expected output. In the expected output, `…` stands for any text. Every command must succeed
//! unless the next command is `echo $?`.
//!
//! The blocks of a page run in order in the folder `~/night`, each in its own bash. The folder
//! holds copies of `docs/inbox` and `docs/examples`, and some sample files. Scripts in `stand-ins/`
//! replace tools that may be missing. In output, the home folder appears as `/home/ada`.
//!
//! A block below a line such as "Save as `PATH`:" is saved to that path. A block in a language of
//! [`page::NOT_RUN`] is not run. Any other language is an error.

mod expected;
mod links;
mod options;
mod page;
mod page_folder;
mod reasons;

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::page::Block;
use crate::page_folder::PageFolder;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(page: &str) -> String {
    fs::read_to_string(repository().join(page)).unwrap_or_else(|error| panic!("{page}: {error}"))
}

fn problems(page: &str, text: &str) -> io::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut report = |line: usize, problem: String| problems.push(format!("{page}:{line}: {problem}"));
    let folder = PageFolder::new()?;
    let blocks: Vec<_> = page::blocks(text).collect();
    for block in &blocks {
        match block {
            Block::Script { line, text } => {
                if let Err(problem) = folder.run_script(text)? {
                    report(*line, problem);
                }
            }
            Block::Console { commands } => {
                for (line, problem) in folder.run_console(commands)? {
                    report(line, problem);
                }
            }
            Block::File { path, text } => folder.save(path, text)?,
            Block::NotRun => {}
            Block::Unknown { line, language } => {
                report(*line, format!("a block in the language {language:?} is neither run nor known"));
            }
        }
    }
    if !blocks.iter().any(|block| matches!(block, Block::Script { .. } | Block::Console { .. })) {
        report(1, "no block of this page is run".into());
    }
    Ok(problems)
}

#[track_caller]
fn check(page: &str) {
    let text = read(page);
    let unknown = options::unknown(page, &text, &read("docs/cli-reference.md"));
    assert!(unknown.is_empty(), "{page}: the command line has no {}", unknown.join(", "));
    let problems = problems(page, &text).expect("a folder for the page");
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn the_readme_runs() {
    check("README.md");
}

#[test]
fn the_manual_runs() {
    check("docs/manual.md");
}

#[test]
fn the_recipes_run() {
    check("docs/recipes.md");
}

#[test]
fn the_workflows_run() {
    check("docs/workflows.md");
}

#[test]
fn the_exit_codes_run() {
    check("docs/exit-codes.md");
}

#[test]
fn coming_from_other_tools_runs() {
    check("docs/coming-from.md");
}

#[test]
fn coming_from_the_python_program_runs() {
    check("docs/coming-from-python.md");
}

/// Checks only the options, because the commands of the page need several machines.
#[test]
fn the_page_on_many_machines_names_known_options() {
    let page = "docs/many-machines.md";
    let unknown = options::unknown(page, &read(page), &read("docs/cli-reference.md"));
    assert!(unknown.is_empty(), "{page}: the command line has no {}", unknown.join(", "));
}

#[test]
fn links_lead_somewhere() {
    let broken = links::broken(&repository()).expect("the documents");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn the_reasons_of_a_recovery_are_those_of_the_program() {
    let sources = [
        "adapters/subprocess/src/process_table.rs",
        "adapters/subprocess/src/sweep.rs",
        "adapters/subprocess/src/sweep/reaper.rs",
        "adapters/subprocess/src/sweep/records.rs",
        "adapters/subprocess/src/sweep/search.rs",
        "domain/src/recovery.rs",
    ];
    let manual = read("docs/manual.md");
    let unknown = reasons::unknown(&manual, &sources.map(read).concat());
    assert!(unknown.is_empty(), "no source holds: {}", unknown.join(", "));
}

#[track_caller]
fn expect_problem(text: &str, expected: &str) {
    let problems = problems("page.md", text).expect("a folder for the page");
    assert!(problems.len() == 1 && problems[0].starts_with(expected), "{problems:?}");
}

#[test]
fn a_failing_command_is_reported_with_its_line() {
    expect_problem("\n```console\n$ true\n$ false\n$ true\n```\n", "page.md:4: `false` ended with 1");
    expect_problem("```sh\nfalse\ntrue\n```\n", "page.md:1: the script ended with 1");
}

#[test]
fn another_output_than_the_shown_one_is_reported() {
    expect_problem("```console\n$ echo one\ntwo\n```\n", "page.md:2: `echo one` printed");
    expect_problem("```console\n$ autoproc queue size\n1\n```\n", "page.md:2: `autoproc queue size` printed");
}

#[test]
fn a_page_without_a_block_that_is_run_is_reported() {
    expect_problem("```text\nautoproc\n```\n", "page.md:1: no block");
}

#[test]
fn a_block_without_a_language_is_reported() {
    expect_problem("```sh\ntrue\n```\n\n```\nautoproc\n```\n", "page.md:5: a block in the language \"\"");
}

#[test]
fn an_unknown_option_is_reported() {
    let table = "| `run --frob` | `run --retry 3` |\n";
    let reference = "  -r, --retries <N>";
    assert_eq!(options::unknown("page.md", table, reference), ["--frob", "--retry"]);
    assert_eq!(options::unknown("docs/coming-from.md", table, reference), ["--retry"]);
}

#[test]
fn an_unknown_cargo_line_is_reported() {
    expect_problem("```console\n$ cargo run -- frob\n```\n", "page.md:2: `cargo run -- frob` is not");
    expect_problem("```console\n$ just frob\n```\n", "page.md:2: `just frob` is not");
}

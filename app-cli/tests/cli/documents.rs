//! Help, manual page and completions.

use std::env;
use std::fmt::Write as _;
use std::fs;

use crate::harness::Place;

/// Every command, word by word.
const COMMANDS: [&[&str]; 24] = [
    &[],
    &["queue"],
    &["queue", "add"],
    &["queue", "list"],
    &["queue", "clear"],
    &["queue", "size"],
    &["queue", "peek"],
    &["queue", "show"],
    &["queue", "remove"],
    &["queue", "prioritise"],
    &["queue", "export"],
    &["queue", "repair"],
    &["run"],
    &["workflow"],
    &["workflow", "list"],
    &["workflow", "show"],
    &["workflow", "check"],
    &["stop"],
    &["status"],
    &["retry-failed"],
    &["log"],
    &["doctor"],
    &["completions"],
    &["man"],
];

/// The reference, which is made of the help texts.
const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli-reference.md");

/// Set to anything, it has the reference written instead of compared.
const RENEW: &str = "AUTOPROC_RENEW_REFERENCE";

#[test]
fn the_help_of_every_command_has_an_example() {
    let place = Place::new();
    for command in COMMANDS {
        let help = place.ask([command, &["--help"]].concat()).expect_code(0);
        let (_, examples) = help.out.split_once("Example").unwrap_or_else(|| panic!("{command:?} shows none"));
        let call = [&["autoproc"], command].concat().join(" ");
        assert!(examples.contains(&call), "no example calls {call:?}");
    }
}

#[test]
fn the_version_is_told() {
    let answer = Place::new().ask(["--version"]).expect_code(0);
    assert_eq!(answer.out, format!("autoproc {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_manual_page_is_written_for_every_command() {
    let place = Place::new();
    for command in COMMANDS {
        let page = place.ask([&["man"], command].concat()).expect_code(0);
        let name = [&["autoproc"], command].concat().join("-");
        assert!(page.out.contains(&format!(".TH {name} 1")), "{}", page.out);
        assert!(page.out.contains("Example"), "{name}");
    }
}

#[test]
fn completions_know_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = place.ask(["completions", shell]).expect_code(0);
        assert!(script.out.contains("retry-failed"), "{shell}");
        assert!(script.out.contains("project-dir"), "{shell}");
        assert!(!script.out.contains("torture-writer"), "{shell}");
    }
    assert!(!place.path(".claude").exists());
}

#[test]
fn the_reference_says_what_the_help_says() {
    let reference = reference();
    if env::var_os(RENEW).is_some() {
        fs::write(REFERENCE, &reference).expect("the reference");
    }
    let kept = fs::read_to_string(REFERENCE).unwrap_or_default();
    assert!(
        kept == reference,
        "docs/cli-reference.md is out of date; renew it with {RENEW}=1 cargo test -p autoproc-cli --test cli reference"
    );
}

fn reference() -> String {
    let place = Place::new();
    let mut text = String::from(
        "# Command line reference\n\nMade from the help texts by a test of `app-cli`; not to be edited.\n",
    );
    for command in COMMANDS {
        let help = place.ask([command, &["--help"]].concat()).expect_code(0);
        let name = [&["autoproc"], command].concat().join(" ");
        let lines = if command.is_empty() { help.out.clone() } else { without_global(&help.out) };
        let lines: Vec<_> = lines.lines().map(str::trim_end).collect();
        write!(text, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end()).expect("a string takes all");
    }
    text
}

/// What every command has is said once: the section goes, up to the next line that is not indented.
fn without_global(help: &str) -> String {
    let Some((before, section)) = help.split_once("Global options:\n") else { return help.to_owned() };
    let rest = section.lines().skip_while(|line| line.is_empty() || line.starts_with(' ')).collect::<Vec<_>>();
    format!("{before}{}", rest.join("\n"))
}

#[test]
fn colour_is_used_when_told_and_never_where_nobody_looks() {
    let place = Place::new();
    let plain = place.ask(["queue", "show", "x"]).expect_code(2);
    assert!(plain.err.starts_with("error: "), "{plain:?}");
    let told = place.ask(["--color", "always", "queue", "show", "x"]).expect_code(2);
    assert!(told.err.starts_with("\u{1b}["), "{told:?}");
    let forced = place.command(["queue", "show", "x"]).env("CLICOLOR_FORCE", "1").output().expect("the binary");
    assert!(forced.stderr.starts_with(b"\x1b["), "{forced:?}");
}

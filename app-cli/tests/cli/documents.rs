use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;

use crate::fixture::TempProject;

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli-reference.md");

/// If this variable is set, a test rewrites the CLI reference.
const RENEW: &str = "AUTOPROC_RENEW_REFERENCE";

struct Helped {
    words: Vec<String>,
    help: String,
}

impl Helped {
    fn all(project: &TempProject) -> Vec<Self> {
        let (mut all, mut open) = (Vec::new(), vec![Vec::new()]);
        while let Some(words) = open.pop() {
            let help = project.ask(words.iter().map(String::as_str).chain(["--help"])).expect_code(0).out;
            let below: Vec<_> = listed(&help).map(|word| [words.as_slice(), &[word.to_owned()]].concat()).collect();
            open.extend(below.into_iter().rev());
            all.push(Self { words, help });
        }
        // A command of the second level shows that both levels were parsed.
        assert!(all.iter().any(|helped| helped.words == ["workflow", "progress"]), "no commands are found in the help");
        all
    }

    fn name(&self, between: &str) -> String {
        ["autoproc"].into_iter().chain(self.words.iter().map(String::as_str)).collect::<Vec<_>>().join(between)
    }
}

fn listed(help: &str) -> impl Iterator<Item = &str> {
    let section = help.split_once("\nCommands:\n").map_or("", |(_, section)| section);
    let lines = section.lines().take_while(|line| !line.is_empty());
    // Skips continuation lines, which are indented more.
    let words = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next().filter(|word| !word.is_empty()));
    words.filter(|word| *word != "help")
}

#[test]
fn the_help_of_every_command_has_an_example() {
    for helped in Helped::all(&TempProject::new()) {
        let call = helped.name(" ");
        let (_, examples) = helped.help.split_once("Example").unwrap_or_else(|| panic!("{call:?} shows none"));
        assert!(examples.contains(&call), "no example calls {call:?}");
    }
}

#[test]
fn the_version_is_told() {
    let answer = TempProject::new().ask(["--version"]).expect_code(0);
    assert_eq!(answer.out, format!("autoproc {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_manual_page_is_written_for_every_command() {
    let project = TempProject::new();
    for helped in Helped::all(&project) {
        let page = project.ask(["man"].into_iter().chain(helped.words.iter().map(String::as_str))).expect_code(0);
        let name = helped.name("-");
        assert!(page.out.contains(&format!(".TH {name} 1")), "{}", page.out);
        assert!(page.out.contains("Example"), "{name}");
    }
}

#[test]
fn synopses_have_the_values_of_options() {
    let project = TempProject::new();
    let synopsis = |words: &[&str]| {
        let page = project.ask([&["man"], words].concat()).expect_code(0).out.replace('\\', "");
        let (_, section) = page.split_once(".SH SYNOPSIS\n").expect("a synopsis");
        section.split(".SH").next().unwrap_or_default().to_owned()
    };
    let list = synopsis(&["queue", "list"]);
    assert!(
        list.contains("[--status <STATUS>] [-n|--limit <N>]") && list.contains("[--project-dir <FOLDER>]"),
        "{list}"
    );
    let run = synopsis(&["run"]);
    assert!(run.contains("[--timeout <TIME|auto>]") && run.contains(" [OPTIONS] [FILES]... --shell STRING"), "{run}");
    let workflow = synopsis(&["workflow", "run"]);
    assert!(workflow.contains(" --file <FILE> <ID|PATH>") && !workflow.contains("[--file"), "{workflow}");
}

#[test]
fn all_manual_pages_are_written_to_a_folder() {
    let project = TempProject::new();
    let answer = project.ask(["man", "--dir", "share/man1"]).expect_code(0);
    let pages: BTreeSet<_> = Helped::all(&project).iter().map(|helped| format!("{}.1", helped.name("-"))).collect();
    assert_eq!(answer.out, format!("{} manual pages written to share/man1\n", pages.len()));
    let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name().into_string().expect("text");
    let written: BTreeSet<_> = fs::read_dir(project.path("share/man1")).expect("a folder").map(name).collect();
    assert_eq!(written, pages);
    assert_eq!(
        fs::read_to_string(project.path("share/man1/autoproc-queue-add.1")).expect("a page"),
        project.ask(["man", "queue", "add"]).expect_code(0).out
    );
    project.write("file", "");
    project.ask(["man", "--dir", "file"]).expect_error(73, "cannot write to file");
    project.ask(["man", "--dir", "x", "queue"]).expect_error(2, "cannot be used with");
}

/// The completion scripts of other shells call the program.
#[test]
fn fixed_completions_know_the_commands() {
    let project = TempProject::new();
    for shell in ["elvish", "powershell"] {
        let script = project.ask(["completions", shell]).expect_code(0);
        assert!(script.out.contains("retry-failed"), "{shell}");
        assert!(script.out.contains("project-dir"), "{shell}");
        assert!(!script.out.contains("torture-writer"), "{shell}");
    }
    assert!(!project.path(".claude").exists());
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
    let mut text = String::from(
        "# Command line reference\n\nMade from the help texts by a test of `app-cli`; not to be edited.\n",
    );
    for helped in Helped::all(&TempProject::new()) {
        let name = helped.name(" ");
        let lines = if helped.words.is_empty() { helped.help } else { without_global(&helped.help) };
        let lines: Vec<_> = lines.lines().map(str::trim_end).collect();
        write!(text, "\n## {name}\n\n```text\n{}\n```\n", lines.join("\n").trim_end()).expect("a string takes all");
    }
    text
}

fn without_global(help: &str) -> String {
    let Some((before, section)) = help.split_once("Global options:\n") else { return help.to_owned() };
    let rest = section.lines().skip_while(|line| line.is_empty() || line.starts_with(' ')).collect::<Vec<_>>();
    format!("{before}{}", rest.join("\n"))
}

#[test]
fn colour_is_used_when_told_and_never_where_nobody_looks() {
    let project = TempProject::new();
    let plain = project.ask(["queue", "show", "x"]).expect_code(2);
    assert!(plain.err.starts_with("error: "), "{plain:?}");
    let told = project.ask(["--color", "always", "queue", "show", "x"]).expect_code(2);
    assert!(told.err.starts_with("\u{1b}["), "{told:?}");
    let forced = project.command(["queue", "show", "x"]).env("CLICOLOR_FORCE", "1").output().expect("the binary");
    assert!(forced.stderr.starts_with(b"\x1b["), "{forced:?}");
}

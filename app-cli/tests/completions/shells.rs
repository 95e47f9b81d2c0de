use crate::fixture::TempProject;
use crate::session::{Session, Shell};

/// Each line to complete, and the expected arguments of autoproc.
const LINES: [(&str, &[&str]); 29] = [
    ("queue pri", &["queue", "prioritise"]),
    ("tort", &["tort"]),
    ("--proj", &["--project-dir"]),
    // Files of the queue.
    ("queue show my", &["queue", "show", "my file.pdf"]),
    (r"queue show my\ f", &["queue", "show", "my file.pdf"]),
    ("queue show 'my", &["queue", "show", "my file.pdf"]),
    ("queue remove it", &["queue", "remove", "it's.pdf"]),
    ("queue remove notes.txt \"it", &["queue", "remove", "notes.txt", "it's.pdf"]),
    ("queue prioritise say", &["queue", "prioritise", "say \"hi\".pdf"]),
    ("queue prioritise say\\ \\\"hi\\\".pdf n", &["queue", "prioritise", "say \"hi\".pdf", "n"]),
    ("log cost", &["log", "cost $5.pdf"]),
    ("log wo", &["log", "wow!.pdf"]),
    ("log \"wo", &["log", "wow!.pdf"]),
    ("log a:b", &["log", "a:b=c.pdf"]),
    ("log back", &["log", r"back\slash.pdf"]),
    ("log gr", &["log", "größe.pdf"]),
    ("log ./inb", &["log", "./inbox/one.pdf"]),
    ("retry-failed b", &["retry-failed", "broken.pdf"]),
    ("--project-dir other queue show ", &["--project-dir", "other", "queue", "show", "other/there.pdf"]),
    // Workflows.
    ("workflow show wf", &["workflow", "show", "wf-one"]),
    ("workflow check mi", &["workflow", "check", "mine.yaml"]),
    ("run --workflow=wf", &["run", "--workflow=wf-one"]),
    // Files and folders.
    ("queue add no", &["queue", "add", "notes.txt"]),
    ("--project-dir oth", &["--project-dir", "other"]),
    ("run --workflow-dir=oth", &["run", "--workflow-dir=other"]),
    // Other values.
    ("queue list --status fa", &["queue", "list", "--status", "failed"]),
    ("run --timeout n", &["run", "--timeout", "n"]),
    // A command.
    ("run -- autopr", &["run", "--", "autoproc"]),
    ("run -- cat no", &["run", "--", "cat", "notes.txt"]),
];

fn expect_completions(test: &str, shell: Shell) {
    let project = TempProject::with_queues();
    let Some(mut session) = Session::start(test, shell, &project) else { return };
    for (line, words) in LINES {
        assert_eq!(session.complete(line), words, "{line:?}; the screen shows {:?}", session.screen());
    }
    let at_home = session.home().join("at home.pdf").display().to_string();
    project.ask(["queue", "add", &at_home]);
    assert_eq!(session.complete("log ~/at"), ["log", &at_home], "the screen shows {:?}", session.screen());
    session.expect_list("queue list --status ", "processing");
}

#[test]
fn bash_completes() {
    expect_completions("bash_completes", Shell::Bash);
}

#[test]
fn zsh_completes() {
    expect_completions("zsh_completes", Shell::Zsh);
}

#[test]
fn fish_completes() {
    expect_completions("fish_completes", Shell::Fish);
}

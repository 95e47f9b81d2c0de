use serde_json::Value;

use crate::fixture::TempProject;

const COMMAND: &str = "case {/} in \
    a*) echo \"pdftool: {}: bad header at byte $$\" >&2; exit 3 ;; \
    b*) echo \"pdftool: {}: no space left\" >&2; exit 3 ;; \
    c*) exit 4 ;; \
    esac";

const BAD_HEADER: &str = "6dcc91a0";

fn after_run(files: &[&str]) -> TempProject {
    let project = TempProject::new();
    for name in files {
        project.write(format!("in/{name}"), "");
    }
    project.ask(["run", "-qq", "-r", "0", "in", "--shell", COMMAND]).expect_code(100);
    project
}

fn without_what_varies(project: &TempProject, text: &str) -> String {
    let text = text.replace(&project.path("in").display().to_string(), "IN");
    let is_time = |line: &str| line.starts_with("  latest attempts: 20");
    let shown = |line: &str| if is_time(line) { "  latest attempts: TIMES".to_owned() } else { line.to_owned() };
    text.lines().map(|line| shown(line) + "\n").collect()
}

#[test]
fn failed_files_are_grouped_by_reason() {
    let project = after_run(&["a1.pdf", "a2.pdf", "a3.pdf", "a4.pdf", "b1.pdf", "c1.pdf", "d1.pdf"]);
    let shown = project.ask(["failures"]).expect_code(0).out;
    assert_eq!(
        without_what_varies(&project, &shown),
        "\
6 files failed, for 3 reasons

6dcc91a0  4 files  exit status 3: pdftool: {}: bad header at byte {n}
  latest attempts: TIMES
  IN/a1.pdf
  IN/a2.pdf
  IN/a3.pdf
  and 1 more
  autoproc retry-failed --like 6dcc91a0
  autoproc log --like 6dcc91a0

91f9a275  1 file  exit status 3: pdftool: {}: no space left
  latest attempts: TIMES
  IN/b1.pdf
  autoproc retry-failed --like 91f9a275
  autoproc log --like 91f9a275

d622ae5f  1 file  exit status 4
  latest attempts: TIMES
  IN/c1.pdf
  autoproc retry-failed --like d622ae5f
  autoproc log --like d622ae5f
"
    );
}

#[test]
fn the_document_has_every_group() {
    let project = after_run(&["a1", "a2", "b1", "d1"]);
    let document = project.json(["failures"]);
    assert_eq!((&document["failed"], &document["ungrouped"], &document["since"]), (&3.into(), &0.into(), &Value::Null));
    let group = &document["groups"][0];
    assert_eq!((&group["signature"], &group["count"]), (&BAD_HEADER.into(), &2.into()));
    assert!(group["examples"][1]["file_path"].as_str().is_some_and(|path| path.ends_with("/in/a2")), "{document}");
    assert!(group["first_at"].as_str() <= group["last_at"].as_str(), "{document}");
}

#[test]
fn only_failures_since_a_time_are_shown() {
    let project = after_run(&["a1", "a2"]);
    assert!(
        project.ask(["failures", "--since", "1h"]).expect_code(0).out.starts_with("2 files failed, for 1 reason\n")
    );
    let later = project.ask(["failures", "--since", "2999-01-01"]).expect_code(0);
    assert_eq!(later.out, "");
    assert!(later.err.starts_with("no file has failed since 2999-01-01 00:00:00"), "{later:?}");
    project.ask(["failures", "--since", "soon"]).expect_error(2, "expected a time of day");
}

#[test]
fn without_failures_nothing_is_shown() {
    let project = TempProject::new();
    let missing = project.ask(["failures"]).expect_code(0);
    assert!(missing.out.is_empty() && missing.err.starts_with("there is no queue in "), "{missing:?}");
    assert!(!project.path(".claude").exists());
    let project = TempProject::with_queue(&["a"]);
    let none = project.ask(["failures"]).expect_code(0);
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", "no file has failed\n"));
    project.ask(["retry-failed", "--like", BAD_HEADER]).expect_error(2, "no failed file has the signature 6dcc91a0");
}

#[test]
fn a_file_that_waits_for_its_retry_has_not_failed_for_good() {
    let project = TempProject::with_queue(&["a", "b"]);
    project.ask(["run", "-q", "--no-wait", "--backoff-base", "1h", "--shell", "test {/} = b"]).expect_code(75);
    let none = project.ask(["failures"]).expect_code(0);
    let expected = "no file has failed for good; 1 file waits for a retry: autoproc status\n";
    assert_eq!((none.out.as_str(), none.err.as_str()), ("", expected));
    let later = project.ask(["failures", "--since", "2999-01-01"]).expect_code(0);
    assert!(later.err.starts_with("no file has failed since 2999-01-01 00:00:00"), "{later:?}");
}

/// In help texts, clap replaces `{n}` by a line break.
#[test]
fn the_help_names_the_placeholder_of_a_number() {
    let project = TempProject::new();
    for words in [&["failures", "--help"][..], &["man", "failures"]] {
        let text = project.ask(words).expect_code(0).out.replace('\\', "");
        assert!(text.contains("{//} for its folder; {n}, {hex}"), "{text}");
    }
}

#[test]
fn the_files_of_one_reason_are_retried() {
    let project = after_run(&["a1", "a2", "b1", "c1"]);
    let retried = project.ask(["retry-failed", "--like", BAD_HEADER]).expect_code(0);
    assert_eq!(retried.out, "2 files requeued\n");
    let status = ["a1", "a2", "b1", "c1"].map(|name| project.status_of(&format!("in/{name}")));
    assert_eq!(status, ["pending", "pending", "failed", "failed"]);
}

#[test]
fn the_log_of_the_latest_failure_is_shown() {
    let project = after_run(&["a1", "a2", "b1"]);
    project.ask(["retry-failed", "in/a1"]).expect_code(0);
    project.ask(["run", "-qq", "-r", "0", "--shell", COMMAND]).expect_code(100);
    let log = project.ask(["log", "--like", BAD_HEADER]).expect_code(0);
    assert!(log.out.starts_with("pdftool: ") && log.out.contains("/in/a1: bad header at byte "), "{log:?}");
    assert!(log.err.starts_with("the latest of 2 files: ") && log.err.ends_with("/in/a1\n"), "{log:?}");
    assert_eq!(project.json(["log", "--like", BAD_HEADER])["attempts"].as_array().map(Vec::len), Some(2));
}

#[test]
fn an_unknown_signature_changes_nothing_and_names_the_known_ones() {
    let project = after_run(&["a1", "a2", "b1"]);
    let before = project.bytes();
    for command in ["retry-failed", "log"] {
        let error =
            project.ask([command, "--like", "00000000"]).expect_error(2, "no failed file has the signature 00000000");
        assert!(
            error.err.contains("hint: `autoproc failures` shows those that exist: 6dcc91a0 (2 files), "),
            "{error:?}"
        );
        let error = project.ask([command, "--like", "a1"]).expect_error(2, "8 hexadecimal digits");
        assert!(error.err.contains("`autoproc failures`"), "{error:?}");
        project.ask([command, "--like", BAD_HEADER, "in/a1"]).expect_error(2, "cannot be used with");
    }
    project.ask(["log"]).expect_error(2, "required");
    assert!(project.bytes() == before);
}

#[test]
fn what_a_program_printed_steers_no_terminal() {
    let project = TempProject::with_queue(&["a"]);
    project
        .ask(["run", "-qq", "-r", "0", "--shell", "printf 'bad \\342\\200\\256 \\033[2Jpage {/}' >&2; exit 1"])
        .expect_code(100);
    let shown = project.ask(["failures"]).expect_code(0).out;
    assert!(
        shown.contains("exit status 1: bad \\u{202e} page ") && !shown.contains(['\u{1b}', '\u{202e}']),
        "{shown:?}"
    );
}

#[test]
fn many_failures_are_reported_by_reason() {
    let project = TempProject::new();
    for name in ["a1", "a2", "a3", "a4", "b1", "c1"] {
        project.write(format!("in/{name}"), "");
    }
    let run = project.ask(["run", "-r", "0", "in", "--shell", COMMAND]).expect_code(100).out;
    let report = project.ask(["report"]).expect_code(0).out;
    for text in [&run, &report] {
        let (_, failed) = text.split_once("\nfailed:\n").expect("the failures");
        let lines: Vec<_> = failed.lines().step_by(2).take(3).collect();
        assert_eq!(lines[0], "  4 files  exit status 3: pdftool: {}: bad header at byte {n}", "{text}");
        assert!(
            failed.lines().nth(1).is_some_and(|line| line.starts_with("    for example /") && line.ends_with("/in/a1"))
        );
        assert!(lines[1..].iter().all(|line| line.starts_with("  1 file  exit status ")), "{text}");
    }
    assert!(
        run.contains("\n`autoproc failures` shows examples for each reason, and how to retry its files\n"),
        "{run}"
    );
    assert!(report.ends_with("\n  autoproc failures\n  autoproc retry-failed\n"), "{report}");
    let status = project.ask(["status"]).expect_code(0).out;
    assert!(
        status.ends_with(
            "\n  4 of 6 for the same reason (`autoproc failures` shows all): exit status 3: pdftool: {}: bad header at byte {n}\n"
        ),
        "{status}"
    );
    for command in ["report", "status"] {
        assert_eq!(project.json([command])["failure_groups"][0]["signature"], BAD_HEADER);
    }
}

#[test]
fn few_failures_are_reported_one_by_one() {
    let project = TempProject::new();
    for name in ["a1", "a2", "a3", "a4", "b1"] {
        project.write(format!("in/{name}"), "");
    }
    let run = project.ask(["run", "-r", "0", "in", "--shell", COMMAND]).expect_code(100).out;
    let report = project.ask(["report"]).expect_code(0).out;
    for text in [&run, &report] {
        assert_eq!(text.matches(": bad header at byte ").count(), 4, "{text}");
        assert!(!text.contains("autoproc failures"), "{text}");
    }
    assert!(!project.ask(["status"]).expect_code(0).out.contains("for one reason"));
}

#[test]
fn a_run_counts_reasons_beyond_the_largest() {
    let project = TempProject::new();
    for number in 0..14 {
        project.write(format!("in/{number}"), "");
    }
    // Two files fail for each of seven reasons.
    let run =
        project.ask(["run", "-r", "0", "in", "--shell", "number={/}; exit $((1 + number % 7))"]).expect_code(100).out;
    let (_, failed) = run.split_once("\nfailed:\n").expect("the failures");
    assert_eq!(failed.matches("  2 files  exit status ").count(), 5, "{run}");
    assert!(failed.contains("\n  and 4 files with other reasons\n"), "{run}");
}

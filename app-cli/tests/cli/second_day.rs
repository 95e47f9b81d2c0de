use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::fixture::{TempProject, end_of, wait_until};
use crate::stop::{begun, signal, wait_until_heard};

fn with_others(others: usize) -> TempProject {
    let project = TempProject::new();
    for number in 1..=12 {
        project.write(format!("in/{number:02}"), "");
    }
    for number in 0..others {
        project.write(format!("others/{number}"), "");
    }
    if others > 0 {
        project.ask(["queue", "add", "others", "-p", "9"]).expect_code(0);
    }
    project
}

fn result(project: &TempProject, words: &[&str]) -> Value {
    project.ask(["--json"].iter().chain(words)).expect_code(0).json()
}

#[test]
fn a_folder_that_is_named_again_is_not_done_again() {
    let project = with_others(0);
    project.ask(["run", "-q", "in", "--", "true"]).expect_code(0);
    let again = project.ask(["run", "in", "--", "true"]).expect_code(0);
    assert!(again.err.contains("0 files added, 12 already completed\n"), "{again:?}");
    assert!(again.out.starts_with("processed 0, "), "{again:?}");
    // The same command processes only a changed file and a new file; another command processes all
    // files.
    project.write("in/01", "more than nothing");
    project.write("in/13", "");
    let third = result(&project, &["run", "-q", "in", "--", "true"]);
    assert_eq!((&third["processed"], &third["remaining"]), (&2.into(), &0.into()));
    let other = result(&project, &["run", "-q", "in", "--", "test", "-e"]);
    assert_eq!(other["processed"], 13);
    let same = result(&project, &["run", "-q", "in", "--", "test", "-e", "{}"]);
    assert_eq!(same["processed"], 0, "the file is the last argument in both forms");
    let back = project.ask(["run", "in", "--", "true"]).expect_code(0);
    assert!(back.err.contains("0 files added, 13 added again (completed by a different command)\n"), "{back:?}");
    let added = project.json(["queue", "add", "in"]);
    assert_eq!((&added["already_completed"], &added["added"]), (&13.into(), &0.into()));
    assert_eq!(added["files"][0]["outcome"], "already_completed");
    assert_eq!(project.json(["queue", "add", "in", "--again"])["repeated"], 13);
}

#[test]
fn a_file_that_changed_while_it_was_processed_counts_as_changed() {
    let project = TempProject::new();
    project.write("in/a", "");
    for _ in 0..2 {
        let run = result(&project, &["run", "-q", "in", "--shell", "echo more >>{}"]);
        assert_eq!(run["processed"], 1);
    }
    assert_eq!(project.json(["queue", "add", "in"])["changed"], 1);
}

#[test]
fn a_command_that_edits_its_file_in_place_does_so_once() {
    let project = TempProject::new();
    project.write("in/a", "");
    let edit = ["run", "in", "--in-place", "--shell", "echo more >>{}"];
    for (processed, added) in [(1, "1 file added"), (0, "0 files added, 1 already completed")] {
        let run = project.ask(edit).expect_code(0);
        assert!(run.err.contains(added) && !run.out.contains("changed"), "{processed}: {run:?}");
    }
    assert_eq!(fs::read_to_string(project.path("in/a")).expect("a file"), "more\n");
    project.write("in/a", "new words");
    assert_eq!(result(&project, &edit)["processed"], 1, "another program has changed the file");
}

const APPEND: &str = "case {/} in b) ;; *) echo more >>{} ;; esac";

#[test]
fn a_change_during_an_attempt_is_a_fact_of_the_history() {
    let project = TempProject::new();
    for name in ["in/a", "in/b", "in/c"] {
        project.write(name, "");
    }
    let run = project.ask(["run", "-j1", "in", "--shell", APPEND]).expect_code(0);
    let line = "2 files changed while they were processed; the same command processes them again (see --in-place)";
    assert!(run.out.contains(&format!("\n{line}\n")) && !run.err.contains("changed"), "{run:?}");
    let log = fs::read_to_string(project.path("logs/autonomous-processing.jsonl")).expect("a log");
    assert_eq!(log.matches(r#""input_changed":true"#).count(), 2, "{log}");
    for (name, has_changed) in [("in/a", true), ("in/b", false)] {
        let shown = project.ask(["queue", "show", name]).expect_code(0).out;
        assert_eq!(shown.contains(", the file changed while it was processed\n"), has_changed, "{shown}");
        assert_eq!(project.json(["queue", "show", name])["history"][0]["input_changed"], has_changed);
    }
    let report = project.ask(["report"]).expect_code(0).out;
    let first = project.path("in/a").display().to_string();
    let line = "2 files changed while they were processed; a run that names them processes them again (see --in-place)";
    assert!(report.contains(&format!("\n{line}: {first} and 1 more\n")), "{report}");
    let report = project.json(["report"]);
    assert_eq!((&report["changed_files"], &report["first_changed"]["file_path"]), (&2.into(), &first.into()));
    let again = result(&project, &["run", "-q", "in", "--shell", APPEND]);
    assert_eq!((&again["processed"], &again["changed_files"]), (&2.into(), &2.into()));
}

#[test]
fn a_change_during_a_failed_attempt_is_in_the_history_only() {
    let project = TempProject::new();
    project.write("in/a", "");
    let run = project.ask(["run", "-r", "0", "in", "--shell", "echo more >>{}; exit 3"]).expect_code(100);
    assert!(!run.out.contains("changed"), "{run:?}");
    let shown = project.ask(["queue", "show", "in/a"]).expect_code(0).out;
    assert!(shown.contains(", the file changed while it was processed: exit status 3\n"), "{shown}");
    let report = project.json(["report"]);
    assert_eq!((&report["changed_files"], &report["first_changed"]), (&0.into(), &Value::Null));
    assert!(!project.ask(["report"]).expect_code(0).out.contains("changed"));
}

#[test]
fn a_failed_file_gets_another_round_and_its_first_one_stays_known() {
    let project = TempProject::new();
    project.write("in/a", "");
    project.ask(["run", "-qq", "-r", "0", "in", "--shell", "echo first; exit 3"]).expect_code(100);
    let again = project.ask(["run", "in", "--shell", "echo second"]).expect_code(0);
    assert!(again.err.contains("0 files added, 1 added again (failed earlier)\n"), "{again:?}");
    let shown = project.ask(["queue", "show", "in/a"]).expect_code(0).out;
    assert!(shown.contains("1 of round 1") && shown.contains("1 of round 2"), "{shown}");
    assert_eq!(project.ask(["log", "in/a", "--round", "1", "--attempt", "1"]).expect_code(0).out, "first\n");
}

#[test]
fn a_run_with_files_touches_no_others() {
    let project = with_others(65);
    let run = project.ask(["run", "in", "--", "true"]).expect_code(0);
    assert!(run.err.contains("65 others wait"), "{run:?}");
    assert!(run.out.starts_with("processed 12, failed 0, retried 0, 0 pending"), "{run:?}");
    assert_eq!(project.ask(["queue", "size"]).out, "65\n");
    let all = result(&project, &["run", "-q", "in", "--all", "--", "true"]);
    assert_eq!(all["processed"], 65);
}

#[test]
fn a_run_that_was_stopped_continues_where_it_was() {
    let project = with_others(0);
    let run = project.start([
        "run",
        "in",
        "--shell",
        "test -e {//}/../go || sleep 0.1; case {/} in 08) touch {//}/../go ;; esac",
    ]);
    wait_until("eight are done", || project.json(["status"])["counts"]["completed"].as_u64() >= Some(3));
    project.ask(["stop"]).expect_code(0);
    end_of(run).expect_code(75);
    let done = project.json(["status"])["counts"]["completed"].as_u64().expect("a count");
    assert!((3..12).contains(&done), "{done}");
    let rest = project.json_of(
        0,
        ["run", "-q", "in", "--shell", "test -e {//}/../go || sleep 0.1; case {/} in 08) touch {//}/../go ;; esac"],
    );
    assert_eq!(rest["processed"], 12 - done);
}

/// If the exit code were 0, a line such as `autoproc run in -- COMMAND && rm -r in` would lose
/// files.
#[test]
fn nothing_follows_a_run_that_left_files() {
    let project = with_others(0);
    let command = |words: &[&str]| project.ask([&["run", "-qq", "in"], words].concat()).code;
    assert_eq!(command(&["-r", "0", "--pause-on-same", "0", "--", "false"]), 100);
    assert_eq!(command(&["--no-wait", "--backoff-base", "1h", "--", "false"]), 75);
}

#[test]
fn a_signal_ends_the_loop_around_a_run() {
    let project = with_others(0);
    let binary = env!("CARGO_BIN_EXE_autoproc");
    let line = format!(
        "for i in 1 2 3; do echo round >> rounds; '{binary}' run in -qq --again -- sh -c 'touch begun; sleep 0.3'; done"
    );
    // The tests may be a background job of a script, which ignores SIGINT.
    let mut shell = project.program("env");
    shell.args(["--default-signal=INT", "setsid", "bash", "-c", &line]);
    let mut shell = shell.spawn().expect("setsid");
    wait_until("the first file is begun", || project.path("begun").exists());
    // Ctrl-C sends SIGINT to the shell and to the run.
    let sent = Command::new("kill").args(["-INT", "--", &format!("-{}", shell.id())]).status().expect("kill(1)");
    assert!(sent.success());
    shell.wait().expect("it ends");
    assert_eq!(fs::read_to_string(project.path("rounds")).expect("the rounds"), "round\n");
}

#[test]
fn a_wrong_folder_is_named_and_stays_empty() {
    let project = TempProject::new();
    project.write("a", "");
    for words in [&["run", "--", "true"][..], &["stop"], &["stop", "--now"], &["retry-failed"]] {
        project.ask(words.iter().copied()).expect_error(2, "there is no queue in ");
    }
    let status = project.ask(["status"]).expect_code(0);
    assert!(status.out.starts_with("there is no queue in "), "{status:?}");
    assert_eq!(project.ask(["queue", "size"]).expect_code(0).out, "0\n");
    assert!(!project.path(".claude").exists() && !project.path("logs").exists());
    project.ask(["queue", "add", "a"]).expect_code(0);
    fs::create_dir(project.path("below")).expect("a folder");
    let mut below = project.command(["queue", "prioritise", "../a", "3"]);
    let said = below.current_dir(project.path("below")).output().expect("the binary");
    assert!(String::from_utf8_lossy(&said.stderr).starts_with("queue of "), "{said:?}");
    for words in
        [&["status"][..], &["queue", "prioritise", "a", "1"], &["queue", "add", "a"], &["stop"], &["retry-failed"]]
    {
        let named = project.json(words.iter().copied())["project_dir"].clone();
        assert_eq!(
            project.path("").join(named.as_str().expect("a path")),
            project.path("").join(named.as_str().expect("one"))
        );
        assert!(named.as_str().is_some_and(|named| project.path("a").starts_with(named)), "{words:?}: {named}");
    }
}

#[test]
fn one_file_is_cancelled_and_its_run_continues() {
    let project = TempProject::with_queue(&["a", "b", "c"]);
    let run = begun(&project, &[]);
    assert_eq!(project.ask(["cancel", "b"]).expect_code(0).out, "1 file cancelled\n");
    assert_eq!(project.ask(["cancel", "a"]).expect_code(0).out, "1 attempt will be ended\n");
    wait_until("it has ended", || project.status_of("a") == "failed");
    project.write("go", "");
    end_of(run).expect_code(100);
    assert_eq!(project.json(["queue", "show", "a"])["last_error"], "cancelled");
    assert_eq!((project.status_of("b"), project.status_of("c")), ("failed".into(), "completed".into()));
    project.ask(["cancel", "c"]).expect_error(2, "c");
}

#[test]
fn a_file_is_set_aside_and_let_go() {
    let project = TempProject::with_queue(&["a", "b"]);
    assert_eq!(project.ask(["queue", "hold", "a"]).expect_code(0).out, "1 file held\n");
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    assert_eq!((project.status_of("a"), project.status_of("b")), ("pending".into(), "completed".into()));
    project.ask(["run", "-q", "a", "--", "true"]).expect_code(75);
    assert_eq!(project.json(["queue", "unhold", "a"])["changed"], 1);
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    assert_eq!(project.status_of("a"), "completed");
    project.ask(["queue", "hold", "a"]).expect_error(2, "completed");
}

#[test]
fn failures_are_repeated_at_the_end_and_in_the_status() {
    let project = with_others(0);
    let command = "case {/} in 0*) echo 'no such page' >&2; exit 3 ;; esac";
    let run = project.ask(["run", "in", "-r", "0", "--pause-on-same", "0", "--shell", command]).expect_code(100);
    let (_, repeated) = run.out.split_once("\nfailed:\n").expect("the failures");
    assert!(repeated.starts_with("  9 files  exit status 3: no such page\n    for example "), "{run:?}");
    assert!(repeated.contains("`autoproc retry-failed` gives the failed files another round"), "{run:?}");
    let status = project.ask(["status"]).expect_code(0).out;
    let (_, named) = status.split_once("\nfailed:\n").expect("the failures");
    assert!(named.contains("/in/01  exit status 3: no such page\n"), "{status}");
    // cron(8) mails everything that a quiet run prints.
    let quiet =
        project.ask(["run", "in", "-q", "-r", "0", "--pause-on-same", "0", "--shell", command]).expect_code(100);
    assert!(quiet.out.is_empty() && quiet.err.lines().all(|line| line[8..].starts_with(" failed ")), "{quiet:?}");
    let silent =
        project.ask(["run", "in", "-qq", "-r", "0", "--pause-on-same", "0", "--shell", command]).expect_code(100);
    assert!(silent.out.is_empty() && silent.err.is_empty(), "{silent:?}");
}

#[test]
fn a_run_whose_files_were_cancelled_is_no_success() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &[]);
    project.ask(["cancel", "b"]).expect_code(0);
    project.write("go", "");
    let over = end_of(run).expect_code(100);
    assert!(over.out.starts_with("processed 1, failed 0"), "{over:?}");
}

#[test]
fn results_next_to_their_inputs_are_noticed() {
    let project = with_others(0);
    project.ask(["run", "-qq", "in", "--shell", "cp {} {}.txt; cp {} {.}.out"]).expect_code(0);
    let again = project.ask(["run", "-q", "in", "--", "true"]).expect_code(0);
    assert!(!again.err.contains("results"), "another command: {again:?}");
    let project = with_others(0);
    project.ask(["run", "-qq", "in", "--", "cp", "{}", "{.}.out"]).expect_code(0);
    let again = project.ask(["run", "-q", "--pause-on-same", "0", "in", "--", "cp", "{}", "{.}.out"]);
    assert!(again.err.contains("12 of the new files differ from completed files only in their extension"), "{again:?}");
}

#[test]
fn what_is_probably_a_slip_is_said() {
    let project = with_others(0);
    let hint = project.ask(["run", "--", "wc", "in/01"]).expect_error(2, "there is no queue").err;
    assert!(hint.contains("files stand before `--`, as in: autoproc run in/01 -- COMMAND"), "{hint}");
    fs::create_dir(project.path("empty")).expect("a folder");
    let empty = project.ask(["run", "-qq", "empty", "--", "true"]).expect_code(0);
    assert!(empty.err.contains("warning: no files were found"), "{empty:?}");
    project.ask(["queue", "add", "in/02"]).expect_code(0);
    project.ask(["queue", "clear"]).expect_code(0);
    let misplaced = project.ask(["run", "--", "wc", "in/01"]).expect_code(0);
    assert!(misplaced.err.contains("the command gets in/01 as an argument"), "{misplaced:?}");
    project.write("conv.sh", "#!/bin/sh\n");
    let script = project.ask(["run", "in", "--", "./conv.sh"]).expect_error(2, "./conv.sh cannot be executed").err;
    assert!(script.contains("hint: chmod +x ./conv.sh"), "{script}");
    project.write("my tools/conv", "");
    let script =
        project.ask(["run", "in", "--", "my tools/conv"]).expect_error(2, "my tools/conv cannot be executed").err;
    assert!(script.contains("hint: chmod +x 'my tools/conv'\n"), "{script}");
    let found = project.command(["run", "-q", "in", "--include", "0*", "--", "true"]).env_remove("PATH").output();
    assert!(found.expect("the binary").status.success(), "execvp(3) searches /bin and /usr/bin");
    let quiet = project.ask(["run", "-q", "in", "--include", "0*", "--", "true"]).expect_code(0);
    assert!(quiet.err.is_empty(), "{quiet:?}");
}

#[test]
fn other_codes_can_mean_success() {
    let project = TempProject::with_queue(&["a"]);
    let run = project.ask(["run", "--ok-exit", "4,6", "--", "sh", "-c", ": {}; exit 6"]).expect_code(0);
    assert!(run.out.starts_with("processed 1, failed 0"), "{run:?}");
    assert_eq!(project.status_of("a"), "completed");
    project
        .ask(["run", "-qq", "a", "--again", "-r", "0", "--ok-exit", "4", "--", "sh", "-c", ": {}; exit 6"])
        .expect_code(100);
}

#[test]
fn the_words_of_a_shell_are_no_arguments() {
    let project = TempProject::with_queue(&["a"]);
    for operator in ["|", ">", "&&", ";"] {
        let refused = project.ask(["run", "--", "wc", "{}", operator, "out"]);
        refused.expect_error(2, "has a meaning only in a shell");
    }
    project.ask(["run", "-q", "--", "find", "{}", "-exec", "true", ";"]).expect_code(0);
}

#[test]
fn a_stop_that_stands_is_shown() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &[]);
    project.ask(["stop"]).expect_code(0);
    let status = project.ask(["status"]).expect_code(0).out;
    assert!(status.contains("a stop has been requested since "), "{status}");
    assert_eq!(project.json(["status"])["stop"]["level"], "draining");
    wait_until_heard(&project);
    signal(&run, "INT");
    project.write("go", "");
    end_of(run).expect_code(75);
    assert!(project.json(["status"])["stop"].is_null());
}

#[test]
fn a_stop_request_without_a_run_is_discarded_by_the_next_run() {
    let project = TempProject::with_queue(&["a"]);
    fs::write(project.state("STOP-AUTONOMOUS"), "").expect("written");
    let status = project.ask(["status"]).expect_code(0).out;
    assert!(status.contains("; the next run discards the request\n"), "{status}");
    project.ask(["run", "-q", "--", "true"]).expect_code(0);
    assert_eq!(project.status_of("a"), "completed");
    assert!(!project.state("STOP-AUTONOMOUS").exists());
}

#[test]
fn a_report_shows_both_nights() {
    let project = TempProject::new();
    for number in 1..=60 {
        project.write(format!("scans/{number:02}.png"), "");
    }
    let command = "case {/} in 0[123].png) echo 'no such page' >&2; exit 3 ;; 04.png) sleep 600 ;; esac; touch {.}.txt";
    let night = ["run", "-q", "-j4", "-r", "0", "--timeout", "3", "scans", "--include", "*.png", "--shell", command];
    let first = project.json_of(100, night);
    assert_eq!((&first["processed"], &first["failed"]), (&56.into(), &4.into()));
    let results = fs::read_dir(project.path("scans")).expect("a folder").count() - 60;
    assert_eq!(results, 56);

    for number in 61..=65 {
        project.write(format!("scans/{number}.png"), "");
    }
    let loud = night.iter().filter(|word| **word != "-q");
    let second = project.ask(loud).expect_code(100);
    assert!(second.err.contains("5 files added, 4 added again (failed earlier), 56 already completed\n"), "{second:?}");
    assert!(second.out.starts_with("processed 5, failed 4, retried 0, 0 pending"), "{second:?}");

    let runs = project.json(["runs"])["runs"].clone();
    let figures = |run: &Value| [&run["processed"], &run["failed"], &run["retried"]].map(Value::as_u64);
    assert_eq!(figures(&runs[0]), [56, 4, 0].map(Some));
    assert_eq!(figures(&runs[1]), [5, 4, 0].map(Some));
    let both = project.ask(["report", "--since", "12h"]).expect_code(0).out;
    for words in [
        "\n  56 completed, 4 failed, 0 retried\n",
        "\n  5 completed, 4 failed, 0 retried\n",
        "\n2 runs together: 61 completed, 8 failed, 0 retried\n",
        "/scans/01.png  exit status 3: no such page\n",
        "/scans/04.png  timed out after 3 s\n",
        "\nnow: 0 files pending, 0 processing\n",
        "\n  autoproc retry-failed\n",
    ] {
        assert!(both.contains(words), "no {words:?} in {both}");
    }
    let report = project.json(["report", "--since", "12h"]);
    assert_eq!((&report["failed_files"], report["failures"].as_array().map(Vec::len)), (&4.into(), Some(4)));
    assert_eq!(report["failures"][0]["round"], 2);
    assert_eq!(project.json(["report"])["processed"], 5, "the last run");

    let shown = project.ask(["queue", "show", "scans/01.png"]).expect_code(0).out;
    assert!(shown.contains("\n  1 of round 1  ") && shown.contains("\n  1 of round 2  "), "{shown}");
}

#[test]
fn an_error_of_an_earlier_round_is_not_the_state_of_a_waiting_file() {
    let project = TempProject::with_queue(&["a"]);
    project.ask(["run", "-r0", "--", "false"]).expect_code(100);
    assert!(project.ask(["queue", "list"]).expect_code(0).out.contains("exit status 1"));
    project.ask(["run", "a", "--", "true"]).expect_code(0);
    project.ask(["queue", "add", "a", "--again"]).expect_code(0);
    for words in [&["queue", "list"][..], &["status"]] {
        let shown = project.ask(words).expect_code(0);
        assert!(!shown.out.contains("exit status 1"), "{shown:?}");
    }
    assert!(project.ask(["queue", "show", "a"]).expect_code(0).out.contains("last error   exit status 1"));
}

#[test]
fn a_run_names_files_that_were_cancelled_while_they_waited() {
    let project = TempProject::with_files(&["a", "b"]);
    let run = project.start(["run", "a", "b", "-r2", "--backoff-base", "600", "--", "false"]);
    wait_until("both files wait", || {
        project.items().iter().filter(|item| item["status"] == "pending" && item["attempts"] == 1).count() == 2
    });
    project.ask(["cancel", "a", "b"]).expect_code(0);
    let over = end_of(run).expect_code(100);
    assert!(over.out.contains("\nmeanwhile, 2 files cancelled, or failed in another run\n"), "{over:?}");
}

/// This day lies partly beyond the latest time that autoproc knows.
#[test]
fn the_last_day_of_the_year_9999_is_in_the_future() {
    let project = TempProject::with_files(&["a"]);
    project.ask(["run", "a", "-qq", "--until", "9999-12-31", "--", "true"]).expect_code(0);
    for words in [&["runs", "--since"][..], &["report", "--since"]] {
        let found = project.json(words.iter().chain(&["9999-12-31"]));
        assert_eq!(found["runs"].as_array().map(Vec::len), Some(0), "{words:?}");
    }
    let failures = project.ask(["failures", "--since", "9999-12-31"]).expect_code(0);
    assert!(failures.err.contains("no file has failed since 9999-"), "{failures:?}");
    let added = project.ask(["queue", "add", ".", "--again", "--newer-than", "9999-12-31"]).expect_code(0);
    assert_eq!(added.out, "0 files added\n");
}

#[test]
fn the_time_after_which_no_run_was_found_is_named() {
    let project = TempProject::with_files(&["a"]);
    project.ask(["run", "a", "-qq", "--", "true"]).expect_code(0);
    let answer = project.ask(["runs", "--since", "2099-01-01"]).expect_code(0);
    assert_eq!((answer.out.as_str(), answer.err.as_str()), ("", "no runs are recorded since 2099-01-01 00:00:00\n"));
}

use crate::fixture::TempProject;

const SCREEN: usize = 40;

#[test]
fn short_forms_do_what_the_long_ones_do() {
    let project = TempProject::with_queue(&["a", "b"]);
    let listed = project.ask(["queue", "list"]).expect_code(0).out;
    for words in [&["list"][..], &["ls"], &["queue", "ls"]] {
        assert_eq!(project.ask(words.iter().copied()).expect_code(0).out, listed, "{words:?}");
    }
    assert!(project.ask(["add", "c", "7"]).expect_code(0).out.starts_with("added "));
    assert_eq!(project.ask(["rm", "c"]).expect_code(0).out, "1 file removed\n");
    assert_eq!(project.ask(["queue", "rm", "b"]).expect_code(0).out, "1 file removed\n");
    assert_eq!(project.ask(["retry"]).expect_code(0).out, "0 files requeued\n");
    project.ask(["run", "-q", "--", "echo"]).expect_code(0);
    assert!(project.ask(["logs", "a"]).expect_code(0).out.ends_with("/a\n"));
    assert_eq!(project.ask(["clear"]).expect_code(0).out, "1 file cleared: 1 completed\n");
    assert_eq!(project.ask(["version"]).out, project.ask(["--version"]).out);
}

#[test]
fn words_of_other_programs_get_a_hint_that_works() {
    let project = TempProject::new();
    project.write("scans/a", "");
    for words in [
        &["scans"][..],
        &["init"],
        &["wait"],
        &["ps"],
        &["suspend"],
        &["continue"],
        &["drain"],
        &["kill"],
        &["watch"],
        &["skip", "a"],
        &["peek"],
        &["summary"],
        &["failed"],
        &["run", "--resume", "--", "true"],
        &["run", "--retry", "3", "--", "true"],
        &["run", "-n", "--", "true"],
        &["run", "--parallel=3", "--", "true"],
        &["run", "-P4", "--", "true"],
        &["run", "-k", "--", "true"],
        &["run", "-n1", "--", "true"],
        &["run", "-I{}", "--", "true"],
        &["run", "-L", "1", "--", "true"],
        &["run", "-a", "list", "--", "true"],
        &["run", "--bar", "--", "true"],
        &["run", "--notify", "x", "--", "true"],
        &["run", "--results", "x", "--", "true"],
        &["run", "--tag", "--", "true"],
        &["run", "--delay", "1", "--", "true"],
        &["run", "--load", "5", "--", "true"],
        &["retry-failed", "--all"],
        &["rm", "-rf", "a"],
        &["ls", "-l"],
        &["queue", "list", "--failed"],
        &["log", "--tail", "a"],
        &["stop", "--force"],
        &["add", "--group", "x", "a"],
        &["clean"],
        &["stash", "a"],
        &["parallel", "4"],
        &["queue", "status"],
        &["cat", "scans/a"],
        &["status", "--verbose"],
        &["status", "-C", "x"],
    ] {
        let error = project.ask(words.iter().copied()).expect_code(2).err;
        let hint = error.lines().find_map(|line| line.trim().strip_prefix("tip: "));
        let hint = hint.unwrap_or_else(|| panic!("no hint for {words:?}: {error}"));
        assert!(!hint.contains("similar"), "{words:?}: {hint}");
        for call in hint.split('`').filter_map(|quoted| quoted.strip_prefix("autoproc ")) {
            let command: Vec<_> =
                call.split(' ').take_while(|word| word.chars().all(|c| c.is_ascii_lowercase())).collect();
            project.ask(command.iter().copied().chain(["--help"])).expect_code(0);
        }
    }
    assert!(!project.path(".claude").exists());
}

/// A shell pattern may expand to names with control characters.
#[test]
fn an_argument_in_a_usage_error_steers_no_terminal() {
    let project = TempProject::new();
    for words in [
        &["queue", "add", "--\u{1b}]0;title\u{7}"][..],
        &["\u{1b}[2J"],
        &["run", "-j", "\u{9b}5A", "--", "true"],
        &["queue", "list", "--status", "\u{202e}x"],
        &["queue", "add", "a", "b\u{1b}[1m"],
        &["run", "--include", "[\u{1b}[1m", "a", "--", "true"],
        &["run", "--max-fail", "\u{1b}[1m", "--", "true"],
    ] {
        let error = project.ask(words.iter().copied()).expect_code(2).err;
        assert!(!error.contains(['\u{1b}', '\u{9b}', '\u{7}', '\u{202e}']), "{error:?}");
    }
    project.write("invoice\u{202e}fdp.exe", "");
    let added = project.ask(["queue", "add", "invoice\u{202e}fdp.exe"]).expect_code(0);
    let all = added.out + &project.ask(["queue", "list"]).out + &project.ask(["queue", "show", "1"]).out;
    assert!(all.contains("invoice\\u{202e}fdp.exe") && !all.contains('\u{202e}'), "{all:?}");
}

#[test]
fn a_slip_is_recognised_and_nothing_else_is_proposed() {
    let project = TempProject::new();
    for (slip, meant) in [("statsu", "status"), ("qeue", "queue"), ("doctr", "doctor")] {
        let error = project.ask([slip]).expect_code(2).err;
        assert!(error.contains(&format!("similar subcommand exists: '{meant}'")), "{error}");
    }
    for words in [&["reportage"][..], &["frobnicate"], &["status", "--allow-me"], &["run", "-x", "--", "true"]] {
        let error = project.ask(words.iter().copied()).expect_code(2).err;
        assert!(!error.contains("tip:"), "{words:?}: {error}");
    }
}

#[test]
fn numbers_and_times_say_what_is_expected() {
    let project = TempProject::new();
    for (words, expected) in [
        (&["run", "-j", "300", "--", "true"][..], "from 1 to 256, or `auto`"),
        (&["run", "-r", "x", "--", "true"], "a number from 0 to 4294967295"),
        (&["run", "--no-retry-exit", "256", "--", "true"], "from 1 to 255"),
        (&["run", "--timeout", "-5", "--", "true"], "cannot be negative"),
        (&["queue", "list", "-n", "-1"], "a number from 0 to 4294967295"),
        (&["log", "a", "--attempt", "0"], "a number from 1 to 4294967295"),
    ] {
        project.ask(words.iter().copied()).expect_error(2, expected);
    }
}

#[test]
fn all_cores_are_used_if_asked() {
    let project = TempProject::with_queue(&["a"]);
    let cores = std::thread::available_parallelism().expect("cores").get();
    for jobs in ["auto", "0"] {
        let run = project.ask(["run", "-j", jobs, "--", "true"]).expect_code(0);
        assert!(run.err.contains(&format!(", {cores} at a time")), "{run:?}");
    }
}

#[test]
fn usage_errors_have_colours_if_asked() {
    let project = TempProject::new();
    let error = |words: &[&str]| project.ask(words.iter().copied()).expect_code(2).err;
    assert!(error(&["--color", "always", "nonsense"]).contains("\u{1b}["));
    assert!(error(&["nonsense", "--color=always"]).contains("\u{1b}["));
    assert!(!error(&["nonsense"]).contains('\u{1b}'));
    assert!(project.ask(["--color", "always", "--help"]).expect_code(0).out.contains("\u{1b}["));
}

#[test]
fn a_short_help_fits_on_a_screen() {
    let project = TempProject::new();
    for words in [&[][..], &["run"], &["queue"], &["queue", "add"], &["status"], &["workflow", "run"], &["log"]] {
        let short = project.ask(words.iter().copied().chain(["-h"])).expect_code(0).out;
        let long = project.ask(words.iter().copied().chain(["--help"])).expect_code(0).out;
        assert!(short.lines().count() <= SCREEN, "{words:?} has {} lines", short.lines().count());
        assert!(short.lines().count() < long.lines().count(), "{words:?}");
    }
}

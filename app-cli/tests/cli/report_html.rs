use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Child;

use crate::fixture::{TempProject, end_of, wait_until};
use crate::stop::{begun, signal};

fn night() -> TempProject {
    let project = TempProject::with_queue(&["good", "<b>bad"]);
    let command = "case {} in *bad) echo '<script>' >&2; exit 3 ;; esac";
    project.ask(["run", "-qq", "-r", "0", "--shell", command]).expect_code(100);
    project
}

fn page(project: &TempProject) -> String {
    fs::read_to_string(project.path("night.html")).unwrap_or_default()
}

#[test]
fn a_page_is_written_to_a_file_or_to_standard_output() {
    let project = night();
    let answer = project.ask(["report", "--html", "night.html"]).expect_code(0);
    assert_eq!(answer.out, "report written to night.html\n");
    let written = page(&project);
    for words in [
        "<h1>1 file completed, 1 failed, in ",
        "<h3>1 file: exit status 3: &lt;script&gt;</h3>",
        "<li><bdi>&lt;b&gt;bad</bdi></li>",
        "<code>autoproc run -qq -r 0 --shell",
        "\nautoproc retry-failed --like ",
    ] {
        assert!(written.contains(words), "no {words:?} in {written}");
    }
    assert!(!written.contains("<script>") && !written.contains("<b>bad"), "{written}");
    let printed = project.ask(["report", "--html", "-", "--last"]).expect_code(0).out;
    let without_time = |page: &str| page.split_once("<footer").map(|(before, _)| before.to_owned());
    assert_eq!(without_time(&printed), without_time(&written));
    let run = project.json(["report", "--html", "night.html"]);
    assert_eq!((&run["processed"], &run["failed"]), (&1.into(), &1.into()));
}

#[test]
fn a_page_is_replaced_and_no_other_file() {
    let project = night();
    project.write("empty.html", "");
    for page in ["night.html", "night.html", "empty.html"] {
        project.ask(["report", "--html", page]).expect_code(0);
        fs::set_permissions(project.path(page), fs::Permissions::from_mode(0o640)).expect("a file");
    }
    project.ask(["report", "--html", "night.html"]).expect_code(0);
    let mode = fs::metadata(project.path("night.html")).expect("a page").permissions().mode();
    assert_eq!(mode & 0o777, 0o640, "the permissions stay");
    project.write("mine.html", "<!doctype html>\n<html lang=\"en\">\n<p>Mine</p>\n");
    symlink("mine.html", project.path("link.html")).expect("a link");
    for (file, problem) in [("mine.html", "exists, and is not a page"), ("link.html", "is a link")] {
        project.ask(["report", "--html", file]).expect_error(73, problem);
    }
    let mine = fs::read_to_string(project.path("mine.html")).expect("a file");
    assert!(mine.contains("Mine"), "{mine}");
    for file in ["link.html", "mine.html"] {
        project.ask(["report", "--html", file, "--force"]).expect_code(0);
        assert!(fs::symlink_metadata(project.path(file)).expect("a page").is_file(), "{file}");
    }
}

#[test]
fn a_page_is_not_written_to_impossible_places() {
    let project = night();
    project.write("folder/x", "");
    let before = project.bytes();
    for (words, code, problem) in [
        (&["--html", "folder"][..], 73, "is not a file"),
        (&["--html", "/dev/null", "--force"], 73, "is not a file"),
        (&["--html", "missing/night.html"], 73, "does not exist"),
        (&["--html", ".claude/mission-control/QUEUE-STATE.json", "--force"], 73, "belongs to the queue"),
        (&["--html", "logs/autonomous-processing.jsonl", "--force"], 73, "belongs to the queue"),
        (&["--html", ""], 2, "a value is required"),
        (&["--html", "-", "--json"], 2, "both write to standard output"),
        (&["--html", "-", "--watch"], 2, "cannot write to standard output"),
        (&["--watch"], 2, "required arguments"),
        (&["--force"], 2, "required arguments"),
        (&["--html", "night.html", "--run", "nonsense"], 2, "there is no run nonsense"),
    ] {
        project.ask([&["report"], words].concat()).expect_error(code, problem);
    }
    assert!(!project.path("missing").exists() && !project.path("night.html").exists());
    assert_eq!(project.bytes(), before);
}

#[test]
fn without_a_run_the_page_says_so() {
    let project = TempProject::new();
    let answer = project.ask(["report", "--html", "night.html"]).expect_code(0);
    assert!(answer.err.contains("no run is recorded"), "{answer:?}");
    assert!(page(&project).contains("<h1>No run is recorded</h1>"));
    project.ask(["report", "--html", "night.html", "--watch"]).expect_code(0);
    assert!(!project.path(".claude").exists());
}

fn watched(project: &TempProject) -> Child {
    let watch = project.start(["report", "--html", "night.html", "--watch"]);
    wait_until("the page is written", || page(project).contains("http-equiv=\"refresh\""));
    watch
}

#[test]
fn watching_ends_with_the_run() {
    let project = TempProject::with_queue(&["a", "b"]);
    let run = begun(&project, &[]);
    let watch = watched(&project);
    assert!(page(&project).contains(" A run is live. The page refreshes itself while a run is live."));
    project.write("go", "");
    end_of(run).expect_code(0);
    end_of(watch).expect_code(0);
    let last = page(&project);
    assert!(last.contains("<h1>2 files completed, 0 failed, in "), "{last}");
    assert!(!last.contains("http-equiv=\"refresh\"") && !last.contains("A run is live."), "{last}");
    let left: Vec<_> = fs::read_dir(project.path("")).expect("a folder").flatten().collect();
    assert!(!left.iter().any(|entry| entry.file_name().to_string_lossy().ends_with(".tmp")), "{left:?}");
}

#[test]
fn ctrl_c_ends_only_the_watching() {
    let project = TempProject::with_queue(&["a"]);
    let run = begun(&project, &[]);
    let watch = watched(&project);
    signal(&watch, "INT");
    end_of(watch).expect_code(0);
    let last = page(&project);
    assert!(last.contains("A run is live.") && !last.contains("http-equiv=\"refresh\""), "{last}");
    project.write("go", "");
    end_of(run).expect_code(0);
}

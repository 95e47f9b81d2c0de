use crate::fixture::TempProject;
use crate::forecast::{recipe, record_long, resize};

const LEFT: &str = r#": {}; echo $(( $(date -d "$AUTOPROC_DEADLINE" +%s) - $(date +%s) ))"#;

fn limit(project: &TempProject, file: &str, timeout: &str) -> u64 {
    project.ask(["run", "-q", file, "--timeout", timeout, "--shell", LEFT]).expect_code(0);
    let printed = project.ask(["log", "--stdout", file]).expect_code(0).out;
    printed.trim().parse().expect("a number")
}

#[test]
fn a_limit_follows_the_forecast() {
    let project = TempProject::with_queue(&["first", "second"]);
    let first = limit(&project, "first", "auto");
    assert!((3000..=3600).contains(&first), "{first}: there is no forecast yet");
    // According to the samples, a file takes 2000 s, plus 1000 s per megabyte.
    record_long(&project, &recipe(&project).expect("a recipe"), 20);
    resize(&project, "second", 1);
    let second = limit(&project, "second", "auto:9h");
    assert!((11_000..=14_000).contains(&second), "{second}: four times 3000 s");
    project.write("third", "");
    let third = limit(&project, "third", "auto");
    assert!((3000..=3600).contains(&third), "{third}: the maximum");
}

#[test]
fn other_words_are_refused() {
    let project = TempProject::with_queue(&["a"]);
    for word in ["automatic", "auto:", "auto:0"] {
        let error = project.ask(["run", "--timeout", word, "--", "true"]).expect_code(2).err;
        assert!(error.contains("`auto` and `auto:2h` are accepted too"), "{error}");
    }
    assert_eq!(project.status_of("a"), "pending");
}

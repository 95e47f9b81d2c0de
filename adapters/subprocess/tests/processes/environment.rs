use std::os::unix::ffi::OsStrExt;

use autoproc_domain::ports::AttemptOutcome;
use autoproc_subprocess::CommandLine;
use std::ffi::OsStr;

use crate::fixture::{Fixture, bytes};

#[tokio::test]
async fn the_attempt_is_in_the_environment() {
    let fixture = Fixture::new();
    fixture.outcome("env >env").await;
    let env = fixture.read("env");
    let file = format!("AUTOPROC_FILE={}", fixture.path("file").display());
    for line in [
        file.as_str(),
        "AUTOPROC_REL=file",
        "AUTOPROC_SLOT=1",
        "AUTOPROC_ITEM_ID=7",
        "AUTOPROC_RUN_ID=run-1",
        "AUTOPROC_ATTEMPT=2",
        "AUTOPROC_MAX_ATTEMPTS=4",
        "AUTOPROC_DEADLINE=1970-01-01T01:00:00.000000Z",
    ] {
        assert!(env.lines().any(|found| found == line), "{line} in {env}");
    }
}

#[tokio::test]
async fn the_latest_deadline_has_a_representation() {
    let mut fixture = Fixture::new();
    fixture.now = autoproc_domain::Timestamp::MAX;
    fixture.outcome("echo $AUTOPROC_DEADLINE >deadline").await;
    assert!(fixture.read("deadline").starts_with("9999-12-"));
}

#[tokio::test]
async fn the_standard_input_is_empty_and_the_group_is_its_own() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path("input"), "a line\n").expect("a file");
    rustix::stdio::dup2_stdin(std::fs::File::open(fixture.path("input")).expect("a file")).expect("standard input");
    let script =
        "readlink /proc/self/fd/0 >stdin; cut -d' ' -f5 </proc/$$/stat >group; echo $$ >pid; pwd >folder; ! read line";
    assert_eq!(fixture.outcome(script).await, AttemptOutcome::Succeeded);
    assert_eq!(fixture.read("stdin"), "/dev/null\n");
    assert_eq!(fixture.read("group"), fixture.read("pid"));
    assert_eq!(fixture.read("folder").trim(), fixture.path("").canonicalize().expect("a folder").display().to_string());
}

#[tokio::test]
async fn no_other_descriptor_is_inherited() {
    let fixture = Fixture::new();
    let _open = std::fs::File::create(fixture.path("secret")).expect("a file");
    fixture.outcome("ls -l /proc/self/fd >fds").await;
    let fds = fixture.read("fds");
    assert!(!fds.contains("secret") && fds.contains("/dev/null"), "{fds}");
}

#[tokio::test]
async fn names_of_any_bytes_are_passed_unchanged() {
    let fixture = Fixture::new();
    let names: [&[u8]; 6] =
        [b" a  b ", b"-rf", b"\xff\xfe.x", b"new\nline", b"$(touch hacked)`touch hacked`", b"'\"\\*"];
    for name in names {
        let line = CommandLine::argv(["sh", "-c", r#"printf '%s\0' "$@" "$AUTOPROC_FILE" >args"#, "sh", "{}", "<{/}>"]);
        let attempt = fixture.attempt(OsStr::from_bytes(name));
        let path = fixture.path(OsStr::from_bytes(name));
        assert_eq!(fixture.run(line.expect("valid"), attempt).await.outcome, AttemptOutcome::Succeeded);
        let expected = [bytes(&path), b"\0<", name, b">\0", bytes(&path), b"\0"].concat();
        assert_eq!(std::fs::read(fixture.path("args")).expect("args"), expected);
    }
    assert!(!fixture.path("hacked").exists());
}

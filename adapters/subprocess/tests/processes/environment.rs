//! What a command finds around it.

use std::os::unix::ffi::OsStrExt;

use autoproc_domain::ports::AttemptOutcome;
use autoproc_subprocess::CommandLine;
use std::ffi::OsStr;

use crate::stage::{Stage, bytes, sh};

#[tokio::test]
async fn the_attempt_is_in_the_environment() {
    let stage = Stage::new();
    stage.outcome("env >env").await;
    let env = stage.read("env");
    let file = format!("AUTOPROC_FILE={}", stage.path("file").display());
    for line in [
        file.as_str(),
        "AUTOPROC_ITEM_ID=7",
        "AUTOPROC_RUN_ID=run-1",
        "AUTOPROC_ATTEMPT=2",
        "AUTOPROC_MAX_ATTEMPTS=4",
        "AUTOPROC_DEADLINE=1970-01-01T00:00:01.000000Z",
    ] {
        assert!(env.lines().any(|found| found == line), "{line} in {env}");
    }
}

#[tokio::test]
async fn a_deadline_beyond_all_dates_is_still_one() {
    let stage = Stage::new();
    let attempt =
        autoproc_domain::ports::Attempt { deadline: autoproc_domain::Timestamp::MAX, ..stage.attempt("file") };
    stage.run(sh("echo $AUTOPROC_DEADLINE >deadline"), attempt).await;
    assert!(stage.read("deadline").starts_with("9999-12-"));
}

/// Ours is a file meanwhile: a command that got it could read it.
#[tokio::test]
async fn there_is_nothing_to_read_and_the_group_is_its_own() {
    let stage = Stage::new();
    std::fs::write(stage.path("ours"), "a line\n").expect("a file");
    rustix::stdio::dup2_stdin(std::fs::File::open(stage.path("ours")).expect("a file")).expect("ours");
    let script =
        "readlink /proc/self/fd/0 >stdin; cut -d' ' -f5 </proc/$$/stat >group; echo $$ >pid; pwd >folder; ! read line";
    assert_eq!(stage.outcome(script).await, AttemptOutcome::Succeeded);
    assert_eq!(stage.read("stdin"), "/dev/null\n");
    assert_eq!(stage.read("group"), stage.read("pid"));
    assert_eq!(stage.read("folder").trim(), stage.path("").canonicalize().expect("a folder").display().to_string());
}

/// Nothing of ours stays open in the command: the three standard descriptors, and the one `ls` reads with.
#[tokio::test]
async fn no_descriptor_of_ours_is_inherited() {
    let stage = Stage::new();
    let _open = std::fs::File::create(stage.path("secret")).expect("a file");
    stage.outcome("ls -l /proc/self/fd >fds").await;
    let fds = stage.read("fds");
    assert!(!fds.contains("secret") && fds.contains("/dev/null"), "{fds}");
}

#[tokio::test]
async fn names_of_any_bytes_arrive_as_they_are() {
    let stage = Stage::new();
    let names: [&[u8]; 6] =
        [b" a  b ", b"-rf", b"\xff\xfe.x", b"new\nline", b"$(touch hacked)`touch hacked`", b"'\"\\*"];
    for name in names {
        let line = CommandLine::argv(["sh", "-c", r#"printf '%s\0' "$@" "$AUTOPROC_FILE" >args"#, "sh", "{}", "<{/}>"]);
        let attempt = stage.attempt(OsStr::from_bytes(name));
        let path = stage.path(OsStr::from_bytes(name));
        assert_eq!(stage.run(line.expect("valid"), attempt).await.outcome, AttemptOutcome::Succeeded);
        let expected = [bytes(&path), b"\0<", name, b">\0", bytes(&path), b"\0"].concat();
        assert_eq!(std::fs::read(stage.path("args")).expect("args"), expected);
    }
    assert!(!stage.path("hacked").exists());
}

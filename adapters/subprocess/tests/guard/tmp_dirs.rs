use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use autoproc_domain::ports::StopLevel;
use autoproc_subprocess::{Ending, GuardSettings, ProcessSpec, process_table};
use tempfile::TempDir;

use crate::fixture::{Fixture, LONG, until};
use crate::stop::Stop;

const MESS: &str = r#"
    mkdir -p outside && : >outside/survivor
    cd "$TMPDIR" && echo x >file && mkdir -p a/b closed && echo x >a/b/file && ln -s "$OLDPWD/outside" link
    chmod 500 a/b && chmod 0 closed && cd "$OLDPWD" && echo "$TMPDIR" >>dirs && : >ready
"#;

struct TmpFixture {
    fixture: Fixture,
    parent: TempDir,
}

impl TmpFixture {
    fn new(keep_tmp: Option<Vec<i32>>) -> Self {
        let parent = tempfile::tempdir().expect("a folder");
        let environment = vec![("TMPDIR".into(), parent.path().into())];
        let grace = Duration::from_millis(100);
        let fixture = Fixture::with(grace, |settings| GuardSettings { environment, keep_tmp, ..settings });
        Self { fixture, parent }
    }

    fn folders(&self) -> Vec<PathBuf> {
        fs::read_dir(self.parent.path()).expect("a folder").map(|entry| entry.expect("an entry").path()).collect()
    }

    fn values(&self) -> Vec<PathBuf> {
        self.fixture.read("dirs").lines().map(PathBuf::from).collect()
    }

    async fn ending(&self, script: &str) -> Ending {
        self.fixture.run(self.fixture.script(script)).await.ending
    }
}

#[tokio::test]
async fn a_process_leaves_no_temporary_files_whatever_its_ending() {
    let tmp = TmpFixture::new(None);
    for code in [0, 3] {
        assert_eq!(tmp.ending(&format!("{MESS} exit {code}")).await, Ending::Exited { code });
        assert_eq!(tmp.folders(), Vec::<PathBuf>::new(), "exit status {code}");
    }
    assert_eq!(tmp.ending(&format!("{MESS} kill -9 $$")).await, Ending::Signalled { signal: 9 });
    assert_eq!(tmp.folders(), Vec::<PathBuf>::new(), "killed");
    assert!(tmp.values().iter().all(|value| value.parent() == Some(tmp.parent.path())), "{:?}", tmp.values());
    assert!(tmp.fixture.path("outside/survivor").exists());
    assert!(!tmp.fixture.path("log").exists(), "nothing is printed");
}

#[tokio::test]
async fn a_timeout_leaves_no_temporary_files() {
    let tmp = TmpFixture::new(None);
    let mut timeout = Duration::from_millis(100);
    while !tmp.fixture.path("ready").exists() {
        timeout *= 2;
        let spec = ProcessSpec { timeout, ..tmp.fixture.script(&format!("{MESS} exec sleep 3600")) };
        assert_eq!(tmp.fixture.run(spec).await.ending, Ending::TimedOut);
    }
    assert_eq!(tmp.folders(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_stop_leaves_no_temporary_files() {
    for (level, keep_tmp) in [(StopLevel::Aborting, None), (StopLevel::Killing, Some(Vec::new()))] {
        let tmp = TmpFixture::new(keep_tmp);
        let stop = Stop::new();
        let run = tmp.fixture.guards.run(tmp.fixture.script(&format!("{MESS} exec sleep 3600")), &stop);
        let raise = async {
            until(|| tmp.fixture.path("ready").exists()).await;
            stop.raise(level);
        };
        let (report, ()) = tokio::join!(run, raise);
        assert_eq!(report.expect("an ending").ending, Ending::Aborted);
        assert_eq!(tmp.folders(), Vec::<PathBuf>::new(), "{level:?}");
    }
}

#[tokio::test]
async fn the_folder_is_removed_after_the_last_process_has_ended() {
    let tmp = TmpFixture::new(None);
    let script = r#"
        setsid sh -c 'trap "" TERM; : >ready; while :; do mkdir -p "$TMPDIR/late"; done' &
        until [ -e ready ]; do sleep 0.01; done
    "#;
    assert_eq!(tmp.ending(script).await, Ending::Exited { code: 0 });
    assert_eq!(tmp.folders(), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_folder_without_files_is_given_to_the_next_process() {
    let tmp = TmpFixture::new(None);
    let write = r#"echo "$TMPDIR" >>dirs; [ -d "$TMPDIR" ] && [ -z "$(ls -A "$TMPDIR")" ]"#;
    for script in [write, write, &format!("{write} && : >\"$TMPDIR/file\""), write] {
        assert_eq!(tmp.ending(script).await, Ending::Exited { code: 0 });
    }
    let values = tmp.values();
    assert_eq!(values[..2], values[1..3]);
    assert_ne!(values[2], values[3]);
    assert_eq!(tmp.folders(), values[3..]);
    assert_eq!(fs::metadata(&values[3]).expect("a folder").permissions().mode() & 0o777, 0o700);
    tmp.fixture.guards.close().await;
    assert_eq!(tmp.folders(), Vec::<PathBuf>::new(), "the guard has ended");
}

#[tokio::test]
async fn a_folder_that_the_process_has_moved_away_is_left_alone() {
    let tmp = TmpFixture::new(None);
    let script = r#"echo x >"$TMPDIR/result" && mv "$TMPDIR" published && ln -s "$PWD/published" "$TMPDIR""#;
    assert_eq!(tmp.ending(script).await, Ending::Exited { code: 0 });
    assert_eq!(tmp.folders(), Vec::<PathBuf>::new(), "the link is removed");
    assert_eq!(tmp.fixture.read("published/result"), "x\n");
    assert_eq!(tmp.ending(r#"[ -d "$TMPDIR" ]"#).await, Ending::Exited { code: 0 });
}

#[tokio::test]
async fn the_folder_of_a_failed_process_is_kept_and_named_on_request() {
    let tmp = TmpFixture::new(Some(vec![4]));
    let write = r#"printf words >&2; echo x >"$TMPDIR/file""#;
    for ok in [format!("{write}; exit 4"), write.to_owned(), ": >\"$TMPDIR/f\"; rm \"$TMPDIR/f\"; exit 3".to_owned()] {
        tmp.ending(&ok).await;
        assert_eq!(tmp.folders(), Vec::<PathBuf>::new(), "{ok}");
    }
    assert_eq!(tmp.ending(&format!("{write}; exit 3")).await, Ending::Exited { code: 3 });
    let kept = only(tmp.folders());
    let line = format!("[autoproc: the temporary files are kept in {}]\n", kept.display());
    assert_eq!(tmp.fixture.read("log"), format!("words\n{line}"));
    assert_eq!(fs::read_to_string(kept.join("file")).expect("a file"), "x\n");

    // The run removes the folder that the record of a killed guard names.
    let guard = process_table::read(only(tmp.fixture.guard_pids())).expect("a guard");
    assert_eq!(process_table::kill(guard.id), process_table::SignalResult::Sent);
    tmp.ending("true").await;
    assert!(kept.join("file").exists());
}

#[tokio::test]
async fn the_runner_removes_the_folder_of_a_killed_guard() {
    let tmp = TmpFixture::new(None);
    kill_guard_of(&tmp, MESS).await;
    assert_eq!(tmp.folders(), Vec::<PathBuf>::new());
    assert!(tmp.fixture.path("outside/survivor").exists());
}

#[tokio::test]
async fn a_process_without_a_folder_of_its_own_inherits_one() {
    let environment = vec![("TMPDIR".into(), "/no/such/folder".into())];
    let fixture = Fixture::with(LONG, |settings| GuardSettings { environment, ..settings });
    let report = fixture.run(fixture.script(r#"[ "$TMPDIR" = /no/such/folder ]"#)).await;
    assert_eq!(report.ending, Ending::Exited { code: 0 });
    let error = report.tmp_error.expect("an error");
    assert!(error.starts_with("no folder can be created in /no/such/folder: "), "{error}");
    assert_eq!(Fixture::new(LONG).run(fixture.script("true")).await.tmp_error, None);
}

#[tokio::test]
async fn a_process_may_have_another_value_of_tmpdir() {
    let tmp = TmpFixture::new(None);
    let environment = vec![("TMPDIR".into(), "/var/tmp".into())];
    let script = tmp.fixture.script(r#"[ "$TMPDIR" = /var/tmp ]"#);
    assert_eq!(tmp.fixture.run(ProcessSpec { environment, ..script }).await.ending, Ending::Exited { code: 0 });
}

async fn kill_guard_of(tmp: &TmpFixture, script: &str) {
    let fixture = &tmp.fixture;
    let kill = async {
        until(|| fixture.path("written").exists()).await;
        let guard = process_table::read(only(fixture.guard_pids())).expect("a guard");
        assert_eq!(process_table::kill(guard.id), process_table::SignalResult::Sent);
    };
    let script = fixture.script(&format!("{script}\n: >written; exec sleep 3600"));
    let (report, ()) = tokio::join!(fixture.run(script), kill);
    assert_eq!(report.ending, Ending::GuardDied);
}

fn only<T: std::fmt::Debug>(mut all: Vec<T>) -> T {
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

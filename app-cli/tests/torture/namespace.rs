//! Runs a test in a mount namespace. The kernel removes the mounts when the test ends.

use std::process::Command;

use crate::skip::{Need, can};

const INSIDE: &str = "AUTOPROC_TORTURE_INSIDE";

/// Runs `work`, the body of the test named `test`, with permission to mount.
pub(crate) fn inside(test: &str, needs: &[Need], work: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return work();
    }
    if !can(test, &[&[Need::Root, Need::Tool("unshare"), Need::Tool("mount")], needs].concat()) {
        return;
    }
    // The new pid namespace ensures that no process outlives the test.
    let status = Command::new("unshare")
        .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(std::env::current_exe().expect("this test binary"))
        .args(["--exact", test, "--nocapture", "--quiet"])
        .env(INSIDE, "1")
        .status();
    let status = status.expect("unshare(1)");
    assert!(status.success(), "{test}, inside: {status}");
}

#[track_caller]
pub(crate) fn tool(words: &[&str]) {
    let output = Command::new(words[0]).args(&words[1..]).output().expect(words[0]);
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
}

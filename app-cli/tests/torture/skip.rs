use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    Root,
    Tool(&'static str),
    /// strace(1), and the permission to trace.
    Strace,
    /// Loop devices and ext4.
    Ext4,
}

/// True if a test can run. Otherwise reports the test as skipped.
pub(crate) fn can(test: &str, needs: &[Need]) -> bool {
    let Some(missing) = needs.iter().find(|need| !need.is_met()) else { return true };
    skip(test, &missing.in_words());
    false
}

pub(crate) fn skip(test: &str, why: &str) {
    let count = SKIPPED.fetch_add(1, Ordering::SeqCst) + 1;
    // Writes to standard error directly, because the test harness captures `eprintln!`.
    let _ = writeln!(io::stderr().lock(), "skipped: {test} needs {why} ({count} skipped so far)");
}

/// Prints figures to standard error directly, because the test harness captures `eprintln!`.
pub(crate) fn tell(figures: &str) {
    let _ = writeln!(io::stderr().lock(), "{figures}");
}

pub(crate) fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

impl Need {
    fn is_met(self) -> bool {
        match self {
            Self::Root => is_root(),
            Self::Tool(tool) => is_there(tool),
            Self::Strace => {
                let traced =
                    Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).stderr(Stdio::null()).status();
                traced.is_ok_and(|status| status.success())
            }
            Self::Ext4 => is_there("mkfs.ext4") && std::path::Path::new("/dev/loop-control").exists(),
        }
    }

    fn in_words(self) -> String {
        match self {
            Self::Root => "root".into(),
            Self::Tool(tool) => tool.into(),
            Self::Strace => "strace, and to be allowed to trace".into(),
            Self::Ext4 => "mkfs.ext4 and loop devices".into(),
        }
    }
}

fn is_there(tool: &str) -> bool {
    let found = Command::new("sh").args(["-c", "command -v \"$1\"", "sh", tool]).stdout(Stdio::null()).status();
    found.is_ok_and(|status| status.success())
}

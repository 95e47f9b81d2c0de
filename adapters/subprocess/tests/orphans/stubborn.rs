//! The command of the trials.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use autoproc_subprocess::ProcessSpec;

/// A shell script. `$1` is the tag, which is also a number of seconds; `$2` determines how the
/// script ends. Ignored signals stay ignored in children (execve(2)), so SIGTERM ends no process of
/// the script.
///
/// The script starts, in this order: a child; a child in its own session; an orphaned grandchild in
/// its own session, with a child; a process in a group whose leader has ended; an orphan without
/// environment and descriptors; and, if `$3` is `chain`, a process of the [`CHAIN`].
pub(crate) const SCRIPT: &str = r#"
trap "" TERM HUP INT
sleep "$1" &
setsid sleep "$1" &
(setsid sh -c 'sleep "$0" & sleep "$0"; :' "$1" &)
setsid sh -c 'sleep "$0" & exit' "$1"
(env -i sleep "$1" <&- >&- 2>&- &)
if [ "$3" = chain ]; then
    (setsid sh -c "$AUTOPROC_CHAIN" "$1" &)
fi
: >"$AUTOPROC_READY"
[ "$2" = exits ] && exit 7
exec sleep "$1"
"#;

/// A process of the chain. It starts the next process in a new session, and ends after about a
/// millisecond.
const CHAIN: &str = r#"setsid sh -c "$AUTOPROC_CHAIN" "$0" & exit"#;

/// Returns the command with this tag. The command of every third trial has the chain, which uses a
/// whole processor.
pub(crate) fn spec(trial: usize, tag: &str, exits: bool, folder: &Path) -> ProcessSpec {
    let text = |text: &str| OsString::from(text);
    let words = ["-c", SCRIPT, "sh", tag, if exits { "exits" } else { "stays" }];
    let chain = trial.is_multiple_of(3).then_some("chain");
    ProcessSpec {
        program: text("sh"),
        arguments: words.into_iter().chain(chain).map(OsString::from).collect(),
        environment: vec![
            (text("AUTOPROC_CHAIN"), text(CHAIN)),
            (text("AUTOPROC_READY"), folder.join(tag).into_os_string()),
        ],
        working_dir: None,
        stdin: Vec::new(),
        timeout: Duration::from_secs(3600),
        log: Some(folder.join("output.log")),
        append_log: false,
        log_heading: Vec::new(),
        capture: 0,
        stdout_to: None,
    }
}

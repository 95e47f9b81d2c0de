use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use autoproc_subprocess::ProcessSpec;

/// A shell script whose processes all ignore SIGTERM. `$1` is the tag, which is also a sleep time
/// in seconds. If `$2` is `exits`, the script exits; otherwise, it sleeps. If `$3` is `chain`, the
/// script also starts [`CHAIN`].
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

const CHAIN: &str = r#"setsid sh -c "$AUTOPROC_CHAIN" "$0" & exit"#;

/// Returns the command of a trial. Only every third command starts the chain, because the chain
/// uses a whole processor.
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

//! Maps commands and options of other programs to equivalents in autoproc.

/// Commands of other programs, with a hint that names the equivalent in autoproc.
pub(super) const COMMANDS: &[(&[&str], &str)] = &[
    (
        &["skip"],
        "`autoproc cancel FILE` makes a file fail; `autoproc queue hold FILE` keeps it pending until `autoproc queue unhold FILE`",
    ),
    (
        &["clean", "reset"],
        "`autoproc queue clear --status completed` removes the completed files; `autoproc queue clear` removes all but those being processed",
    ),
    (&["stash"], "`autoproc queue hold FILE` keeps a file pending until `autoproc queue unhold FILE`"),
    (&["parallel"], "`autoproc run --jobs N` sets how many files are processed at a time"),
    (
        &["group", "switch", "edit"],
        "no such command: each project folder has one queue, chosen as in `autoproc --project-dir FOLDER status`",
    ),
    (&["prune"], "`autoproc store prune` removes old runs from the history in a database"),
    (&["delete"], "`autoproc queue remove FILE` removes a file that is not being processed"),
    (&["check", "validate", "lint"], "`autoproc workflow check FILE` checks a workflow file"),
    (&["restart", "start"], "`autoproc run -- COMMAND {}` starts a run; `autoproc resume` starts the latest run again"),
    (&["continue", "unpause"], "`autoproc resume` continues a paused run, or starts the latest run again"),
    (&["exec", "process", "work"], "`autoproc run -- COMMAND {}` runs a command on each file"),
    (&["failed", "errors"], "`autoproc failures` groups the failed files by reason"),
    (&["enqueue", "push", "submit"], "`autoproc queue add FILE` adds a file"),
    (
        &["init"],
        "a queue in a folder needs no preparation: `autoproc queue add` creates it; `autoproc store init` prepares a database; `autoproc workflow init ID` writes example runners",
    ),
    (&["new", "create"], "no command is needed: the first `autoproc queue add FILE` creates the queue"),
    (&["kill", "abort"], "`autoproc stop --now` ends the current attempts; their files wait for the next run"),
    (&["suspend", "freeze"], "`autoproc pause` suspends the live runs; `autoproc resume` continues them"),
    (&["drain"], "`autoproc stop` finishes the current files; the next `autoproc run` continues"),
    (&["prioritise", "prioritize", "priority"], "`autoproc queue prioritise FILE N` changes the priority of a file"),
    (
        &["wait"],
        "`autoproc run` returns when its files are processed; `autoproc stop --wait` returns when every run has ended",
    ),
    (&["progress"], "`autoproc status` shows a run; `autoproc workflow progress` shows the executions of workflows"),
    (&["summary", "stats"], "`autoproc report` reports on the last run; `autoproc status` shows live runs and counts"),
    (&["info", "ps", "jobs"], "`autoproc status` shows runs and counts, with --json for scripts"),
    (
        &["watch", "follow", "tail", "dashboard", "tui", "live"],
        "`autoproc top` shows the runs and files of a queue; `autoproc log -f FILE` follows one file",
    ),
];

/// The commands that accept files to process.
const WITH_FILES: &[&str] = &["run", "add"];

/// The commands that accept several files of the queue.
const OF_FILES: &[&str] = &["remove", "rm", "retry-failed", "retry", "hold", "unhold", "cancel"];

const PRIORITISE: &[&str] = &["prioritise", "prioritize"];

const LIST: &[&str] = &["list", "ls"];

const LOG: &[&str] = &["log", "logs"];

const ANY: &[&str] = &[];

/// The options of other programs: commands (none stands for all), options, hint. The first matching
/// entry is used.
pub(super) const OPTIONS: &[(&[&str], &[&str], &str)] = &[
    (
        OF_FILES,
        &["-r", "-R", "--recursive"],
        "leave it out: a folder stands for all files below it that are in the queue",
    ),
    (PRIORITISE, &["-r", "-R", "--recursive", "--all", "-a"], "name one file: each call of the command changes one"),
    (OF_FILES, &["-f"], "leave it out: only `autoproc top` asks for confirmation"),
    (PRIORITISE, &["-f"], "leave it out: only `autoproc top` asks for confirmation"),
    (&["clear", "recover"], &["-f"], "leave it out: only `autoproc top` asks for confirmation"),
    (&["retry-failed", "retry"], &["--all", "-a"], "`autoproc retry-failed` without files retries all failed files"),
    (OF_FILES, &["--all", "-a"], "name a folder instead: it stands for all files below it that are in the queue"),
    (LIST, &["--all", "-a", "-l", "--long"], "leave it out: `autoproc list` shows all files with all columns"),
    (LIST, &["--failed", "--failures", "-s"], "`--status failed,timeout` lists the files that failed"),
    (LIST, &["--pending"], "`--status pending` lists the pending files"),
    (LOG, &["-n", "--tail", "--lines"], "`autoproc log FILE | tail -n N` prints the last lines"),
    (&["stop"], &["-f", "--force", "-9", "--kill"], "`autoproc stop --now` ends the current attempts"),
    (&["stop", "pause", "resume", "clear", "status"], &["--all", "-a"], "leave it out: the command applies to all"),
    (
        &["add"],
        &["-g", "--group"],
        "no such option: each project folder has one queue, chosen with `--project-dir FOLDER`",
    ),
    (
        &["add"],
        &["--after", "--dependencies"],
        "no such option: give the first files a higher priority, as in `autoproc queue add FILE 5`",
    ),
    (&["add"], &["--stashed"], "`autoproc queue hold FILE` keeps a file pending until `autoproc queue unhold FILE`"),
    (
        &["run"],
        &["-k", "--keep-order"],
        "no such option: `autoproc log FILE` shows each output; `--jobs 1` keeps the order",
    ),
    (
        &["run"],
        &["-I", "-i", "--replace"],
        "leave it and its value out; write {} in the command where the file belongs",
    ),
    (
        &["run"],
        &["-n"],
        "`run` has no -n: each call of the command gets one file. To see what would be executed, use --dry-run",
    ),
    (
        &["run"],
        &["-N", "-L", "--max-args", "--max-lines", "-m", "-X", "--xargs"],
        "no such option: each call of the command gets one file",
    ),
    (WITH_FILES, &["-a", "--arg-file"], "`--from-file LIST` reads the files from a list"),
    (
        &["run"],
        &["-t", "--progress", "--bar", "--eta"],
        "leave it out: a terminal shows the progress; `-v` prints a line for each attempt",
    ),
    (
        &["run"],
        &["--callback", "--notify", "--mail", "--mail-user", "--on-end", "--on-complete", "--hook"],
        "`--on-finish STRING` executes a shell line at the end of the run, `--on-failure STRING` one for each failed file",
    ),
    (
        &["run"],
        &["-o", "--out", "--output", "--results"],
        "`--stdout-to 'out/{rel}.txt'` writes the output of each command to a file",
    ),
    (&["run"], &["--resume-failed", "--retry-failed"], "`autoproc retry-failed` gives failed files another round"),
    (
        &["run"],
        &["--tag", "-u", "--ungroup", "--group", "--line-buffer", "--lb"],
        "`--show-output` prints the output of each attempt when it ends",
    ),
    (&["run"], &["--load"], "`--max-load LOAD` starts no file while the load is higher"),
    (&["run"], &["--memfree"], "`--min-free-memory SIZE` starts no file while less memory is available"),
    (&["run"], &["--nice"], "write `nice` before the command, as in: autoproc run -- nice COMMAND {}"),
    (&["run"], &["-e", "--fail-fast", "--halt-on-error"], "`--max-fail 1` stops after the first failed file"),
    (&["run"], &["-S", "--sshlogin", "--pipe"], "no such option: the command runs once for each file, on this machine"),
    (&["run"], &["--delay"], "no option delays each start; `--backoff-base TIME` is the wait before the first retry"),
    (
        ANY,
        &["--resume", "--continue", "--restart"],
        "leave it out: a run continues where an earlier run stopped, and `autoproc resume` starts the latest run again",
    ),
    (
        ANY,
        &["--retry", "--max-retries", "--attempts", "--tries"],
        "`--retries N` sets how often a failed file is retried",
    ),
    (ANY, &["--retry-delay", "--backoff"], "`--backoff-base TIME` is the wait before the first retry"),
    (
        ANY,
        &["--parallel", "--workers", "--threads", "--max-procs", "-P", "--procs"],
        "`--jobs N` sets how many files are processed at a time",
    ),
    (ANY, &["--simulate", "--just-print"], "`--dry-run` prints the command for the first file and executes nothing"),
    (ANY, &["-q", "--quiet"], "`autoproc run -q` prints only failures; other commands need no such option"),
    (ANY, &["-p", "--interactive"], "leave it out: only `autoproc top` asks for confirmation"),
    (
        ANY,
        &["-v", "--verbose"],
        "`autoproc run -v` prints a line for each attempt; `autoproc log FILE` shows its output",
    ),
    (
        ANY,
        &["--watch", "--follow", "-f"],
        "`autoproc log -f FILE` follows one file; `autoproc monitor --watch` shows the progress of a run",
    ),
    (ANY, &["--yes", "-y", "--force"], "leave it out: only `autoproc top` asks for confirmation"),
    (ANY, &["--format", "--output-format"], "`--json` prints data as JSON"),
    (ANY, &["--dir", "-C", "--chdir", "--project"], "`--project-dir FOLDER` selects the folder of the queue"),
];

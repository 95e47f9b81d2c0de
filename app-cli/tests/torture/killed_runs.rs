//! Kills runs at random moments, often together with their guards.
//!
//! Each attempt executes a job that locks its file. If two attempts on a file overlap, the second
//! job cannot lock the file and logs an overlap.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::effort;
use crate::fixture::{SIGKILL, TempProject, path_of, word};
use crate::random::Random;
use crate::skip::{Need, can, tell};

const JOB: &str = r#"
record=$1 name=${2##*/}
tell() { echo "$1 $name $AUTOPROC_ATTEMPT" >>"$record"; }
exec 9<"$2"
flock -n 9 || tell overlap
tell start
case $name in
hang-*) trap '' TERM; setsid sleep 600 & sleep 600 ;;
bad-*) tell end; exit 3 ;;
flaky-*) [ "$AUTOPROC_ATTEMPT" -ge 3 ] || exit 1 ;;
slow-*) setsid sleep 0.1 & sleep 0.1 & wait ;;
esac
tell end
"#;

/// For each kind of file, its share in tenths and its final status.
const KINDS: [(&str, usize, &str); 5] = [
    ("ok", 5, "completed"),
    ("slow", 2, "completed"),
    ("flaky", 2, "completed"),
    ("bad", 1, "failed"),
    ("hang", 0, "timeout"),
];

/// One of this number of files hangs.
const PER_HANGING_FILE: usize = 250;

const TIMEOUT: &str = "10";

/// The maximum lifetime of a killed run, in milliseconds per ten files.
const LIFE_PER_TEN_FILES: u64 = 15;

/// An environment variable that marks the processes of one queue.
pub(crate) const MARK: &str = "AUTOPROC_TORTURE_NIGHT";

#[test]
fn killed_runs_leave_nothing_and_no_attempt_meets_another() {
    let test = "killed_runs::killed_runs_leave_nothing_and_no_attempt_meets_another";
    if !can(test, &[Need::Tool("flock"), Need::Tool("setsid")]) {
        return;
    }
    let (mut killed, mut attempts) = (0, 0);
    for round in 0..effort::rounds() {
        let project = TempProject::new();
        let files = Files::create(&project, effort::files_per_round());
        killed += run_until_done(&project, round as u64);
        files.check_outcomes(&project);
        attempts += check_record(&project);
        assert_eq!(left_of(&project), Vec::<PathBuf>::new(), "round {round} left processes");
        assert_eq!(fs::read_dir(project.state().join("runs")).expect("a folder").count(), 0, "and files of runs");
    }
    tell(&format!("{killed} runs killed, {attempts} attempts begun: 0 overlaps, 0 processes left"));
    assert!(killed > 0, "no run was killed");
}

struct Files(BTreeMap<String, &'static str>);

impl Files {
    fn create(project: &TempProject, count: usize) -> Self {
        let usual = KINDS.iter().flat_map(|(kind, share, status)| (0..*share).map(move |_| (*kind, *status)));
        let usual: Vec<_> = usual.collect();
        let hanging = ("hang", "timeout");
        let kind = |number: usize| if number % PER_HANGING_FILE == 7 { hanging } else { usual[number % usual.len()] };
        let files = (0..count).map(|number| (format!("{}-{number}", kind(number).0), kind(number).1));
        let files = Self(files.collect());
        fs::create_dir(project.path("files")).expect("a folder");
        for name in files.0.keys() {
            fs::write(project.path("files").join(name), "").expect("a file");
        }
        fs::write(project.path("job.sh"), JOB).expect("the job");
        project.run(["queue", "add", project.path("files").to_str().expect("text")]).expect_code(0);
        files
    }

    fn check_outcomes(&self, project: &TempProject) {
        let name = |item| path_of(item).rsplit('/').next().expect("a name").to_owned();
        let ended: BTreeMap<_, _> = project.items().iter().map(|item| (name(item), word(item, "status"))).collect();
        let due: BTreeMap<_, _> = self.0.iter().map(|(name, status)| (name.clone(), (*status).to_owned())).collect();
        let wrong: Vec<_> = ended.iter().filter(|(name, status)| due.get(*name) != Some(status)).collect();
        assert!(wrong.is_empty() && ended.len() == due.len(), "{} of {}: {wrong:?}", ended.len(), due.len());
    }
}

fn run_until_done(project: &TempProject, seed: u64) -> usize {
    let mut random = Random::new(seed);
    let longest = LIFE_PER_TEN_FILES * effort::files_per_round() as u64 / 10;
    for killed in 0.. {
        let mut run = start_run(project);
        if killed < effort::kills_per_round() {
            thread::sleep(Duration::from_millis(random.below(longest)));
            kill(&mut run, project, random.below(3));
        }
        let status = run.wait().expect("it is our child");
        if std::os::unix::process::ExitStatusExt::signal(&status) != Some(SIGKILL) {
            assert!(matches!(status.code(), Some(0 | 100)), "{status}");
            return killed;
        }
    }
    unreachable!("one of them was left alone");
}

fn kill(run: &mut Child, project: &TempProject, choice: u64) {
    if choice == 1 {
        kill_guards(project);
    }
    run.kill().expect("it is ours to kill");
    if choice == 2 {
        kill_guards(project);
    }
}

fn kill_guards(project: &TempProject) {
    let is_guard = |process: &PathBuf| {
        let words = fs::read(process.join("cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).nth(1) == Some(b"__guard")
    };
    let guards = left_of(project).into_iter().filter(is_guard);
    let numbers: Vec<_> = guards.filter_map(|process| Some(process.file_name()?.to_owned())).collect();
    if !numbers.is_empty() {
        // kill(1) fails if one of the guards has already ended.
        let _ = Command::new("kill").arg("-KILL").args(numbers).stderr(Stdio::null()).status();
    }
}

fn start_run(project: &TempProject) -> Child {
    let script = format!("sh '{}' '{}' {{}}", project.path("job.sh").display(), record(project).display());
    let words = ["run", "--quiet", "-j", "4", "--timeout", TIMEOUT, "--grace", "100ms", "--no-retry-timeouts"];
    let mut command = project.command(words);
    // Each kill may use up an attempt, so a file needs many retries.
    command.args(["--no-retry-exit", "3", "--retries", "1000", "--backoff-base", "10ms", "--max-backoff", "20ms"]);
    command.args(["--pause-on-same", "0"]);
    command.args(["--shell", &script]).env(MARK, project.path("")).stdout(Stdio::null());
    command.spawn().expect("the binary")
}

fn record(project: &TempProject) -> PathBuf {
    project.path("record")
}

fn check_record(project: &TempProject) -> usize {
    let text = fs::read_to_string(record(project)).expect("the record");
    let mut latest: BTreeMap<&str, u32> = BTreeMap::new();
    let mut begun = 0;
    for line in text.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [what, name, attempt] = fields[..] else { panic!("a torn line: {line:?}") };
        let attempt = attempt.parse().expect("a number");
        match what {
            "start" => {
                begun += 1;
                let before = latest.insert(name, attempt);
                assert!(before < Some(attempt), "{name}: attempt {attempt} after {before:?}");
            }
            "end" => assert_eq!(latest.get(name), Some(&attempt), "{name}: an earlier attempt was still at work"),
            _ => panic!("{name}: attempt {attempt} met an earlier one"),
        }
    }
    begun
}

/// Returns the living processes of a queue. Zombies do not count.
pub(crate) fn left_of(project: &TempProject) -> Vec<PathBuf> {
    let mark = format!("{MARK}={}", project.path("").display()).into_bytes();
    let is_marked = |process: &Path| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == mark)
    };
    let processes = fs::read_dir("/proc").expect("processes").filter_map(|entry| Some(entry.ok()?.path()));
    processes.filter(|path| is_marked(path)).collect()
}

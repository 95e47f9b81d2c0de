use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

use super::database::Database;
use super::network::Network;
use crate::fixture::{Answer, TempProject, end_of, wait_until};

const FILES: &str = "AUTOPROC_MANY_MACHINES_FILES";

const WORKERS: usize = 3;
const KILLED: usize = 1;
const SOUND: usize = 2;
const CUT_OFF: usize = 3;
const WATCHER: usize = 4;

/// Records the start, end and overlap of commands in the folder `$W`. The files `go` and
/// `stick-MACHINE` control how long the commands wait.
const COMMAND: &str = r#"
exec 9>>"$W/locks/"{/}; flock -n 9 || echo {/} >> "$W/overlaps"
echo "$MACHINE "{/} >> "$W/starts"
until test -e "$W/go"; do sleep 0.05; done
if test -e "$W/stick-$MACHINE"; then
    test "$MACHINE" = m3 && trap '' TERM
    echo $$ >> "$W/pid-$MACHINE"
    while test -e "$W/stick-$MACHINE"; do sleep 0.1; done
fi
sleep 0.02
echo {/} >> "$W/ends"
"#;

struct Story {
    network: Network,
    database: Database,
    /// The folder that all machines mount.
    share: TempProject,
    projects: Vec<TempProject>,
}

impl Story {
    fn begin(test: &str, files: usize) -> Option<Self> {
        let network = Network::create(test, WATCHER)?;
        let database = Database::in_namespace(&network.server())?;
        let share = TempProject::new();
        for number in 0..files {
            share.write(format!("in/f{number}"), "");
        }
        share.write("witness/locks/none", "");
        let projects = (0..=WATCHER).map(|_| TempProject::new()).collect();
        Some(Self { network, database, share, projects })
    }

    fn witness(&self, name: &str) -> String {
        fs::read_to_string(self.share.path("witness").join(name)).unwrap_or_default()
    }

    fn command(&self, machine: usize, words: &[&str]) -> std::process::Command {
        let url = self.database.url_at(&self.network.address(machine));
        let words = [&["--store", &url], words].concat();
        let mut command = self.network.command(machine, &self.projects[machine], &words);
        command.env("W", self.share.path("witness"));
        command
    }

    fn ask(&self, machine: usize, words: &[&str]) -> Answer {
        self.command(machine, words).output().expect("ip(8)").into()
    }

    /// Starts a run. Its grace time is longer than the test, so only a guard kills a command that
    /// ignores SIGTERM.
    fn run(&self, machine: usize) -> Child {
        let limits = ["-j", "4", "--grace", "1h", "--unreachable-timeout", "5", "--backoff-base", "0"];
        let words = [&["run", "-qq"], &limits[..], &["--shell", COMMAND]].concat();
        let mut command = self.command(machine, &words);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("ip(8)")
    }

    fn completed(&self) -> usize {
        usize::try_from(self.database.count(&self.share, "completed")).expect("few files")
    }

    fn stuck(&self, machine: usize) -> Vec<String> {
        let name = format!("pid-m{machine}");
        wait_until("commands stay at work", || self.witness(&name).ends_with('\n'));
        self.witness(&name).lines().map(str::to_owned).collect()
    }
}

fn is_at_work(process: &str) -> bool {
    let status = fs::read_to_string(Path::new("/proc").join(process).join("status")).unwrap_or_default();
    status.lines().any(|line| line.starts_with("State:") && !line.contains('Z'))
}

#[test]
#[ignore = "takes half a minute; `just torture` runs it"]
fn many_machines_survive_a_kill_and_a_lost_network() {
    let files = env::var(FILES).ok().and_then(|text| text.parse().ok()).unwrap_or(300);
    let Some(story) = Story::begin("many_machines_survive_a_kill_and_a_lost_network", files) else { return };
    let folder = story.share.path("in");
    story.ask(WATCHER, &["queue", "add", folder.to_str().expect("text")]).expect_code(0);
    let [mut killed, sound, cut_off] = [KILLED, SOUND, CUT_OFF].map(|machine| story.run(machine));
    wait_until("every machine has begun", || {
        (1..=WORKERS).all(|machine| story.witness("starts").contains(&format!("m{machine} ")))
    });
    story.share.write("witness/go", "");
    wait_until("a part of the files is completed", || story.completed() > files / 10);
    for machine in [KILLED, CUT_OFF] {
        story.share.write(format!("witness/stick-m{machine}"), "");
    }
    story.stuck(KILLED);
    story.stuck(CUT_OFF);

    let status = story.ask(WATCHER, &["status"]).expect_code(0);
    for machine in 1..=WORKERS {
        assert!(status.out.lines().any(|line| line.starts_with(&format!("m{machine} "))), "{status:#?}");
    }
    killed.kill().expect("a child");
    killed.wait().expect("it ends");
    story.network.disconnect(CUT_OFF);

    // Other machines may take the files 15 s after the end of the lease.
    wait_until("the commands of the machine that is cut off have ended", || {
        !story.stuck(CUT_OFF).iter().any(|process| is_at_work(process))
    });
    let recent = "select count(*)::int from autoproc.lease l join autoproc.run r on r.id = l.run
                  where r.host = 'm3' and l.until_us > autoproc.clock_us() - 15000000";
    // Fails with a division by 0 if the lease ended more than 15 s ago.
    story.database.execute(&format!("select 1 / ({recent})"));
    end_of(cut_off).expect_code(75);
    // The healthy machine does not wait for files of dead runs, which may still be processing.
    let ended: Answer = sound.wait_with_output().expect("it ended").into();
    assert!([0, 75].contains(&ended.code), "{ended:?}");
    wait_until("a further run completes the files of the other machines", || end_of(story.run(SOUND)).code == 0);

    assert_eq!(story.completed(), files);
    assert_eq!(story.witness("overlaps"), "", "two commands were at work on one file");
    let ends = story.witness("ends");
    assert_eq!(ends.lines().collect::<BTreeSet<_>>().len(), files);
    let status = story.ask(WATCHER, &["status"]).expect_code(0);
    assert!(status.out.contains("0 pending, 0 processing"), "{status:#?}");
    let runs = story.ask(WATCHER, &["runs"]).expect_code(0);
    assert!(runs.out.lines().filter(|line| line.contains("died")).count() >= 2, "{runs:#?}");
}

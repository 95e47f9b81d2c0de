use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use super::night::{Machine, Night};

/// The shell command of each attempt. If the file `stick-MACHINE` exists, the commands for half of
/// the files hang and ignore SIGTERM.
pub(super) const COMMAND: &str = r#"
name={/}
exec 9>>"$W/locks/$name"
flock -n 9 || echo "$name $AUTOPROC_RUN_ID" >>"$W/overlaps"
case $name in *[02468])
    if test -e "$W/stick-$MACHINE"; then
        trap '' TERM
        echo "$AUTOPROC_RUN_ID" >>"$W/stuck-$MACHINE"
        while :; do date +%s%6N >>"$W/beats/$AUTOPROC_RUN_ID"; sleep 0.05; done
    fi ;;
esac
sleep 0.05
echo "$name" >>"$W/ends"
"#;

/// Triggers that record the end of each lease and the claim that ended each file.
pub(super) const SCHEMA: &str = "
create schema witness;
create table witness.lease (run text primary key, until_us bigint not null);
create table witness.settlement (item bigint, run text, claim bigint, at_us bigint);
create function witness.on_lease() returns trigger language plpgsql as $$ begin
    insert into witness.lease values (new.run, new.until_us)
    on conflict (run) do update set until_us = excluded.until_us;
    return null;
end $$;
create function witness.on_settlement() returns trigger language plpgsql as $$ begin
    insert into witness.settlement values (new.id, old.claim_run, old.claim_number, autoproc.clock_us());
    return null;
end $$;
create trigger witness after insert or update on autoproc.lease
    for each row execute function witness.on_lease();
create trigger witness after update on autoproc.item
    for each row when (old.status = 1 and new.status > 1) execute function witness.on_settlement();
";

/// The time from the end of a run's lease until other runs may take its files.
const LEASE_MARGIN_US: i64 = 15_000_000;

#[derive(Default)]
pub(super) struct Figures {
    /// The number of files whose addition was acknowledged.
    pub(super) acknowledged: usize,
    /// The number of files that a run reported as completed.
    pub(super) completed: usize,
    pub(super) runs: usize,
    /// The longest time that a hanging command outlived the lease of its run. Negative if every
    /// command ended earlier.
    pub(super) lateness_us: Option<i64>,
}

impl std::ops::AddAssign for Figures {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.completed += other.completed;
        self.runs += other.runs;
        self.lateness_us = self.lateness_us.max(other.lateness_us);
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { runs, acknowledged, completed, .. } = self;
        write!(out, "{runs} runs, {acknowledged} additions acknowledged, {completed} files completed: 0 lost, ")?;
        write!(out, "0 completed twice, 0 overlaps, 0 processes left")
    }
}

/// Checks a finished night on these machines.
pub(super) fn check<'a>(night: &Night, machines: impl IntoIterator<Item = &'a Machine>) -> Figures {
    assert_eq!(night.trace("overlaps"), "", "two commands were at work on one file");
    let acknowledged = check_files(night);
    let completed = check_settlements(night, machines);
    assert!(acknowledged > 0 && completed > 0, "{acknowledged} additions, {completed} files completed");
    let runs = night.number("select count(*) from autoproc.run");
    Figures { acknowledged, completed, runs, lateness_us: check_ends_of_commands(night) }
}

fn check_files(night: &Night) -> usize {
    let rows = night.rows("select convert_from(path, 'UTF8') from autoproc.item");
    let mut files: BTreeSet<String> = rows.iter().map(|row| row.get(0).expect("a path").to_owned()).collect();
    let ends: BTreeSet<String> = night.trace("ends").lines().map(str::to_owned).collect();
    assert!(files.iter().all(|file| ends.contains(file.rsplit('/').next().expect("a name"))), "no command ended");
    let [acknowledged, others] = night.additions();
    let lost: Vec<_> = acknowledged.iter().flatten().filter(|file| !files.remove(*file)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
    for batch in others {
        let there = batch.iter().filter(|file| files.remove(*file)).count();
        assert!([0, batch.len()].contains(&there), "{there} of {batch:?}");
    }
    assert!(files.is_empty(), "never added: {files:?}");
    acknowledged.iter().map(Vec::len).sum()
}

/// Checks that each file ended once, before other runs could take it. Returns the number of logged
/// completions.
fn check_settlements<'a>(night: &Night, machines: impl IntoIterator<Item = &'a Machine>) -> usize {
    let rows = night.rows(
        "select s.item, s.run, s.claim, s.at_us - l.until_us
         from witness.settlement s join witness.lease l on l.run = s.run",
    );
    let mut settled: BTreeMap<i64, (String, i64)> = BTreeMap::new();
    for row in rows {
        let number = |column: usize| row.get(column).expect("a column").parse::<i64>().expect("a number");
        let before = settled.insert(number(0), (row.get(1).expect("a run").to_owned(), number(2)));
        assert_eq!(before, None, "item {} was settled again", number(0));
        assert!(number(3) < LEASE_MARGIN_US, "item {} was settled after the lease of its run", number(0));
    }
    assert_eq!(settled.len(), night.number("select count(*) from autoproc.item"));
    let mut reported = BTreeSet::new();
    for event in machines.into_iter().flat_map(completions) {
        let number = |key: &str| event[key].as_i64().unwrap_or_else(|| panic!("{key} in {event}"));
        let run = event["run_id"].as_str().expect("a run").to_owned();
        assert_eq!(settled.get(&number("item_id")), Some(&(run, number("claim"))), "lost or stale: {event}");
        assert!(reported.insert(number("item_id")), "completed twice: {event}");
    }
    reported.len()
}

fn completions(machine: &Machine) -> Vec<Value> {
    let folders = fs::read_dir(machine.project.path("logs/stores")).into_iter().flatten();
    let logs = folders.map(|folder| folder.expect("an entry").path().join("autonomous-processing.jsonl"));
    let text: String = logs.map(|log| fs::read_to_string(log).unwrap_or_default()).collect();
    // The last line of a killed run may be torn.
    let events = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    events.filter(|event| event["event"] == "file_completed").collect()
}

/// Checks that hanging commands end before other machines can take their files. Returns
/// [`Figures::lateness_us`].
fn check_ends_of_commands(night: &Night) -> Option<i64> {
    let rows = night.rows("select run, until_us from witness.lease");
    let lateness = rows.iter().filter_map(|row| {
        let (run, until) = (row.get(0).expect("a run"), row.get(1).expect("a time"));
        let beats = night.trace(&format!("beats/{run}"));
        let latest = beats.lines().filter_map(|line| line.parse::<i64>().ok()).max()?;
        Some(latest - until.parse::<i64>().expect("a number"))
    });
    let latest = lateness.max();
    assert!(latest < Some(LEASE_MARGIN_US), "a command was at work {latest:?} us after the lease of its run");
    latest
}

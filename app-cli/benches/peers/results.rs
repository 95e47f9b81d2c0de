//! What was measured, as it stands in `results.json`: every sample, from which report and plots can be drawn again.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::process::{Usage, say};
use crate::statistics::{median, ratio};

/// The name under which our own figures stand.
pub(crate) const OURS: &str = "autoproc";

/// The version of the file's form.
const FORM: u32 = 1;

/// What is measured. `at` of a [`Series`] says at which parallelism or queue length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// Small jobs, `at` so many at a time.
    Drain,
    /// The same, with 100,000 others queued that are not due.
    DrainBesideBackingOff,
    /// The same, with 100,000 others queued that are due and of lower priority.
    DrainBesideLower,
    /// One process that adds one file to a queue of `at` files.
    Add,
    /// One process that adds `at` files.
    BulkAdd,
    /// `status` on a queue of `at` files.
    Status,
    /// `queue size` on a queue of `at` files.
    QueueSize,
    /// `queue list` on a queue of `at` files.
    QueueList,
    /// A run over `at` files that is stopped early; the memory counts.
    RunMemory,
    /// Real work on real files, `at` at a time.
    Work,
    /// A run that waits for `at` files that back off; the processor time counts.
    Waiting,
    /// A closed store of `at` files opened and counted, within a process that runs already.
    StoreOpen,
    /// One more file through an open store of `at` files.
    StoreAdd,
    /// One attempt settled and the next claimed, through an open store of `at` files.
    StoreExchange,
    /// 200 bytes appended and synced.
    FloorAppend,
    /// A snapshot of `at` files parsed by the JSON library, into nothing of ours.
    FloorParse,
    /// `/bin/true` spawned and waited for, from `at` threads.
    FloorSpawn,
}

/// One measurement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) wall_s: f64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) cpu_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) peak_memory_bytes: Option<u64>,
}

impl From<Usage> for Sample {
    fn from(usage: Usage) -> Self {
        let cpu_s = usage.cpu.map(|cpu| cpu.as_secs_f64());
        Self { wall_s: usage.wall.as_secs_f64(), cpu_s, peak_memory_bytes: usage.peak_memory_bytes }
    }
}

/// One tool in one scenario.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Series {
    pub(crate) scenario: Scenario,
    pub(crate) tool: String,
    pub(crate) at: u64,
    /// How many jobs or operations each sample covers.
    pub(crate) units: u64,
    pub(crate) samples: Vec<Sample>,
    /// Why rounds have no sample, where they have none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) failure: Option<String>,
}

impl Series {
    /// Seconds on the wall, a sample each.
    pub(crate) fn walls(&self) -> Vec<f64> {
        self.samples.iter().map(|sample| sample.wall_s).collect()
    }

    /// Units a second, a sample each.
    pub(crate) fn rates(&self) -> Vec<f64> {
        self.samples.iter().map(|sample| count(self.units) / sample.wall_s).collect()
    }

    /// Seconds of processor time, a sample each, where they are known.
    pub(crate) fn cpus(&self) -> Vec<f64> {
        self.samples.iter().filter_map(|sample| sample.cpu_s).collect()
    }

    /// Peak memory in bytes, a sample each, where it is known.
    pub(crate) fn peaks(&self) -> Vec<f64> {
        self.samples.iter().filter_map(|sample| sample.peak_memory_bytes).map(count).collect()
    }
}

/// A tool that took part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tool {
    pub(crate) name: String,
    pub(crate) version: String,
    /// What is left of its queue after a crash of the machine, in a few words.
    pub(crate) keeps: String,
}

/// Everything.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) form: u32,
    pub(crate) quick: bool,
    pub(crate) rounds: usize,
    pub(crate) machine: Machine,
    pub(crate) tools: Vec<Tool>,
    pub(crate) series: Vec<Series>,
}

/// Which series: scenario, tool, and at what.
pub(crate) type Key<'a> = (Scenario, &'a str, u64);

impl Results {
    /// Nothing measured yet.
    pub(crate) fn new(quick: bool, rounds: usize, machine: Machine, tools: Vec<Tool>) -> Self {
        Self { form: FORM, quick, rounds, machine, tools, series: Vec::new() }
    }

    /// Takes down one sample, or why there is none. A tool that fails does not end the measuring of the others.
    pub(crate) fn record(&mut self, key: Key<'_>, units: u64, outcome: io::Result<Usage>) {
        let series = self.series_for(key, units);
        match outcome {
            Ok(usage) => series.samples.push(usage.into()),
            Err(error) => {
                say(&format!("  {} has no figure: {error}", key.1));
                series.failure = Some(error.to_string());
            }
        }
    }

    /// The series of one tool, if it took part.
    pub(crate) fn find(&self, (scenario, tool, at): Key<'_>) -> Option<&Series> {
        self.series.iter().find(|series| series.scenario == scenario && series.tool == tool && series.at == at)
    }

    /// All series of a scenario at one length or parallelism, in the order in which they were measured.
    pub(crate) fn all(&self, scenario: Scenario, at: u64) -> impl Iterator<Item = &Series> {
        self.of(scenario).filter(move |series| series.at == at)
    }

    /// All series of a scenario, in the order in which they were measured.
    pub(crate) fn of(&self, scenario: Scenario) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(move |series| series.scenario == scenario)
    }

    /// At which lengths or parallelisms a scenario was measured.
    pub(crate) fn ats(&self, scenario: Scenario) -> Vec<u64> {
        let mut ats: Vec<u64> = self.of(scenario).map(|series| series.at).collect();
        ats.sort_unstable();
        ats.dedup();
        ats
    }

    /// The median seconds on the wall of one series.
    pub(crate) fn wall(&self, key: Key<'_>) -> Option<f64> {
        median(&self.find(key)?.walls())
    }

    /// How many times as long the one takes for a unit as the other.
    pub(crate) fn times_as_long(&self, one: Key<'_>, other: Key<'_>) -> Option<f64> {
        ratio(&self.find(other)?.rates(), &self.find(one)?.rates())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn save(&self, path: &Path) -> io::Result<()> {
        fs::write(path, serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or has another form.
    pub(crate) fn load(path: &Path) -> io::Result<Self> {
        let results: Self = serde_json::from_slice(&fs::read(path)?)?;
        match results.form {
            FORM => Ok(results),
            other => Err(io::Error::other(format!("results of form {other}, and this draws form {FORM}"))),
        }
    }

    fn series_for(&mut self, (scenario, tool, at): Key<'_>, units: u64) -> &mut Series {
        let matches = |series: &Series| series.scenario == scenario && series.tool == tool && series.at == at;
        let index = self.series.iter().position(matches).unwrap_or_else(|| {
            let tool = tool.to_owned();
            self.series.push(Series { scenario, tool, at, units, samples: Vec::new(), failure: None });
            self.series.len() - 1
        });
        &mut self.series[index]
    }
}

/// A count as a number to reckon with: exact up to 2^53, which no count here reaches.
#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53")]
pub(crate) fn count(number: u64) -> f64 {
    number as f64
}

//! What was measured, as it stands in `results.json`: every sample, from which report and plots can be drawn again.

mod series;

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

pub(crate) use series::{Scenario, Series};

use crate::machine::Machine;
use crate::process::{Usage, say};
use crate::statistics::{median, ratio};

/// The name under which our own figures stand.
pub(crate) const OURS: &str = "autoproc";

/// The version of the file's form, and of the way in which samples are taken, which the report tells.
const FORM: u32 = 2;

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
                // The report is for others, whom the folders of this machine tell nothing.
                series.failure = Some(error.to_string().replace(env!("CARGO_TARGET_TMPDIR"), "…"));
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

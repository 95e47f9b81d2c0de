//! One tool in one scenario, with every sample.

use serde::{Deserialize, Serialize};

use crate::process::Usage;
use crate::statistics::count;

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
    /// A workflow of real work in three steps, `at` files at a time.
    Steps,
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

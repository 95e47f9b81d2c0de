//! The outputs of one item's attempts, as `log --json` lists them.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::ItemId;
use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use serde::Serialize;

use crate::escape::Shown;
use crate::view::View;
use crate::view::screen::Screen;

/// The output file of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttemptFile {
    pub(super) path: PathBuf,
    pub(super) round: u32,
    pub(super) attempt: AttemptNumber,
    /// The number of the attempt's claim; later claims have higher numbers.
    pub(super) claim: ClaimNumber,
}

/// The outputs of one item's attempts.
#[derive(Debug)]
pub(super) struct Attempts {
    pub(super) item: ItemId,
    /// The existing outputs, the oldest first.
    pub(super) files: Vec<AttemptFile>,
}

#[derive(Serialize)]
struct AttemptsJson {
    attempts: Vec<AttemptJson>,
    item_id: u64,
}

#[derive(Serialize)]
struct AttemptJson {
    attempt: u32,
    claim: u64,
    output_path: String,
    round: u32,
}

impl From<&AttemptFile> for AttemptJson {
    fn from(file: &AttemptFile) -> Self {
        Self {
            attempt: file.attempt.get(),
            claim: file.claim.get(),
            output_path: file.path.to_string_lossy().into_owned(),
            round: file.round,
        }
    }
}

impl View for Attempts {
    fn human(&self, out: &mut Screen<'_>) -> io::Result<()> {
        self.files.iter().try_for_each(|file| writeln!(out, "{}\t{}", file.attempt, Shown(&file.path)))
    }

    fn document(&self) -> impl Serialize {
        let attempts = self.files.iter().map(AttemptJson::from).collect();
        AttemptsJson { attempts, item_id: self.item.get() }
    }
}

//! Lists the outputs of an item's attempts.

use std::io::{self, Write};
use std::path::PathBuf;

use autoproc_domain::ItemId;
use autoproc_domain::item::{AttemptNumber, ClaimNumber};
use serde::Serialize;

use crate::escape::Shown;
use crate::view::View;
use crate::view::screen::Screen;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AttemptFile {
    pub(super) path: PathBuf,
    /// The host that has the file. `None` for this project folder.
    pub(super) host: Option<Box<str>>,
    pub(super) round: u32,
    pub(super) attempt: AttemptNumber,
    /// The number of the attempt's claim; later claims have higher numbers.
    pub(super) claim: ClaimNumber,
}

#[derive(Debug)]
pub(super) struct Attempts {
    pub(super) item: ItemId,
    /// The oldest output comes first.
    pub(super) files: Vec<AttemptFile>,
}

#[derive(Serialize)]
struct AttemptsJson<'a> {
    attempts: Vec<AttemptJson<'a>>,
    item_id: u64,
}

#[derive(Serialize)]
struct AttemptJson<'a> {
    attempt: u32,
    claim: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    output_path: String,
    round: u32,
}

impl<'a> From<&'a AttemptFile> for AttemptJson<'a> {
    fn from(file: &'a AttemptFile) -> Self {
        Self {
            attempt: file.attempt.get(),
            claim: file.claim.get(),
            host: file.host.as_deref(),
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

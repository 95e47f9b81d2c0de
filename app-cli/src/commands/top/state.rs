//! The state of the screen of `autoproc top`.

use autoproc_domain::signature::{FailureGroup, SignatureId};
use autoproc_domain::{FilePath, ItemId, QueueItem};

use super::action::Action;
use super::list::List;
use super::snapshot::{Filter, RunningFile, Snapshot};
use super::text_page::TextPage;
use crate::view::layout::{Layout, Size};
use crate::view::time::Zone;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Pane {
    /// The processing files.
    #[default]
    Now,
    /// The groups of failures.
    Failures,
    /// The pending files.
    Next,
}

impl Pane {
    /// All panes, from the top of the screen to its bottom.
    pub(super) const ALL: [Self; 3] = [Self::Now, Self::Failures, Self::Next];

    /// Returns the pane `panes` positions further down, wrapping around.
    pub(super) fn after(self, panes: usize) -> Self {
        Self::ALL[(self as usize + panes) % Self::ALL.len()]
    }
}

/// Determines what the keys do.
#[derive(Debug, Clone, Default)]
pub(super) enum Mode {
    /// The keys move in the lists.
    #[default]
    Browse,
    /// The keys edit the filter. Contains the previous filter, for Esc.
    Search(String),
    /// The keys scroll a page of text.
    Read(TextPage),
    AskPriority(FilePath, String),
    Confirm(Action),
}

#[derive(Debug, Clone)]
pub(super) struct State {
    /// `None` before the first read of the queue.
    pub(super) snapshot: Option<Box<Snapshot>>,
    pub(super) mode: Mode,
    pub(super) focus: Pane,
    pub(super) now: List<ItemId>,
    pub(super) failures: List<SignatureId>,
    pub(super) next: List<ItemId>,
    /// The text to search in paths and failures. If empty, everything is shown.
    pub(super) filter: String,
    /// An outcome or a warning, shown until the next key press.
    pub(super) message: Option<String>,
    /// The reason why the latest read of the queue failed.
    pub(super) trouble: Option<String>,
    pub(super) size: Size,
    pub(super) look: Look,
}

#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) layout: Layout,
    pub(super) zone: Zone,
    pub(super) is_coloured: bool,
    /// The command-line options that choose the queue, each with a leading space.
    pub(super) options: String,
}

impl State {
    pub(super) fn new(look: Look, size: Size) -> Self {
        Self {
            snapshot: None,
            mode: Mode::Browse,
            focus: Pane::Now,
            now: List::default(),
            failures: List::default(),
            next: List::default(),
            filter: String::new(),
            message: None,
            trouble: None,
            size,
            look,
        }
    }

    pub(super) fn selected_running(&self) -> Option<&RunningFile> {
        self.snapshot.as_ref()?.running.get(self.now.selected()?)
    }

    pub(super) fn selected_group(&self) -> Option<&FailureGroup> {
        self.snapshot.as_ref()?.groups.get(self.failures.selected()?)
    }

    pub(super) fn selected_next(&self) -> Option<&QueueItem> {
        self.snapshot.as_ref()?.next.get(self.next.selected()?)
    }

    /// Returns the selected file of the focused pane.
    pub(super) fn selected_file(&self) -> Option<(&FilePath, ItemId)> {
        match self.focus {
            Pane::Now => self.selected_running().map(|file| (&file.file_path, file.id)),
            Pane::Failures => None,
            Pane::Next => self.selected_next().map(|item| (&item.file_path, item.id)),
        }
    }

    /// Returns the number of rows of a pane that match the filter.
    pub(super) fn rows(&self, pane: Pane) -> usize {
        match pane {
            Pane::Now => self.now.len(),
            Pane::Failures => self.failures.len(),
            Pane::Next => self.next.len(),
        }
    }

    /// Moves the selection of the focused pane.
    pub(super) fn move_by(&mut self, rows: isize) {
        match self.focus {
            Pane::Now => self.now.move_by(rows),
            Pane::Failures => self.failures.move_by(rows),
            Pane::Next => self.next.move_by(rows),
        }
    }

    /// Applies the filter to the rows of the snapshot.
    pub(super) fn filter_rows(&mut self) {
        let Some(snapshot) = &self.snapshot else { return };
        let filter = Filter::new(&self.filter);
        let is_shown = |path: &FilePath| filter.matches(&path.text());
        let running = snapshot.running.iter().enumerate().filter(|(_, file)| is_shown(&file.file_path));
        self.now.replace(running.map(|(position, file)| (position, file.id)).collect());
        let next = snapshot.next.iter().enumerate().filter(|(_, item)| is_shown(&item.file_path));
        self.next.replace(next.map(|(position, item)| (position, item.id)).collect());
        let is_group_shown =
            |group: &FailureGroup| filter.matches(group.signature.reason()) || group.examples.iter().any(is_shown);
        let groups = snapshot.groups.iter().enumerate().filter(|(_, group)| is_group_shown(group));
        self.failures.replace(groups.map(|(position, group)| (position, group.signature.id())).collect());
    }
}

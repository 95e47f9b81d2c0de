//! The actions that a user can choose in the live view.

use std::ffi::OsString;

use autoproc_domain::signature::SignatureId;
use autoproc_domain::{FilePath, Priority};

use crate::view::layout::Layout;
use crate::view::quoting::quoted;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    Retry(SignatureId),
    Prioritise(FilePath, Priority),
    Hold(FilePath),
    Unhold(FilePath),
    Cancel(FilePath),
    /// Asks the live runs to stop after their current files.
    Stop,
    /// Asks the live runs to end their current attempts and to stop.
    StopNow,
}

impl Action {
    /// Returns the arguments of the command line. Paths keep their exact bytes.
    pub(super) fn words(&self) -> Vec<OsString> {
        self.command(|path| path.as_os_str().to_owned()).0
    }

    /// Returns the command line for display. It may contain escaped paths, which a shell would not
    /// understand.
    pub(super) fn line(&self, layout: &Layout, options: &str) -> String {
        let escaped = |path: &FilePath| quoted(&layout.path(path));
        let (words, name_length) = self.command(|path| layout.argument(path).unwrap_or_else(|| escaped(path)).into());
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        let (name, arguments) = words.split_at(name_length);
        [&[format!("autoproc {}{options}", name.join(" ")).into()], arguments].concat().join(" ")
    }

    /// Returns the words of the command line, and how many of them name the command.
    fn command(&self, word_of: impl Fn(&FilePath) -> OsString) -> (Vec<OsString>, usize) {
        let (name, arguments): (&[&str], Vec<OsString>) = match self {
            Self::Retry(signature) => (&["retry-failed"], vec!["--like".into(), signature.to_string().into()]),
            Self::Prioritise(path, priority) => {
                (&["queue", "prioritise"], vec![word_of(path), priority.to_string().into()])
            }
            Self::Hold(path) => (&["queue", "hold"], vec![word_of(path)]),
            Self::Unhold(path) => (&["queue", "unhold"], vec![word_of(path)]),
            Self::Cancel(path) => (&["cancel"], vec![word_of(path)]),
            Self::Stop => (&["stop"], Vec::new()),
            Self::StopNow => (&["stop"], vec!["--now".into()]),
        };
        (name.iter().map(OsString::from).chain(arguments).collect(), name.len())
    }

    pub(super) fn question(&self) -> &'static str {
        match self {
            Self::Retry(_) => "Give the files that failed for this reason another round?",
            Self::Prioritise(..) => "Change the priority of this file?",
            Self::Hold(_) => "Hold this file, so that no run processes it?",
            Self::Unhold(_) => "Release this file, so that a run may process it?",
            Self::Cancel(_) => "Cancel this file? It fails, and a running attempt is ended.",
            Self::Stop => "Stop all live runs of this queue after their current files?",
            Self::StopNow => "End the current attempts of all live runs of this queue?",
        }
    }
}

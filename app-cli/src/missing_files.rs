//! Finds failed files that no longer exist.

use autoproc_domain::FilePath;

use crate::view::files;
use crate::view::layout::Layout;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct MissingFiles {
    first: Option<FilePath>,
    count: usize,
}

impl MissingFiles {
    /// Finds the missing files.
    pub(crate) fn among<'f>(files: impl IntoIterator<Item = &'f FilePath>) -> Self {
        let mut missing = files.into_iter().filter(|file| file.as_path().try_exists().is_ok_and(|exists| !exists));
        let first = missing.next().cloned();
        Self { count: usize::from(first.is_some()) + missing.count(), first }
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Returns one line of advice, or `None` if all files exist.
    pub(crate) fn advice(&self, layout: &Layout, project_option: &str) -> Option<String> {
        let first = self.first.as_ref()?;
        let (shown, remove) = (layout.path(first), format!("autoproc queue remove{project_option}"));
        let argument = layout.argument(first).unwrap_or_else(|| "FILE".to_owned());
        Some(match self.count {
            1 => format!("{shown} does not exist: put it back, or `{remove} {argument}`"),
            more => format!("{} do not exist, the first is {shown}: put them back, or `{remove} FILE`", files(more)),
        })
    }
}

//! The values of the placeholders in a command.

use std::path::Path;

use autoproc_domain::{FilePath, ItemId};

/// The values for the placeholders in a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject<'a> {
    /// The path of the file: `{}`. The parts of the path are `{/}`, `{//}`, `{.}` and `{/.}`.
    pub path: &'a Path,
    /// The path relative to the folder from which the file was added: `{rel}`. See
    /// [`relative_path`].
    pub relative: &'a Path,
    /// The item id of the file: `{#}`. If `None`, `{#}` is not replaced.
    pub item: Option<ItemId>,
    /// The number of the slot in which the attempt runs, from 1: `{%}`.
    pub slot: usize,
}

/// Returns the path of a file relative to the folder from which the file was added.
///
/// The result is the last `depth` components of the path; see
/// [`QueueItem::depth`](autoproc_domain::QueueItem::depth). If `depth` is 0, the file was added
/// individually. The result is then relative to `project_dir`, or only the file name if the file is
/// outside `project_dir`. The result never contains `..` and never begins with a slash.
#[must_use]
pub fn relative_path<'a>(file: &'a FilePath, depth: u8, project_dir: &Path) -> &'a Path {
    match file.as_path().strip_prefix(project_dir) {
        _ if depth > 0 => file.last_components(depth),
        Ok(below) if !below.as_os_str().is_empty() => below,
        _ => file.last_components(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_the_folder_it_was_added_from_or_the_project() {
        let file = FilePath::new("/p/scans/2026/a.png").expect("a path");
        let below = |depth, project| relative_path(&file, depth, Path::new(project)).to_str().expect("text");
        assert_eq!(below(2, "/p"), "2026/a.png");
        assert_eq!(below(1, "/elsewhere"), "a.png");
        assert_eq!(below(0, "/p"), "scans/2026/a.png");
        assert_eq!(below(0, "/"), "p/scans/2026/a.png");
        assert_eq!(below(0, "/p/sca"), "a.png");
        assert_eq!(below(0, "/p/scans/2026/a.png"), "a.png");
    }
}

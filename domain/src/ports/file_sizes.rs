//! The port for reading file sizes.

use async_trait::async_trait;

use crate::path::FilePath;

/// Reads the sizes of files. Only runs that use forecasts use this port; see
/// [`RunConfig::uses_forecasts`](crate::RunConfig::uses_forecasts).
///
/// # Contract
/// - The answer has one size for each file, in bytes, in the same order. A size is `None` if the
///   file cannot be examined.
/// - The answer comes within a second. Sizes that are not known by then are `None`.
#[async_trait]
pub trait FileSizes: Send + Sync {
    /// Returns the sizes of these files.
    async fn sizes_of(&self, files: Vec<FilePath>) -> Vec<Option<u64>>;
}

/// Reports the size of every file as unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UnknownSizes;

#[async_trait]
impl FileSizes for UnknownSizes {
    async fn sizes_of(&self, files: Vec<FilePath>) -> Vec<Option<u64>> {
        vec![None; files.len()]
    }
}

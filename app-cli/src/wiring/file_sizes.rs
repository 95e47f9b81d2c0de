//! Implements the port for file sizes.

use async_trait::async_trait;
use autoproc_domain::FilePath;
use autoproc_domain::ports::FileSizes;
use tokio::task::spawn_blocking;

use crate::forecasting::sizes_of;

pub(super) struct SizesOnDisk;

#[async_trait]
impl FileSizes for SizesOnDisk {
    async fn sizes_of(&self, files: Vec<FilePath>) -> Vec<Option<u64>> {
        // If the runtime is shutting down, the answer is empty.
        spawn_blocking(move || sizes_of(files)).await.unwrap_or_default()
    }
}

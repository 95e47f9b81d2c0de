use std::os::unix::fs::MetadataExt;
use std::path::Path;

use autoproc_domain::Fingerprint;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Returns the size and the modification time of a file, following links; `None` if the file cannot
/// be examined.
#[must_use]
pub fn fingerprint_of(path: &Path) -> Option<Fingerprint> {
    let metadata = std::fs::metadata(path).ok()?;
    let modified_ns = metadata.mtime().saturating_mul(NANOS_PER_SECOND).saturating_add(metadata.mtime_nsec());
    Some(Fingerprint { size: metadata.len(), modified_ns })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn size_and_time_are_exact() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        std::fs::write(&path, "12345").expect("written");
        let time = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_789);
        std::fs::File::options().write(true).open(&path).and_then(|file| file.set_modified(time)).expect("its time");
        let expected = Fingerprint { size: 5, modified_ns: 1_700_000_000_123_456_789 };
        assert_eq!(fingerprint_of(&path), Some(expected));
        assert_eq!(fingerprint_of(&dir.path().join("missing")), None);
    }
}

//! CRC-32C checksums (Castagnoli, RFC 3720 section 12.1) of journal lines, of snapshots, and of the
//! note of the journal's end in the lock file.

pub(crate) use crc32c::{crc32c as of, crc32c_append as extended};

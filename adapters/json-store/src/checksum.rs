//! CRC-32C checksums (Castagnoli, RFC 3720 section 12.1) of the store's files.

pub(crate) use crc32c::{crc32c as of, crc32c_append as extended};

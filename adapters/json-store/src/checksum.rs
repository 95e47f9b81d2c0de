//! CRC-32C (Castagnoli, RFC 3720 section 12.1) of lines, notes and documents.

pub(crate) use crc32c::{crc32c as of, crc32c_append as extended};

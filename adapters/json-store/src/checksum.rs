//! CRC-32C (Castagnoli, RFC 3720 section 12.1), by the processor's own instruction once that pays.
//!
//! Whether there is such an instruction is asked with another, `cpuid`, some ten times. Within a virtual machine each of
//! these is answered by the host (Intel's manual, volume 3C, "Instructions That Cause VM Exits Unconditionally") and takes
//! microseconds, so the asking costs as much as the checksum of some hundred kilobytes. A command that adds one file to a short
//! queue never needs as many.

use std::sync::atomic::{AtomicUsize, Ordering};

use crc::{CRC_32_ISCSI, Crc, Table};

/// So many bytes are done by tables first, in the whole life of the process: a small document, and some lines. To do them takes
/// as long as to ask.
const BY_TABLES: usize = 320 * 1024;

static TABLES: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static DONE: AtomicUsize = AtomicUsize::new(0);

/// The checksum of these bytes.
pub(crate) fn of(bytes: &[u8]) -> u32 {
    extended(0, bytes)
}

/// The checksum of what has the checksum `crc`, and these bytes after it.
pub(crate) fn extended(crc: u32, bytes: &[u8]) -> u32 {
    let done = DONE.load(Ordering::Relaxed);
    if done.saturating_add(bytes.len()) > BY_TABLES {
        return crc32c::crc32c_append(crc, bytes);
    }
    DONE.store(done + bytes.len(), Ordering::Relaxed);
    by_tables(crc, bytes)
}

/// The crate takes the register's beginning in the order of the polynomial, which is the other one than its result's.
fn by_tables(crc: u32, bytes: &[u8]) -> u32 {
    let mut digest = TABLES.digest_with_initial((!crc).reverse_bits());
    digest.update(bytes);
    digest.finalize()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_check_value_is_the_one_of_the_catalogue() {
        assert_eq!(by_tables(0, b"123456789"), 0xE306_9283);
    }

    proptest! {
        #[test]
        fn tables_and_instruction_agree(before in any::<Vec<u8>>(), after in any::<Vec<u8>>()) {
            let crc = crc32c::crc32c(&before);
            prop_assert_eq!(by_tables(0, &before), crc);
            prop_assert_eq!(by_tables(crc, &after), crc32c::crc32c_append(crc, &after));
        }
    }
}

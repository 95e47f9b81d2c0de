//! Prints amounts of bytes.

use bytesize::ByteSize;

/// Formats an amount of memory in powers of 1024, as memory is sized (IEC 80000-13).
pub(crate) fn memory(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_as_exact_as_anybody_wants_to_know() {
        assert_eq!(memory(500), "500 B");
        assert_eq!(memory(8 << 20), "8.0 MiB");
    }
}

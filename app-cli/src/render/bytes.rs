//! Amounts of bytes as they are shown.

use bytesize::ByteSize;

/// An amount of memory for a person, in powers of 1024, which is how memory comes (IEC 80000-13).
pub(super) fn memory(bytes: u64) -> String {
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

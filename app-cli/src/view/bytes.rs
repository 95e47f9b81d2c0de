use bytesize::ByteSize;

/// Formats an amount of memory in powers of 1024 (IEC 80000-13).
pub(crate) fn memory(bytes: u64) -> String {
    ByteSize(bytes).display().iec().to_string()
}

/// Formats a file size in powers of 1000, without a trailing `.0`.
pub(crate) fn file_size(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string().replace(".0 ", " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_as_exact_as_anybody_wants_to_know() {
        assert_eq!(memory(500), "500 B");
        assert_eq!(memory(8 << 20), "8.0 MiB");
    }

    #[test]
    fn a_file_size_has_no_fraction_of_zero() {
        assert_eq!([10, 100_000, 30_000_000, 2_500_000].map(file_size), ["10 B", "100 kB", "30 MB", "2.5 MB"]);
    }
}

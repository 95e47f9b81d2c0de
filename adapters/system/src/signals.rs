//! What this process was told about signals before it began.

/// Whether this process ignores a signal, as `proc_pid_status(5)` tells: bit n-1 of `SigIgn` stands for signal n. Where the
/// system does not tell, it does not.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}

//! Signal dispositions that this process inherited.

/// True if this process ignores `signal`: bit n-1 of `SigIgn` in `proc_pid_status(5)` stands for
/// signal n. False if the system does not report it.
pub(crate) fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (signal - 1)) != 0
}

//! Parses `/proc/<pid>/stat` (proc(5)).

use crate::process_table::{Process, ProcessId};

/// The number of the first field after the name. proc(5) counts from 1.
const FIRST_AFTER_NAME: usize = 3;

/// The fields with the CPU time: of the process itself and of its reaped children, both in user
/// mode and in the kernel.
const CPU_TIMES: [usize; 4] = [14, 15, 16, 17];

/// An upper bound for the length of a line: 52 fields of at most 20 digits, and a name of at most
/// 64 bytes.
pub(super) const MAX_LINE_BYTES: usize = 2048;

/// Parses a line. The name may contain parentheses.
pub(super) fn parse(text: &[u8]) -> Option<Process> {
    let open = text.iter().position(|byte| *byte == b'(')?;
    let close = text.iter().rposition(|byte| *byte == b')')?;
    let name = text.get(open + 1..close)?;
    let after = std::str::from_utf8(&text[close + 1..]).ok()?;
    let fields: Vec<&str> = after.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - FIRST_AFTER_NAME).copied();
    let pid = std::str::from_utf8(&text[..open]).ok()?.trim_end().parse().ok()?;
    let threads: u64 = field(20)?.parse().ok()?;
    let cpu_ticks = CPU_TIMES.map(|number| field(number)?.parse::<u64>().ok());
    Some(Process {
        id: ProcessId { pid, started: field(22)?.parse().ok()? },
        name: name.into(),
        parent: field(4)?.parse().ok()?,
        group: field(5)?.parse().ok()?,
        session: field(6)?.parse().ok()?,
        // If the first thread of a process has ended, the process looks like a zombie, even while
        // other threads are running.
        is_zombie: matches!(field(3)?, "Z" | "X" | "x") && threads <= 1,
        is_stopped: matches!(field(3)?, "T" | "t"),
        is_blocked: field(3)? == "D",
        cpu_ticks: cpu_ticks.into_iter().sum::<Option<u64>>()?,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(pid: i32, name: &[u8], state: char, numbers: [i32; 3], threads: u64, started: u64) -> Vec<u8> {
        let [parent, group, session] = numbers;
        let mut text = format!("{pid} (").into_bytes();
        text.extend(name);
        let rest = format!(
            ") {state} {parent} {group} {session} -1 -1 4194560 9 3 0 8 6 2 8 1 10 -10 {threads} 0 {started} 520 43 1\n"
        );
        text.extend(rest.into_bytes());
        text
    }

    proptest! {
        #[test]
        fn every_name_is_parsed(
            pid in 1..i32::MAX,
            name in prop::collection::vec(prop::sample::select(&b"a ()\n\0\xff0RSZ1"[..]), 0..64),
            numbers in prop::array::uniform3(0..i32::MAX),
            started: u64,
        ) {
            let process = parse(&line(pid, &name, 'S', numbers, 1, started)).expect("a line");
            let [parent, group, session] = numbers;
            let id = ProcessId { pid, started };
            prop_assert_eq!(process, Process { id, name: name.into(), parent, group, session, is_zombie: false, is_stopped: false, is_blocked: false, cpu_ticks: 17 });
        }

        #[test]
        fn no_text_panics(text: Vec<u8>) {
            let _ = parse(&text);
        }

        #[test]
        fn a_truncated_line_is_refused(cut in 0_usize..40) {
            let whole = line(77, b"a) R 1 (b", 'R', [1, 77, 77], 1, 123_456);
            let after_name = whole.iter().rposition(|byte| *byte == b')').expect("there");
            // Cuts the line before the end of the start time, the last field that is parsed.
            prop_assert_eq!(parse(&whole[..after_name + 1 + cut.min(38)]), None);
        }
    }

    #[test]
    fn a_stopped_process_is_told_from_a_sleeping_one() {
        for (state, is_stopped) in [('T', true), ('t', true), ('S', false), ('R', false)] {
            assert_eq!(parse(&line(5, b"x", state, [1, 5, 5], 2, 9)).expect("a line").is_stopped, is_stopped);
        }
    }

    #[test]
    fn a_process_whose_first_thread_ended_is_not_a_zombie() {
        assert!(parse(&line(5, b"x", 'Z', [1, 5, 5], 1, 9)).expect("a line").is_zombie);
        assert!(!parse(&line(5, b"x", 'Z', [1, 5, 5], 2, 9)).expect("a line").is_zombie);
    }
}

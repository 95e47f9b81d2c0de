use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::WorkflowFile;
use crate::read::MAX_FILE_BYTES;
use crate::runners::Runners;
use crate::task::TaskFile;
use proptest::prelude::*;

use super::samples::{ARRIVAL, EVERYTHING, LETTERS};
use super::temp_project::TempProject;

const SOON: Duration = Duration::from_secs(30);

fn check(bytes: &[u8]) -> WorkflowFile {
    let project = TempProject::new();
    let path = project.write("core/workflows/a.yaml", bytes);
    let start = Instant::now();
    let file = project.catalogue().load(&path).unwrap();
    assert!(start.elapsed() < SOON, "it took {:?}", start.elapsed());
    let lines = bytes.split(|byte| *byte == b'\n').count() + 1;
    for problem in &file.problems {
        assert!(problem.position.line >= 1 && problem.position.column >= 1, "{problem:?}");
        assert!(usize::try_from(problem.position.line).unwrap() <= lines, "{problem:?}");
        assert!(!problem.to_string().is_empty() && !problem.to_string().contains('\n'), "{problem:?}");
    }
    assert!(file.workflow.is_some() || file.has_errors());
    file
}

#[test]
fn ten_thousand_steps_are_checked_in_well_under_a_second() {
    let mut text = "workflow:\n  phases:\n".to_owned();
    for phase in 0..100 {
        write!(text, "    - id: p{phase}\n      steps:\n        - run: [x]\n").unwrap();
        for step in 1..100 {
            writeln!(text, "        - run: [x, \"${{file}} ${{steps.p{phase}_{step}.v}}\"]").unwrap();
        }
    }
    let start = Instant::now();
    let file = check(text.as_bytes());
    println!("10,000 steps checked in {:?}", start.elapsed());
    assert!(!file.has_errors(), "{:?}", file.problems.first());
    assert_eq!(file.workflow.unwrap().phases.iter().map(|phase| phase.steps.len()).sum::<usize>(), 10_000);
}

fn lines(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn hostile_files_are_checked_in_bounded_time() {
    let bomb = lines(40, |level| match level {
        0 => "k0: &k0 [x]".to_owned(),
        _ => format!("k{level}: &k{level} [{}]", vec![format!("*k{}", level - 1); 9].join(", ")),
    });
    let cycle = lines(5_000, |p| format!("    - {{from: p{p}, to: p{}}}", (p + 1) % 5_000));
    let phases = lines(5_000, |p| format!("    - {{id: p{p}, steps: [{{run: [\"${{nobdy{p}}}\"], runn: x}}]}}"));
    let files = [
        bomb,
        "[".repeat(100_000),
        "- ".repeat(100_000),
        "{a: ".repeat(100_000),
        format!("workflow: [{}]", "1,".repeat(1_000_000)),
        format!("workflow:\n  phases:\n{phases}  transitions:\n{cycle}"),
        format!("workflow: {{name: \"{}\"}}", "x".repeat(MAX_FILE_BYTES - 100)),
        format!("workflow: {{phases: [{{id: a, steps: [{{run: [\"{}\"]}}]}}]}}", "${a".repeat(100_000)),
        format!("workflow: {{phases: [{{id: a, steps: [{{run: [\"{}\"]}}]}}]}}", "${a}".repeat(100_000)),
        lines(100_000, |key| format!("k{key}: 1")),
        format!("workflow: {{phases: [{{id: \"{}\", task: a}}]}}", "x".repeat(100_000)),
        "\u{0}".repeat(1_000),
        "a: &a\n  b: *a\n".to_owned(),
        "workflow: !!binary aGk=\n".to_owned(),
        "workflow: {phases: [{id: a, task: \"a\\0b\"}]}".to_owned(),
    ];
    for (index, text) in files.iter().enumerate() {
        let file = check(text.as_bytes());
        assert!(index == files.len() - 1 || file.has_errors(), "{:.60}: {:?}", text, file.problems);
        assert!(file.problems.len() <= 1_001);
    }
}

proptest! {
    #[test]
    fn mutated_files_get_an_answer(
        sample in prop::sample::select(vec![LETTERS, ARRIVAL, EVERYTHING]),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..3, any::<u8>()), 1..8),
    ) {
        let mut bytes = sample.as_bytes().to_vec();
        for (index, change, byte) in changes {
            let at = index.index(bytes.len());
            match change {
                0 => bytes[at] = byte,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b":-[]{}&*!|>'\"%@`#,?$\n\t ~<="[usize::from(byte) % 26]),
            }
        }
        check(&bytes);
    }

    #[test]
    fn shuffled_lines_get_an_answer(
        sample in prop::sample::select(vec![LETTERS, ARRIVAL, EVERYTHING]),
        moves in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..9), 1..6),
    ) {
        let mut lines: Vec<String> = sample.lines().map(str::to_owned).collect();
        for (from, to, indent) in moves {
            let line = lines[from.index(lines.len())].trim().to_owned();
            let at = to.index(lines.len());
            lines.insert(at, format!("{}{line}", " ".repeat(indent)));
        }
        check(lines.join("\n").as_bytes());
    }

    #[test]
    fn any_bytes_get_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
    }

    #[test]
    fn any_text_gets_an_answer(text in "(workflow|phases|id|- |: |[\\[\\]{}&*a!|>\"'#\n ,?-]){0,60}") {
        check(text.as_bytes());
    }

    #[test]
    fn any_table_of_runners_gets_an_answer(text in "(\\[runners\\]|runners|commands|task|[a\\[\\]{}=\"'.,\n #]){0,40}") {
        let _ = Runners::parse(&text, "autoproc.toml".as_ref());
    }

    #[test]
    fn any_task_file_gets_an_answer(text in "(Field|Value|task_id|[|: \n\\\\`a-])*") {
        let _ = TaskFile::parse(&text, "t.md".as_ref());
    }
}

use crate::fixture::TempProject;
use crate::tmux::{Terminal, has_tmux};

const LONG: &str = "a-file-whose-name-is-too-long-for-forty-columns";

const COMMAND: &str = "test {/} != bad && until test -e {//}/../go; do sleep 0.02; done";

fn live_view(lines: &[String], columns: usize) -> Vec<String> {
    let failure = lines.iter().position(|line| line.contains("failed in/bad"));
    let mut view = lines[failure.map_or(lines.len(), |line| line + 1)..].iter();
    let is_running = |line: &&String| !line.contains('[') && line.chars().count() <= columns;
    let mut shown: Vec<_> = view.by_ref().take_while(is_running).map(|line| without_time(line)).collect();
    shown.sort_unstable();
    let Some(bar) = lines.iter().position(|line| line.contains('[')) else { return shown };
    let totals: Vec<_> = lines[bar..].iter().map(|line| without_time(line)).collect();
    let totals = totals.join(" ");
    shown.push(totals.split_inclusive("failed").next().unwrap_or_default().to_owned());
    shown
}

fn without_time(line: &str) -> String {
    let line = line.trim_start();
    let is_time = |word: &str| word.starts_with(|first: char| first.is_ascii_digit()) && word.ends_with('s');
    let words = line.split(' ').skip_while(|word| is_time(word) || word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn leftovers(lines: &[String]) -> Option<Vec<String>> {
    lines.iter().position(|line| line == "over")?;
    let failure = lines.iter().position(|line| line.contains("failed in/bad"))?;
    let summary = lines.iter().position(|line| line.starts_with("processed 3, failed 1, "))?;
    let before = lines[..failure].iter().filter(|line| line.contains('[') || line.starts_with("  "));
    Some(before.chain(&lines[failure + 1..summary]).cloned().collect())
}

fn view(files: [&str; 3], totals: &str) -> Vec<String> {
    files.iter().map(|file| (*file).to_owned()).chain([totals.to_owned()]).collect()
}

fn expected(columns: usize) -> Vec<String> {
    match columns {
        100 => view(
            ["in/a-file-whose-name-is-too-long-for-forty-columns", "in/slow-1", "in/slow-2"],
            "[======>                  ] 1/4 files, 1 failed",
        ),
        60 => view(
            ["in/a-file-whose-name-is-too-long-for-forty-columns", "in/slow-1", "in/slow-2"],
            "[===>           ] 1/4 files, 1 failed",
        ),
        _ => view(["in/a-file-…ng-for-forty-columns", "in/slow-1", "in/slow-2"], "[==>       ] 1/4 files, 1 failed"),
    }
}

fn run_at(sizes: &[(usize, usize)]) {
    let project = TempProject::new();
    for name in ["bad", "slow-1", "slow-2", LONG] {
        project.write(format!("in/{name}"), "");
    }
    let terminal = Terminal::open(&project, sizes[0], &format!("run in -j4 -r0 --shell '{COMMAND}'"));
    for (position, size) in sizes.iter().enumerate() {
        if position > 0 {
            terminal.resize(*size);
        }
        terminal.expect(|lines| live_view(lines, size.0), &expected(size.0));
    }
    project.write("go", "");
    terminal.expect(leftovers, &Some(Vec::new()));
}

#[test]
fn the_live_view_fits_and_leaves_nothing_behind() {
    if has_tmux() {
        for size in [(100, 30), (60, 20), (40, 10)] {
            run_at(&[size]);
        }
    }
}

#[test]
fn the_error_output_of_attempts_does_not_mix_with_the_live_view() {
    if !has_tmux() {
        return;
    }
    let project = TempProject::with_files(&[LONG, "b"]);
    let command = "echo x >&2; until test -e {}.go; do sleep 0.02; done";
    let words = format!("run {LONG} b -j2 --show-output --shell '{command}' > out.txt");
    let terminal = Terminal::open(&project, (100, 30), &words);
    terminal.expect(|lines| lines.iter().any(|line| line.contains("0/2 files")), &true);
    for (name, printed) in [("b", 1), (LONG, 2)] {
        project.write(format!("{name}.go"), "");
        terminal.expect(|lines| lines.iter().filter(|line| *line == "x").count(), &printed);
    }
    terminal.expect(|lines| lines.iter().filter(|line| line.contains('[') || *line == "over").count(), &1);
}

#[test]
fn the_live_view_follows_the_size_of_the_terminal() {
    if has_tmux() {
        run_at(&[(100, 30), (40, 10), (60, 20), (100, 30), (60, 20)]);
    }
}

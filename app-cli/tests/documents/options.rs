use crate::links::prose;

/// Pages with tables that show the commands of other tools on the left.
const COMPARISONS: [&str; 2] = ["docs/coming-from.md", "docs/coming-from-python.md"];

/// Returns the options in the inline code of the page that the command-line reference lacks.
pub(crate) fn unknown(page: &str, text: &str, reference: &str) -> Vec<String> {
    let known: Vec<_> = reference.split(|char: char| !is_part(char)).collect();
    let lines = prose(text).map(|line| match line.strip_suffix(" |").and_then(|row| row.rsplit_once(" | ")) {
        Some((_, right)) if COMPARISONS.contains(&page) => right,
        _ => line,
    });
    let code = lines.flat_map(|line| line.split('`').skip(1).step_by(2)).filter(|code| is_ours(code));
    let options = code.flat_map(|code| code.split(|char: char| !is_part(char))).filter(|word| word.starts_with("--"));
    options.filter(|option| option.len() > 2 && !known.contains(option)).map(str::to_owned).collect()
}

fn is_part(char: char) -> bool {
    char == '-' || char.is_ascii_lowercase()
}

fn is_ours(code: &str) -> bool {
    !["cargo ", "docker ", "systemctl "].iter().any(|tool| code.starts_with(tool))
}

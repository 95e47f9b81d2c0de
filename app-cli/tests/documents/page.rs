pub(crate) const NOT_RUN: [&str; 10] =
    ["text", "crontab", "dockerfile", "ini", "toml", "yaml", "json", "markdown", "python", "rust"];

/// A code block of a page. Line numbers start at 1.
pub(crate) enum Block {
    Script {
        line: usize,
        text: String,
    },
    Console {
        commands: Vec<Command>,
    },
    /// A block to save as a file.
    File {
        path: String,
        text: String,
    },
    NotRun,
    Unknown {
        line: usize,
        language: String,
    },
}

pub(crate) struct Command {
    pub(crate) line: usize,
    pub(crate) text: String,
    pub(crate) output: Vec<String>,
}

pub(crate) fn blocks(page: &str) -> impl Iterator<Item = Block> {
    let mut lines = page.lines().zip(1..);
    std::iter::from_fn(move || {
        let mut before = "";
        let (language, line) = lines.find_map(|(text, line)| {
            let language = text.trim_start().strip_prefix("```");
            before = if language.is_some() || text.is_empty() { before } else { text };
            Some((language?, line))
        })?;
        let inner: Vec<_> = lines.by_ref().take_while(|(text, _)| text.trim_start() != "```").collect();
        let text = inner.iter().flat_map(|&(text, _)| [text, "\n"]).collect();
        let path = before.split_once("ave as `").and_then(|(_, rest)| rest.strip_suffix("`:"));
        Some(match (language, path) {
            ("sh", _) => Block::Script { line, text },
            ("console", _) => Block::Console { commands: commands(&inner) },
            (known, Some(path)) if NOT_RUN.contains(&known) => Block::File { path: path.to_owned(), text },
            (known, None) if NOT_RUN.contains(&known) => Block::NotRun,
            (other, _) => Block::Unknown { line, language: other.to_owned() },
        })
    })
}

fn commands(lines: &[(&str, usize)]) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    for &(text, line) in lines {
        if let Some(command) = text.strip_prefix("$ ") {
            commands.push(Command { line, text: command.to_owned(), output: Vec::new() });
            continue;
        }
        let command =
            commands.last_mut().unwrap_or_else(|| panic!("line {line}: a console block begins with a command"));
        match text.strip_prefix("> ") {
            Some(more) if command.output.is_empty() => command.text = format!("{}\n{more}", command.text),
            _ => command.output.push(text.to_owned()),
        }
    }
    commands
}

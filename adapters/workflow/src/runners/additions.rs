//! Adds runners to the text of the table without changing its other lines.

use super::{FILE_NAME, MissingRunner, Needed, Runner, Runners};

/// The header of the table of runners.
const RUNNERS: &str = "[runners]";

/// The header of the table of the runners of single commands.
const COMMANDS: &str = "[runners.commands]";

impl Runners {
    /// Returns `text`, the text of this table, with `program` as the runner of each missing command
    /// and task. Also returns the added lines. Every other line of the text stays as it is.
    ///
    /// # Errors
    /// The lines that would be added, if no place for them was found in the text.
    pub(crate) fn with_stand_ins(
        &self,
        text: &str,
        missing: &[MissingRunner],
        program: &str,
    ) -> Result<(String, Vec<String>), Vec<String>> {
        let words = [program, "{name}", "{file}"].map(str::to_owned).to_vec();
        let mut table = Table { text: text.to_owned(), runners: self.clone(), added: Vec::new() };
        for (header, is_of_tasks) in [(RUNNERS, true), (COMMANDS, false)] {
            let of_header = missing.iter().filter(|missing| (missing.needed == Needed::Task) == is_of_tasks);
            table.add(header, of_header, &words)?;
        }
        Ok((table.text, table.added))
    }

    /// Sets the runner of a missing command or task.
    fn set(&mut self, needed: &Needed, words: &[String]) {
        let runner = Runner(words.to_vec());
        match needed {
            Needed::Task => self.task = Some(runner),
            Needed::Command(name) => drop(self.commands.insert(name.clone(), runner)),
        }
    }
}

/// The text of a table of runners, its meaning, and the lines that were added to the text.
struct Table {
    text: String,
    runners: Runners,
    added: Vec<String>,
}

impl Table {
    /// Adds the missing runners below `header`.
    ///
    /// # Errors
    /// All lines to add, if no place for them was found.
    fn add<'m>(
        &mut self,
        header: &str,
        missing: impl Iterator<Item = &'m MissingRunner>,
        words: &[String],
    ) -> Result<(), Vec<String>> {
        let list = toml::Value::from(words.to_vec()).to_string();
        let mut entries = Vec::new();
        for missing in missing {
            self.runners.set(&missing.needed, words);
            entries.push(format!("{} = {list}", missing.key()));
        }
        if entries.is_empty() {
            return Ok(());
        }
        let has_meaning =
            |text: &String| Runners::parse(text, FILE_NAME.as_ref()).is_ok_and(|runners| runners == self.runners);
        let found = candidates(&self.text, header, &entries).into_iter().find(has_meaning);
        self.added.push(header.to_owned());
        self.added.append(&mut entries);
        self.text = found.ok_or_else(|| std::mem::take(&mut self.added))?;
        Ok(())
    }
}

/// Returns texts that contain the entries at different places. The first text that can be read and
/// has the right meaning is the right one.
fn candidates(text: &str, header: &str, entries: &[String]) -> Vec<String> {
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let at = |index: usize, entries: &[String]| with_lines(&lines, index, entries, newline);
    let mut candidates = Vec::new();
    for index in headers(&lines, header) {
        candidates.extend([end_of_table(&lines, index), index + 1].map(|index| at(index, entries)));
    }
    let mut table = vec![header.to_owned()];
    if !lines.is_empty() {
        table.insert(0, String::new());
    }
    table.extend_from_slice(entries);
    candidates.push(at(lines.len(), &table));
    // The table may be written with dotted keys. Then each entry needs a prefix.
    let with_prefix = |prefix: &str| entries.iter().map(|entry| format!("{prefix}{entry}")).collect::<Vec<_>>();
    for index in headers(&lines, RUNNERS).into_iter().filter(|_| header == COMMANDS) {
        candidates.push(at(index + 1, &with_prefix("commands.")));
    }
    let prefix = header.trim_matches(['[', ']']);
    candidates.push(at(0, &with_prefix(&format!("{prefix}."))));
    candidates
}

fn headers(lines: &[&str], header: &str) -> Vec<usize> {
    let is_header = |line: &str| {
        let code = line.split('#').next().unwrap_or_default();
        code.chars().filter(|c| !c.is_whitespace() && !"\"'".contains(*c)).eq(header.chars())
    };
    (0..lines.len()).filter(|index| is_header(lines[*index])).collect()
}

/// Returns the index after the last line of the table whose header has the index `header`. Blank
/// lines and comments before the next header do not belong to the table.
fn end_of_table(lines: &[&str], header: usize) -> usize {
    let next = (header + 1..lines.len()).find(|index| lines[*index].trim_start().starts_with('['));
    let end = next.unwrap_or(lines.len());
    let is_entry = |index: &usize| {
        let line = lines[*index].trim();
        !line.is_empty() && (next.is_none() || !line.starts_with('#'))
    };
    (header..end).rev().find(is_entry).map_or(end, |last| last + 1)
}

fn with_lines(lines: &[&str], index: usize, added: &[String], newline: &str) -> String {
    let mut text: String = lines[..index].concat();
    if !text.is_empty() && !text.ends_with('\n') {
        text.push_str(newline);
    }
    for line in added {
        text.extend([line, newline]);
    }
    text + &lines[index..].concat()
}

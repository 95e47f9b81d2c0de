//! Adds missing runners to the text of `autoproc.toml`.

use super::{FILE_NAME, MissingRunner, Needed, Runner, Runners};

const RUNNERS: &str = "[runners]";

impl Runners {
    /// Makes `program` the runner of each command and task in `missing`. Returns the new text and
    /// the added lines.
    ///
    /// # Errors
    /// The lines to add, if the text has no suitable position for them.
    pub(crate) fn with_stand_ins(
        &self,
        text: &str,
        missing: &[MissingRunner],
        program: &str,
    ) -> Result<(String, Vec<String>), Vec<String>> {
        let words = [program, "{name}", "{file}"].map(str::to_owned).to_vec();
        let mut table = Table { text: text.to_owned(), runners: self.clone(), added: Vec::new() };
        let mut is_complete = true;
        for (section, is_of_tasks) in [("tasks", true), ("commands", false)] {
            let of_section = missing.iter().filter(|missing| matches!(missing.needed, Needed::Task(_)) == is_of_tasks);
            is_complete &= table.add(section, of_section, &words);
        }
        if is_complete { Ok((table.text, table.added)) } else { Err(table.added) }
    }

    fn set(&mut self, needed: &Needed, words: &[String]) {
        let runner = Runner(words.to_vec());
        match needed {
            Needed::Task(name) => drop(self.tasks.insert(name.clone(), runner)),
            Needed::Command(name) => drop(self.commands.insert(name.clone(), runner)),
        }
    }
}

struct Table {
    text: String,
    runners: Runners,
    added: Vec<String>,
}

impl Table {
    /// Returns false if the text has no suitable position for the runners.
    fn add<'m>(&mut self, section: &str, missing: impl Iterator<Item = &'m MissingRunner>, words: &[String]) -> bool {
        let list = toml::Value::from(words.to_vec()).to_string();
        let mut entries = Vec::new();
        for missing in missing {
            self.runners.set(&missing.needed, words);
            entries.push(format!("{} = {list}", missing.key()));
        }
        if entries.is_empty() {
            return true;
        }
        let has_meaning =
            |text: &String| Runners::parse(text, FILE_NAME.as_ref()).is_ok_and(|runners| runners == self.runners);
        let found = candidates(&self.text, section, &entries).into_iter().find(has_meaning);
        self.added.push(format!("[runners.{section}]"));
        self.added.append(&mut entries);
        let is_found = found.is_some();
        self.text = found.unwrap_or_else(|| std::mem::take(&mut self.text));
        is_found
    }
}

/// Returns variants of the text, with the entries at different positions. The caller uses the first
/// valid variant.
fn candidates(text: &str, section: &str, entries: &[String]) -> Vec<String> {
    let header = format!("[runners.{section}]");
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let at = |index: usize, entries: &[String]| with_lines(&lines, index, entries, newline);
    let mut candidates = Vec::new();
    for index in headers(&lines, &header) {
        candidates.extend([end_of_table(&lines, index), index + 1].map(|index| at(index, entries)));
    }
    let mut table = vec![header];
    if !lines.is_empty() {
        table.insert(0, String::new());
    }
    table.extend_from_slice(entries);
    candidates.push(at(lines.len(), &table));
    // The table may be written with dotted keys. Then each entry needs a prefix.
    let with_prefix = |prefix: &str| entries.iter().map(|entry| format!("{prefix}{entry}")).collect::<Vec<_>>();
    for index in headers(&lines, RUNNERS) {
        candidates.push(at(index + 1, &with_prefix(&format!("{section}."))));
    }
    candidates.push(at(0, &with_prefix(&format!("runners.{section}."))));
    candidates
}

fn headers(lines: &[&str], header: &str) -> Vec<usize> {
    let is_header = |line: &str| {
        let code = line.split('#').next().unwrap_or_default();
        code.chars().filter(|c| !c.is_whitespace() && !"\"'".contains(*c)).eq(header.chars())
    };
    (0..lines.len()).filter(|index| is_header(lines[*index])).collect()
}

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

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/json.md");

/// Maps field paths, such as `files[].outcome`, to types.
pub(super) type Fields = BTreeMap<String, String>;

pub(super) struct Page {
    pub(super) sections: BTreeMap<String, Section>,
}

#[derive(Default)]
pub(super) struct Section {
    pub(super) fields: Fields,
    /// True if the section describes the output of a command.
    pub(super) is_command: bool,
    pub(super) examples: Vec<String>,
}

impl Page {
    pub(super) fn read() -> Self {
        Self::parse(&fs::read_to_string(PAGE).expect("docs/json.md"))
    }

    /// Parses a page. A shared object must come before its first use.
    pub(super) fn parse(text: &str) -> Self {
        let mut page = Self { sections: BTreeMap::new() };
        let mut name = String::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            if let Some(heading) = line.strip_prefix("## ").or(line.strip_prefix("### ")) {
                name = heading.trim_matches('`').to_lowercase();
                let is_command = heading.starts_with('`');
                page.sections.insert(name.clone(), Section { is_command, ..Section::default() });
            } else if line == "```json" {
                let example: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
                page.section(&name).examples.push(example.join("\n"));
            } else if line.starts_with("| `") || line.starts_with("| …") {
                let cells: Vec<_> = line.split(" | ").collect();
                let fields = page.expanded(cells[0].trim_start_matches("| ").trim_matches('`'), cells[1]);
                page.section(&name).fields.extend(fields);
            }
        }
        page
    }

    fn section(&mut self, name: &str) -> &mut Section {
        self.sections.get_mut(name).expect("a heading before it")
    }

    fn expanded(&self, path: &str, kind: &str) -> Fields {
        let shared = kind.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(name, _)| name);
        let before = match path.strip_suffix('…') {
            Some(before) => before.to_owned(),
            None if kind.starts_with("list") => format!("{path}[]."),
            None => format!("{path}."),
        };
        let mut fields = Fields::new();
        if let Some(shared) = shared {
            let shared = self.sections.get(shared).unwrap_or_else(|| panic!("no object {shared:?} above {path:?}"));
            fields.extend(shared.fields.iter().map(|(path, kind)| (format!("{before}{path}"), kind.clone())));
        }
        if !path.ends_with('…') {
            fields.insert(path.to_owned(), kind.to_owned());
        }
        fields
    }
}

pub(super) fn differences(document: &Value, fields: &Fields) -> Vec<String> {
    let mut found = Vec::new();
    compare(document, "", fields, &mut found);
    found
}

fn compare(value: &Value, before: &str, fields: &Fields, found: &mut Vec<String>) {
    let Value::Object(object) = value else { return found.push(format!("{before:?} is not an object")) };
    for (key, value) in object {
        let path = format!("{before}{key}");
        match fields.get(&path) {
            None => found.push(format!("{path} is not documented")),
            Some(kind) => field(value, &path, kind, fields, found),
        }
    }
    let here = fields.iter().filter_map(|(path, kind)| Some((path.strip_prefix(before)?, kind)));
    for (key, kind) in here.filter(|(key, _)| !key.contains(['.', '['])) {
        if !object.contains_key(key) && !kind.contains("absent") {
            found.push(format!("{before}{key} is documented, and absent"));
        }
    }
}

fn field(value: &Value, path: &str, kind: &str, fields: &Fields, found: &mut Vec<String>) {
    if !fits(value, kind) {
        return found.push(format!("{path} is {value}, and documented as {kind}"));
    }
    let is_object = |below: &str| fields.keys().any(|path| path.starts_with(below));
    let (below, below_list) = (format!("{path}."), format!("{path}[]."));
    match value {
        Value::Object(_) if is_object(&below) => compare(value, &below, fields, found),
        Value::Array(list) if is_object(&below_list) => {
            for value in list {
                compare(value, &below_list, fields, found);
            }
        }
        _ => {}
    }
}

fn fits(value: &Value, kind: &str) -> bool {
    if value.is_null() {
        return kind.contains("null");
    }
    match kind.split([' ', ',']).next().unwrap_or_default() {
        "any" => true,
        "string" => value.is_string(),
        "time" => value.as_str().is_some_and(|time| time.len() == 27 && time.ends_with('Z')),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "list" if kind.contains("strings") => value.as_array().is_some_and(|list| list.iter().all(Value::is_string)),
        "list" => value.is_array(),
        "object" => value.is_object(),
        shared => shared.starts_with('[') && value.is_object(),
    }
}

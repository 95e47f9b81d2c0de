use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use walkdir::WalkDir;

/// Skipped: `docs/formats.md` describes the events of a trace.
const EVENTS_OF_TRACES: &str = "report/trace/event.rs";

/// Returns the field names of all serialisable structures and `json!` documents.
pub(super) fn field_names() -> BTreeSet<String> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = WalkDir::new(sources).into_iter().map(|entry| entry.expect("a source").into_path());
    let files = files.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
    let files = files.filter(|path| !path.ends_with(EVENTS_OF_TRACES));
    let texts = files.map(|path| fs::read_to_string(path).expect("a source"));
    texts.flat_map(|text| structure_fields(&text).into_iter().chain(macro_keys(&text))).collect()
}

fn structure_fields(text: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if !(line.starts_with("#[derive(") && line.contains("Serialize")) {
            continue;
        }
        let mut is_left_out = false;
        for line in lines.by_ref().take_while(|line| *line != "}") {
            let line = line.trim();
            if line.starts_with("#[serde") {
                is_left_out = line.contains("flatten") || line.contains("(skip)");
            } else if let Some((name, _)) = line.trim_start_matches("pub(crate) ").split_once(": ")
                && name.chars().all(|c| c.is_ascii_lowercase() || c == '_')
            {
                fields.extend((!is_left_out).then(|| name.to_owned()));
                is_left_out = false;
            }
        }
    }
    fields
}

fn macro_keys(text: &str) -> Vec<String> {
    if !text.contains("json!(") {
        return Vec::new();
    }
    let quoted: Vec<_> = text.split('"').collect();
    let keys = quoted.windows(2).skip(1).step_by(2).filter(|pair| pair[1].starts_with(": "));
    keys.map(|pair| pair[0].to_owned()).collect()
}

#[test]
fn fields_are_found_in_structures_and_macros() {
    let text = "#[derive(Serialize)]\nstruct A {\n    /// Text: more\n    one: u8,\n    #[serde(flatten)]\n    two: B,\n    pub(crate) three_s: f64,\n}\nstruct C {\n    four: u8,\n}\n";
    assert_eq!(structure_fields(text), ["one", "three_s"]);
    assert_eq!(macro_keys("json!({ \"a\": 1, \"b_c\": \"d\" }); (\"e\", 1)"), ["a", "b_c"]);
}

//! Which file is meant.

use std::fs;

use crate::read::MAX_FILE_BYTES;
use crate::{Catalogue, DEFAULT_WORKFLOW, FindError};

use super::place::{Place, told};

fn minimal(id: &str) -> String {
    format!("workflow: {{id: {id}, phases: [{{id: a, steps: [{{run: [x]}}]}}]}}\n")
}

fn found(place: &Place, word: &str) -> Option<String> {
    let file = place.catalogue().find(word, place.root()).ok()?;
    Some(file.path.strip_prefix(place.root()).unwrap().to_str().unwrap().to_owned())
}

#[test]
fn a_workflow_is_found_by_its_id_or_the_name_of_its_file() {
    let place = Place::new();
    place.write("core/workflows/one.yaml", minimal("first"));
    place.write("engine/workflows/two.yml", "workflow: {phases: [{id: a, task: t}]}");
    place.write("engine/workflows/broken.yaml", "workflow: {");
    place.write("core/workflows/notes.txt", minimal("notes"));
    place.write("other/three.yaml", minimal("third"));
    assert_eq!(found(&place, "first").as_deref(), Some("core/workflows/one.yaml"));
    assert_eq!(found(&place, "two").as_deref(), Some("engine/workflows/two.yml"));
    assert_eq!(found(&place, "broken").as_deref(), Some("engine/workflows/broken.yaml"));
    for none in ["one", "notes", "third", DEFAULT_WORKFLOW] {
        assert_eq!(found(&place, none), None, "{none}");
    }
    assert_eq!(found(&place, "other/three.yaml").as_deref(), Some("other/three.yaml"));
    let more = Catalogue::new(place.root(), Some(&place.root().join("other")));
    assert!(more.find("third", place.root()).is_ok());
}

#[test]
fn the_first_of_an_id_counts_and_the_others_are_told() {
    let place = Place::new();
    place.write("engine/workflows/a.yaml", minimal("same"));
    place.write("core/workflows/z.yaml", minimal("same"));
    place.write("core/workflows/b.yaml", "nonsense");
    assert_eq!(found(&place, "same").as_deref(), Some("core/workflows/z.yaml"));
    let listed = place.catalogue().list().unwrap();
    let told: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.is_hidden, one.file.has_errors())).collect();
    assert_eq!(told, [("b", false, true), ("same", false, false), ("same", true, false)]);
}

#[test]
fn what_is_not_found_is_told_with_the_places_and_the_nearest_ids() {
    let place = Place::new();
    let error = place.catalogue().find("wf-letters", place.root()).unwrap_err();
    assert!(error.to_string().ends_with("engine/workflows; there are none at all"), "{error}");
    place.write("core/workflows/a.yaml", minimal("wf-letter"));
    place.write("core/workflows/b.yaml", minimal("other"));
    let error = place.catalogue().find("wf-letters", place.root()).unwrap_err();
    assert!(error.to_string().ends_with("; there are wf-letter, other"), "{error}");
    assert!(matches!(place.catalogue().find("a/b.yaml", place.root()), Err(FindError::Io { .. })));
    place.write("autoproc.toml", "[runner]\n");
    assert!(matches!(place.catalogue().find("other", place.root()), Err(FindError::Runners(_))));
}

#[test]
fn files_that_are_no_text_or_too_large_are_told_as_they_are() {
    let place = Place::new();
    place.write("core/workflows/a.yaml", b"workflow:\n  id: \xff\n");
    let large = place.write("core/workflows/b.yaml", "");
    fs::File::options().write(true).open(&large).unwrap().set_len(MAX_FILE_BYTES as u64 + 1).unwrap();
    let listed = place.catalogue().list().unwrap();
    assert_eq!(told(&listed[0].file), ["2:1: error: not UTF-8"]);
    assert_eq!(told(&listed[1].file), ["1:1: error: the file is larger than 4194304 bytes"]);
}

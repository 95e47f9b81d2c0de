use std::fs;

use crate::read::MAX_FILE_BYTES;
use crate::{Catalogue, DEFAULT_WORKFLOW, FindError};

use super::temp_project::{TempProject, reported};

fn minimal(id: &str) -> String {
    format!("workflow: {{id: {id}, phases: [{{id: a, steps: [{{run: [x]}}]}}]}}\n")
}

fn found(project: &TempProject, word: &str) -> Option<String> {
    let file = project.catalogue().find(word, project.root()).ok()?;
    Some(file.path.strip_prefix(project.root()).unwrap().to_str().unwrap().to_owned())
}

#[test]
fn a_workflow_is_found_by_its_id_or_the_name_of_its_file() {
    let project = TempProject::new();
    project.write("core/workflows/one.yaml", minimal("first"));
    project.write("engine/workflows/two.yml", "workflow: {phases: [{id: a, task: t}]}");
    project.write("engine/workflows/broken.yaml", "workflow: {");
    project.write("core/workflows/notes.txt", minimal("notes"));
    project.write("other/three.yaml", minimal("third"));
    assert_eq!(found(&project, "first").as_deref(), Some("core/workflows/one.yaml"));
    assert_eq!(found(&project, "two").as_deref(), Some("engine/workflows/two.yml"));
    assert_eq!(found(&project, "broken").as_deref(), Some("engine/workflows/broken.yaml"));
    for none in ["one", "notes", "third", DEFAULT_WORKFLOW] {
        assert_eq!(found(&project, none), None, "{none}");
    }
    assert_eq!(found(&project, "other/three.yaml").as_deref(), Some("other/three.yaml"));
    let more = Catalogue::new(project.root(), Some(&project.root().join("other")));
    assert!(more.find("third", project.root()).is_ok());
}

#[test]
fn the_first_file_of_an_id_wins_and_the_others_are_hidden() {
    let project = TempProject::new();
    project.write("engine/workflows/a.yaml", minimal("same"));
    project.write("core/workflows/z.yaml", minimal("same"));
    project.write("core/workflows/b.yaml", "nonsense");
    assert_eq!(found(&project, "same").as_deref(), Some("core/workflows/z.yaml"));
    let listed = project.catalogue().list().unwrap();
    let reported: Vec<_> = listed.iter().map(|one| (one.id.as_str(), one.is_hidden, one.file.has_errors())).collect();
    assert_eq!(reported, [("b", false, true), ("same", false, false), ("same", true, false)]);
}

#[test]
fn an_unknown_workflow_is_reported_with_folders_and_nearest_ids() {
    let project = TempProject::new();
    let error = project.catalogue().find("wf-letters", project.root()).unwrap_err();
    assert!(error.to_string().ends_with("engine/workflows; these folders contain no workflow"), "{error}");
    project.write("core/workflows/a.yaml", minimal("wf-letter"));
    project.write("core/workflows/b.yaml", minimal("other"));
    let error = project.catalogue().find("wf-letters", project.root()).unwrap_err();
    assert!(error.to_string().ends_with("; known workflows: wf-letter, other"), "{error}");
    assert!(matches!(project.catalogue().find("a/b.yaml", project.root()), Err(FindError::Io { .. })));
    project.write("autoproc.toml", "[runner]\n");
    assert!(matches!(project.catalogue().find("other", project.root()), Err(FindError::Runners(_))));
}

#[test]
fn files_that_are_not_utf8_or_too_large_are_reported() {
    let project = TempProject::new();
    project.write("core/workflows/a.yaml", b"workflow:\n  id: \xff\n");
    let large = project.write("core/workflows/b.yaml", "");
    fs::File::options().write(true).open(&large).unwrap().set_len(MAX_FILE_BYTES as u64 + 1).unwrap();
    let listed = project.catalogue().list().unwrap();
    assert_eq!(reported(&listed[0].file), ["2:1: error: not UTF-8"]);
    assert_eq!(reported(&listed[1].file), ["1:1: error: the file is larger than 4194304 bytes"]);
}

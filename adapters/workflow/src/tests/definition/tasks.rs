use crate::task::{TaskError, TaskFile, TaskFolders, TaskSource};

use super::temp_project::TempProject;

fn parse(text: &str) -> Result<TaskFile, TaskError> {
    TaskFile::parse(text, "t.md".as_ref())
}

const TASK: &str = "# Reading

Some words, and another table:

| Who | What |
|-----|------|
| a   | b    |

|Field|   Value |
| :--- | ---: |
| task_id | TSK-007 |
|task_name|`Read a letter` \\| twice|
| execution_type | **Agent** |
| responsible | |
| notes

| Field | Value |
|---|---|
| task_id | another table |
";

#[test]
fn the_first_table_of_fields_and_values_counts() {
    let task = parse(TASK).unwrap();
    let fields: Vec<_> =
        task.fields.iter().map(|field| (field.name.as_str(), field.value.as_str(), field.line)).collect();
    assert_eq!(
        fields,
        [
            ("task_id", "TSK-007", 11),
            ("task_name", "Read a letter | twice", 12),
            ("execution_type", "Agent", 13),
            ("responsible", "", 14),
            ("notes", "", 15),
        ]
    );
    assert_eq!(task.field("execution_type"), Some("Agent"));
    assert_eq!(task.field("nothing"), None);
    assert_eq!(parse("no table at all").unwrap().fields, []);
}

#[test]
fn problems_of_a_task_file_have_lines() {
    let table = |rows: &str| format!("x\n\n| Field | Value |\n|---|---|\n{rows}");
    let error = parse(&table("| a | b |\n| c | d |\n| a | e |\n")).unwrap_err();
    assert_eq!(error.to_string(), "t.md:7: the field `a` is given twice, first at line 5");
    assert_eq!(parse(&table("| | b |\n")).unwrap_err().to_string(), "t.md:5: a field has no name");
}

#[test]
fn a_task_is_a_path_or_a_name() {
    let project = TempProject::new();
    let workflow = project.root().join("core/workflows/w.yaml");
    let folders = TaskFolders::of(project.root(), &workflow);
    let is_at = |task: &str, path: &str| match folders.find(task).unwrap() {
        TaskSource::File(file) => assert_eq!(file.path, project.root().join(path)),
        other => panic!("{task}: {other:?}"),
    };
    assert_eq!(folders.find("read").unwrap(), TaskSource::Name("read".into()));
    assert_eq!(folders.find("tasks/a.md").unwrap(), TaskSource::Missing(project.root().join("tasks/a.md")));
    project.write("engine/tasks/read.md", TASK);
    is_at("read", "engine/tasks/read.md");
    is_at("tasks/read.md", "engine/tasks/read.md");
    project.write("core/tasks/read.md", TASK);
    is_at("read", "core/tasks/read.md");
    project.write("core/workflows/tasks/read.md", TASK);
    is_at("tasks/read.md", "core/workflows/tasks/read.md");
    project.write("core/workflows/tasks/read.md", b"\xff");
    assert!(matches!(folders.find("read"), Err(TaskError::Io { .. })));
}

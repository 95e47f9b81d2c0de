use crate::fixture::TempProject;

#[test]
fn a_checkpoint_shows_the_counts_and_the_place() {
    let project = TempProject::with_queue(&["a", "b"]);
    for words in [&["checkpoint"][..], &["checkpoint", "show"]] {
        let shown = project.ask(words).expect_code(0).out;
        let place = project.state("").display().to_string();
        assert!(shown.contains(place.trim_end_matches('/')), "{shown}");
        assert!(shown.ends_with("\n2 files: 2 pending, 0 processing, 0 completed, 0 failed, 0 timeout\n"), "{shown}");
    }
    assert_eq!(project.json(["checkpoint", "show"])["counts"]["pending"], 2);
}

#[test]
fn clearing_a_checkpoint_changes_nothing_and_names_the_command() {
    let project = TempProject::with_queue(&["a"]);
    let before = project.bytes();
    let cleared = project.ask(["checkpoint", "clear"]).expect_code(0);
    assert!(cleared.out.starts_with("nothing was cleared: ") && cleared.out.contains("`autoproc queue clear`"));
    assert!(project.json(["checkpoint", "clear"])["project_dir"].is_string());
    assert!(before == project.bytes());
    let empty = TempProject::new();
    for word in ["show", "clear"] {
        empty.ask(["checkpoint", word]).expect_code(0);
    }
    assert!(!empty.path(".claude").exists());
}

#[test]
fn the_interval_of_checkpoints_is_ignored_with_a_note() {
    let project = TempProject::with_queue(&["a"]);
    let over = project.ask(["run", "--checkpoint=5", "--", "true"]).expect_code(0);
    assert!(over.err.contains("--checkpoint is ignored: every change is a checkpoint"), "{over:?}");
    assert_eq!(project.ask(["run", "-q", "--checkpoint=5", "--", "true"]).expect_code(0).err, "");
    project.ask(["run", "--checkpoint=x", "--", "true"]).expect_error(2, "expected a number from 1 to 4294967295");
}

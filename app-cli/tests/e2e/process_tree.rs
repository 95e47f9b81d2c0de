use crate::checks::{BACKOFF_BASE, Evidence};
use crate::expectations::{expectations, numbered};
use crate::fixture::TempProject;

#[test]
fn no_process_outlives_its_attempt() {
    let project = TempProject::new();
    let names = [numbered("tree", 0..1), numbered("thicket", 0..1)].concat();
    project.create(&names);
    project.add(0, &names);
    let options = ["-j", "2", "-r", "1", "--timeout", "5", "--grace", "200ms", "--backoff-base", BACKOFF_BASE];
    let result = project.start_run(&options).wait().result();
    let mut expectations = expectations(&names);
    for expectation in expectations.values_mut() {
        expectation.attempts = 2;
    }
    // Reading the command's log panics if two attempts on a file overlap.
    Evidence::gather(&project, vec![result]).check(&project, &expectations);
}

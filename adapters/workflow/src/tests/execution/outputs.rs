use std::fs;
use std::sync::{Arc, Mutex};

use autoproc_testkit::ScriptedStop;
use serde_json::json;

use super::harness::{Fixture, expect_success, failure};
use super::plain_runner::PlainRunner;
use crate::ProgressReport;

const OUTPUTS: &str = r#"
workflow:
  id: wf-test
  inputs: [{name: out, default: out}]
  phases:
    - {id: zero, steps: [{shell: echo zero >> ran}]}
    - {id: one, steps: [{shell: "echo one >> ran; cp wanted/* ${out}/ 2>&-; echo word=w > $AUTOPROC_OUTPUT"}]}
  outputs:
    - {name: report, type: file, location: "${out}/${one.word}.md", required: true}
    - {name: folder, type: directory, location: "${out}/"}
    - {name: files, type: file, location: out/}
    - {name: wrong, type: directory, location: out/w.md}
    - {name: nowhere, location: "${absent}/x"}
    - {name: dated, location: "out/{date}.md"}
    - {name: value, type: json}
"#;

fn attempt(fixture: &Fixture, number: u32) -> (autoproc_domain::ports::AttemptReport, Vec<String>) {
    let warnings = Arc::new(Mutex::new(Vec::new()));
    let kept = warnings.clone();
    let mut equipment = fixture.equipment(Arc::new(PlainRunner));
    equipment.on_warning = Arc::new(move |warning: &str| kept.lock().unwrap().push(warning.to_owned()));
    let report = fixture.attempt_equipped(equipment, Arc::new(ScriptedStop::alone()), fixture.claim(number));
    let warnings = warnings.lock().unwrap().clone();
    (report, warnings)
}

#[test]
fn outputs_are_looked_for_at_the_end() {
    let fixture = Fixture::new(OUTPUTS);
    for folder in ["out", "wanted"] {
        fs::create_dir(fixture.path(folder)).unwrap();
    }
    fs::write(fixture.path("wanted/w.md"), "x").unwrap();
    let (report, warnings) = attempt(&fixture, 1);
    expect_success(&report);
    let file = fixture.file.display();
    assert_eq!(
        warnings,
        [
            format!("{file}: the output `wrong` is missing: out/w.md"),
            format!("{file}: the output `nowhere` is missing: ${{absent}}/x"),
        ]
    );
    let state = fixture.state();
    let outputs = ProgressReport::of(&state, state.updated_at).outputs;
    assert_eq!(
        json!(outputs),
        json!([
            {"name": "report", "path": "out/w.md", "found": true},
            {"name": "folder", "path": "out/", "found": true},
            {"name": "files", "path": "out/", "found": true},
            {"name": "wrong", "path": "out/w.md", "found": false},
            {"name": "nowhere", "path": "${absent}/x", "found": false},
        ])
    );
}

#[test]
fn a_missing_required_output_fails_the_attempt() {
    let fixture = Fixture::new(OUTPUTS);
    for folder in ["out", "wanted"] {
        fs::create_dir(fixture.path(folder)).unwrap();
    }
    let (report, warnings) = attempt(&fixture, 1);
    assert_eq!(failure(&report), "one: required outputs are missing: report (out/w.md)");
    assert_eq!(warnings, Vec::<String>::new());
    fs::write(fixture.path("wanted/w.md"), "x").unwrap();
    expect_success(&attempt(&fixture, 2).0);
    assert_eq!(fixture.read("ran"), "zero\none\none\n");
}

/// Another attempt would skip the phase again.
#[test]
fn an_output_of_a_skipped_phase_is_missing_for_good() {
    let fixture = Fixture::new(
        r#"
workflow:
  id: wf-test
  phases:
    - {id: zero, steps: [{shell: echo zero >> ran}]}
    - {id: one, condition: absent, steps: [{shell: echo one >> ran}]}
  outputs: [{name: report, location: report.md, required: true}]
  rollback: {steps: [{shell: "echo $AUTOPROC_FAILED_PHASE undone >> ran"}]}
  on_error: [{shell: "echo $AUTOPROC_FAILED_PHASE failed >> ran"}]
"#,
    );
    let (report, _) = attempt(&fixture, 1);
    let reason = "one: required outputs are missing: report (report.md)";
    assert_eq!(failure(&report), format!("rollback: rolled back after {reason}"));
    assert_eq!(fixture.read("ran"), "zero\none undone\none failed\n");
}

use crate::execution::parse_values;
use proptest::prelude::*;
use serde_json::json;

use super::harness::{Fixture, expect_success, failure};

fn after(shell: &str, extra: &str, condition: &str) -> Fixture {
    let shell = serde_json::to_string(shell).unwrap();
    Fixture::new(&format!(
        "workflow: {{id: w, phases: [{{id: p, steps: [{{id: s, shell: {shell} {extra}}}, {{condition: \"{condition}\", shell: 'echo yes > answer'}}]}}]}}"
    ))
}

#[test]
fn values_come_in_three_forms() {
    let lines = after(
        "printf 'n=3\\nword=a=b\\n\\nok=true\\nzip=007\\n' > $AUTOPROC_OUTPUT",
        "",
        "n + 1 == 4 and word == 'a=b' and ok and zip == '007'",
    );
    let object = after(
        "echo '{\"list\": [1, {\"x\": null}]}' > $AUTOPROC_OUTPUT",
        "",
        "p.list[0] == 1 and steps.s.list[1].x is null",
    );
    let printed = after("echo '{\"n\": 3}'", ", output: json", "steps.s.n == 3");
    for fixture in [lines, object, printed] {
        expect_success(&fixture.attempt(1));
        assert_eq!(fixture.read("answer"), "yes\n");
    }
}

#[test]
fn a_number_in_a_line_is_a_json_number() {
    for (word, expected) in [
        ("3", json!(3)),
        ("-3", json!(-3)),
        ("0.3", json!(0.3)),
        (" 0.30", json!(0.3)),
        ("-2.5e-05", json!(-2.5e-5)),
        ("1e-05", json!(1e-5)),
        ("1e+06", json!(1e6)),
        ("007", json!("007")),
        ("12e4", json!("12e4")),
        ("-12e4", json!("-12e4")),
        ("1.2.3", json!("1.2.3")),
        (".5", json!(".5")),
        ("5.", json!("5.")),
        ("+5", json!("+5")),
        ("2026-11-22", json!("2026-11-22")),
        ("1.0e+999", json!("1.0e+999")),
        ("99999999999999999999", json!("99999999999999999999")),
        ("-99999999999999999999", json!("-99999999999999999999")),
        ("NaN", json!("NaN")),
    ] {
        let values = parse_values(format!("v={word}\n").as_bytes()).unwrap();
        assert_eq!(values["v"], expected, "{word}");
    }
}

#[test]
fn values_in_neither_form_fail_the_step() {
    for (shell, extra, words) in [
        ("echo hello > $AUTOPROC_OUTPUT", "", "p/s: the step's return values: line 1 is not `name=value`"),
        ("echo '{\"a\": ' > $AUTOPROC_OUTPUT", "", "p/s: the step's return values: not a JSON object"),
        ("printf 'a b=1' > $AUTOPROC_OUTPUT", "", "line 1: \"a b\" is not a name"),
        ("echo hello", ", output: json", "p/s: its standard output is invalid: not a JSON object"),
        ("echo '[1]'", ", output: json", "p/s: its standard output is invalid: JSON, but not an object"),
        ("true", ", output: json", "p/s: its standard output is invalid: not a JSON object"),
        ("head -c 2000000 /dev/zero > $AUTOPROC_OUTPUT", "", "the step's return values are longer than 1048576 bytes"),
        ("rm $AUTOPROC_OUTPUT; mkfifo $AUTOPROC_OUTPUT", "", "it is not a regular file"),
        ("rm $AUTOPROC_OUTPUT; ln -s /etc/hostname $AUTOPROC_OUTPUT", "", "the step's return values cannot be read"),
        ("printf 'a=\\377' > $AUTOPROC_OUTPUT", "", "not UTF-8 after byte 2"),
    ] {
        let error = failure(&after(shell, extra, "true").attempt(1));
        assert!(error.contains(words), "{shell}: {error}");
    }
}

/// A deeper value would make the journal unreadable.
#[test]
fn values_nested_deep_are_refused_before_they_are_recorded() {
    for depth in [64, 65, 126, 127, 200] {
        let value = format!("{{\"v\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
        let fixture = after(&format!("echo '{value}' > $AUTOPROC_OUTPUT"), "", "zzz < 1");
        let error = failure(&fixture.attempt(1));
        let again = failure(&fixture.attempt(2));
        assert_eq!(again, error, "{depth}");
        let is_refused = error.contains("the step's return values: ");
        assert_eq!(is_refused, depth > 64, "{depth}: {error}");
        assert!(depth != 65 || error.ends_with("`v` is nested more than 64 levels deep"), "{error}");
    }
}

#[test]
fn values_of_a_hundred_megabytes_are_refused() {
    let shell = "head -c 100000000 /dev/zero";
    let error = failure(&after(shell, ", output: json", "true").attempt(1));
    assert!(error.contains("its output is 100000000 bytes"), "{error}");
    let fixture = after(shell, "", "true");
    expect_success(&fixture.attempt(1));
}

#[test]
fn a_value_that_no_step_returned_is_false_in_a_condition() {
    let fixture = after("echo entities=1 > $AUTOPROC_OUTPUT", "", "p.entitees or entitees");
    expect_success(&fixture.attempt(1));
    assert_eq!(fixture.read("answer"), "", "the step was skipped");
    let fixture = after("echo 'entities=1' > $AUTOPROC_OUTPUT; echo", "", "true");
    let mut fixture = fixture;
    fixture.workflow = fixture.workflow.replace("echo yes", "echo ${p.entitees}");
    let error = failure(&fixture.attempt(1));
    assert!(error.contains("unknown name `p.entitees`") && error.contains("p.entities"), "{error}");
}

#[test]
fn a_path_that_is_not_utf8_arrives_unchanged() {
    use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
    let workflow =
        |words: &str| format!("workflow: {{id: w, phases: [{{id: p, steps: [{{run: [cp, {words}, copy]}}]}}]}}");
    let mut fixture = Fixture::new(&workflow("\"${file}\""));
    let name = std::ffi::OsString::from_vec(b"odd \xff name".to_vec());
    fixture.file = fixture.dir.path().join(std::ffi::OsStr::from_bytes(name.as_bytes()));
    std::fs::write(&fixture.file, "content").unwrap();
    expect_success(&fixture.attempt(1));
    assert_eq!(fixture.read("copy"), "content");
    fixture.workflow = workflow("\"./${file}\"");
    let error = failure(&fixture.attempt(2));
    assert!(error.contains("not UTF-8"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_parsed_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_values(&bytes);
    }

    #[test]
    fn lines_return_the_written_value(name in "[a-z_][a-z0-9_-]{0,9}", text in "[^\\r\\n]{0,40}") {
        let values = parse_values(format!("{name}={text}\n").as_bytes());
        let value = values.unwrap().remove(&name).unwrap();
        let word = text.trim();
        let reported = match &value {
            serde_json::Value::String(kept) => *kept == text,
            serde_json::Value::Bool(kept) => kept.to_string() == word,
            serde_json::Value::Number(kept) if kept.is_f64() => kept.as_f64() == word.parse().ok(),
            serde_json::Value::Number(kept) => kept.to_string() == word,
            _ => false,
        };
        prop_assert!(reported, "{value:?}");
    }
}

#[test]
fn a_repeated_name_has_its_last_value() {
    let values = parse_values(b"a=1\na=2\n").unwrap();
    assert_eq!(serde_json::Value::Object(values), json!({ "a": 2 }));
}

#[test]
fn a_checkpoint_reports_why_its_condition_cannot_be_evaluated() {
    let workflow = "workflow: {id: w, phases: [{id: p, steps: [{shell: 'echo score=high > $AUTOPROC_OUTPUT'}], checkpoint: \
                    {validation: [score, score >= 0.8, done]}}]}";
    let error = failure(&Fixture::new(workflow).attempt(1));
    let (start, end) = error.split_once("score >= 0.8: ").expect(&error);
    assert_eq!(start, "p: the checkpoint p is not passed: missing or false: ");
    assert!(end.contains("cannot be evaluated: ") && end.ends_with(", done"), "{error}");
}

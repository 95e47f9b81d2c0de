use std::process::Command;

use crate::expression::{ExpressionError, MAX_TEXT_BYTES, Scope, render_shell};
use proptest::prelude::*;
use serde_json::json;

fn scope(value: &str) -> Scope {
    let mut scope = Scope::default();
    scope.set("value", &json!(value));
    scope
}

fn printed(text: &str, value: &str) -> String {
    let shell = render_shell(text, &scope(value)).unwrap();
    let output = Command::new("sh").arg("-c").arg(&shell.text).envs(shell.environment).output().unwrap();
    assert!(output.status.success(), "{} gave {output:?}", shell.text);
    String::from_utf8(output.stdout).unwrap()
}

const NASTY: &str = "a  b'c\"d$(echo HARM)`echo HARM`;echo HARM #*\n\\ ${IFS} &|<>()";

#[test]
fn a_value_is_one_word_in_every_context() {
    let bare = "printf '[%s]' ${value} x";
    for text in [
        bare,
        "printf '[%s]' \"${value}\" x",
        "printf '[%s]' '${value}' x",
        "printf '[%s]' \"$(printf '%s' ${value})\" x",
        "printf '[%s]' \"$(printf '%s' \"${value}\")\" x",
        "printf '[%s]' \"`printf '%s' ${value}`\" x",
        "# it's a comment \"\nprintf '[%s]' ${value} x",
        "echo \\' >/dev/null; printf '[%s]' ${value} x",
        "(printf '[%s]' ${value} x)",
        "printf '[%s]' \"a\\\"\" >/dev/null; printf '[%s]' ${value} x",
        "sh -c 'printf \"[%s]\" \"$1\" x' sh ${value}",
        "v=${value}; printf '[%s]' \"$v\" x # ${value}",
    ] {
        assert_eq!(printed(text, NASTY), format!("[{NASTY}][x]"), "{text}");
    }
    assert_eq!(printed("printf '[%s]' 'a ${value} b' \"c ${value}\"d$${value:-e}", "v"), "[a v b][c vde]");
    assert_eq!(printed("echo ${value | int + 1}", "5"), "6\n", "what counts is an expression, and no `$((…))`");
}

#[test]
fn the_text_never_contains_a_value() {
    let shell = render_shell("echo ${value} '${value}'", &scope(NASTY)).unwrap();
    assert_eq!(shell.text, "echo \"${AUTOPROC_VALUE_1}\" ''\"${AUTOPROC_VALUE_2}\"''");
    let names: Vec<_> = shell.environment.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(names, [("AUTOPROC_VALUE_1", NASTY), ("AUTOPROC_VALUE_2", NASTY)]);
}

#[test]
fn texts_that_no_process_can_receive_are_refused() {
    assert!(matches!(render_shell("echo ${value}", &scope("a\0")), Err(ExpressionError::Nul { .. })));
    let long = "x".repeat(MAX_TEXT_BYTES);
    assert!(matches!(render_shell("echo ${value}", &scope(&long)), Err(ExpressionError::TooLong { .. })));
    assert!(matches!(render_shell(&long, &scope("")), Err(ExpressionError::TooLong { .. })));
}

#[test]
fn the_longest_value_allowed_reaches_a_process() {
    let long = "x".repeat(MAX_TEXT_BYTES - "AUTOPROC_VALUE_".len() - 22);
    assert_eq!(printed("printf %s ${value} | wc -c", &long).trim(), long.len().to_string());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_value_survives(value in "[^\0]{0,40}") {
        let text = "printf '%s\\001%s\\001%s' ${value} '${value}' \"${value}\"";
        prop_assert_eq!(printed(text, &value), [value.as_str(); 3].join("\u{1}"));
    }
}

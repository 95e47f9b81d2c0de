use crate::expression::{
    ExpressionError, MAX_EXPRESSION_CHARACTERS, MAX_TEXT_BYTES, Scope, holds, holds_so_far, names_in_condition,
    names_in_text, render, render_text, render_value, render_value_or_null, transition_holds,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

pub(crate) fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

/// Returns a scope in which one phase has ended and one was skipped.
pub(crate) fn scope() -> Scope {
    let mut scope = Scope::default();
    scope.set("file", &json!("/in/a b.txt"));
    scope.set("files", &json!(["/in/a b.txt"]));
    scope.set("source_file", &json!("/in/a b.txt"));
    scope.set("source_url", &Value::Null);
    scope.set("count", &json!(3));
    scope.enter_phase("phase_0");
    let values = map(json!({"entities": ["x", "y"], "ready": true, "role": "author"}));
    scope.record_step("phase_1", "detect", &values, Some("some words"));
    scope
}

#[test]
fn conditions_read_as_people_write_them() {
    for (condition, expected) in [
        ("source_file != null", true),
        ("source_url != null", false),
        ("source_url is null", true),
        ("source_url is not null", false),
        ("source_file is not none", true),
        ("role == 'author' and not source_url", true),
        ("count > 2 and count in [1, 2, 3]", true),
        ("phase_1.ready", true),
        ("phase_1.entities | length == 2", true),
        ("'x' in phase_1.entities", true),
        ("steps.detect.stdout is startingwith 'some'", true),
        ("absent is defined", false),
        ("(absent | default(false))", false),
        ("true", true),
        ("file.b", false),
        ("${count > 2}", true),
        ("${count} == 3 AND ${role} == 'author'", true),
        ("'${role}' == 'author'", true),
        ("\"${count}/${source_url}\" == '3/'", true),
        ("${phase_1.entities contains 'x'}", true),
        ("phase_1.entities contains 'z' OR role contains 'auth'", true),
        ("phase_1.entities not contains 'z' and role NOT CONTAINS 'q'", true),
        ("NOT (role contains 'auth')", false),
        ("NOT role == 'editor' && !source_url || false", true),
        ("count contains 3 or source_url contains 'x' or absent contains 'x'", false),
        ("phase_1 contains 'role'", true),
        ("file contains 3 or file contains 'a b'", true),
        ("source_file exists AND NOT source_url exists", true),
        ("source_file not exists", false),
        ("exists source_file and EXISTS (count) and not exists(absent.x)", true),
        ("metadata.yaml exists AND pipeline_status == 'completed'", false),
        ("count IN [1, 3] AND source_url IS NULL and role IS NOT NULL", true),
        ("absent", false),
        ("absent == true", false),
        ("NOT absent", true),
        ("absent.deep.deeper", false),
        ("absent == null and phase_1.nothing == null and phase_1.nothing is null", true),
        ("phase_1.nothing != null", false),
        ("steps.detect.nothing or steps.other.x", false),
        ("'a AND ${count} or b' == 'a AND 3 or b'", true),
        ("role | default('x') == 'author'", true),
    ] {
        assert_eq!(holds(condition, &scope()), Ok(expected), "{condition}");
    }
}

#[test]
fn values_without_an_order_are_not_compared() {
    let holds = |condition: &str| holds(condition, &scope());
    for (condition, expected) in [
        ("count < 4", true),
        ("count<4", true),
        ("not count < 4", false),
        ("not (count >= 4) and 2 <= count", true),
        ("1 < count < 4", true),
        ("1 < count <= 2", false),
        ("1 < count == 3", true),
        ("0 <= 1 != 2 > 1", true),
        ("role > 'au' and role < 'b'", true),
        ("files <= files", true),
        ("source_url is null or source_url > 3", true),
        ("source_url is not null and source_url > 3", false),
        ("count > 5 or count - 1 < 2 + 1", true),
        ("count * -1 < 0", true),
        ("phase_1.entities | length > 1", true),
        ("(count if count > 1 else role) == 3", true),
        ("(count > 1) == true", true),
        ("{'a': count > 1}.a and [count < 1][0] == false", true),
        ("'<' in '1 < 2' and \"a > 'b\" != '<'", true),
        ("'it\\'s < 3' == 'it\\'s < 3' and count < 4", true),
        ("role | replace('a', '<') == '<uthor'", true),
        ("[1, 2, 3][count - 2:] | length < count", true),
        ("'3' | int < 4", true),
    ] {
        assert_eq!(holds(condition), Ok(expected), "{condition}");
    }
    for (condition, words) in [
        ("role > 3", "a string and a number"),
        ("source_url < 3", "null and a number"),
        ("3 >= source_url", "a number and null"),
        ("source_url <= null", "null and null"),
        ("not (phase_1.ready > 0)", "a boolean and a number"),
        ("[source_url < 3]", "null and a number"),
        ("files | length > 0 and files < count", "a list and a number"),
        ("1 < count < role", "a number and a string"),
        ("phase_1 < 3", "a map and a number"),
        ("(source_url if source_url < 3 else 4)", "null and a number"),
    ] {
        let error = holds(condition).unwrap_err().to_string();
        assert!(error.ends_with(&format!(": {words} have no order")), "{condition}: {error}");
        assert!(error.starts_with(&format!("`{condition}` ")), "as it was written: {error}");
    }
    let unknown = holds("absent < 3").unwrap_err().to_string();
    assert!(unknown.ends_with("null and a number have no order"), "{unknown}");
    let unknown = holds_so_far("absent < 3", &scope()).unwrap_err().to_string();
    assert!(unknown.starts_with("unknown name `absent`"), "{unknown}");
    assert_eq!(names_in_condition("a < b and c.d > 1").unwrap().len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_chain_holds_if_each_of_its_comparisons_does(
        first in -3..3_i64,
        rest in proptest::collection::vec((prop::sample::select(vec!["<", "<=", ">", ">=", "==", "!="]), -3..3_i64), 1..4),
        is_negated: bool,
    ) {
        let (mut text, mut left, mut expected) = (format!("({first})"), first, true);
        for (operator, right) in rest {
            text = format!("{text} {operator} ({right})");
            expected &= match operator {
                "<" => left < right,
                "<=" => left <= right,
                ">" => left > right,
                ">=" => left >= right,
                "==" => left == right,
                _ => left != right,
            };
            left = right;
        }
        let text = if is_negated { format!("not {text} and count > 2 or count < 0") } else { text };
        prop_assert_eq!(holds(&text, &scope()), Ok(expected != is_negated), "{}", text);
    }
}

#[test]
fn a_lone_expression_keeps_its_type_and_a_longer_text_is_a_string() {
    for (text, expected) in [
        ("${files}", json!(["/in/a b.txt"])),
        ("${count}", json!(3)),
        ("${source_url}", Value::Null),
        ("${phase_1}", json!({"entities": ["x", "y"], "ready": true, "role": "author"})),
        ("n=${count}", json!("n=3")),
        ("${phase_1.entities}!", json!("[\"x\",\"y\"]!")),
        ("ready: ${ready}", json!("ready: true")),
        ("${steps.detect.stdout}", json!("some words")),
        ("${file | basename}", json!("a b.txt")),
        ("${ {'a': '}'} }", json!({"a": "}"})),
        ("${source_url or 'none given'}", json!("none given")),
        ("{timestamp} {} {{x}} {% y %} $HOME {# z #}", json!("{timestamp} {} {{x}} {% y %} $HOME {# z #}")),
        ("$${count} costs $$ ${count}", json!("${count} costs $$ 3")),
        ("", json!("")),
    ] {
        assert_eq!(render(text, &scope()), Ok(expected), "{text}");
    }
}

#[test]
fn values_are_rendered_at_any_depth() {
    let value = json!({"a": ["${count}", {"b": "${role}s"}], "c": 7, "${count}": null});
    let expected = json!({"a": [3, {"b": "authors"}], "c": 7, "${count}": null});
    assert_eq!(render_value(&value, &scope()), Ok(expected));
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_known_ones_nearest_first() {
    let unknown = |text: &str| match render(text, &scope()) {
        Err(ExpressionError::UnknownName { name, known }) => (name, known),
        other => panic!("{text}: {other:?}"),
    };
    let (name, known) = unknown("${source_fil}");
    assert_eq!((name.as_str(), known[0].as_str()), ("source_fil", "source_file"));
    assert!(known.contains(&"files".to_owned()), "{known:?}");
    let (name, known) = unknown("to ${phase_1.entitys}");
    assert_eq!((name.as_str(), known[0].as_str()), ("phase_1.entitys", "phase_1.entities"));
    let (name, known) = unknown("${phase_0.anything}");
    assert_eq!((name.as_str(), known.len()), ("phase_0.anything", 0));
    let (name, _) = unknown("${steps.other.stdout}");
    assert_eq!(name, "steps.other");
    let words = render("${source_fil}", &scope()).unwrap_err().to_string();
    assert!(words.starts_with("unknown name `source_fil`; known names: source_file, "), "{words}");
}

#[test]
fn null_has_no_text() {
    for text in ["inbox/${source_url}/", "${files}${source_url}"] {
        assert_eq!(render(text, &scope()), Err(ExpressionError::NoValue { expression: "source_url".into() }));
    }
    assert!(matches!(render_text("${source_url}", &scope()), Err(ExpressionError::NoValue { .. })));
}

#[test]
fn an_invalid_expression_is_reported() {
    for text in ["${", "${a", "${'a}", "${}", "${ }", "${a b}", "${a |}", "${x.}", "${count | nofilter}", "${1 +}"] {
        let error = render(text, &scope()).unwrap_err();
        assert!(!error.to_string().is_empty(), "{text}");
    }
    for condition in ["${count", "${}", "${count} > ", "a b", "contains 'x'", "role ==", "'${a' == 'b'", "role AND"] {
        assert!(holds(condition, &scope()).is_err(), "{condition}");
    }
}

/// `exists a == b` could also mean `(a == b) exists`.
#[test]
fn a_comparison_does_not_begin_with_exists() {
    for condition in [
        "exists role == 'author'",
        "EXISTS role contains 'x'",
        "exists (role) != 'x' and count == 3",
        "(exists count < 4)",
        "exists role in files",
        "exists role not in files",
        "exists role is none",
        "not exists 1 < count < 4",
    ] {
        let error = holds(condition, &scope()).expect_err(condition).to_string();
        assert!(error.ends_with("write `a exists and a == 'b'`"), "{condition}: {error}");
    }
    assert_eq!(holds("exists role and role == 'author' or exists(count == 9)", &scope()), Ok(true));
}

#[test]
fn operators_may_be_names() {
    let mut scope = scope();
    for name in ["OR", "exists", "contains", "AND"] {
        scope.set(name, &json!("x"));
        assert_eq!(holds(&format!("{name} == 'x'"), &scope), Ok(true), "{name}");
        assert_eq!(render(&format!("${{{name}}}"), &scope), Ok(json!("x")), "{name}");
    }
    scope.set("exists", &json!({"a": ["x"]}));
    assert_eq!(holds("exists.a[0] == 'x' and exists['a'] | length == 1", &scope), Ok(true));
}

#[test]
fn a_condition_with_unknown_names_is_open() {
    for condition in
        ["absent", "absent exists", "absent contains 'x'", "absent == 3", "phase_1.nothing", "'${absent}' == ''"]
    {
        assert!(holds_so_far(condition, &scope()).is_err(), "{condition}");
        assert!(holds(condition, &scope()).is_ok(), "{condition}");
    }
    assert_eq!(holds_so_far("source_url exists and absent", &scope()), Ok(false));
}

#[test]
fn a_missing_value_for_a_runner_is_null() {
    let value = json!({"a": "${absent}", "b": ["${phase_1.nothing.deep}"], "c": "${count}"});
    assert_eq!(render_value_or_null(&value, &scope()), Ok(json!({"a": null, "b": [null], "c": 3})));
    assert!(render_value_or_null(&json!("in ${absent}"), &scope()).is_err());
    assert!(render_value_or_null(&json!("${count +}"), &scope()).is_err());
    assert!(render_value(&json!("${absent}"), &scope()).is_err());
}

#[test]
fn a_transition_looks_in_its_phase_first_and_missing_names_are_null() {
    let scope = scope();
    for (condition, passed, expected) in [
        ("checkpoint_passed", true, true),
        ("checkpoint_passed", false, false),
        ("ready", false, true),
        ("never_returned", true, false),
        ("not never_returned and checkpoint_passed", true, true),
        ("never_returned is null", true, true),
    ] {
        assert_eq!(transition_holds(condition, "phase_1", passed, &scope), Ok(expected), "{condition}");
    }
    assert!(transition_holds("ready and", "phase_1", true, &scope).is_err());
}

#[test]
fn a_checkpoint_uses_only_the_values_of_its_phase() {
    let mut scope = scope();
    scope.record_step("phase_2", "later", &map(json!({"done": true, "left": [], "off": false})), None);
    assert!(scope.has_returned("phase_2", "done"));
    assert!(!scope.has_returned("phase_2", "left"));
    assert!(!scope.has_returned("phase_2", "off"));
    assert!(!scope.has_returned("phase_2", "ready"));
    assert!(!scope.has_returned("phase_9", "done"));
}

#[test]
fn the_latest_value_of_a_name_wins_and_inputs_win_over_values() {
    let mut scope = scope();
    scope.record_step("phase_2", "again", &map(json!({"role": "editor", "count": 9})), None);
    assert_eq!(render("${role} ${count}", &scope), Ok(json!("editor 3")));
    assert_eq!(render("${phase_1.role} ${phase_2.count}", &scope), Ok(json!("author 9")));
}

#[test]
fn names_are_found_without_evaluation() {
    let names = |text| names_in_text(text).unwrap().into_iter().map(|name| name.0).collect::<Vec<_>>();
    assert_eq!(names("${phase_1.entities} and ${steps.a.stdout | trim}"), ["phase_1.entities", "steps.a.stdout"]);
    assert_eq!(names("nothing {here}"), Vec::<String>::new());
    let names = names_in_condition("a is not null and b.c != null or not d").unwrap();
    assert_eq!(names.into_iter().map(|name| name.0).collect::<Vec<_>>(), ["a", "b.c", "d"]);
}

#[test]
fn evaluation_is_bounded_in_time_and_memory() {
    let mut scope = scope();
    scope.set("big", &json!("x".repeat(1 << 20)));
    let wide = format!("${{{}}}", vec!["big"; 200].join(" ~ "));
    let long = format!("${{{}}}", "1+".repeat(MAX_EXPRESSION_CHARACTERS));
    let deep = format!("${{{}1{}}}", "(".repeat(400), ")".repeat(400));
    let bombs = [
        wide.as_str(),
        long.as_str(),
        deep.as_str(),
        "${big | replace('x', big)}",
        "${big | list | join(big)}",
        "${'x' * 100000000000}",
        "${[big] * 1000000000}",
        "${([1] * 100000000) | sum}",
        "${10 ** 10 ** 10 ** 10}",
        "${(big | split('')) | sort | unique | join(',') | replace('', big)}",
    ];
    for bomb in bombs {
        let rendered = render(&format!("a{bomb}"), &scope);
        assert!(rendered.is_err(), "{}: {rendered:.99?}", &bomb[..bomb.len().min(40)]);
    }
}

#[test]
fn texts_for_processes_are_short_and_hold_no_nul() {
    let mut scope = scope();
    scope.set("nul", &json!("a\0b"));
    scope.set("long", &json!("x".repeat(MAX_TEXT_BYTES)));
    assert!(matches!(render_text("${nul}", &scope), Err(ExpressionError::Nul { .. })));
    assert!(matches!(render_text("${long}", &scope), Err(ExpressionError::TooLong { .. })));
    assert_eq!(render_text("a ${count}", &scope).as_deref(), Ok("a 3"));
}

proptest! {
    #[test]
    fn any_words_are_evaluated_or_refused(
        words in prop::collection::vec(prop::sample::select(vec![
            "AND", "or", "NOT", "not", "contains", "exists", "(", ")", "==", "<", "a", "'x'", "${a}", "${", "}", "is", "in", "!", ".", "|",
        ]), 0..12),
    ) {
        let condition = words.join(" ");
        let _ = (holds(&condition, &scope()), holds_so_far(&condition, &scope()), names_in_condition(&condition));
    }

    #[test]
    fn any_text_is_rendered_or_refused(text in "[a-z${}'\"(|)\\[\\]. \\\\%#0-9*+~-]{0,60}") {
        let rendered = render(&text, &scope());
        if !text.contains("${") {
            prop_assert_eq!(rendered, Ok(json!(text)));
        }
        let _ = holds(&text, &scope());
        let _ = names_in_text(&text);
        let _ = transition_holds(&text, "phase_1", true, &scope());
    }

    #[test]
    fn a_value_survives(number in any::<i64>(), text in any::<String>(), float in -1e9..1e9_f64) {
        let mut scope = Scope::default();
        let value = json!({"n": number, "t": text, "f": float, "l": [null, true, {"": number}]});
        scope.set("value", &value);
        prop_assert_eq!(render("${value}", &scope), Ok(value.clone()));
        prop_assert_eq!(render("${value.t}", &scope), Ok(value["t"].clone()));
    }
}

use proptest::prelude::*;

use super::samples::{ARRIVAL, EVERYTHING, LETTERS};
use super::temp_project::{TempProject, errors, problems, reported};

fn phases(lines: &str) -> String {
    format!("workflow:\n  phases:\n{lines}")
}

#[test]
fn workflows_of_existing_projects_pass_with_notes() {
    assert_eq!(
        problems(LETTERS),
        [
            "7:17: note: `orchestrator` is ignored",
            "57:17: note: `{sender}` is no known placeholder, so nobody can tell which file this output is; it is not checked",
        ]
    );
    assert_eq!(
        problems(ARRIVAL),
        [
            "18:16: warning: unknown value `ask_the_porter` for `on_fail`: a failed step fails the phase `phase_0`; \
             expected `fail`, `continue` or `skip`",
            "32:9: note: checkpoint `CP_FETCH` has no validation: it always passes when the steps of the phase have \
             ended",
            "40:28: warning: `shelf_number` is not an input or a phase; it has a value only if an earlier step returns it",
            "48:17: note: `{timestamp}` is no known placeholder, so nobody can tell which file this output is; it is not checked",
        ]
    );
    assert_eq!(errors(EVERYTHING), Vec::<String>::new());
}

#[test]
fn missing_runners_and_task_files_are_reported_once_each() {
    let project = TempProject::new();
    let file = project.check(ARRIVAL);
    assert!(!file.has_errors());
    let about: Vec<_> = reported(&file).into_iter().filter(|line| line.contains("no runner")).collect();
    assert_eq!(about.len(), 4, "{about:#?}");
    assert!(about[1].contains(
        "no runner for the command `fetch_from_web` of the step `phase_1_1`; add to autoproc.toml: [runners.commands] / \
         fetch_from_web = [\"PROGRAM\", \"{file}\"]"
    ));
    project.write(
        "autoproc.toml",
        "[runners]\ntask = ['t']\n[runners.commands]\nfetch_from_web = ['x']\ncarry_in = ['x']\n",
    );
    let left =
        reported(&project.check(ARRIVAL)).into_iter().filter(|line| line.contains("no runner")).collect::<Vec<_>>();
    assert_eq!(left.len(), 1, "{left:?}");
    let after_error: Vec<_> =
        reported(&project.check(LETTERS)).into_iter().filter(|line| line.contains("`on_error`")).collect();
    assert_eq!(
        after_error,
        [
            "52:7: note: no runner for the command `write_to_log`, so this step of `on_error` is omitted",
            "53:7: note: no runner for the command `ring_the_bell`, so this step of `on_error` is omitted",
        ]
    );
    let missing = "the task `look-at-seal` has no file";
    assert!(reported(&project.check(ARRIVAL)).iter().any(|line| line.contains(missing)));
    project.write("core/tasks/look-at-seal.md", "# Look\n");
    assert!(!reported(&project.check(ARRIVAL)).iter().any(|line| line.contains(missing)));
    project.write("core/tasks/look-at-seal.md", "| Field | Value |\n|---|---|\n| a | b |\n| a | c |\n");
    let file = project.check(ARRIVAL);
    assert!(file.has_errors() && reported(&file).iter().any(|line| line.contains("look-at-seal.md:4: the field `a`")));
}

#[test]
fn a_task_of_on_error_is_checked_if_it_has_a_runner() {
    const WORKFLOW: &str =
        "workflow: {id: w, phases: [{id: p, steps: [{run: [a]}]}], on_error: [{execute: {task: mourn}}]}";
    let project = TempProject::new();
    let omitted = "note: no runner for the task `mourn`, so this step of `on_error` is omitted";
    let lines = reported(&project.check(WORKFLOW));
    assert!(lines.len() == 1 && lines[0].ends_with(omitted), "{lines:?}");
    project.write("autoproc.toml", "[runners]\ntask = ['t']\n");
    let lines = reported(&project.check(WORKFLOW));
    assert!(lines.len() == 1 && lines[0].contains("the task `mourn` has no file"), "{lines:?}");
    project.write("core/tasks/mourn.md", "| Field | Value |\n|---|---|\n| a | b |\n| a | c |\n");
    let file = project.check(WORKFLOW);
    assert!(file.has_errors() && reported(&file)[0].contains("mourn.md:4: the field `a`"), "{:?}", reported(&file));
}

#[test]
fn ids_are_unique_and_valid() {
    let text = "workflow:
  id: a b
  inputs:
    - {name: x}
    - {name: x}
    - {name: a-b}
    - {name: null-ish}
    - {name: not}
  phases:
    - {id: x, task: t}
    - {id: p, steps: [{run: [a], id: s}, {run: [a], id: s}, {run: [a], id: q_1}]}
    - {id: p, task: t}
    - {id: file, task: t}
    - {id: steps, task: t}
    - {id: q, steps: [{run: [a], inputs: {a-b: 1}}]}
    - {id: .., task: t}
";
    assert_eq!(
        errors(text).iter().map(|line| line.split("; expected").next().unwrap()).collect::<Vec<_>>(),
        [
            "2:3: `a b` cannot be the id of a workflow",
            "5:7: there are two inputs `x`; the first is at line 4",
            "6:7: `a-b` cannot be the name of an input",
            "7:7: `null-ish` cannot be the name of an input",
            "8:7: `not` is reserved in expressions",
            "10:7: `x` is a phase and also the input at line 5",
            "11:42: there are two steps `s`; the first is at line 11",
            "12:7: there are two phases `p`; the first is at line 11",
            "13:7: `file` is reserved for the file itself",
            "14:7: `steps` is reserved in expressions",
            "15:23: there are two steps `q_1`; the first is at line 11",
            "15:48: `a-b` cannot be the name of a step's input",
            "16:7: `..` cannot be the id of a phase",
        ]
    );
}

#[test]
fn an_unknown_filter_or_test_is_an_error() {
    let with = |expression: &str| {
        let text = format!("    - {{id: a, steps: [{{shell: \"echo ${{{expression}}}\"}}]}}\n");
        errors(&phases(&text)).into_iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    for (expression, detail) in [
        ("file | nofilter", "filter nofilter is unknown"),
        ("(file|upper|nofilter) == 'A'", "filter nofilter is unknown"),
        ("file is nosuch", "test nosuch is unknown"),
        ("file is not nosuch", "test nosuch is unknown"),
    ] {
        assert_eq!(with(expression), [format!("`{expression}` cannot be evaluated: {detail}")]);
    }
    for expression in ["file|upper", "file is not string", "file is not in [1]", "'a | b is c'", "file is null || true"]
    {
        assert_eq!(with(expression), Vec::<String>::new(), "{expression}");
    }
}

#[test]
fn a_fallback_that_does_not_exist_is_reported() {
    let with = |fallback: &str| {
        let project = TempProject::new();
        let activation = format!("  activation: {{condition: x exists, fallback_workflow: {fallback}}}\n");
        project.write("core/workflows/other.yaml", "workflow: {phases: [{id: p, steps: [{shell: 'true'}]}]}");
        let text = format!("{}{activation}  inputs: [x]\n", phases("    - {id: a, steps: [{shell: 'true'}]}\n"));
        reported(&project.check(&text))
    };
    let missing = "there is no workflow `ohter`, so a run fails if the condition does not hold; did you mean `other`?";
    assert_eq!(with("ohter"), [format!("4:56: warning: {missing}")]);
    assert_eq!(with("other"), Vec::<String>::new());
    assert_eq!(with("./ohter.yaml"), Vec::<String>::new(), "a path depends on the working directory");
}

#[test]
fn a_validation_that_cannot_hold_is_reported() {
    let with = |validation: &str| {
        problems(&phases(&format!("    - {{id: a, task: t, checkpoint: {{validation: [\"{validation}\"]}}}}\n")))
    };
    assert_eq!(with("score >= 0.8 AND done"), Vec::<String>::new());
    let prose = with("No duplicates");
    assert!(prose[0].contains("warning: ") && prose[0].ends_with("; the checkpoint cannot be passed"), "{prose:?}");
}

#[test]
fn a_misspelt_name_in_the_condition_of_a_checkpoint_is_reported() {
    let with = |validation: &str| {
        let file = TempProject::new().check(&format!(
            "workflow:\n  inputs: [{{name: threshold}}]\n  phases:\n    - {{id: a, steps: [{{id: judge, run: [x]}}], \
             checkpoint: {{validation: [{validation}]}}}}\n    - {{id: b, condition: a.quality > 1 and \
             steps.judge.verdict, steps: [{{id: late, run: [x]}}]}}\n"
        ));
        let lines: Vec<_> = reported(&file).iter().map(|line| line.split_once(": ").unwrap().1.to_owned()).collect();
        assert_eq!(file.problems.iter().filter(|problem| problem.is_strict_error).count(), lines.len(), "{lines:?}");
        lines
    };
    let misspelt = |name: &str, meant: &str| {
        format!(
            "warning: `{name}` is neither an input nor a phase; it counts as false unless a step of this phase returns it; did you mean `{meant}`?"
        )
    };
    for right in [
        "score >= 0.8",
        "score, score >= threshold",
        "a.quality > 1, quality > 1, verdict == 'good', steps.judge.other == 1",
        "checkpoint_passed and count > 1",
    ] {
        assert_eq!(with(&format!("\"{right}\"").replace(", ", "\", \"")), Vec::<String>::new(), "{right}");
    }
    assert_eq!(with("score, scor >= 0.8"), [misspelt("scor", "score")]);
    assert_eq!(with("score >= treshold"), [misspelt("treshold", "threshold")]);
    assert_eq!(with("qualiti > 1 and verdit"), [misspelt("qualiti", "quality"), misspelt("verdit", "verdict")]);
    assert_eq!(with("b.x == 1"), ["warning: the phase `b` comes later; here, this reference counts as false"]);
}

#[test]
fn the_condition_of_a_checkpoint_uses_steps_that_have_ended() {
    let with = |condition: &str| {
        errors(&phases(&format!(
            "    - {{id: a, steps: [{{id: judge, run: [x]}}], checkpoint: {{validation: [{condition}]}}}}\n    - {{id: b, \
             steps: [{{id: late, run: [x]}}]}}\n"
        )))
    };
    assert_eq!(with("steps.judge.x == 1"), Vec::<String>::new());
    for (condition, problem) in [
        ("steps.late.x == 1", "the step `late` comes later"),
        ("steps.jugde.x == 1", "there is no step `jugde`; did you mean `judge`?"),
        ("judge.x == 1", "`judge` is a step, which needs the prefix `steps`; did you mean `steps.judge`?"),
    ] {
        let found = with(condition);
        assert!(found.len() == 1 && found[0].ends_with(problem), "{condition}: {found:?}");
    }
}

#[test]
fn transitions_lead_to_known_phases_without_a_cycle() {
    let three = "    - {id: a, task: t}\n    - {id: b, task: t}\n    - {id: c, task: t}\n";
    let with = |transitions: &str| problems(&format!("{}  transitions: [{transitions}]\n", phases(three)));
    assert_eq!(with("{from: a, to: b}, {from: b, to: c, condition: checkpoint_passed}"), Vec::<String>::new());
    assert_eq!(
        with("{from: a, to: d}, {from: bb, to: c}"),
        ["6:31: error: there is no phase `d`", "6:42: error: there is no phase `bb`"]
    );
    assert_eq!(with("{from: a, to: d}, {from: a, to: b}"), ["6:31: error: there is no phase `d`"]);
    let cycle = "error: the transitions form a cycle: a → b → a; expected transitions without a cycle";
    assert_eq!(with("{from: b, to: a}"), [format!("6:17: {cycle}")]);
    assert_eq!(with("{from: a, to: b}, {from: b, to: a, condition: x}"), [format!("6:35: {cycle}")]);
    assert!(with("{from: a, to: a}")[0].contains("cycle: a → a"));
    assert!(with("{from: c, to: a, condition: x}")[0].contains("cycle: a → b → c → a"));
    assert_eq!(with("{from: a, to: c}"), ["4:7: warning: no transition leads to the phase `b`"]);
    assert!(with("{from: a, to: c, condition: x}, {from: c, to: b}")[0].contains("cycle: b → c → b"));
    assert_eq!(
        with("{from: a, to: b}, {from: a, to: c, condition: x}"),
        ["6:35: warning: never taken: an earlier transition from `a` has no condition"]
    );
}

#[test]
fn nothing_follows_an_unconditional_transition_to_the_rollback() {
    let text = format!(
        "{}  transitions: [{{from: a, to: rollback}}, {{from: a, to: b, condition: x}}]\n  rollback: {{steps: [{{shell: u}}]}}\n",
        phases("    - {id: a, task: t}\n    - {id: b, task: t}\n    - {id: c, task: t}\n")
    );
    assert_eq!(problems(&text), ["6:42: warning: never taken: an earlier transition from `a` has no condition"]);
    let only = text.replace(", {from: a, to: b, condition: x}", "");
    let unreachable = |line: u32, phase: &str| format!("{line}:7: warning: no transition leads to the phase `{phase}`");
    assert_eq!(problems(&only), [unreachable(4, "b"), unreachable(5, "c")]);
}

#[test]
fn a_transition_may_lead_to_the_rollback() {
    let lines = "    - {id: a, task: t}\n    - {id: b, task: t}\n";
    let with = |from: &str, more: &str| {
        let transition = format!("{{from: {from}, to: rollback, condition: failed}}");
        problems(&format!("{}  transitions: [{transition}]\n{more}", phases(lines)))
    };
    assert_eq!(with("a", "  rollback: {steps: [undo, {action: x}, {shell: \"echo ${a.x}\"}]}\n"), Vec::<String>::new());
    assert_eq!(with("a", ""), ["5:31: warning: there is no section `rollback`: the file fails, and nothing is undone"]);
    let unknown = with("c", "  rollback: {steps: [undo]}\n");
    assert_eq!(unknown, ["5:24: error: there is no phase `c`"]);
    let both = "workflow: {phases: [{id: rollback, task: t}], rollback: {steps: [a]}}";
    assert!(problems(both)[0].contains("has a phase `rollback` and also the section"), "{:?}", problems(both));
    let late = with("a", "  rollback: {steps: [{shell: \"echo ${steps.absent.x}\"}]}\n");
    assert!(late[0].contains("there is no step `absent`"), "{late:?}");
}

#[test]
fn the_next_phase_may_follow_an_optional_phase() {
    let with = |more: &str| {
        let lines = format!("    - {{id: a, task: t{more}}}\n    - {{id: b, task: t}}\n    - {{id: c, task: t}}\n");
        problems(&format!("{}  transitions: [{{from: a, to: c, condition: checkpoint_passed}}]\n", phases(&lines)))
    };
    let unreachable = ["4:7: warning: no transition leads to the phase `b`"];
    assert_eq!(with(""), unreachable);
    assert_eq!(with(", on_fail: continue"), unreachable);
    for more in [", condition: file != null", ", blocking: false", ", on_fail: skip"] {
        assert_eq!(with(more), Vec::<String>::new(), "{more}");
    }
    assert_eq!(with(", checkpoint: {blocking: false, validation: [x]}"), Vec::<String>::new());
}

#[test]
fn names_are_checked_against_the_known_ones() {
    let step = |text: &str| format!("        - run: [echo, \"{text}\"]\n");
    let workflow = |first: &str, second: &str, third: &str| {
        let lines = [
            "    - id: one\n      steps:\n",
            &step(first),
            &step(second),
            "    - id: two\n      steps:\n",
            &step(third),
            "  inputs: [{name: sender}]\n",
        ];
        problems(&phases(&lines.concat()))
    };
    let fine =
        ["${sender} ${file} ${files}", "${steps.one_1.x} ${one.x} ${steps}", "${one.x} ${steps.one_2.stdout} ${two}"];
    let [first, second, _] = fine;
    assert_eq!(workflow(first, second, "${one}"), Vec::<String>::new());
    for (index, text, expected) in [
        (0, "${sendr}", "error: unknown name `sendr`; known names: sender, "),
        (0, "${anything}", "error: unknown name `anything`; known names: "),
        (
            1,
            "${anything}",
            "warning: `anything` is not an input or a phase; it has a value only if an earlier step returns it",
        ),
        (
            2,
            "${anything}",
            "warning: `anything` is not an input or a phase; it has a value only if an earlier step returns it",
        ),
        (
            2,
            "${sendr}",
            "warning: `sendr` is not an input or a phase; it has a value only if an earlier step returns it; did you mean `sender`?",
        ),
        (2, "${one_1.x}", "error: `one_1` is a step, which needs the prefix `steps`; did you mean `steps.one_1`?"),
        (0, "${one_2.x}", "error: `one_2` is a step, which needs the prefix `steps`; did you mean `steps.one_2`?"),
        (
            2,
            "${one_1}",
            "warning: `one_1` is not an input or a phase; it has a value only if an earlier step returns it; did you mean `steps.one_1`?",
        ),
        (0, "${one_2}", "error: unknown name `one_2`; known names: "),
        (0, "${one.x}", "error: the phase `one` has returned nothing yet"),
        (1, "${two.x}", "error: the phase `two` comes later"),
        (1, "${steps.one_2.x}", "error: the step `one_2` comes later"),
        (1, "${steps.two_1.x}", "error: the step `two_1` comes later"),
        (2, "${steps.one_3.x}", "error: there is no step `one_3`; did you mean `one_"),
        (0, "${a b}", "error: `a b` is not an expression: "),
        (0, "${a", "error: `${a` has a `${` without its `}`"),
    ] {
        let mut texts = ["x"; 3];
        texts[index] = text;
        let reported = workflow(texts[0], texts[1], texts[2]);
        assert_eq!(reported.len(), 1, "{text}: {reported:?}");
        assert!(reported[0].contains(expected), "{reported:?}");
    }
}

#[test]
fn every_expression_of_a_file_is_checked() {
    let frames = [
        "- {run: [HERE]}",
        "- {shell: HERE}",
        "- {run: [a], inputs: {i: HERE}}",
        "- {run: [a], inputs: {i: [{deep: HERE}]}}",
        "- {execute: {command: a, inputs: {i: HERE}}}",
        "- {run: [a], env: {E: HERE}}",
        "- {run: [a], workdir: HERE}",
    ];
    for frame in frames {
        let reported = problems(&phases(&format!(
            "    - id: a\n      steps:\n        {}\n",
            frame.replace("HERE", "\"${absent}\"")
        )));
        assert!(reported.len() == 1 && reported[0].contains("unknown name `absent`"), "{frame}: {reported:?}");
    }
    let conditions = [
        "    - {id: a, task: t, condition: absent}\n",
        "    - {id: a, steps: [{run: [a], condition: absent is not null}]}\n",
        "    - {id: a, task: t}\n    - {id: b, task: t}\n  transitions: [{from: a, to: b, condition: steps.absent.x}]\n",
    ];
    for lines in conditions {
        let reported = problems(&phases(lines));
        assert!(reported.len() == 1 && reported[0].contains("absent"), "{lines}: {reported:?}");
    }
}

#[test]
fn the_order_of_phases_follows_the_transitions() {
    let lines = "    - {id: a, task: t}
    - {id: b, steps: [{run: [x, \"${c.y}\"]}]}
    - {id: c, task: t}
    - {id: d, task: t}
";
    let jumps = "  transitions: [{from: a, to: c}, {from: c, to: b}, {from: b, to: d}]\n";
    assert_eq!(problems(&format!("{}{jumps}", phases(lines))), Vec::<String>::new());
    assert!(problems(&phases(lines))[0].contains("the phase `c` comes later"));
}

#[test]
fn inputs_have_their_declared_types() {
    let with = |input: &str| {
        problems(&format!("workflow:\n  phases: [{{id: a, task: t}}]\n  inputs: [{{name: x, {input}}}]\n"))
    };
    assert!(
        with("type: strng")[0]
            .contains("warning: unknown type `strng`; `x` accepts any value, and a given text stays a string")
    );
    assert!(
        with("type: integer, default: 1.5")[0].contains("error: the default of `x` does not have the type `integer`")
    );
    assert!(
        with("type: enum, values: [a, 2], default: c")[0].contains("the default of `x` is not one of its `values`")
    );
    assert!(with("type: enum")[0].contains("warning: `x` has no `values`"));
    assert!(with("type: string, values: [a]")[0].contains("note: the `values` of `x` are ignored"));
    assert!(with("type: array, default: a")[0].contains("not have the type `array`"));
    assert!(with("required: true, default: a")[0].contains("its default is never used"));
    for fine in [
        "type: integer, default: 1",
        "type: number, default: 1.5",
        "default: null",
        "type: json, default: [1]",
        "type: enum, values: [a, 2], default: 2",
        "type: directory, default: out",
    ] {
        assert_eq!(with(fine), Vec::<String>::new(), "{fine}");
    }
}

#[test]
fn defaults_may_use_only_the_file() {
    let with = |default: &str| {
        let input = format!("{{name: x, type: json, default: {default}}}");
        problems(&format!("workflow:\n  inputs: [{input}, {{name: y}}]\n  phases: [{{id: a, task: t}}]\n"))
    };
    for fine in ["\"${file}\"", "[\"${files | first | basename}\", {deep: \"in ${file}\"}]", "\"$${nosuch}\""] {
        assert_eq!(with(fine), Vec::<String>::new(), "{fine}");
    }
    for (wrong, expected) in [
        ("\"${nosuch}\"", "unknown name `nosuch`; known names: file, files"),
        ("[{deep: \"${y}\"}]", "unknown name `y`; known names: "),
        ("\"${a.x}\"", "unknown name `a`; known names: "),
        ("\"${file\"", "has a `${` without its `}`"),
        ("\"${files + 1}\"", "cannot be evaluated"),
    ] {
        let reported = with(wrong);
        let before = "2:12: error: the default of `x`: ";
        assert!(
            reported.len() == 1 && reported[0].starts_with(before) && reported[0].contains(expected),
            "{wrong}: {reported:?}"
        );
    }
}

#[test]
fn values_that_may_become_code_are_reported() {
    let with = |line: &str| {
        problems(&format!("workflow:\n  phases:\n    - id: a\n      steps:\n        - shell: |\n            {line}\n"))
    };
    for fine in [
        "cp ${file} '${file}' \"in ${file}\"; echo '$${file}' 'it is' ${file}",
        "sh -c 'echo \"$1\"' sh ${file}; echo $((1 + 2)) ${file} $( (echo ${file}) )",
        "n=${file}; echo $((n + 1)) # $((${file}",
    ] {
        assert_eq!(with(fine), Vec::<String>::new(), "{fine}");
    }
    let quoted = "6:13: warning: `${file}` is a part of a text in single quotes: a program that runs this text as code, \
                  such as `sh -c`, executes the value; pass it as an argument instead: \
                  sh -c 'echo \"$1\"' sh ${file}";
    for line in ["sh -c 'echo ${file}'", "awk '{print \"${file}\"}' x", "echo 'a' 'b${file}' '${file}'"] {
        assert_eq!(with(line), [quoted], "{line}");
    }
    let counted = "6:13: warning: `${file}` is in `$((…))`: some shells refuse it there, others evaluate the value as \
                   code; calculate inside `${…}` instead, as in: ${n | int + 1}";
    for line in ["echo $((${file} + 1))", "echo \"$(( (2) * $(echo ${file}) ))\""] {
        assert_eq!(with(line), [counted], "{line}");
    }
    for (line, name) in
        [("trap \"rm -f ${file}\" EXIT", "trap"), ("sh -c \"wc ${file}\"", "sh"), ("[[ 1 -lt ${file} ]]", "[[")]
    {
        let executed = format!(
            "6:13: warning: `${{file}}` is an argument of `{name}`, which may execute the value as code; use another \
             command, or pass the value in a variable"
        );
        assert_eq!(with(line), [executed], "{line}");
    }
}

#[test]
fn values_in_the_shell_script_of_a_run_step_are_reported() {
    let with = |words: &str| problems(&format!("workflow: {{phases: [{{id: a, steps: [{{run: [{words}]}}]}}]}}\n"));
    for fine in [
        "sh, -c, 'echo \"$1\"', sh, '${file}'",
        "sh, -c, '${file}'",
        "sh, -c, 'echo $${file}'",
        "sh, 'x ${file}'",
        "sh, x, -c, 'x ${file}'",
        "grep, -c, 'x ${file}'",
        "bash, --norc, 'x ${file}'",
    ] {
        assert_eq!(with(fine), Vec::<String>::new(), "{fine}");
    }
    for words in ["sh, -c, 'echo ${file}'", "/bin/bash, -x, -ec, 'echo ${file}'", "dash, -e, -c, 'x ${file}'"] {
        let reported = with(words);
        let expected = "warning: `${file}` is inserted into a shell script, which may execute the value as code; \
                        expected `shell` instead of `run`: `shell` passes the value in a variable";
        assert!(reported.len() == 1 && reported[0].ends_with(expected), "{words}: {reported:?}");
    }
}

#[test]
fn a_mistyped_checkpoint_passed_is_reported() {
    let lines = "    - {id: a, task: t}\n    - {id: b, task: t}\n";
    let with = |condition: &str| {
        problems(&format!("{}  transitions: [{{from: a, to: b, condition: {condition}}}]\n", phases(lines)))
    };
    assert!(with("checkpoint_pased")[0].contains("did you mean `checkpoint_passed`?"));
    assert_eq!(with("letter_fetched and checkpoint_passed and a_1"), Vec::<String>::new());
    assert!(with("a_1.words > 3")[0].contains("did you mean `steps.a_1`?"));
    assert!(with("a and")[0].contains("is not an expression"));
}

proptest! {
    #[test]
    fn cycles_are_found(count in 1_usize..12, ways in prop::collection::vec((0_usize..12, 0_usize..12), 0..14)) {
        let ways: Vec<_> = ways.into_iter().map(|(from, to)| (from % count, to % count)).collect();
        let phases: Vec<_> = (0..count).map(|index| format!("{{id: p{index}, task: t}}")).collect();
        let transitions: Vec<_> =
            ways.iter().map(|(from, to)| format!("{{from: p{from}, to: p{to}, condition: x}}")).collect();
        let (phases, transitions) = (phases.join(", "), transitions.join(", "));
        let reported = problems(&format!("workflow: {{phases: [{phases}], transitions: [{transitions}]}}"));
        let has_cycle = has_cycle(count, &ways);
        prop_assert_eq!(reported.iter().any(|line| line.contains("form a cycle")), has_cycle, "{:?}", reported);
        prop_assert_eq!(reported.iter().any(|line| line.contains("error")), has_cycle, "{:?}", reported);
    }
}

/// A path with as many transitions as phases contains a cycle.
fn has_cycle(count: usize, ways: &[(usize, usize)]) -> bool {
    let targets = |from: usize| {
        let own: Vec<_> = ways.iter().filter(|(start, _)| *start == from).map(|(_, to)| *to).collect();
        if own.is_empty() { (from + 1..count).take(1).collect() } else { own }
    };
    let mut standing: std::collections::BTreeSet<usize> = (0..count).collect();
    for _ in 0..count {
        standing = standing.into_iter().flat_map(targets).collect();
    }
    !standing.is_empty()
}

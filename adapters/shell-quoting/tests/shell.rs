//! Tests quoted references in a real shell.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::process::Command;

use autoproc_shell_quoting::{Quoting, code_arguments, script_argument};
use proptest::prelude::*;

fn printed(before: &str, after: &str, value: &str) -> String {
    let mut quoting = Quoting::default();
    quoting.pass(before.as_bytes());
    let script = format!("{before}{}{after}", quoting.reference("VALUE"));
    let output = Command::new("sh").args(["-c", &script]).env("VALUE", value).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

const PLACES: [(&str, &str, &str, &str); 8] = [
    ("printf '<%s>' ", "", "<", ">"),
    ("printf '<%s>' \"a", "b\"", "<a", "b>"),
    ("printf '<%s>' 'a", "b'", "<a", "b>"),
    ("printf '<%s>' a", "b", "<a", "b>"),
    ("printf '<%s>' \"$(printf '%s.' ", ")\"", "<", ".>"),
    ("printf '<%s>' \"`printf '%s.' ", "`\"", "<", ".>"),
    ("# it's a comment\nprintf '<%s>' ", " # \"", "<", ">"),
    ("printf '<%s>' \\\"", "", "<\"", ">"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_value_is_one_word_in_every_context(value in "[ -~\n\t]{0,12}", place in 0..PLACES.len()) {
        let (before, after, left, right) = PLACES[place];
        prop_assert_eq!(printed(before, after, &value), format!("{left}{value}{right}"));
    }

    #[test]
    fn a_value_is_never_code_in_any_string(before in "[$()`'\"\\\\# a;\n]{0,12}") {
        let value = "$(printf ran)`printf ran`'\";printf ran;";
        // No string in `before` prints anything, so any output would come from the value.
        prop_assert_eq!(printed(&before, "", value), "");
    }
}

#[test]
fn text_that_the_shell_does_not_expand_is_literal() {
    for (text, is_literal) in
        [("\\", true), ("\\\\", false), ("# a", true), ("# a\n", false), ("a#", false), ("'\\", false)]
    {
        let mut quoting = Quoting::default();
        quoting.pass(text.as_bytes());
        assert_eq!(quoting.is_literal(), is_literal, "{text}");
    }
}

#[test]
fn contexts_in_which_a_value_may_become_code_are_recognised() {
    let at = |text: &str| {
        let mut quoting = Quoting::default();
        quoting.pass(text.as_bytes());
        (quoting.is_single_quoted(), quoting.is_arithmetic())
    };
    for quoted in ["'", "a 'b", "\"$('", "''\\''"] {
        assert_eq!(at(quoted), (true, false), "{quoted}");
    }
    for counted in ["$((", "\"$((1 + ", "$(( (2) * ", "$((1 + $(echo ", "$(($((1)) + "] {
        assert_eq!(at(counted), (false, true), "{counted}");
    }
    for neither in ["", "'a'", "\"'", "\\'", "# '$((", "$( (", "((", "$((1))", "\"$((1))", "'$(('", "\\$((", "$(a ("] {
        assert_eq!(at(neither), (false, false), "{neither}");
    }
}

fn executor(command: &str) -> Option<String> {
    let (before, rest) = command.split_once('@').expect("a position");
    let mut quoting = Quoting::default();
    quoting.pass(before.as_bytes());
    quoting.executor(rest.as_bytes())
}

#[test]
fn commands_that_execute_an_argument_are_named() {
    for (command, name) in [
        ("trap \"rm -f @.tmp\" EXIT; gzip x", "trap"),
        ("a; trap 'b; rm -f @' EXIT", "trap"),
        ("X=1 eval \"gzip @\"", "eval"),
        ("if let @+1; then b; fi", "let"),
        ("declare -i n=@", "declare"),
        ("test -v @", "test"),
        ("[ -v @ ]", "["),
        ("[[ @ -gt 5 ]]", "[["),
        ("[[ 5 -gt @ ]]", "[["),
        ("printf -v @ x", "printf"),
        ("read @", "read"),
        ("sh -c 'gzip @'", "sh"),
        ("/bin/bash -ec \"gzip @\"", "bash"),
        ("sudo bash -c \"gzip @\"", "bash"),
        ("echo \"$(eval \"x @\")\"", "eval"),
        ("ssh host gzip @", "ssh"),
        ("python3 -c \"print('@')\"", "python3"),
        ("awk '/@/ { print }' file", "awk"),
        ("(( @ > 5 ))", "(("),
        ("echo $((@ + 1))", "$(("),
        ("echo \"$(( (2) * $(wc -l < @) ))\"", "$(("),
        ("# compress\neval \"gzip @\"", "eval"),
        ("cd x # note\nsh -c 'gzip @'", "sh"),
        ("ssh host 2>&1 gzip @", "ssh"),
        ("bash -euo pipefail -c \"gzip @\"", "bash"),
        ("nice -n 5 sh -c 'gzip @'", "sh"),
        ("env -i X=1 sh -c 'gzip @'", "sh"),
        ("timeout 5 sh -c 'gzip @'", "sh"),
        ("find . -exec sh -c \"wc @\" \\;", "sh"),
        ("perl -lane \"print '@'\" x", "perl"),
        ("php -r \"echo '@';\"", "php"),
        ("echo ${x:@}", "${x:…}"),
        ("echo \"${x[@]}\"", "${x[…}"),
    ] {
        assert_eq!(executor(command).as_deref(), Some(name), "{command}");
    }
}

#[test]
fn other_commands_are_not_named() {
    for command in [
        "gzip @",
        "trap 'rm -f \"$AUTOPROC_FILE\"' EXIT; gzip @",
        "eval x; gzip \"@\"",
        "sh -c 'gzip \"$1\"' sh @",
        "[[ @ == *.gz ]] && test 5 -gt 3",
        "[[ -n @ ]]; [ 5 -gt 3 ]",
        "printf '%s' @",
        "declare n=@",
        "echo \"$(eval x)\" @",
        "( gzip @ )",
        "( (gzip @) )",
        "echo ${x:-@} ${x#@}",
        "echo ${x} @",
        "echo trap @",
        "python3 script.py @",
        "awk -f script @",
        "bash script.sh \"@\"",
        "bash script.sh -c \"@\"",
        "node -c \"@\"",
        "nice -n 5 gzip \"@\"",
        "echo a#b; gzip @",
    ] {
        assert_eq!(executor(command), None, "{command}");
    }
}

#[test]
fn the_script_of_a_shell_is_found_among_its_arguments() {
    let script = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| word.as_bytes()).collect();
        script_argument(&words).map(|(_, script)| script)
    };
    assert_eq!(script(&["sh", "-c", "gzip {}"]), Some(2));
    assert_eq!(script(&["/bin/bash", "-e", "-uc", "gzip {}", "bash"]), Some(3));
    assert_eq!(script(&["perl", "-e", "print"]), Some(2));
    assert_eq!(script(&["bash", "-euo", "pipefail", "-c", "gzip {}"]), Some(4));
    assert_eq!(script(&["timeout", "5", "sh", "-c", "gzip {}"]), Some(4));
    assert_eq!(script(&["env", "X=1", "sh", "-c", "gzip {}", "sh"]), Some(4));
    for words in [&["sh", "x", "-c"][..], &["sh", "-c"], &["bash", "--rcfile", "x"], &["gzip", "-c", "{}"], &[]] {
        assert_eq!(script(words), None, "{words:?}");
    }
}

#[test]
fn the_code_of_awk_and_ssh_is_found_among_their_arguments() {
    let code = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| word.as_bytes()).collect();
        code_arguments(&words)
    };
    assert_eq!(code(&["sh", "-c", "gzip {}"]), Some((0, 2..3)));
    assert_eq!(code(&["awk", "{print}", "x"]), Some((0, 1..2)));
    assert_eq!(code(&["/usr/bin/mawk", "-F:", "-v", "a=b", "--", "{print}"]), Some((0, 5..6)));
    assert_eq!(code(&["gawk", "--source", "{print}", "x"]), Some((0, 2..3)));
    assert_eq!(code(&["gawk", "--source={print}", "x"]), Some((0, 1..2)));
    assert_eq!(code(&["gawk", "--assign", "a=b", "{print}"]), Some((0, 3..4)));
    assert_eq!(code(&["timeout", "5", "awk", "{print}"]), Some((2, 3..4)));
    assert_eq!(code(&["ssh", "host", "wc", "{}"]), Some((0, 1..4)));
    for words in [&["awk", "-f", "x", "y"][..], &["awk", "-fx", "y"], &["awk"], &["gzip", "awk", "{}"], &[]] {
        assert_eq!(code(words), None, "{words:?}");
    }
}

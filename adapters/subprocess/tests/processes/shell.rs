use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use autoproc_domain::ItemId;
use autoproc_subprocess::{CommandLine, Subject};
use proptest::collection::vec;
use proptest::prelude::*;

const CONTEXTS: [&str; 18] = [
    "printf '<%s>' {}",
    "printf '<%s>' \"{}\"",
    "printf '<%s>' '{}'",
    "printf '<%s>'",
    "printf \"<%s>\" \"\"{}''",
    "printf '<%s>' \"$(printf %s {}; printf .)\" | sed '$s/[.]>$/>/'",
    "printf '<%s>' \"$(printf %s \"{}\"; printf .)\" | sed '$s/[.]>$/>/'",
    "printf '<%s>' \"$(printf %s '{}'; printf .)\" | sed '$s/[.]>$/>/'",
    "printf '<%s>' \"${UNSET:-{}}\"",
    "f() { printf '<%s>' {}; }; f a b",
    "# it's \"a comment\nprintf '<%s>' {} # and it isn't { } any other",
    "x={}; printf '<%s>' \"$x\"",
    "(printf '<%s>' {})",
    "printf '<%s>' \"$(true){}\"",
    "printf '<%.0s%s>' {}#'word' {}",
    "printf '<%s>' it\\'s >/dev/null; printf '<%s>' {}",
    "case {} in *) printf '<%s>' \"{}\" ;; esac",
    "printf '<%s>' \"$AUTOPROC_FILE\";",
];

fn name() -> impl Strategy<Value = OsString> {
    let piece = prop::sample::select(vec![
        "a",
        " ",
        "  ",
        "'",
        "\"",
        "\\",
        "$",
        "(",
        ")",
        "`",
        ";",
        "&",
        "|",
        "*",
        "?",
        "~",
        "#",
        "-",
        "\n",
        "{}",
        "{",
        "}",
        "$(touch hacked)",
        "`touch hacked`",
        ";touch hacked;",
        "'\"$(touch hacked)\"'",
        "${IFS}",
        "é",
    ]);
    let piece = prop_oneof![4 => piece.prop_map(|text| text.as_bytes().to_vec()), 1 => vec(128_u8.., 1..3)];
    vec(piece, 1..8).prop_map(|pieces| OsString::from_vec(pieces.concat()))
}

fn printed(dir: &Path, line: &CommandLine, path: &Path) -> Vec<u8> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let invocation = line.for_file(Subject { path, relative, item: Some(ItemId::new(17)), slot: 3 });
    let mut command = Command::new(invocation.program);
    command.args(invocation.arguments).envs(invocation.environment).env("AUTOPROC_FILE", path).current_dir(dir);
    command.output().expect("a shell").stdout
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_path_is_one_word_and_never_code(name in name()) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = PathBuf::from("/no such folder").join(&name);
        for context in CONTEXTS {
            let line = CommandLine::shell(context).expect("valid");
            let expected = [b"<", path.as_os_str().as_bytes(), b">"].concat();
            prop_assert_eq!(printed(dir.path(), &line, &path), expected, "{}", context);
            if context.contains("{}") {
                let line = CommandLine::shell(context.replace("{}", "{rel}")).expect("valid");
                let expected = [b"<", &path.as_os_str().as_bytes()[1..], b">"].concat();
                prop_assert_eq!(printed(dir.path(), &line, &path), expected, "{{rel}} in {}", context);
            }
        }
        prop_assert!(!dir.path().join("hacked").exists());
    }

    #[test]
    fn a_path_is_never_code_even_in_a_malformed_command(name in name(), pieces in vec(
        prop::sample::select(vec!["{}", "{/}", "{rel}", "\"", "'", "`", "$(", ")", "(", "\\", " ", "\n", "echo", "#", "<<E", "E", "${x:-", "}", "case x in x)", ";; esac", "|", ": "]),
        1..12,
    )) {
        let dir = tempfile::tempdir().expect("a folder");
        let path = PathBuf::from("/no such folder").join(&name);
        if let Ok(line) = CommandLine::shell(pieces.concat()) {
            printed(dir.path(), &line, &path);
        }
        prop_assert!(!dir.path().join("hacked").exists());
    }
}

#[test]
fn each_placeholder_is_replaced_unless_escaped() {
    let dir = tempfile::tempdir().expect("a folder");
    let line =
        CommandLine::shell(r"printf '%s|' {} {/} {//} {.} '{/.}' {rel} {#} '{%}' \{} \{rel} '\{}'").expect("valid");
    let text = String::from_utf8(printed(dir.path(), &line, Path::new("/a b/c.d.e"))).expect("text");
    assert_eq!(text, r"/a b/c.d.e|c.d.e|/a b|/a b/c.d|c.d|a b/c.d.e|17|3|{}|{rel}|\/a b/c.d.e|");
}

//! Tests placeholders with paths of arbitrary bytes.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use autoproc_domain::ItemId;
use autoproc_subprocess::{CommandLine, InvalidCommand, Subject};
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
struct Parts {
    parent: Vec<u8>,
    stem: Vec<u8>,
    extension: Option<Vec<u8>>,
}

impl Parts {
    fn basename(&self) -> Vec<u8> {
        let extension = self.extension.iter().flat_map(|extension| [b".", extension.as_slice()].concat());
        self.stem.iter().copied().chain(extension).collect()
    }

    fn under_parent(&self, name: &[u8]) -> Vec<u8> {
        [&self.parent, &b"/"[..], name].concat()
    }

    fn path(&self) -> OsString {
        OsString::from_vec(self.under_parent(&self.basename()))
    }

    /// Returns the expected value of a placeholder.
    fn value(&self, token: &str) -> Vec<u8> {
        match token {
            "{}" => self.under_parent(&self.basename()),
            "{/}" => self.basename(),
            "{//}" => self.parent.clone(),
            "{.}" => self.under_parent(&self.stem),
            "{/.}" => self.stem.clone(),
            "{rel}" => self.under_parent(&self.basename())[1..].to_vec(),
            "{#}" => b"17".to_vec(),
            "{%}" => b"3".to_vec(),
            text => text.as_bytes().to_vec(),
        }
    }
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(b' '), Just(b'{'), Just(b'}'), Just(b'\''), Just(b'$'), 1_u8..];
    vec(byte.prop_filter("no separator", |byte| !b"/.".contains(byte)), 1..8)
}

fn parts() -> impl Strategy<Value = Parts> {
    let parent =
        vec(name(), 1..4).prop_map(|names| names.iter().flat_map(|name| [b"/", name.as_slice()].concat()).collect());
    (parent, name(), prop::option::of(name())).prop_map(|(parent, stem, extension)| Parts { parent, stem, extension })
}

fn token() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["{}", "{/}", "{//}", "{.}", "{/.}", "{rel}", "{#}", "{%}"])
}

fn text() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "a", " ", "--out=", "{a}", "{", "${x}", "}", "é", "/", ".", "'", "\\"])
}

fn subject(path: &Path) -> Subject<'_> {
    Subject { path, relative: path.strip_prefix("/").unwrap_or(path), item: Some(ItemId::new(17)), slot: 3 }
}

fn arguments(line: &CommandLine, path: &OsStr) -> Vec<OsString> {
    let invocation = line.for_file(subject(Path::new(path)));
    assert!(invocation.environment.is_empty());
    std::iter::once(invocation.program).chain(invocation.arguments).collect()
}

proptest! {
    #[test]
    fn placeholders_are_replaced_and_text_is_kept(
        parts in parts(),
        pieces in vec((text(), token()), 1..6),
        last in text(),
    ) {
        // Excludes the only ambiguity: a brace before a placeholder.
        prop_assume!(pieces.iter().all(|(text, _)| !text.ends_with('{')));
        let argument: String = pieces.iter().flat_map(|(text, token)| [*text, *token]).chain([last]).collect();
        let expected: Vec<u8> =
            pieces.iter().flat_map(|(text, token)| [text.as_bytes().to_vec(), parts.value(token)].concat())
                .chain(last.bytes()).collect();
        let line = CommandLine::argv(["program", "{}", &argument]).expect("valid");
        let expected = [OsString::from("program"), parts.path(), OsString::from_vec(expected)];
        prop_assert_eq!(arguments(&line, &parts.path()), expected);
    }

    #[test]
    fn without_a_placeholder_the_path_is_the_last_argument(
        parts in parts(),
        words in vec(vec(1_u8.., 0..6).prop_map(OsString::from_vec), 0..4),
    ) {
        prop_assume!(words.iter().all(|word| !word.as_bytes().contains(&b'{')));
        let words: Vec<OsString> = std::iter::once("program".into()).chain(words).collect();
        let line = CommandLine::argv(&words).expect("valid");
        let expected: Vec<OsString> = words.into_iter().chain([parts.path()]).collect();
        prop_assert_eq!(arguments(&line, &parts.path()), expected);
    }

    #[test]
    fn a_shell_command_is_the_same_for_every_file(one in parts(), other in parts(), string in "[a-z {}/.'\"$()`#\\\\|;]{1,20}") {
        if let Ok(line) = CommandLine::shell(&string) {
            let scripts = [one, other].map(|parts| line.for_file(subject(Path::new(&parts.path()))).arguments);
            prop_assert_eq!(&scripts[0], &scripts[1]);
        }
    }
}

#[test]
fn paths_at_the_edges() {
    let fill = |template: &str, path: &str| {
        let line = CommandLine::argv(["x", template]).expect("valid");
        line.for_file(subject(Path::new(path))).arguments.concat_to_string()
    };
    let all = |path: &str| ["{/}", "{//}", "{.}", "{/.}"].map(|template| fill(template, path));
    assert_eq!(all("/"), ["/", "/", "/", "/"]);
    assert_eq!(all("a.b"), ["a.b", ".", "a", "a"]);
    assert_eq!(all("/a"), ["a", "/", "/a", "a"]);
    assert_eq!(all("/d.e/a"), ["a", "/d.e", "/d.e/a", "a"]);
    assert_eq!(all("/d/.hidden"), [".hidden", "/d", "/d/.hidden", ".hidden"]);
    assert_eq!(all("/d/a.tar.gz"), ["a.tar.gz", "/d", "/d/a.tar", "a.tar"]);
    assert_eq!(all("/d/a.b/"), ["a.b", "/d", "/d/a", "a"]);
    assert_eq!(all("/d//a.b/."), ["a.b", "/d", "/d//a", "a"]);
    assert_eq!(all(".."), ["..", ".", "..", ".."]);
}

#[test]
fn a_placeholder_that_is_used_twice_is_one_variable() {
    let script = CommandLine::shell("diff {} {.}.old {} {.}").expect("valid");
    let environment = script.for_file(subject(Path::new("/a/f.txt"))).environment;
    let expected = [("AUTOPROC_FILE", "/a/f.txt"), ("AUTOPROC_FILE_WITHOUT_EXTENSION", "/a/f")];
    assert_eq!(environment, expected.map(|(name, value)| (name, value.into())));
}

#[test]
fn a_command_with_numbers_only_gets_the_path_too() {
    let arguments = |template| arguments(&CommandLine::argv(["x", template]).expect("valid"), OsStr::new("/f"));
    assert_eq!(arguments("-g{%}"), ["x", "-g3", "/f"]);
    assert_eq!(arguments("{#}"), ["x", "17", "/f"]);
    assert_eq!(arguments("{rel}"), ["x", "f"]);
    let script = |string| CommandLine::shell(string).expect("valid").for_file(subject(Path::new("/f"))).arguments;
    assert_eq!(script("x {%}").concat_to_string(), "-cx \"${AUTOPROC_SLOT}\" \"${AUTOPROC_FILE}\"");
    assert_eq!(script("x $AUTOPROC_REL").concat_to_string(), "-cx $AUTOPROC_REL");
}

#[test]
fn a_number_that_is_unknown_is_kept() {
    let unknown = Subject { item: None, ..subject(Path::new("/f")) };
    let line = CommandLine::argv(["x", "{#}{}"]).expect("valid");
    assert_eq!(line.for_file(unknown).arguments, ["{#}/f"]);
}

#[test]
fn a_brace_after_a_dollar_belongs_to_the_shell() {
    let script = |string| {
        let invocation = CommandLine::shell(string).expect("valid").for_file(subject(Path::new("/f")));
        invocation.arguments[1].to_str().expect("text").to_owned()
    };
    assert_eq!(script("echo {} ${#} ${rel}"), "echo \"${AUTOPROC_FILE}\" ${#} ${rel}");
    assert_eq!(script("echo /tmp/$${rel}"), "echo /tmp/$$\"${AUTOPROC_REL}\"");
}

trait ConcatToString {
    fn concat_to_string(self) -> String;
}

impl ConcatToString for Vec<OsString> {
    fn concat_to_string(self) -> String {
        self.iter().map(|word| word.to_str().expect("text")).collect()
    }
}

#[test]
fn invalid_commands_are_refused() {
    assert_eq!(CommandLine::argv::<_, &str>([]), Err(InvalidCommand::Empty));
    assert_eq!(CommandLine::argv(["", "{}"]), Err(InvalidCommand::Empty));
    assert_eq!(CommandLine::argv(["a", "b\0"]), Err(InvalidCommand::Nul));
    assert_eq!(CommandLine::shell(" \n"), Err(InvalidCommand::Empty));
    assert_eq!(CommandLine::shell("a\0{}"), Err(InvalidCommand::Nul));
}

#[test]
fn a_path_is_not_appended_after_an_operator() {
    for end in [';', '&', '|', '(', '{', '>', '<', '!', '\\'] {
        let string = format!("true {end} \n");
        assert_eq!(CommandLine::shell(&string), Err(InvalidCommand::NowhereToAppend(end)));
        assert!(CommandLine::shell(format!(": {{}} {string}")).is_ok());
    }
    let script = |string| {
        CommandLine::shell(string).expect("valid").for_file(subject(Path::new("/f"))).arguments.concat_to_string()
    };
    assert_eq!(script("wc -l\n"), "-cwc -l \"${AUTOPROC_FILE}\"");
    assert_eq!(script("wc -l <\"$AUTOPROC_FILE\";"), "-cwc -l <\"$AUTOPROC_FILE\";");
}

//! Tests failure signatures.

use std::collections::BTreeMap;

use autoproc_domain::ports::AttemptOutcome;
use autoproc_domain::signature::{FailureGroups, MAX_REASON_BYTES, Signature, SignatureId, without_own_names};
use autoproc_domain::{FilePath, Timestamp, failure};
use proptest::prelude::*;

const FILES: [&str; 4] =
    ["/data/in/report-2025.pdf", "/data/in/sub dir/scan 7 (copy).pdf", "/srv/übung.pdf", "/data/in/2024/error.pdf"];

/// Outputs of real programs, with the expected reasons. `NUM` differs from file to file.
const OUTPUTS: [(&str, &str); 42] = [
    ("wc: PATH: No such file or directory", "wc: {}: No such file or directory"),
    ("cp: cannot stat 'PATH': No such file or directory", "cp: cannot stat {}: No such file or directory"),
    ("cp: error writing 'out/NAME': No space left on device", "cp: error writing {/}: No space left on device"),
    ("gzip: PATH: not in gzip format", "gzip: {}: not in gzip format"),
    (
        "gzip: stdin: not in gzip format\ntar: Child returned status 1\ntar: Error is not recoverable: exiting now",
        "gzip: stdin: not in gzip format",
    ),
    (
        "tar: PATH: Cannot open: Permission denied\ntar: Error is not recoverable: exiting now",
        "tar: {}: Cannot open: Permission denied",
    ),
    ("xz: PATH: File format not recognized", "xz: {}: File format not recognized"),
    ("zstd: PATH: unsupported format", "zstd: {}: unsupported format"),
    (
        "Archive:  PATH\nunzip:  cannot find zipfile directory in one of PATH or\n        PATH.zip, period.",
        "unzip: cannot find zipfile directory in one of {} or",
    ),
    (
        "[mov,mp4,m4a @ 0x55NUMd3c0] moov atom not found\nPATH: Invalid data found when processing input",
        "{}: Invalid data found when processing input",
    ),
    (
        "[libx264 @ 0x55NUMa0] height not divisible by 2 (1920xNUM)\nError initializing output stream 0:0 -- bad\n\
         Conversion failed!",
        "Error initializing output stream {n} -- bad",
    ),
    ("Syntax Error: Couldn't find trailer dictionary", "Syntax Error: Couldn't find trailer dictionary"),
    (
        "Syntax Error (NUM): Illegal character <2f> in hex string",
        "Syntax Error ({n}): Illegal character <{n}> in hex string",
    ),
    ("Command Line Error: Incorrect password", "Command Line Error: Incorrect password"),
    (
        "Error in pixReadStream: Unknown format: no pix returned\nError during processing.",
        "Error in pixReadStream: Unknown format: no pix returned",
    ),
    (
        "Error opening data file /usr/share/tessdata/deu.traineddata\nTesseract couldn't load any languages!",
        "Error opening data file /usr/share/tessdata/deu.traineddata",
    ),
    (
        "convert-im6.q16: improper image header `PATH' @ error/png.c/ReadPNGImage/NUM.",
        "convert-im{n}.q{n}: improper image header `{}' @ error/png.c/ReadPNGImage/{n}.",
    ),
    ("curl: (22) The requested URL returned error: 404", "curl: ({n}) The requested URL returned error: 404"),
    ("curl: (22) The requested URL returned error: 503", "curl: ({n}) The requested URL returned error: 503"),
    (
        "curl: (7) Failed to connect to 127.0.0.1 port 9 after NUM ms: Couldn't connect to server",
        "curl: ({n}) Failed to connect to {n} port {n} after {n} ms: Couldn't connect to server",
    ),
    ("curl: (6) Could not resolve host: api.example.org", "curl: ({n}) Could not resolve host: api.example.org"),
    (
        "Traceback (most recent call last):\n  File \"/srv/read.py\", line NUM, in <module>\n\
         FileNotFoundError: [Errno 2] No such file or directory: 'PATH'",
        "FileNotFoundError: [Errno 2] No such file or directory: {}",
    ),
    (
        "  File \"<frozen codecs>\", line 322, in decode\n\
         UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in position NUM: invalid start byte",
        "UnicodeDecodeError: 'utf-8' codec can't decode byte {hex} in position {n}: invalid start byte",
    ),
    (
        "json.decoder.JSONDecodeError: Expecting value: line NUM column 1 (char NUM)",
        "json.decoder.JSONDecodeError: Expecting value: line {n} column {n} (char {n})",
    ),
    ("ModuleNotFoundError: No module named 'numpy'", "ModuleNotFoundError: No module named 'numpy'"),
    ("ModuleNotFoundError: No module named 'pandas'", "ModuleNotFoundError: No module named 'pandas'"),
    ("KeyError: 'title'", "KeyError: 'title'"),
    (
        "ValueError: could not convert string to float: 'NUM, about NUM'",
        "ValueError: could not convert string to float: '{text}'",
    ),
    (
        "subprocess.CalledProcessError: Command '['wc', 'PATH']' returned non-zero exit status 1.",
        "subprocess.CalledProcessError: Command '{text}', {}]' returned non-zero exit status 1.",
    ),
    (
        "SyntaxError: Expected property name or '}' in JSON at position NUM\n    at JSON.parse (<anonymous>)\n\nNode.js v20.20.2",
        "SyntaxError: Expected property name or '}' in JSON at position {n}",
    ),
    (
        "Error: ENOENT: no such file or directory, open 'PATH'\n    at Object.openSync (node:fs:573:18) {\n  errno: -2,\n}",
        "Error: ENOENT: no such file or directory, open {}",
    ),
    (
        "Exception in thread \"main\" java.io.FileNotFoundException: PATH (No such file or directory)\n\
         \tat java.base/java.io.FileInputStream.open0(Native Method)",
        "Exception in thread \"main\" java.io.FileNotFoundException: {} (No such file or directory)",
    ),
    (
        "java.lang.RuntimeException: cannot read page NUM\n\tat Main.main(Main.java:12)\n\
         Caused by: java.lang.IllegalStateException: Reader@1a2bNUM9f is closed",
        "Caused by: java.lang.IllegalStateException: Reader@{hex} is closed",
    ),
    (
        "PATH:1: error: reached end of file while parsing\n1 error\nerror: compilation failed",
        "{}:{n}: error: reached end of file while parsing",
    ),
    (
        "PATH:NUM:20: error: ‘x’ undeclared (first use in this function)\nmake: *** [Makefile:2: STEM.o] Error 1",
        "{}:{n}: error: ‘x’ undeclared (first use in this function)",
    ),
    (
        "PATH:NUM:20: error: ‘y’ undeclared (first use in this function)",
        "{}:{n}: error: ‘y’ undeclared (first use in this function)",
    ),
    ("error[E0425]: cannot find value `x` in this scope", "error[E0425]: cannot find value `x` in this scope"),
    ("make: *** No rule to make target 'all'.  Stop.", "make: *** No rule to make target 'all'. Stop."),
    ("fatal: repository 'PATH' does not exist", "fatal: repository {} does not exist"),
    (
        "error: pathspec '3fa2cNUM' did not match any file(s) known to git",
        "error: pathspec '{hex}' did not match any file(s) known to git",
    ),
    ("bash: line NUM: pdftotxt: command not found", "bash: line {n}: pdftotxt: command not found"),
    (
        "2026-11-29 06:NUM:00,123 ERROR request 550e8400-e29b-41d4-a716-44665544NUM: HTTP 429",
        "{n} ERROR request {uuid}: HTTP 429",
    ),
];

fn path(path: &str) -> FilePath {
    FilePath::new(path).expect("a path")
}

fn error_of(said: &str, index: usize) -> Box<str> {
    let path = FILES[index];
    let name = path.rsplit('/').next().expect("a name");
    let stem = name.strip_suffix(".pdf").expect("an extension");
    let number = ["1024", "7171", "3338", "9999"][index];
    let said = said.replace("PATH", path).replace("NAME", name).replace("STEM", stem).replace("NUM", number);
    failure::text(&AttemptOutcome::Exited { code: 3 }, &said)
}

#[test]
fn a_program_that_fails_on_two_files_has_one_signature() {
    let mut wrong = Vec::new();
    for (said, reason) in OUTPUTS {
        for (index, file) in FILES.iter().enumerate() {
            let signature = Signature::of(Some(&error_of(said, index)), &path(file));
            let made = signature.reason().strip_prefix("exit status 3: ").expect("the outcome").to_owned();
            wrong.extend((made != reason).then(|| format!("{made}\ninstead of {reason}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn different_reasons_have_different_identities() {
    let mut reasons = BTreeMap::new();
    for (said, reason) in OUTPUTS {
        let id = Signature::of(Some(&error_of(said, 0)), &path(FILES[0])).id();
        assert_eq!(reasons.insert(id, reason), None, "{reason}");
    }
}

#[test]
fn failures_with_different_remedies_have_different_identities() {
    let id = |error: &str| Signature::of(Some(error), &path("/in/a.pdf")).id();
    for (one, other) in [
        (
            "exit status 1: cat: /in/a.pdf: No such file or directory",
            "exit status 1: cat: /in/a.pdf: Permission denied",
        ),
        ("exit status 1: open '/srv/A7/b': no such file", "exit status 1: open '/srv/A7/b': permission denied"),
        ("exit status 1: level=fatal msg=\"no such file\"", "exit status 1: level=fatal msg=\"permission denied\""),
        ("exit status 22: HTTP error: 404", "exit status 22: HTTP error: 500"),
        ("exit status 1", "exit status 2"),
        ("exit status 1: No module named 'numpy'", "exit status 1: No module named 'pandas'"),
        ("exit status 1: KeyError: 'total'", "exit status 1: KeyError: 'name'"),
        ("exit status 1: \"code\": \"AccessDenied\"", "exit status 1: \"code\": \"NoSuchKey\""),
    ] {
        assert_ne!(id(one), id(other), "{one}\n{other}");
    }
}

fn reason(error: &str) -> String {
    Signature::of(Some(error), &path("/in/a.pdf")).reason().to_owned()
}

#[test]
fn the_outcome_is_part_of_the_signature() {
    for (error, expected) in [
        ("exit status 1", "exit status 1"),
        ("exit status 139: no page 7", "exit status 139: no page {n}"),
        ("killed by signal 11: frame= 17", "killed by signal 11"),
        ("killed by signal 9, possibly out of memory: page 3", "killed by signal 9, possibly out of memory"),
        ("timed out after 2.5 s: page 7 of 12", "timed out after {n} s"),
        ("timed out after 300 s: error: no lock", "timed out after {n} s: error: no lock"),
        ("cannot start: /opt/bin/tool: no", "cannot start: /opt/bin/tool: no"),
        ("cannot start: /opt/x2/tool: permission denied", "cannot start: {path}: permission denied"),
        ("no such file (exit status 1)", "no such file (exit status 1)"),
        (
            "the run died during attempt 3, the last one allowed",
            "the run died during attempt {n}, the last one allowed",
        ),
        ("read/step2: exit status 4: bad page 9", "read/step2: exit status 4: bad page {n}"),
        ("read/step2: timed out after 3 s: page 9", "read/step2: timed out after {n} s"),
        ("one/one_1: it did not return `x`, which two/b needs", "one/one_1: it did not return `x`, which two/b needs"),
        ("phase_2: its steps did not return `x`", "phase_2: its steps did not return `x`"),
        ("cancelled", "cancelled"),
        ("/step2: bad page 9", "/step{n}: bad page {n}"),
        ("phase2/: bad page 9", "phase{n}/: bad page {n}"),
        ("read page 2/3: bad page 9", "read page {n}: bad page {n}"),
        (" \nx", "no reason is recorded"),
    ] {
        assert_eq!(reason(error), expected);
    }
    assert_eq!(Signature::of(None, &path("/in/a.pdf")).reason(), "no reason is recorded");
}

#[test]
fn the_names_of_the_file_have_placeholders() {
    let file = path("/in/my scan-2.pdf");
    for (text, expected) in [
        ("cp: /in/my scan-2.pdf: no", "cp: {}: no"),
        ("cannot read my scan-2.pdf", "cannot read {/}"),
        ("my scan-2.txt exists", "{/.}.txt exists"),
        ("/in/other is there", "{//}/other is there"),
        ("unrelated", "unrelated"),
    ] {
        assert_eq!(without_own_names(text, &file), expected);
    }
}

#[test]
fn a_long_reason_is_cut_as_little_as_possible() {
    let said = |length: usize| format!("exit status 3: error: {}", "é".repeat(length));
    let prefix = said(0).len();
    let fits = (MAX_REASON_BYTES - prefix) / 2;
    assert_eq!(reason(&said(fits)), said(fits));
    let cut = reason(&said(MAX_REASON_BYTES));
    assert!(cut.ends_with('…') && cut.len() + 1 >= MAX_REASON_BYTES && cut.len() <= MAX_REASON_BYTES, "{cut}");
}

/// Users keep signature ids in notes and scripts.
#[test]
fn an_identity_never_changes() {
    let id = |error: &str| Signature::of(Some(error), &path("/in/a.pdf")).id().to_string();
    assert_eq!(id("exit status 1"), "d622a2d0");
    assert_eq!(id("exit status 3: wc: /in/a.pdf: No such file or directory"), "0cf9aac4");
}

#[test]
fn groups_are_counted_and_have_examples() {
    let mut groups = FailureGroups::default();
    let at = |seconds: i64| Some(Timestamp::from_micros(seconds * 1_000_000));
    for number in 0..5 {
        let file = path(&format!("/in/{number}.pdf"));
        groups.add(Some(&format!("exit status 1: {file}: bad")), &file, at(10 - number));
    }
    groups.add(None, &path("/in/x"), None);
    let listed = groups.largest_first();
    assert_eq!((listed.len(), groups.total(), groups.ungrouped()), (2, 6, 0));
    assert_eq!((listed[0].count, listed[0].signature.reason()), (5, "exit status 1: {}: bad"));
    assert_eq!((listed[0].first_at, listed[0].last_at), (at(6), at(10)));
    assert_eq!(listed[0].examples, [0, 1, 2].map(|number| path(&format!("/in/{number}.pdf"))));
    assert_eq!((listed[1].first_at, listed[1].last_at, listed[1].count), (None, None, 1));
}

#[test]
fn the_number_of_groups_is_limited() {
    let mut groups = FailureGroups::default();
    let letter = |number: usize| ('a'..='z').nth(number % 26).expect("a letter");
    let letters = |number: usize| [letter(number / 26 / 26), letter(number / 26), letter(number)];
    for number in 0..FailureGroups::MAX_GROUPS + 7 {
        let error = format!("exit status 1: bad {}", letters(number).iter().collect::<String>());
        groups.add(Some(&error), &path("/in/a.pdf"), None);
        groups.add(Some("exit status 1: bad aaa"), &path("/in/a.pdf"), None);
    }
    assert_eq!(groups.largest_first().len(), FailureGroups::MAX_GROUPS);
    assert_eq!((groups.ungrouped(), groups.total()), (7, 2014));
}

fn failures() -> impl Strategy<Value = (FilePath, String)> {
    let name = "[a-c0-3 ._é'-]{1,6}";
    let parts = prop::collection::vec(name, 1..4);
    parts.prop_flat_map(|parts| {
        let path = format!("/{}", parts.join("/"));
        let own = prop::sample::select([&[path.clone()][..], &parts].concat());
        let word = prop_oneof![
            own,
            "\\PC{0,4}",
            "[a-f0-9:./ -]{1,10}",
            prop::sample::select(vec![
                "'",
                "\"",
                "`",
                "‘",
                "{n}",
                "{}",
                " ",
                "/",
                "/tmp/",
                "http://",
                "\u{1b}[1m",
                "error: 404"
            ])
            .prop_map(str::to_owned),
        ];
        let text = prop::collection::vec(word, 0..12).prop_map(|words| words.concat());
        (Just(FilePath::new(path).expect("a path")), text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reason_is_bounded_and_its_own_signature((file, text) in failures()) {
        let signature = Signature::of(Some(&text), &file);
        let reason = signature.reason();
        prop_assert!(reason.len() <= MAX_REASON_BYTES, "{reason:?}");
        prop_assert!(!reason.contains(char::is_control), "{reason:?}");
        if !reason.ends_with('…') {
            let again = Signature::of(Some(reason), &path("/other"));
            prop_assert_eq!(again.reason(), reason, "{:?}", text);
            prop_assert_eq!(again.id(), signature.id());
        }
    }

    #[test]
    fn any_text_has_a_signature(text in "(?s).{0,300}", name in "[^/\0]{1,20}") {
        let file = FilePath::new(format!("/x/{name}")).expect("a path");
        prop_assert!(Signature::of(Some(&text), &file).reason().len() <= MAX_REASON_BYTES);
    }

    #[test]
    fn the_name_of_a_file_does_not_matter(
        folder in "(/[a-z0-9 ]{1,8}){1,3}",
        stem in "[a-zA-Z0-9 ._-]{1,12}",
        number in 0..1_000_000_u32,
    ) {
        let path = FilePath::new(format!("{folder}/{stem}.png")).expect("a path");
        let error = format!("exit status 1: libpng error: {path}: bad chunk at {number}");
        let signature = Signature::of(Some(&error), &path);
        prop_assert_eq!(signature.reason(), "exit status 1: libpng error: {}: bad chunk at {n}");
    }

    #[test]
    fn an_identity_survives_its_text(text in "\\PC{0,20}") {
        let id = Signature::of(Some(&text), &path("/in/a.pdf")).id();
        prop_assert_eq!(SignatureId::from_hex(&id.to_string()), Some(id));
    }

    #[test]
    fn other_text_is_no_identity(text in "[0-9a-g+-]{0,9}") {
        let is_hex = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        prop_assert_eq!(SignatureId::from_hex(&text).is_some(), is_hex);
    }
}

/// True if the output matches the shown text. In the shown text, `…` stands for any text. White
/// space at the end of both texts does not count.
pub(crate) fn agrees(shown: &str, output: &str) -> bool {
    let (shown, mut rest) = (shown.trim_end(), output.trim_end());
    let Some((first, others)) = shown.split_once('…') else { return shown == rest };
    let Some(after) = rest.strip_prefix(first) else { return false };
    rest = after;
    let (middle, last) = others.rsplit_once('…').unwrap_or(("", others));
    for piece in middle.split('…') {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[test]
fn an_ellipsis_stands_for_any_text() {
    for (shown, output) in [
        ("one", "one\n"),
        ("…", ""),
        ("a…c", "abbc"),
        ("a\n…\nd", "a\nb\nc\nd\n"),
        ("a…c…", "abcd"),
        ("…b…d…f", "abcdef"),
    ] {
        assert!(agrees(shown, output), "{shown:?} {output:?}");
    }
    for (shown, output) in [("one", "two"), ("a…c", "abcd"), ("a…b…c", "acb"), ("a…a", "a"), ("…b…d…f", "abcdeg")]
    {
        assert!(!agrees(shown, output), "{shown:?} {output:?}");
    }
}

//! Checks the manual's table of reasons why the files of a dead run stay `processing`.

/// Returns each part of a reason in the manual's table that does not occur in `sources`, the source
/// code. Ignores variable parts, such as process numbers.
pub(crate) fn unknown<'m>(manual: &'m str, sources: &str) -> Vec<&'m str> {
    let (_, table) = manual.split_once("| Reason | Meaning").expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let reasons: Vec<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert!(reasons.len() >= 10, "the table has lost rows: {reasons:?}");
    reasons.into_iter().flat_map(fixed_parts).filter(|part| !sources.contains(part)).collect()
}

/// Returns the parts of a reason between digits, brackets and `…`. Omits single words, such as the
/// name of a process in brackets.
fn fixed_parts(reason: &str) -> impl Iterator<Item = &str> {
    let is_example = |c: char| c.is_ascii_digit() || "…()".contains(c);
    let parts = reason.split(is_example).map(|part| part.trim_matches([' ', ';', ':']));
    parts.filter(|part| part.contains(' '))
}

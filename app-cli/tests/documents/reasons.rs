/// Returns each part of a documented reason that is not in the source code.
pub(crate) fn unknown<'m>(manual: &'m str, sources: &str) -> Vec<&'m str> {
    let (_, table) = manual.split_once("| Reason | Meaning").expect("the table");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let reasons: Vec<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert!(reasons.len() >= 10, "the table has lost rows: {reasons:?}");
    reasons.into_iter().flat_map(fixed_parts).filter(|part| !sources.contains(part)).collect()
}

fn fixed_parts(reason: &str) -> impl Iterator<Item = &str> {
    let is_example = |c: char| c.is_ascii_digit() || "…()".contains(c);
    let parts = reason.split(is_example).map(|part| part.trim_matches([' ', ';', ':']));
    parts.filter(|part| part.contains(' '))
}

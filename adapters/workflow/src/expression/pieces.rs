use super::error::ExpressionError;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    Literal(&'a str),
    /// The text inside `${…}`.
    Expression(&'a str),
}

/// Splits a text into its pieces; `$${` is the literal `${`.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece<'_>>, ExpressionError> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            pieces.push(Piece::Literal(&rest[..start - 1]));
            pieces.push(Piece::Literal("${"));
            rest = &rest[start + 2..];
            continue;
        }
        let inside = &rest[start + 2..];
        let end = end_of_expression(inside).ok_or_else(|| unclosed(&rest[start..]))?;
        pieces.push(Piece::Literal(&rest[..start]));
        pieces.push(Piece::Expression(&inside[..end]));
        rest = &inside[end + 1..];
    }
    pieces.push(Piece::Literal(rest));
    pieces.retain(|piece| *piece != Piece::Literal(""));
    Ok(pieces)
}

/// Returns the offset of the closing `}`.
pub(super) fn end_of_expression(inside: &str) -> Option<usize> {
    let (mut quote, mut depth, mut escaped) = (None, 0_usize, false);
    for (at, character) in inside.char_indices() {
        match (quote, character) {
            (Some(_), _) if escaped => escaped = false,
            (Some(_), '\\') => escaped = true,
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, '{') => depth += 1,
            (None, '}') if depth == 0 => return Some(at),
            (None, '}') => depth -= 1,
            (Some(_) | None, _) => {}
        }
    }
    None
}

pub(super) fn unclosed(from: &str) -> ExpressionError {
    ExpressionError::Unclosed { text: from.chars().take(40).collect() }
}

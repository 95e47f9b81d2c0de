//! Escapes text for an HTML page.
//!
//! All text that is not part of this program's source is written as [`Text`].

use std::fmt::{self, Write as _};

use crate::escape::Printable;

/// Escapes a text for an HTML element or a quoted attribute.
pub(super) struct Text<'a>(pub(super) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(self.0).to_string().chars().try_for_each(|character| match character {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            other => f.write_char(other),
        })
    }
}

/// Escapes unprintable characters and cuts the middle of a long text. The end of a name is its most
/// informative part.
pub(super) fn cut_in_middle(text: &str, max: usize) -> String {
    let characters: Vec<_> = Printable(text).to_string().chars().collect();
    if characters.len() <= max {
        return characters.into_iter().collect();
    }
    let (begin, end) = (max / 3, characters.len() - (max - max / 3 - 1));
    characters[..begin].iter().chain(&['…']).chain(&characters[end..]).collect()
}

/// Like [`cut_in_middle`], but the ellipsis replaces the end.
pub(super) fn cut_at_end(text: &str, max: usize) -> String {
    let shown = Printable(text).to_string();
    match shown.char_indices().nth(max) {
        Some(_) => shown.chars().take(max.saturating_sub(1)).chain(['…']).collect(),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_and_control_characters_are_text() {
        let shown = Text("<a href=\"x\" id='y'>&amp;\u{1b}[2J\u{202e}\n").to_string();
        let expected = "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;amp;\\u{1b}[2J\\u{202e}\\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(cut_in_middle("abcdefghij", 10), "abcdefghij");
        assert_eq!(cut_in_middle("abcdefghijk", 10), "abc…fghijk");
        assert_eq!(cut_at_end("abcdefghijk", 10), "abcdefghi…");
        assert_eq!(cut_at_end("äbcdefghij", 10), "äbcdefghij");
        assert_eq!(cut_at_end("\u{1b}", 10), "\\u{1b}");
    }
}

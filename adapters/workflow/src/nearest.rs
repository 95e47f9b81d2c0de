//! Finds known words similar to a given word.

const MAX_LISTED: usize = 12;

/// The maximum number of known words to compare. The limit keeps the check of large files fast.
const MAX_COMPARED: usize = 256;

/// Returns the most similar known word, within one or two typing errors.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let lowered = word.to_lowercase();
    let tolerated = (word.chars().count() / 3).clamp(1, 2);
    // Each tolerated edit changes the length by at most one character, which has up to four bytes.
    let is_alike = |known: &&str| known.len().abs_diff(word.len()) <= 4 * tolerated;
    let alike = known.into_iter().take(MAX_COMPARED).filter(is_alike);
    let (distance, known) = alike.map(|known| (distance(&lowered, known), known)).min()?;
    // If every character differs, the word is not a typing error.
    (distance <= tolerated && distance < known.chars().count()).then(|| known.to_owned())
}

pub(crate) fn nearest_first<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let lowered = word.to_lowercase();
    let mut ranked: Vec<_> =
        known.into_iter().take(MAX_COMPARED).map(|known| (distance(&lowered, known), known)).collect();
    ranked.sort_unstable();
    ranked.dedup();
    ranked.into_iter().take(MAX_LISTED).map(|(_, known)| known.to_owned()).collect()
}

pub(crate) fn list_known(noun: &str, nearest: &[String]) -> String {
    let verb = if nearest.len() < MAX_LISTED { ":" } else { " include" };
    format!("known {noun}{verb} {}", nearest.join(", "))
}

fn distance(lowered: &str, known: &str) -> usize {
    strsim::osa_distance(lowered, &known.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_other_words_are_not() {
        let known = ["steps", "task", "condition", "on_fail"];
        assert_eq!(nearest("step", known), Some("steps".into()));
        assert_eq!(nearest("Tsak", known), Some("task".into()));
        assert_eq!(nearest("conditoin", known), Some("condition".into()));
        assert_eq!(nearest("parallel", known), None);
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("x", []), None);
    }

    #[test]
    fn the_nearest_stands_first() {
        assert_eq!(nearest_first("fil", ["files", "source", "file"])[0], "file");
        assert_eq!(nearest_first("x", (0..50).map(|_| "same")).len(), 1);
    }

    #[test]
    fn an_incomplete_list_is_not_given_as_all_known_words() {
        let words: Vec<_> = (10..50).map(|number| format!("w{number}")).collect();
        let listed = |words: &[String]| list_known("names", &nearest_first("w10", words.iter().map(String::as_str)));
        assert_eq!(listed(&words[..2]), "known names: w10, w11");
        assert!(listed(&words).starts_with("known names include w10, "), "{}", listed(&words));
    }
}

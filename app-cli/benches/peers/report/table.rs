//! Tables in Markdown.

/// A table with a head.
pub(crate) struct Table {
    text: String,
}

impl Table {
    /// One without rows.
    pub(crate) fn new(head: &[&str]) -> Self {
        let rule = vec!["---"; head.len()];
        Self { text: line(head) + &line(&rule) }
    }

    /// The same with a row more.
    pub(crate) fn row<T: AsRef<str>>(&mut self, cells: &[T]) {
        self.text += &line(cells);
    }

    /// The text, and a blank line after it.
    pub(crate) fn finish(self) -> String {
        self.text + "\n"
    }
}

fn line<T: AsRef<str>>(cells: &[T]) -> String {
    let cells: Vec<_> = cells.iter().map(AsRef::as_ref).collect();
    format!("| {} |\n", cells.join(" | "))
}

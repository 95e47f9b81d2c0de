/// The rows of a pane that match the filter.
#[derive(Debug, Clone)]
pub(super) struct List<K> {
    rows: Vec<(usize, K)>,
    selected: usize,
    /// The index of the first row on the screen.
    first: usize,
}

impl<K> Default for List<K> {
    fn default() -> Self {
        Self { rows: Vec::new(), selected: 0, first: 0 }
    }
}

impl<K: PartialEq> List<K> {
    /// Replaces the rows. The selected key stays selected if it still exists.
    pub(super) fn replace(&mut self, rows: Vec<(usize, K)>) {
        let before = self.rows.get(self.selected).map(|(_, key)| key);
        let same = before.and_then(|before| rows.iter().position(|(_, key)| key == before));
        self.selected = same.unwrap_or(self.selected);
        self.rows = rows;
        self.clamp();
    }

    pub(super) fn move_by(&mut self, rows: isize) {
        self.selected = self.selected.saturating_add_signed(rows);
        self.clamp();
    }

    /// Scrolls until the selected row is among the `height` visible rows.
    pub(super) fn scroll(&mut self, height: usize) {
        let lowest = self.selected.saturating_sub(height.saturating_sub(1));
        self.first = self.first.clamp(lowest, self.selected).min(self.rows.len().saturating_sub(height).max(lowest));
    }

    /// Returns the index in the snapshot of the selected row.
    pub(super) fn selected(&self) -> Option<usize> {
        self.rows.get(self.selected).map(|(position, _)| *position)
    }

    /// For each visible row, returns its index in the snapshot, and true if it is selected.
    pub(super) fn shown(&self, height: usize) -> impl Iterator<Item = (usize, bool)> {
        let numbered = self.rows.iter().enumerate().skip(self.first).take(height);
        numbered.map(|(number, (position, _))| (*position, number == self.selected))
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn clamp(&mut self) {
        self.selected = self.selected.min(self.rows.len().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(keys: &str) -> List<char> {
        let mut list = List::default();
        list.replace(keys.chars().enumerate().collect());
        list
    }

    #[test]
    fn the_selection_follows_its_row() {
        let mut list = list("abcdef");
        list.move_by(2);
        list.replace("xycz".chars().enumerate().collect());
        assert_eq!(list.selected(), Some(2));
        list.replace("xyzc".chars().enumerate().collect());
        assert_eq!(list.selected(), Some(3));
        list.replace("x".chars().enumerate().collect());
        assert_eq!(list.selected(), Some(0), "the row is gone, and so are the rows at its position");
        list.replace(Vec::new());
        assert_eq!((list.selected(), list.len()), (None, 0));
    }

    #[test]
    fn the_selected_row_is_on_the_screen() {
        let mut list = list("abcdefgh");
        let shown = |list: &List<char>| list.shown(3).collect::<Vec<_>>();
        list.move_by(isize::MAX);
        list.scroll(3);
        assert_eq!(shown(&list), [(5, false), (6, false), (7, true)]);
        list.move_by(-1);
        list.scroll(3);
        assert_eq!(shown(&list), [(5, false), (6, true), (7, false)], "the screen stays");
        list.move_by(isize::MIN);
        list.scroll(3);
        assert_eq!(shown(&list), [(0, true), (1, false), (2, false)]);
        list.move_by(7);
        list.scroll(0);
        assert_eq!(list.selected(), Some(7), "no room at all");
        list.scroll(8);
        assert_eq!(list.shown(8).count(), 8, "a larger screen shows the rows before");
    }
}

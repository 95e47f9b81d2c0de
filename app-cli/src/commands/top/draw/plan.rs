//! Divides the rows of the screen among the header, the panes and the footer.

use super::{footer, header};
use crate::commands::top::state::{Pane, State};
use crate::view::layout::Size;

/// With fewer rows, only the focused pane is shown.
const MIN_ROWS_FOR_ALL: usize = 6;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands::top) struct Plan {
    pub(super) header: usize,
    pub(super) body: usize,
    pub(in crate::commands::top) footer: usize,
    /// The height of each pane, including its title; 0 if the pane is hidden.
    panes: [usize; Pane::ALL.len()],
}

impl Plan {
    pub(in crate::commands::top) fn of(state: &State, size: Size) -> Self {
        let footer = footer::lines(state, size).len().min(size.rows);
        let header = header::lines(state, size).len().min(size.rows - footer);
        let body = size.rows - footer - header;
        Self { header, body, footer, panes: shares(body, Pane::ALL.map(|pane| state.rows(pane)), state.focus) }
    }

    /// Returns the number of rows of a pane without its title.
    pub(in crate::commands::top) fn rows(&self, pane: Pane) -> usize {
        self.height(pane).saturating_sub(1)
    }

    pub(in crate::commands::top) fn page_rows(&self) -> usize {
        self.body.saturating_sub(1)
    }

    pub(super) fn height(&self, pane: Pane) -> usize {
        self.panes[pane as usize]
    }
}

/// Divides the rows among the panes. The focused pane gets about twice as many rows.
fn shares(body: usize, wanted: [usize; 3], focus: Pane) -> [usize; 3] {
    let mut heights = [0; 3];
    if body < MIN_ROWS_FOR_ALL {
        heights[focus as usize] = body;
        return heights;
    }
    heights = [1; 3];
    let mut free = body - heights.len();
    loop {
        let before = free;
        for pane in [focus, Pane::Now, Pane::Failures, Pane::Next] {
            let pane = pane as usize;
            if free > 0 && heights[pane] <= wanted[pane] {
                heights[pane] += 1;
                free -= 1;
            }
        }
        if free == before {
            return heights;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_share_the_body() {
        assert_eq!(shares(20, [100, 2, 100], Pane::Now), [11, 3, 6]);
        assert_eq!(shares(20, [0, 0, 100], Pane::Now), [1, 1, 18]);
        assert_eq!(shares(20, [3, 1, 2], Pane::Next), [4, 2, 3], "the rest stays empty");
        assert_eq!(shares(6, [9, 9, 9], Pane::Next), [2, 2, 2]);
        assert_eq!(shares(5, [9, 9, 9], Pane::Failures), [0, 5, 0]);
        assert_eq!(shares(0, [9, 9, 9], Pane::Failures), [0, 0, 0]);
    }
}

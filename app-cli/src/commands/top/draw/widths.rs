/// The width of each table column in cells; 0 if the column is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Widths {
    pub(super) name: usize,
    pub(super) delay: usize,
    pub(super) host: usize,
    pub(super) elapsed: usize,
    pub(super) expected: usize,
    pub(super) last_line: usize,
}

impl Widths {
    /// `delay` is the width of that column.
    pub(super) fn of(columns: usize, has_hosts: bool, delay: usize) -> Self {
        let host = if has_hosts && columns >= 70 { 12 } else { 0 };
        let expected = match columns {
            0..50 => 0,
            50..100 => 12,
            _ => 30,
        };
        let elapsed = 9;
        let rest = columns.saturating_sub(delay + host + elapsed + expected);
        let last_line = if columns < 70 { 0 } else { rest / 2 };
        Self { name: rest - last_line, delay, host, elapsed, expected, last_line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_fill_the_row() {
        for columns in 17..300 {
            for (has_hosts, width) in [(false, 5), (true, 5), (false, 8), (true, 8)] {
                let Widths { name, delay, host, elapsed, expected, last_line } = Widths::of(columns, has_hosts, width);
                assert_eq!(name + delay + host + elapsed + expected + last_line, columns);
                assert!(columns < 40 || name >= 15, "{name} of {columns}");
            }
        }
    }
}

//! A writer with the layout of its terminal.

use std::io::{self, Write};
use std::ops::Deref;

use super::layout::Layout;

pub(crate) struct Screen<'a> {
    out: &'a mut dyn Write,
    layout: &'a Layout,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, layout: &'a Layout) -> Self {
        Self { out, layout }
    }
}

impl Write for Screen<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Deref for Screen<'_> {
    type Target = Layout;

    fn deref(&self) -> &Layout {
        self.layout
    }
}

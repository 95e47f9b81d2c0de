use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::TaskField;

/// The cells of a row, and the row's byte offset in the text.
type Row = (Vec<String>, usize);

/// Returns the fields of the first table with the head `Field` and `Value`.
///
/// # Errors
/// Returns the line number of the first problem, from 1, and a message.
pub(super) fn fields(text: &str) -> Result<Vec<TaskField>, (usize, String)> {
    let mut fields: Vec<TaskField> = Vec::new();
    for (cells, start) in rows(text) {
        let line = text[..start].matches('\n').count() + 1;
        let field = field(cells, line)?;
        if let Some(first) = fields.iter().find(|other| other.name == field.name) {
            return Err((line, format!("the field `{}` is given twice, first at line {}", field.name, first.line)));
        }
        fields.push(field);
    }
    Ok(fields)
}

fn field(cells: Vec<String>, line: usize) -> Result<TaskField, (usize, String)> {
    let mut cells = cells.into_iter();
    let name = cells.next().unwrap_or_default();
    if name.is_empty() {
        return Err((line, "a field has no name".to_owned()));
    }
    Ok(TaskField { name, value: cells.next().unwrap_or_default(), line })
}

fn rows(text: &str) -> Vec<Row> {
    let mut table = Table::default();
    for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
        if table.on_event(event, &range) {
            break;
        }
    }
    table.rows
}

#[derive(Default)]
struct Table {
    has_fields: bool,
    cell: Option<String>,
    cells: Vec<String>,
    rows: Vec<Row>,
}

impl Table {
    /// Returns true at the end of the table.
    fn on_event(&mut self, event: Event<'_>, range: &Range<usize>) -> bool {
        match event {
            Event::Start(Tag::TableCell) => self.cell = Some(String::new()),
            Event::End(TagEnd::TableCell) => self.cells.extend(self.cell.take().map(|cell| cell.trim().to_owned())),
            Event::End(TagEnd::TableHead) => self.has_fields = is_head(&std::mem::take(&mut self.cells)),
            Event::End(TagEnd::TableRow) => {
                let cells = std::mem::take(&mut self.cells);
                if self.has_fields {
                    self.rows.push((cells, range.start));
                }
            }
            Event::End(TagEnd::Table) => return self.has_fields,
            Event::Text(text) | Event::Code(text) | Event::InlineHtml(text) => self.push(&text),
            Event::SoftBreak | Event::HardBreak => self.push(" "),
            _ => {}
        }
        false
    }

    fn push(&mut self, text: &str) {
        if let Some(cell) = &mut self.cell {
            cell.push_str(text);
        }
    }
}

fn is_head(cells: &[String]) -> bool {
    matches!(cells, [field, value] if field.eq_ignore_ascii_case("field") && value.eq_ignore_ascii_case("value"))
}

//! Texts and tables of a page: whatever comes from outside is escaped, and figures stand at the right.

use std::fmt::{self, Display, Write as _};
use std::io::{Result, Write};

/// A text that means only itself in a page, also inside of quotes.
pub struct Text<T>(pub T);

impl<T: Display> Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(f), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.write_str("&amp;")?,
                '<' => self.0.write_str("&lt;")?,
                '>' => self.0.write_str("&gt;")?,
                '"' => self.0.write_str("&quot;")?,
                '\'' => self.0.write_str("&#39;")?,
                '\n' | '\t' => self.0.write_char(c)?,
                // Also those that turn the direction of what follows.
                c if c.is_control()
                    || ('\u{202a}'..='\u{202e}').contains(&c)
                    || ('\u{2066}'..='\u{2069}').contains(&c) =>
                {
                    self.0.write_char('\u{fffd}')?
                }
                c => self.0.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Column {
    /// Names.
    Name,
    /// Figures, at the right.
    Figure,
    /// Texts that may be long.
    Words,
}

/// A table, written row by row.
pub struct Table<'a, 'o> {
    out: &'o mut dyn Write,
    columns: &'a [Column],
}

impl<'a, 'o> Table<'a, 'o> {
    /// Begins a table with the names of its columns.
    pub fn begin(
        out: &'o mut dyn Write,
        caption: &str,
        columns: &'a [Column],
        names: &[&str],
    ) -> Result<Table<'a, 'o>> {
        write!(out, "<div class=\"wide\"><table>")?;
        if !caption.is_empty() {
            write!(out, "<caption>{}</caption>", Text(caption))?;
        }
        write!(out, "<thead><tr>")?;
        for (name, column) in names.iter().zip(columns) {
            write!(out, "<th scope=\"col\"{}>{}</th>", class(*column), Text(name))?;
        }
        writeln!(out, "</tr></thead><tbody>")?;
        Ok(Table { out, columns })
    }

    /// A row.
    pub fn row(&mut self, cells: &[&dyn Display]) -> Result<()> {
        self.cells("", cells)
    }

    /// The row of a sum.
    pub fn sum(&mut self, cells: &[&dyn Display]) -> Result<()> {
        self.cells(" class=\"sum\"", cells)
    }

    fn cells(&mut self, class_of_row: &str, cells: &[&dyn Display]) -> Result<()> {
        write!(self.out, "<tr{class_of_row}>")?;
        for (position, (cell, column)) in cells.iter().zip(self.columns).enumerate() {
            match (position, column) {
                (0, Column::Name) => write!(self.out, "<th scope=\"row\">{}</th>", Text(cell))?,
                _ => write!(self.out, "<td{}>{}</td>", class(*column), Text(cell))?,
            }
        }
        writeln!(self.out, "</tr>")
    }

    /// Ends it.
    pub fn end(self) -> Result<()> {
        writeln!(self.out, "</tbody></table></div>")
    }
}

fn class(column: Column) -> &'static str {
    match column {
        Column::Name => "",
        Column::Figure => " class=\"n\"",
        Column::Words => " class=\"text\"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_mean_only_themselves() {
        for (text, wanted) in [
            ("plain ä", "plain ä"),
            ("<script>\"a\" & 'b'</script>", "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;"),
            ("a\0b\x1b[31m\u{202e}c\nd", "a\u{fffd}b\u{fffd}[31m\u{fffd}c\nd"),
        ] {
            assert_eq!(Text(text).to_string(), wanted);
        }
    }
}

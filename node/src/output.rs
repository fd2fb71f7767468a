//! The forms in which commands print what they found.

use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};

/// How a command prints what it found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
    /// For spreadsheets: a line with the names of columns, then one for each row
    Csv,
}

/// `--output`, and `--json` for short.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct OutputArgs {
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Output::Table)]
    output: Output,
    /// Short for --output json
    #[arg(long, conflicts_with = "output")]
    json: bool,
}

impl OutputArgs {
    /// The form that is asked for.
    pub(crate) fn form(self) -> Output {
        if self.json { Output::Json } else { self.output }
    }
}

/// A table of text: names of columns, and rows as long as these.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Rows {
    /// No rows yet.
    pub(crate) fn new(head: impl IntoIterator<Item: Into<String>>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = String>) {
        self.rows.push(row.into_iter().collect());
    }

    /// For people: as wide as the text is, columns two apart, numbers at the right.
    pub(crate) fn table(&self) -> String {
        let mut table = Table::new();
        table
            .load_preset(NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(self.head.iter().map(|name| name.to_uppercase()))
            .add_rows(&self.rows);
        for (n, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, 2));
            let mut cells = self.rows.iter().filter_map(|row| row.get(n)).peekable();
            if cells.peek().is_some() && cells.all(|cell| cell.parse::<f64>().is_ok()) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.trim_fmt()
    }

    /// For spreadsheets (RFC 4180). Text that a spreadsheet would take for a formula begins with an
    /// apostrophe.
    pub(crate) fn csv(&self) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let safe = |cell: &String| match cell.chars().next() {
            Some('=' | '+' | '-' | '@') if cell.parse::<f64>().is_err() => format!("'{cell}"),
            _ => cell.clone(),
        };
        let lines = std::iter::once(&self.head).chain(&self.rows);
        let written = lines
            .map(|line| writer.write_record(line.iter().map(safe)))
            .find(Result::is_err);
        debug_assert!(written.is_none(), "rows are as long as their head");
        let bytes = writer.into_inner().unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Rows {
        let mut rows = Rows::new(["id", "name"]);
        rows.push(["7".to_owned(), "a, \"b\"\nc".to_owned()]);
        rows.push(["-12".to_owned(), "=1+1".to_owned()]);
        rows
    }

    #[test]
    fn a_table_has_heads_and_numbers_at_the_right() {
        let mut rows = Rows::new(["id", "name"]);
        rows.push(["7".to_owned(), "one".to_owned()]);
        rows.push(["120".to_owned(), "two".to_owned()]);
        assert_eq!(rows.table(), " ID  NAME\n  7  one\n120  two");
    }

    #[test]
    fn csv_is_quoted_and_no_formula() {
        assert_eq!(rows().csv(), "id,name\n7,\"a, \"\"b\"\"\nc\"\n-12,'=1+1\n");
    }
}

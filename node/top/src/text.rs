//! The screen as plain text.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use crate::draw::draw;
use crate::model::Model;

/// The screen of so many columns and lines, without colours and blank ends of lines.
pub(crate) fn text(model: &Model, columns: u16, lines: u16) -> String {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(columns, lines));
    let Ok(frame) = terminal.draw(|frame| draw(model, frame));
    let width = usize::from(columns.max(1));
    let rows = frame.buffer.content.chunks(width).map(|row| {
        let row: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        row.trim_end().to_owned()
    });
    let rows: Vec<String> = rows.collect();
    rows.join("\n")
}

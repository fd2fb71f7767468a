//! One statement: its figures, and its whole text.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::BOLD;
use crate::model::Model;
use crate::words::{bytes, count, millis, one_line};

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let Some(one) = &model.statement else {
        return;
    };
    let (_, window) = model.window();
    let reads = one.blocks_hit + one.blocks_read;
    let hit = if reads > 0.0 {
        100.0 * one.blocks_hit / reads
    } else {
        100.0
    };
    let name = format!("statement {} of {}, in {window}", one.hash, one.database);
    let mut lines = vec![
        Line::styled(one_line(&name), BOLD),
        Line::from(format!(
            "{} total   {} calls, {}/s   {} mean   {} max   {} rows",
            millis(one.total_ms),
            count(one.calls),
            count(one.calls_per_second),
            millis(one.mean_ms),
            millis(one.max_ms),
            count(one.rows)
        )),
        Line::from(format!(
            "{} blocks, {hit:.1}% from cache   {} temporary blocks   {} of WAL",
            count(reads),
            count(one.temp_blocks),
            bytes(one.wal_bytes)
        )),
        Line::default(),
    ];
    // The text is another's: what a terminal would obey is left out.
    let text = one.text.lines().map(|line| {
        let shown = line.replace('\t', "    ");
        shown
            .chars()
            .filter(|c| !c.is_control())
            .collect::<String>()
    });
    lines.extend(text.map(Line::from));
    let paragraph = Paragraph::new(lines).wrap(Wrap { trim: false });
    frame.render_widget(paragraph.scroll((model.scroll, 0)), area);
}

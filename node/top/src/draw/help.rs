//! What the keys do.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

const TEXT: [&str; 15] = [
    "↑ ↓  k j       choose a row, or scroll a statement",
    "enter          open a server, then a statement's text",
    "esc backspace  back",
    "← →  h l       the server before, the next one",
    "s              servers by name, active sessions, transactions;",
    "               statements by total time, calls, mean time",
    "w              window of statements: 5, 15 min, 1, 6, 24 h",
    "+ -            refresh more often, less often",
    "p space        pause, go on",
    "r              refresh now",
    "n              ask another node",
    "q ctrl-c       quit",
    "",
    "LAG of a node: entries it has not applied. BACKLOG: not stored",
    "yet. ACTIVE: sessions at work. FREEZE: transactions, of 2 billion.",
];

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect) {
    let area = area.centered(Constraint::Length(70), Constraint::Length(17));
    let text: Vec<Line<'_>> = TEXT.into_iter().map(Line::from).collect();
    frame.render_widget(Clear, area);
    let help = Paragraph::new(text).block(Block::bordered().title(" Keys "));
    frame.render_widget(help, area);
}

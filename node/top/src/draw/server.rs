//! One server: its load, and the statements that take its time.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::{BOLD, CHOSEN, first_shown, heads, number};
use crate::figures::{Figures, Statement};
use crate::model::{Model, Order};
use crate::words::{age, count, millis, one_line, or_dash};

/// Most waits that are listed, each on a line.
const MAX_WAITS: usize = 4;
/// Longest bar, in characters.
const BAR: f64 = 30.0;

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let none = Figures::default();
    let figures = model.server.and_then(|id| model.snapshot.figures.get(&id));
    let figures = figures.unwrap_or(&none);
    let mut lines = vec![name(model, figures)];
    lines.extend(summary(figures));
    lines.extend(waits(figures));
    lines.push(Line::default());
    let height = u16::try_from(lines.len()).unwrap_or_default();
    let areas = Layout::vertical([Constraint::Length(height), Constraint::Min(2)]);
    let [head, list] = areas.areas(area);
    frame.render_widget(Paragraph::new(lines), head);
    draw_statements(model, frame, list);
}

fn name<'m>(model: &Model, figures: &Figures) -> Line<'m> {
    let Some(server) = model.looked_at() else {
        return Line::from("This server is not known any more: esc goes back.");
    };
    let age_of = |at: Option<f64>| or_dash(at, |at| format!("{} ago", age(model.now - at)));
    let text = format!(
        "{}  {}, pushed {}, measured {}",
        server.name,
        server.status,
        age_of(server.last_seen),
        age_of(figures.measured_at)
    );
    Line::styled(one_line(&text), BOLD)
}

fn summary<'m>(figures: &Figures) -> [Line<'m>; 2] {
    let hit = or_dash(figures.hit_ratio, |ratio| format!("{:.1}%", ratio * 100.0));
    let load = format!(
        "{} tx/s   {} connections   {} active   {hit} from cache",
        or_dash(figures.transactions, count),
        or_dash(figures.connections, count),
        or_dash(figures.active, count),
    );
    let behind = format!(
        "{:.0} standbys, lag {}   oldest freeze {} transactions ago",
        figures.standbys,
        or_dash(figures.lag_seconds, |lag| format!("{lag:.2} s")),
        or_dash(figures.freeze_age, count),
    );
    [Line::from(load), Line::from(behind)]
}

/// What active sessions wait for, as bars.
fn waits<'m>(figures: &Figures) -> Vec<Line<'m>> {
    let Some(active) = figures.active else {
        return vec![Line::from(
            "No sessions were sampled in the last 15 minutes.",
        )];
    };
    let listed = figures.waits.iter().take(MAX_WAITS);
    let mut lines: Vec<Line<'_>> = listed
        .map(|(wait, sessions)| {
            let wait = one_line(wait);
            let marks = (BAR * sessions / active).ceil().clamp(1.0, BAR);
            let bar: String = (1_u32..=30)
                .take_while(|mark| f64::from(*mark) <= marks)
                .map(|_| '█')
                .collect();
            Line::from(format!("{sessions:>4.0}  {wait:28} {bar}"))
        })
        .collect();
    let others = figures.waits.iter().skip(MAX_WAITS);
    let others: f64 = others.map(|(_, sessions)| sessions).sum();
    if others > 0.0 {
        lines.push(Line::from(format!("{others:>4.0}  others")));
    }
    lines
}

fn draw_statements(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let statements = &model.snapshot.statements;
    let (_, window) = model.window();
    if statements.is_empty() {
        let text = format!("No statements of the last {window} yet (w: another window).");
        return frame.render_widget(Paragraph::new(text), area);
    }
    let skip = first_shown(model.statement_row, area);
    let listed: f64 = statements.iter().map(|statement| statement.total_ms).sum();
    let rows = statements.iter().enumerate().skip(skip).map(|(n, one)| {
        let row = statement_row(one, listed);
        if n == model.statement_row {
            row.style(CHOSEN)
        } else {
            row
        }
    });
    let text = format!("STATEMENT (last {window})");
    let names = ["TOTAL", "SHARE", "CALLS/S", "MEAN", "DATABASE", &text];
    let marked = match model.statement_order {
        Order::First => 0,
        Order::Second => 2,
        Order::Third => 3,
    };
    let widths = [8, 6, 8, 8, 10].map(Constraint::Length);
    let widths = widths.into_iter().chain([Constraint::Min(20)]);
    let table = Table::new(rows, widths).header(heads(&names, 0..4, Some(marked)));
    frame.render_widget(table, area);
}

fn statement_row<'m>(statement: &Statement, listed: f64) -> Row<'m> {
    let share = if listed > 0.0 {
        statement.total_ms / listed
    } else {
        0.0
    };
    Row::new([
        number(millis(statement.total_ms)),
        number(format!("{:.1}%", share * 100.0)),
        number(count(statement.calls_per_second)),
        number(millis(statement.mean_ms)),
        Cell::from(one_line(&statement.database)),
        Cell::from(one_line(&statement.text)),
    ])
}

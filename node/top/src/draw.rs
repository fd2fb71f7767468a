//! The screen as a pure function of the model.

mod cluster;
mod help;
mod server;
mod statement;

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row};

use crate::model::{Model, View};
use crate::words::{age, one_line};

const BOLD: Style = Style::new().add_modifier(Modifier::BOLD);
const HEAD: Style = Style::new().add_modifier(Modifier::UNDERLINED);
const CHOSEN: Style = Style::new().add_modifier(Modifier::REVERSED);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const WARNING: Style = Style::new().fg(Color::Yellow);

/// Draws the whole screen.
pub(crate) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let rows = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(0),
        Constraint::Length(1),
    ]);
    let [head, body, foot] = rows.areas(frame.area());
    frame.render_widget(Paragraph::new(vec![title(model), state(model)]), head);
    match model.view {
        View::Cluster => cluster::draw(model, frame, body),
        View::Server => server::draw(model, frame, body),
        View::Statement => statement::draw(model, frame, body),
    }
    frame.render_widget(Paragraph::new(keys(model)).style(CHOSEN), foot);
    if model.has_help {
        help::draw(frame, body);
    }
}

/// Who answers, and how old that is.
fn title(model: &Model) -> Line<'_> {
    let snapshot = &model.snapshot;
    let mut spans = vec![Span::styled("pganalytics top", BOLD), "  ".into()];
    spans.push(match &snapshot.node[..] {
        "" => "no node has answered yet".into(),
        node => format!("asks {node}").into(),
    });
    if let Some(at) = model.answered_at {
        let seconds = model.now - at;
        let style = if seconds > 3.0 * model.interval_seconds + 5.0 {
            WARNING
        } else {
            Style::new()
        };
        spans.push(Span::styled(
            format!("  answered {} ago", age(seconds)),
            style,
        ));
    }
    spans.push(format!("  every {}", age(model.interval_seconds)).into());
    if model.is_paused {
        spans.push(Span::styled("  PAUSED", WARNING));
    }
    Line::from(spans)
}

/// What is wrong with the answers, if something is; else the cluster in a line.
fn state(model: &Model) -> Line<'_> {
    if let Some(fault) = &model.fault {
        return Line::styled(one_line(fault), BAD);
    }
    let cluster = &model.snapshot.cluster;
    let mut spans = vec![match cluster.leader {
        Some(leader) => format!("term {:.0}, leader n{leader:.0}", cluster.term).into(),
        None => Span::styled("NO LEADER", BAD),
    }];
    let (listed, total) = (model.snapshot.servers.len(), model.snapshot.servers_total);
    spans.push(match model.snapshot.has_all_servers() {
        true if listed == 1 => ", 1 server".into(),
        true => format!(", {listed} servers").into(),
        false => format!(", the first {listed} of {total:.0} servers").into(),
    });
    let away = cluster.nodes.iter().filter(|node| !node.is_reachable);
    match away.count() {
        0 => {}
        away => spans.push(Span::styled(format!(", {away} unreachable"), BAD)),
    }
    match model.snapshot.node_age {
        Some(seconds) if seconds < 3.0 => {}
        Some(seconds) => {
            let text = format!(", no quorum for {}: figures may be older", age(seconds));
            spans.push(Span::styled(text, BAD));
        }
        None if model.answered_at.is_some() => {
            spans.push(Span::styled(", no quorum since this node started", BAD));
        }
        None => {}
    }
    Line::from(spans)
}

fn keys(model: &Model) -> &'static str {
    match model.view {
        View::Cluster => " q quit  ? help  ↑↓ choose  enter open  s sort  p pause  n other node",
        View::Server => {
            " q quit  ? help  ↑↓ choose  enter text  s sort  w window  ←→ server  esc back"
        }
        View::Statement => " q quit  ? help  ↑↓ scroll  esc back",
    }
}

/// The heads of a table's columns; the list is ordered by the one that is `marked`. Those from
/// `numbers` on, and before its end, stand at the right.
fn heads(names: &[&str], numbers: Range<usize>, marked: Option<usize>) -> Row<'static> {
    let heads = names.iter().enumerate().map(|(n, name)| {
        let mark = if marked == Some(n) { "↓" } else { "" };
        let line = Line::from(format!("{name}{mark}"));
        Cell::from(if numbers.contains(&n) {
            line.right_aligned()
        } else {
            line
        })
    });
    Row::new(heads.collect::<Vec<_>>()).style(HEAD)
}

fn number(text: String) -> Cell<'static> {
    Cell::from(Line::from(text).right_aligned())
}

/// The rows of a list that fit, so that the chosen one is among them: how many to skip.
fn first_shown(chosen: usize, area: Rect) -> usize {
    let fits = usize::from(area.height.saturating_sub(1)).max(1);
    (chosen + 1).saturating_sub(fits)
}

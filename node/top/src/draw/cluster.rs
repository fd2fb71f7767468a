//! Nodes, servers, and alerts that fire.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use super::{BAD, BOLD, CHOSEN, WARNING, first_shown, heads, number};
use crate::figures::{Node, Server};
use crate::model::{Model, Order};
use crate::words::{age, bytes, count, one_line, or_dash};

/// Most lines of alerts and of nodes, the heads included.
const MAX_LINES: usize = 6;

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let lines = |list: usize| u16::try_from((list + 1).min(MAX_LINES)).unwrap_or_default();
    let snapshot = &model.snapshot;
    let areas = Layout::vertical([
        Constraint::Length(lines(snapshot.cluster.nodes.len())),
        Constraint::Length(1),
        Constraint::Min(3),
        Constraint::Length(1),
        Constraint::Length(lines(snapshot.alerts.len().max(1))),
    ]);
    let [nodes, _, servers, _, alerts] = areas.areas(area);
    frame.render_widget(node_table(model), nodes);
    draw_servers(model, frame, servers);
    draw_alerts(model, frame, alerts);
}

fn node_table(model: &Model) -> Table<'_> {
    let nodes = model.snapshot.cluster.nodes.iter();
    let rows = nodes.map(|node| node_row(node, &model.snapshot.node));
    let widths = [4, 11, 6, 9, 10, 10, 7].map(Constraint::Length);
    let widths = widths.into_iter().chain([Constraint::Min(12)]);
    let names = [
        "NODE",
        "ROLE",
        "LAG",
        "BACKLOG",
        "COMMITTED",
        "STORED",
        "VERSION",
        "ADDRESS",
    ];
    Table::new(rows, widths).header(heads(&names, 2..6, None))
}

/// A node; the one that is asked has a mark, and of one that nobody reaches no figure is known.
fn node_row<'m>(node: &'m Node, asked: &str) -> Row<'m> {
    let mark = if node.http == asked { "*" } else { " " };
    let name = Cell::from(format!("n{:.0}{mark}", node.id));
    let address = node.http.split_once("://");
    let address = Cell::from(address.map_or(&node.http[..], |(_, address)| address));
    if !node.is_reachable {
        let none = || number("–".to_owned());
        let role = Cell::from("unreachable");
        let cells = [
            name,
            role,
            none(),
            none(),
            none(),
            none(),
            Cell::from("–"),
            address,
        ];
        return Row::new(cells).style(BAD);
    }
    let style = match &node.role[..] {
        "leader" => BOLD,
        "recovering" => WARNING,
        _ => Style::new(),
    };
    Row::new([
        name,
        Cell::from(node.role.as_str()),
        number(format!("{:.0}", node.lag)),
        number(bytes(node.backlog_bytes)),
        number(format!("{:.0}", node.committed)),
        number(format!("{:.0}", node.flushed)),
        Cell::from(node.version.as_str()),
        address,
    ])
    .style(style)
}

fn draw_servers(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let servers = model.servers();
    if servers.is_empty() && model.answered_at.is_some() {
        let text = "No server yet: `pganalytics collect --dsn …` on a database's host pushes one.";
        return frame.render_widget(Paragraph::new(text), area);
    }
    let skip = first_shown(model.row, area);
    let rows = servers.iter().enumerate().skip(skip);
    let rows = rows.map(|(n, server)| {
        let row = server_row(model, server);
        if n == model.row {
            row.style(CHOSEN)
        } else {
            row
        }
    });
    let names = [
        "SERVER", "STATUS", "ACTIVE", "TX/S", "CONN", "HIT", "LAG", "FREEZE", "MEASURED", "ALERTS",
    ];
    let marked = match model.server_order {
        Order::First => 0,
        Order::Second => 2,
        Order::Third => 3,
    };
    let heads = heads(&names, 2..10, Some(marked));
    let widths = [10, 7, 6, 6, 6, 8, 6, 8, 6].map(Constraint::Length);
    let widths = [Constraint::Min(8)].into_iter().chain(widths);
    frame.render_widget(Table::new(rows, widths).header(heads), area);
}

fn server_row<'m>(model: &'m Model, server: &'m Server) -> Row<'m> {
    let none = crate::figures::Figures::default();
    let figures = model.snapshot.figures.get(&server.id).unwrap_or(&none);
    let alerts = model.snapshot.alerts.iter();
    let alerts = alerts.filter(|alert| alert.server == server.name).count();
    let measured = figures.measured_at.or(server.last_seen);
    let status = match &server.status[..] {
        "active" | "registered" => Span::raw(&server.status),
        other => Span::styled(other, BAD),
    };
    Row::new([
        Cell::from(one_line(&server.name)),
        Cell::from(status),
        number(or_dash(figures.active, count)),
        number(or_dash(figures.transactions, count)),
        number(or_dash(figures.connections, count)),
        number(or_dash(figures.hit_ratio, |ratio| {
            format!("{:.1}%", ratio * 100.0)
        })),
        number(or_dash(figures.lag_seconds, |lag| format!("{lag:.2} s"))),
        number(or_dash(figures.freeze_age, count)),
        number(or_dash(measured, |at| age(model.now - at))),
        number(if alerts == 0 {
            String::new()
        } else {
            alerts.to_string()
        }),
    ])
}

fn draw_alerts(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let alerts = &model.snapshot.alerts;
    let fits = usize::from(area.height.saturating_sub(1));
    let mut lines = vec![match alerts.len() {
        0 => Line::from("No alert fires."),
        all if all > fits => Line::styled(format!("ALERTS ({fits} of {all} that fire)"), BOLD),
        all => Line::styled(format!("ALERTS ({all})"), BOLD),
    }];
    for alert in alerts.iter().take(fits) {
        let style = match &alert.severity[..] {
            "critical" => BAD,
            "warning" => WARNING,
            _ => Style::new(),
        };
        let since = or_dash(alert.fired_at, |at| age(model.now - at));
        let severity = Span::styled(format!("{:8} ", alert.severity), style);
        let text = format!(
            "{since:>6} {} {}: {}",
            alert.server, alert.name, alert.message
        );
        lines.push(Line::from(vec![severity, one_line(&text).into()]));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

//! All that the screen shows, and what the keys change about it.

use std::collections::BTreeMap;

use crate::figures::{Alert, Cluster, Figures, Server, Statement};

/// Windows over which statements are told, in seconds, and their names.
const WINDOWS: [(f64, &str); 5] = [
    (300.0, "5 min"),
    (900.0, "15 min"),
    (3_600.0, "1 h"),
    (21_600.0, "6 h"),
    (86_400.0, "24 h"),
];

/// Which of the screens is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum View {
    /// Nodes, servers, alerts.
    #[default]
    Cluster,
    /// One server and its statements.
    Server,
    /// One statement.
    Statement,
}

/// What the list of a screen is ordered by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Order {
    /// Servers: by name. Statements: by total time.
    #[default]
    First,
    /// Servers: by active sessions. Statements: by calls.
    Second,
    /// Servers: by transactions. Statements: by mean time.
    Third,
}

impl Order {
    fn next(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::Third,
            Self::Third => Self::First,
        }
    }
}

/// What has to be asked for the screen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wish {
    /// The server that is looked at.
    pub(crate) server: Option<i64>,
    /// The window of its statements, in seconds.
    pub(crate) window_seconds: f64,
    /// What the nodes order statements by: they answer the first of that order only.
    pub(crate) order: &'static str,
    /// How often a refresh, or another node, was asked for.
    pub(crate) asked: (u32, u32),
}

/// What the nodes told in one round.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    pub(crate) node: String,
    /// Seconds since a quorum confirmed what the node shows.
    pub(crate) node_age: Option<f64>,
    pub(crate) cluster: Cluster,
    pub(crate) servers: Vec<Server>,
    /// How many servers there are, listed or not.
    pub(crate) servers_total: f64,
    pub(crate) alerts: Vec<Alert>,
    pub(crate) figures: BTreeMap<i64, Figures>,
    /// Of the server that is looked at.
    pub(crate) statements: Vec<Statement>,
    /// Why the rest is older than the cluster's status, if it is.
    pub(crate) fault: Option<String>,
}

impl Snapshot {
    /// Whether the list of servers is whole.
    pub(crate) fn has_all_servers(&self) -> bool {
        u32::try_from(self.servers.len())
            .is_ok_and(|listed| f64::from(listed) >= self.servers_total)
    }
}

/// The model of the screen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    /// Now, in seconds since 1970.
    pub(crate) now: f64,
    /// When `snapshot` was answered.
    pub(crate) answered_at: Option<f64>,
    pub(crate) snapshot: Snapshot,
    /// Why the newest round failed, or what it could not renew.
    pub(crate) fault: Option<String>,
    pub(crate) view: View,
    pub(crate) server_order: Order,
    pub(crate) statement_order: Order,
    /// Selected rows of servers and of statements.
    pub(crate) row: usize,
    pub(crate) statement_row: usize,
    pub(crate) scroll: u16,
    /// The server and the statement that are looked at.
    pub(crate) server: Option<i64>,
    pub(crate) statement: Option<Statement>,
    pub(crate) is_paused: bool,
    pub(crate) has_help: bool,
    pub(crate) interval_seconds: f64,
    pub(crate) window: usize,
    pub(crate) asked: (u32, u32),
}

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Quit,
    Back,
    Help,
    Pause,
    Refresh,
    NextNode,
    Up,
    Down,
    Open,
    Previous,
    Next,
    Sort,
    Window,
    Slower,
    Faster,
}

impl Model {
    /// What has to be asked for it.
    pub(crate) fn wish(&self) -> Wish {
        let (window_seconds, _) = self.window();
        let order = match self.statement_order {
            Order::First => "total",
            Order::Second => "calls",
            Order::Third => "mean",
        };
        Wish {
            server: self.server,
            window_seconds,
            order,
            asked: self.asked,
        }
    }

    /// The window of statements: seconds, and name.
    pub(crate) fn window(&self) -> (f64, &'static str) {
        let window = WINDOWS.get(self.window % WINDOWS.len());
        window.copied().unwrap_or((300.0, "5 min"))
    }

    /// Takes the outcome of a round that was asked for `wish`.
    pub(crate) fn take(&mut self, wish: &Wish, outcome: Result<Snapshot, String>, now: f64) {
        self.now = now;
        match outcome {
            Ok(snapshot) => {
                self.fault.clone_from(&snapshot.fault);
                self.snapshot = snapshot;
                self.answered_at = Some(now);
                if wish.server != self.server {
                    self.snapshot.statements.clear();
                }
            }
            Err(fault) => self.fault = Some(fault),
        }
        self.row = self.row.min(self.snapshot.servers.len().saturating_sub(1));
        let last = self.snapshot.statements.len().saturating_sub(1);
        self.statement_row = self.statement_row.min(last);
    }

    /// Servers in the order that is chosen.
    pub(crate) fn servers(&self) -> Vec<&Server> {
        let mut all: Vec<&Server> = self.snapshot.servers.iter().collect();
        let figure = |server: &Server, of: fn(&Figures) -> Option<f64>| {
            let figures = self.snapshot.figures.get(&server.id);
            figures.and_then(of).unwrap_or(-1.0)
        };
        let of: fn(&Figures) -> Option<f64> = match self.server_order {
            Order::First => return all,
            Order::Second => |figures| figures.active,
            Order::Third => |figures| figures.transactions,
        };
        all.sort_by(|one, other| figure(other, of).total_cmp(&figure(one, of)));
        all
    }

    /// The server that is looked at.
    pub(crate) fn looked_at(&self) -> Option<&Server> {
        let mut servers = self.snapshot.servers.iter();
        servers.find(|server| Some(server.id) == self.server)
    }

    /// Looks at the server of that name, if there is one.
    pub(crate) fn look_at(&mut self, name: &str) -> bool {
        let mut servers = self.snapshot.servers.iter();
        let found = servers.find(|server| server.name == name || server.id.to_string() == name);
        let Some(id) = found.map(|server| server.id) else {
            return false;
        };
        self.show_server(id);
        true
    }

    /// Does what a key asks for; false ends the program.
    pub(crate) fn obey(&mut self, command: Command) -> bool {
        if self.has_help && command != Command::Quit {
            self.has_help = false;
            return true;
        }
        match command {
            Command::Quit => return false,
            Command::Help => self.has_help = true,
            Command::Pause => self.is_paused = !self.is_paused,
            Command::Refresh => self.asked.0 += 1,
            Command::NextNode => self.asked.1 += 1,
            Command::Up => self.step(|at| at.saturating_sub(1)),
            Command::Down => self.step(|at| at.saturating_add(1)),
            Command::Slower => self.interval_seconds = (self.interval_seconds * 2.0).min(300.0),
            Command::Faster => self.interval_seconds = (self.interval_seconds / 2.0).max(1.0),
            Command::Window if self.view == View::Statement => {}
            Command::Window => {
                self.window = (self.window + 1) % WINDOWS.len();
                self.snapshot.statements.clear();
            }
            Command::Open => self.open(),
            Command::Back => self.back(),
            Command::Sort => match self.view {
                View::Cluster => self.server_order = self.server_order.next(),
                View::Server => self.statement_order = self.statement_order.next(),
                View::Statement => {}
            },
            Command::Previous => self.turn(|at, all| (at + all - 1) % all),
            Command::Next => self.turn(|at, all| (at + 1) % all),
        }
        true
    }

    fn step(&mut self, to: impl Fn(usize) -> usize) {
        let (servers, statements) = (self.snapshot.servers.len(), self.snapshot.statements.len());
        match self.view {
            View::Cluster => self.row = to(self.row).min(servers.saturating_sub(1)),
            View::Server => {
                self.statement_row = to(self.statement_row).min(statements.saturating_sub(1));
            }
            View::Statement => {
                let line = to(usize::from(self.scroll)).min(500);
                self.scroll = u16::try_from(line).unwrap_or_default();
            }
        }
    }

    fn open(&mut self) {
        match self.view {
            View::Cluster => {
                if let Some(id) = self.servers().get(self.row).map(|server| server.id) {
                    self.show_server(id);
                }
            }
            View::Server => {
                let chosen = self.snapshot.statements.get(self.statement_row).cloned();
                if chosen.is_some() {
                    (self.statement, self.view, self.scroll) = (chosen, View::Statement, 0);
                }
            }
            View::Statement => {}
        }
    }

    fn back(&mut self) {
        match self.view {
            View::Statement => (self.view, self.statement) = (View::Server, None),
            View::Server => (self.view, self.server) = (View::Cluster, None),
            View::Cluster => {}
        }
    }

    /// Goes to the server that is so many before or behind.
    fn turn(&mut self, to: impl Fn(usize, usize) -> usize) {
        let all: Vec<i64> = self.servers().iter().map(|server| server.id).collect();
        let at = all.iter().position(|id| Some(*id) == self.server);
        let next = at.and_then(|at| all.get(to(at, all.len())).copied());
        if let Some(id) = next.filter(|id| Some(*id) != self.server) {
            self.show_server(id);
        }
    }

    fn show_server(&mut self, id: i64) {
        (self.view, self.server, self.statement) = (View::Server, Some(id), None);
        self.statement_row = 0;
        self.snapshot.statements.clear();
    }
}

//! Routes of alerts: which channel is told, by the alert's labels.
//!
//! They are an ordered list, which is replaced as a whole: what one route does depends on those
//! before it.

use pga_storage::Timestamp;
use serde::{Deserialize, Serialize};

use super::alerting::Matcher;
use crate::feature_level::FeatureLevel;
use crate::outcome::Refusal;
use crate::state::section::plain_section;

/// Routes in the list.
const MAX_ROUTES: usize = 200;

/// Sends alerts to a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRoute {
    /// Its name, unique in the list.
    pub name: String,
    /// Labels of the alerts that it takes; all must hold.
    pub matchers: Vec<Matcher>,
    /// Where they go.
    pub channel: u64,
    /// Whether the routes after it see these alerts too.
    pub goes_on: bool,
    /// Labels whose equal values make one message; `None` as the channel has it, like all below.
    pub group_by: Option<Vec<String>>,
    /// Seconds from the first alert of a group to its first message.
    pub group_wait: Option<u32>,
    /// Seconds between two messages of a group that has changed.
    pub group_interval: Option<u32>,
    /// Seconds between two messages of a group that has not changed.
    pub repeat_interval: Option<u32>,
}

/// Changes of the routes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AlertRouteCommand {
    /// Puts a list in place of the one before.
    Replace {
        /// The version that it was made from; another one is refused.
        base: u64,
        /// The routes, in the order in which they are asked.
        routes: Vec<AlertRoute>,
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
}

/// The list, as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertRoutes {
    /// How often it was changed.
    pub version: u64,
    /// The routes, in their order.
    pub routes: Vec<AlertRoute>,
    /// Who changed it last; empty before the first change.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

impl AlertRoutes {
    pub(in crate::state) fn apply(&mut self, command: &AlertRouteCommand) -> Result<(), Refusal> {
        let AlertRouteCommand::Replace {
            base,
            routes,
            by,
            at,
        } = command;
        if *base != self.version {
            let text = format!(
                "the routes have version {}, which {} made: read them again",
                self.version, self.by
            );
            return Err(Refusal::Conflict(text));
        }
        if routes.len() > MAX_ROUTES {
            return Err(Refusal::Rule(format!("there are {MAX_ROUTES} routes")));
        }
        *self = Self {
            version: base + 1,
            routes: routes.clone(),
            by: by.clone(),
            at: *at,
        };
        Ok(())
    }
}

plain_section!(AlertRoutes, "alert_routes", FeatureLevel::ALERT_ROUTES);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::section::Section;

    fn replace(base: u64, name: &str) -> AlertRouteCommand {
        let route = AlertRoute {
            name: name.into(),
            matchers: Vec::new(),
            channel: 1,
            goes_on: false,
            group_by: None,
            group_wait: None,
            group_interval: None,
            repeat_interval: None,
        };
        AlertRouteCommand::Replace {
            base,
            routes: vec![route],
            by: "ann".into(),
            at: Timestamp::from_micros(7),
        }
    }

    #[test]
    fn a_list_that_was_made_from_another_is_refused() {
        let mut routes = AlertRoutes::default();
        assert!(routes.apply(&replace(0, "first")).is_ok());
        let refused = routes.apply(&replace(0, "late"));
        assert!(matches!(refused, Err(Refusal::Conflict(_))), "{refused:?}");
        assert!(routes.apply(&replace(1, "second")).is_ok());
        assert_eq!((routes.version, &*routes.routes[0].name), (2, "second"));
        let read = AlertRoutes::read(1, &routes.write().unwrap()).unwrap();
        assert_eq!(read, routes);
    }
}

//! What may happen to a message, and what did.

use std::time::Duration;

use pga_config::NodeId;

/// What may happen to messages on their way from one node to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkFaults {
    /// Shortest way.
    pub min_delay: Duration,
    /// Longest way; both ends inclusive, evenly spread.
    pub max_delay: Duration,
    /// Messages lost, of a million.
    pub lost_per_million: u32,
}

impl Default for LinkFaults {
    /// A local network in good health: half a millisecond, nothing lost.
    fn default() -> Self {
        let delay = Duration::from_micros(500);
        Self {
            min_delay: delay,
            max_delay: delay,
            lost_per_million: 0,
        }
    }
}

/// What became of one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// It arrives after this time.
    Arrives(Duration),
    /// It was lost on the way.
    Lost,
    /// The link was cut.
    Cut,
    /// There is nobody at the address.
    Nobody,
}

/// One message and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceEvent {
    /// Virtual time since the network was made.
    pub at: Duration,
    /// Sender.
    pub from: NodeId,
    /// Receiver.
    pub to: NodeId,
    /// Kind of message.
    pub what: &'static str,
    /// Its length in bytes.
    pub bytes: usize,
    /// What became of it.
    pub fate: Fate,
}

//! Where elements go as they are read, so that no cycle has to be held as a whole.

use serde_json::Value;

/// Takes elements, one after the other.
pub trait Sink: Send {
    /// Takes one, as the text of a JSON object.
    fn push(&mut self, element: &str);

    /// What comes from here on is kept with the position in the log that [`Server::log_position`]
    /// tells at the end: it is not to be parted.
    ///
    /// [`Server::log_position`]: crate::Server::log_position
    fn keep_together(&mut self) {}
}

/// For whoever looks at what was read.
impl Sink for Vec<Value> {
    fn push(&mut self, element: &str) {
        self.extend(serde_json::from_str::<Value>(element));
    }
}

//! A value that is replaced while others use it.

use std::sync::Arc;

use tokio::sync::watch;

/// Reads a value that may be replaced: each look shows the newest. Whoever keeps what a look showed
/// goes on with that.
#[derive(Clone, Debug)]
pub struct Live<T>(watch::Receiver<Arc<T>>);

impl<T> Live<T> {
    /// A value that stays.
    pub fn fixed(value: T) -> Self {
        Self(watch::channel(Arc::new(value)).1)
    }

    /// What `sender` holds.
    pub fn of(sender: &watch::Sender<Arc<T>>) -> Self {
        Self(sender.subscribe())
    }

    /// The newest value.
    pub fn now(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }
}

impl<T: Default> Default for Live<T> {
    fn default() -> Self {
        Self::fixed(T::default())
    }
}

impl<T> From<T> for Live<T> {
    fn from(value: T) -> Self {
        Self::fixed(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_look_shows_the_newest_and_what_was_taken_stays() {
        let sender = watch::Sender::new(Arc::new(1));
        let live = Live::of(&sender);
        let before = live.now();
        sender.send_replace(Arc::new(2));
        assert_eq!((*before, *live.now()), (1, 2));
        drop(sender);
        assert_eq!(*live.now(), 2);
        assert_eq!(*Live::fixed(3).now(), 3);
    }
}

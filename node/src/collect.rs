//! The collector.

mod simulated;

pub use self::simulated::SimulatedServer;

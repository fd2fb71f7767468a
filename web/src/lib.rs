//! HTTP front of a pgAnalytics node.

mod node_api;

pub use self::node_api::{
    ApiError, Health, NodeApi, Principal, Push, PushAck, Registered, Registration, User, UserSecret,
};

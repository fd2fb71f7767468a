//! Real processes and real faults: the harness that runs clusters and databases, breaks them, and
//! checks the invariants of the system from outside.
//!
//! # Map
//! [`Cluster`] runs the built program as one process per node; [`Timescale`] is a real database
//! server that can be crashed; [`Disk`] is a file system whose power can be cut; [`Load`] pushes
//! meanwhile and tells what was acknowledged; [`until`] waits for a condition with a deadline.

mod cluster;
mod disk;
mod load;
mod overload;
mod ports;
mod process;
mod program;
mod timescale;
mod wait;

pub use self::{
    cluster::{Cluster, ClusterOptions, Node, NodeStatus, Status},
    disk::{Disk, why_no_disks},
    load::{Load, none_failed, verified},
    overload::{Offer, Overload},
    ports::free_ports,
    program::program,
    timescale::{Session, Timescale},
    wait::until,
};

//! The settings of the parts, from the configuration.

use std::sync::Arc;
use std::time::Duration;

use pga_cluster::transport::QuicLimits;
use pga_cluster::{Batching, BufferLimits, Member, RaftTimings, SnapshotPolicy};
use pga_config::{ClientCertificates, Config, PushAuthentication};
use pga_runtime::Live;
use pga_web::{CollectorCertificates, FailureLimit, WebLimits, WebOptions};
use rustls::ServerConfig;

use crate::secrets::Secrets;
use crate::{Error, Result};

/// The members as configured, this node among them.
pub(super) fn members(config: &Config) -> Vec<Member> {
    let members = config.cluster.members.0.iter().map(|member| Member {
        node: member.id,
        quic: member.quic.clone(),
        http: member.http.clone(),
    });
    members.collect()
}

pub(super) fn timings(config: &Config) -> RaftTimings {
    RaftTimings {
        heartbeat: config.raft.heartbeat,
        election_min: config.raft.election_min,
        election_max: config.raft.election_max,
        ..RaftTimings::default()
    }
}

pub(super) fn buffer(config: &Config) -> BufferLimits {
    BufferLimits {
        max_bytes: config.buffer.max_size.bytes(),
        segment_bytes: config.log.segment_size.bytes(),
    }
}

pub(super) fn batching(config: &Config) -> Batching {
    Batching {
        max_bytes: config.replication.batch_size.as_usize(),
        ..Batching::default()
    }
}

pub(super) fn snapshots(config: &Config) -> SnapshotPolicy {
    // What was flushed leaves the log early enough that it never fills the log by itself.
    let most = config.log.max_size.bytes();
    let retain_bytes = config.log.retain_after_flush_size.bytes().min(most / 4);
    SnapshotPolicy {
        retain_bytes,
        log_bytes: retain_bytes.saturating_mul(2),
        ..SnapshotPolicy::default()
    }
}

pub(super) fn quic(config: &Config) -> QuicLimits {
    QuicLimits {
        idle_timeout: config.quic.idle_timeout,
        keep_alive: config.quic.keep_alive,
        ..QuicLimits::default()
    }
}

/// By which certificates collectors show who they are: those of this cluster's authority.
pub(super) fn collector_certificates(
    config: &Config,
    secrets: &Secrets,
) -> Result<Option<CollectorCertificates>> {
    let are_required = match config.http.client_certificates {
        ClientCertificates::Off => return Ok(None),
        ClientCertificates::Optional => false,
        ClientCertificates::Required => true,
    };
    CollectorCertificates::new(secrets.authority.clone(), are_required)
        .map(Some)
        .map_err(|error| Error::Pki(format!("{}: {error}", config.ca_file().display())))
}

pub(super) fn web(
    config: &Config,
    tls: Option<Live<ServerConfig>>,
    collector_certificates: Option<CollectorCertificates>,
    limits: Live<WebLimits>,
) -> WebOptions {
    WebOptions {
        tls,
        collector_certificates,
        allow_anonymous_push: config.node.demo
            || config.auth.push_authentication == PushAuthentication::Optional,
        is_open: config.node.demo,
        failures: Arc::new(failure_limit(config)),
        limits,
    }
}

fn failure_limit(config: &Config) -> FailureLimit {
    let most = config.limits.max_registration_failures;
    FailureLimit::new(u32::try_from(most).unwrap_or(u32::MAX))
}

/// How long anything is kept.
fn longest_retention(store: &pga_config::Store) -> Duration {
    let of_types = store.retention_of.iter().map(|(_, kept)| kept);
    of_types.fold(store.retention, Duration::max)
}

/// The bounds of the HTTP front.
pub(crate) fn web_limits(config: &Config) -> WebLimits {
    let limits = &config.limits;
    WebLimits {
        max_connections: count(limits.max_connections),
        wire_body_bytes: limits.max_push_body.bytes(),
        decoded_body_bytes: limits.max_decoded.bytes(),
        max_ratio: limits.max_ratio,
        inflight_bytes: limits.max_in_flight.bytes(),
        max_pushes: count(limits.max_pushes),
        max_push_wait: limits.max_push_wait,
        max_elements: count(limits.max_elements),
        max_age: Some(longest_retention(&config.store)),
        header_timeout: limits.header_timeout,
        body_timeout: limits.body_timeout,
        idle_timeout: limits.idle_timeout,
        write_timeout: limits.write_timeout,
        reads_without_quorum: config.auth.reads_without_quorum,
        ..WebLimits::default()
    }
}

fn count(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

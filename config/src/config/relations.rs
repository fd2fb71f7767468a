//! Rules between keys.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::member::has_port;
use crate::{
    ByteSize, ClientCertificates, Config, PushAuthentication, Secret, StoreKind, Violation,
    duration_text,
};

/// Shortest key that may sign tokens, in bytes (RFC 7518, section 3.2).
const MIN_TOKEN_KEY_BYTES: usize = 32;
/// Shortest password and registration secret, in characters.
const MIN_SECRET_CHARS: usize = 12;
/// How long a certificate may hold: the authority's own ends after ten years.
const CERTIFICATE_LIFETIMES: RangeInclusive<Duration> =
    Duration::from_secs(10)..=Duration::from_secs(3_650 * 86_400);
/// Secrets that the predecessor shipped or documented: everyone knows them.
const KNOWN_SECRETS: [&str; 5] = [
    "default-insecure-secret",
    "demo-secret-key-change-in-production",
    "your-secret-key-change-in-production",
    "changeme",
    "pganalytics",
];

/// Every broken rule.
pub(super) fn violations(config: &Config) -> Vec<Violation> {
    let mut found = Found::default();
    timing(config, &mut found);
    sizes(config, &mut found);
    members(config, &mut found);
    exposure(config, &mut found);
    certificates(config, &mut found);
    store(config, &mut found);
    cache(config, &mut found);
    secrets(config, &mut found);
    ml(config, &mut found);
    notify(config, &mut found);
    found.0
}

/// What is allowed and probably not meant.
pub(super) fn warnings(config: &Config) -> Vec<Violation> {
    let voters = config.cluster.members.0.len();
    let mut found = Found::default();
    if voters > 0 && voters.is_multiple_of(2) {
        found.add(
            "cluster.members",
            Some(&format!("{voters} voters")),
            "an even number of voters survives no more failures than one less",
            "use three or five",
        );
    }
    let pushes = config.auth.push_authentication;
    if pushes == PushAuthentication::Optional {
        found.add(
            "auth.push-authentication",
            Some(&pushes.word()),
            "whoever reaches the HTTP port may push in any collector's name",
            "give collectors tokens, and write \"required\"",
        );
    }
    found.0
}

fn ml(config: &Config, found: &mut Found) {
    let url = &config.ml.url;
    if !url.is_empty() && !url.starts_with("http://") {
        let fix = "write it as http://host:port";
        found.add("ml.url", Some(url), "it is no address", fix);
    }
}

fn notify(config: &Config, found: &mut Found) {
    for network in config.notify.networks() {
        if let Err(text) = network {
            found.add(
                "notify.allow-targets",
                Some(&text),
                "it is no network",
                "write networks as 10.0.0.0/8 or fd00::/8, with commas between",
            );
        }
    }
}

#[derive(Default)]
struct Found(Vec<Violation>);

impl Found {
    fn add(&mut self, key: &str, value: Option<&dyn Display>, problem: &str, fix: &str) {
        self.0.push(Violation {
            key: key.to_owned(),
            value: value.map(ToString::to_string),
            problem: problem.to_owned(),
            fix: fix.to_owned(),
        });
    }
}

fn timing(config: &Config, found: &mut Found) {
    let raft = &config.raft;
    let text = duration_text::format;
    for (key, value) in durations(config) {
        if value.is_zero() {
            found.add(
                key,
                Some(&text(value)),
                "must not be zero",
                "set a longer time",
            );
        }
    }
    let least = raft.heartbeat * 3;
    if raft.election_min <= least {
        let problem = format!(
            "must be more than 3 x raft.heartbeat ({})",
            text(raft.heartbeat)
        );
        let fix = format!("set at least {}", text(least + Duration::from_millis(1)));
        found.add(
            "raft.election-min",
            Some(&text(raft.election_min)),
            &problem,
            &fix,
        );
    }
    if raft.election_max <= raft.election_min {
        let problem = format!(
            "must be more than raft.election-min ({})",
            text(raft.election_min)
        );
        let fix = format!("set {}", text(raft.election_min * 2));
        found.add(
            "raft.election-max",
            Some(&text(raft.election_max)),
            &problem,
            &fix,
        );
    }
    if config.quic.keep_alive * 2 > config.quic.idle_timeout {
        let fix = format!("set at most {}", text(config.quic.idle_timeout / 2));
        let problem = "must be at most half of quic.idle-timeout";
        found.add(
            "quic.keep-alive",
            Some(&text(config.quic.keep_alive)),
            problem,
            &fix,
        );
    }
}

fn sizes(config: &Config, found: &mut Found) {
    for (key, value, least, most) in byte_bounds(config) {
        if value < least || value > most {
            let problem = format!("must be from {least} to {most}");
            found.add(
                key,
                Some(&value),
                &problem,
                &format!("set {}", value.clamp(least, most)),
            );
        }
    }
    for (key, value) in counts(config) {
        if value == 0 || value > 10_000_000 {
            found.add(
                key,
                Some(&value),
                "must be from 1 to 10000000",
                "set a number in between",
            );
        }
    }
}

/// Times that must not be zero.
fn durations(config: &Config) -> [(&'static str, Duration); 14] {
    let raft = &config.raft;
    [
        ("raft.heartbeat", raft.heartbeat),
        ("quic.idle-timeout", config.quic.idle_timeout),
        ("quic.keep-alive", config.quic.keep_alive),
        ("replication.timeout", config.replication.timeout),
        ("store.flush-interval", config.store.flush_interval),
        ("store.statement-timeout", config.store.statement_timeout),
        ("store.connect-timeout", config.store.connect_timeout),
        ("store.retention", config.store.retention),
        ("sessions.idle-timeout", config.sessions.idle_timeout),
        ("limits.header-timeout", config.limits.header_timeout),
        ("limits.body-timeout", config.limits.body_timeout),
        ("limits.idle-timeout", config.limits.idle_timeout),
        ("limits.write-timeout", config.limits.write_timeout),
        ("limits.max-push-wait", config.limits.max_push_wait),
    ]
}

/// Sizes with their least and greatest value.
fn byte_bounds(config: &Config) -> [(&'static str, ByteSize, ByteSize, ByteSize); 10] {
    let mib = |n: u64| ByteSize::new(n << 20);
    let limits = &config.limits;
    [
        (
            "log.segment-size",
            config.log.segment_size,
            mib(1),
            mib(1024),
        ),
        (
            "log.max-size",
            config.log.max_size,
            ByteSize::new(config.log.segment_size.bytes().saturating_mul(4)),
            ByteSize::new(u64::MAX),
        ),
        (
            "buffer.max-size",
            config.buffer.max_size,
            mib(1),
            ByteSize::new(u64::MAX),
        ),
        (
            "replication.batch-size",
            config.replication.batch_size,
            ByteSize::new(4 << 10),
            mib(1),
        ),
        (
            "replication.split-size",
            config.replication.split_size,
            ByteSize::new(64 << 10),
            mib(4),
        ),
        (
            "store.flush-size",
            config.store.flush_size,
            ByteSize::new(64 << 10),
            mib(256),
        ),
        (
            "limits.max-push-body",
            limits.max_push_body,
            mib(1),
            mib(64),
        ),
        (
            "logging.max-size",
            config.logging.max_size,
            ByteSize::new(64 << 10),
            ByteSize::new(u64::MAX),
        ),
        ("limits.max-decoded", limits.max_decoded, mib(1), mib(256)),
        (
            "limits.max-in-flight",
            limits.max_in_flight,
            limits.max_push_body,
            ByteSize::new(u64::MAX),
        ),
    ]
}

/// Numbers that must not be zero.
fn counts(config: &Config) -> [(&'static str, u64); 13] {
    let limits = &config.limits;
    [
        ("node.worker-threads", config.node.worker_threads),
        ("sessions.max", config.sessions.max),
        ("sessions.max-in-flight", config.sessions.max_in_flight),
        ("limits.max-connections", limits.max_connections),
        ("limits.max-pushes", limits.max_pushes),
        ("limits.max-elements", limits.max_elements),
        ("limits.max-ratio", limits.max_ratio),
        ("limits.max-collectors", limits.max_collectors),
        (
            "limits.max-elements-per-second",
            limits.max_elements_per_second,
        ),
        (
            "limits.max-new-series-per-hour",
            limits.max_new_series_per_hour,
        ),
        (
            "limits.max-series-per-collector",
            limits.max_series_per_collector,
        ),
        ("store.pool-size", config.store.pool_size),
        ("logging.max-files", config.logging.max_files),
    ]
}

fn members(config: &Config, found: &mut Found) {
    let key = "cluster.members";
    let members = &config.cluster.members.0;
    let (mut ids, mut addresses) = (BTreeSet::new(), BTreeSet::new());
    for member in members {
        if !ids.insert(member.id) {
            found.add(
                key,
                Some(&member.id.get()),
                "two members have this id",
                "give each its own",
            );
        }
        for address in [&member.quic, &member.http] {
            if !addresses.insert(address) {
                let problem = "two members have this address";
                found.add(key, Some(address), problem, "give each its own");
            }
        }
    }
    if config.cluster.bootstrap && !ids.contains(&config.node.id) {
        let problem = "the node that creates the cluster is not among its members";
        let fix = format!("add {{ id = {}, … }}", config.node.id.get());
        found.add(key, None, problem, &fix);
    }
    if let Some(advertise) = &config.quic.advertise
        && !has_port(advertise)
    {
        found.add(
            "quic.advertise",
            Some(advertise),
            "has no port",
            "write \"host:port\"",
        );
    }
    if let Some(url) = &config.http.advertise
        && !url.starts_with("http://")
        && !url.starts_with("https://")
    {
        found.add(
            "http.advertise",
            Some(url),
            "is no URL",
            "write \"https://host:port\"",
        );
    }
}

fn exposure(config: &Config, found: &mut Found) {
    let listen = config.http.listen;
    let is_local = listen.ip().is_loopback();
    if !is_local && !config.has_tls() {
        let fix =
            "set http.tls-cert-file and http.tls-key-file, or listen on 127.0.0.1 behind a proxy";
        found.add(
            "http.listen",
            Some(&listen),
            "is reachable from outside without TLS",
            fix,
        );
    }
    if config.http.tls_cert_file.is_some() != config.http.tls_key_file.is_some() {
        let problem = "one of certificate and key is missing";
        found.add(
            "http.tls-cert-file",
            None,
            problem,
            "set both http.tls-cert-file and http.tls-key-file",
        );
    }
    let is_open = !is_local || !config.quic.listen.ip().is_loopback();
    if config.node.demo && is_open {
        let problem = "pushes without a token are for loopback only";
        found.add(
            "node.demo",
            Some(&true),
            problem,
            "listen on 127.0.0.1, or set it to false",
        );
    }
    if config.quic.listen.ip().is_unspecified() && config.quic.advertise.is_none() {
        let problem = "the peers cannot reach this address";
        found.add(
            "quic.listen",
            Some(&config.quic.listen),
            problem,
            "set quic.advertise to host:port",
        );
    }
    if listen.ip().is_unspecified() && config.http.advertise.is_none() {
        let problem = "clients cannot reach this address";
        found.add(
            "http.listen",
            Some(&listen),
            problem,
            "set http.advertise to a URL",
        );
    }
}

fn certificates(config: &Config, found: &mut Found) {
    let mode = config.http.client_certificates;
    if mode == ClientCertificates::Required && !config.has_tls() {
        found.add(
            "http.client-certificates",
            Some(&mode.word()),
            "no client can show a certificate without TLS",
            "set http.tls-cert-file and http.tls-key-file, or write \"optional\"",
        );
    }
    let pushes = config.auth.push_authentication;
    if mode == ClientCertificates::Required && pushes == PushAuthentication::Optional {
        found.add(
            "auth.push-authentication",
            Some(&pushes.word()),
            "http.client-certificates demands one of every push",
            "write \"required\", or http.client-certificates = \"optional\"",
        );
    }
    let lifetime = config.cluster.certificate_lifetime;
    if !CERTIFICATE_LIFETIMES.contains(&lifetime) {
        found.add(
            "cluster.certificate-lifetime",
            Some(&duration_text::format(lifetime)),
            "must be from 10s to 3650d",
            "set 365d, or less where certificates are to be renewed more often",
        );
    }
}

fn store(config: &Config, found: &mut Found) {
    let url = config.store.timescale_url.as_ref().map(Secret::expose);
    match (config.store.kind, url) {
        (StoreKind::Timescale, None) => found.add(
            "store.timescale-url",
            None,
            "is missing",
            "set it, or store.timescale-url-file, or store.kind = \"embedded\"",
        ),
        (StoreKind::Timescale, Some(url))
            if !url.starts_with("postgres://") && !url.starts_with("postgresql://") =>
        {
            let fix = "write postgres://user:password@host:5432/database";
            found.add("store.timescale-url", None, "is no PostgreSQL URL", fix);
        }
        (StoreKind::Embedded | StoreKind::Timescale, _) => {}
    }
}

fn cache(config: &Config, found: &mut Found) {
    let url = config.cache.redis_url.as_ref().map(Secret::expose);
    let is_redis = |url: &str| {
        ["redis://", "rediss://"]
            .iter()
            .any(|one| url.starts_with(one))
    };
    if url.is_some_and(|url| !is_redis(url)) {
        let fix = "write redis://user:password@host:6379/0, or rediss:// for TLS";
        found.add("cache.redis-url", None, "is no Redis URL", fix);
    }
    if url.is_some() && config.cache.max_size.bytes() == 0 {
        let fix = "give cache.max-size some memory, or leave cache.redis-url out";
        found.add(
            "cache.redis-url",
            None,
            "is not used without answers of the node",
            fix,
        );
    }
}

fn secrets(config: &Config, found: &mut Found) {
    let auth = &config.auth;
    for (key, secret, least) in [
        ("auth.token-key", &auth.token_key, MIN_TOKEN_KEY_BYTES),
        (
            "auth.admin-password",
            &auth.admin_password,
            MIN_SECRET_CHARS,
        ),
        (
            "auth.registration-secret",
            &auth.registration_secret,
            MIN_SECRET_CHARS,
        ),
    ] {
        let Some(text) = secret.as_ref().map(Secret::expose) else {
            let is_needed = match key {
                "auth.token-key" => false,
                "auth.admin-password" => !auth.allow_setup,
                _ => true,
            };
            if config.cluster.bootstrap && is_needed {
                let fix = format!("set {key}-file; `openssl rand -base64 24` makes one");
                found.add(
                    key,
                    None,
                    "the node that creates the cluster needs it",
                    &fix,
                );
            }
            continue;
        };
        let is_known = KNOWN_SECRETS
            .iter()
            .any(|known| text.eq_ignore_ascii_case(known));
        if is_known {
            found.add(
                key,
                None,
                "is a default that everyone knows",
                "use a random one",
            );
        } else if text.len() < least {
            let problem = format!("is shorter than {least} bytes");
            found.add(
                key,
                None,
                &problem,
                "`openssl rand -base64 48` makes a good one",
            );
        }
    }
}

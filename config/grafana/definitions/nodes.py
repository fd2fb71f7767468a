"""The nodes themselves, from Prometheus: dashboards 16 and 17. docs/metrics.md lists every metric."""

from .model import dashboard, instances, prom

OF = '{instance=~"$instance"}'


def of(labels):
    return '{instance=~"$instance", ' + labels + "}"


def rate(metric, by, labels=OF):
    return f"sum by ({by}) (rate({metric}{labels}[$__rate_interval]))"


def quantile(share, metric, by):
    buckets = rate(f"{metric}_bucket", f"le, {by}")
    return f"histogram_quantile({share}, {buckets})"


LEADING = of('state="leader"')
FLUSHED = of('kind="flushed"')
COMMITTED = of('kind="committed"')

CLUSTER = dashboard(
    "pganalytics-cluster",
    "Cluster",
    "Consensus between the nodes.",
    [instances()],
    [
        prom("Ready Nodes", "Nodes behind which a quorum stands.", "short",
             [(f"sum(pganalytics_raft_ready{OF})", "ready")], (6, 4), "stat"),
        prom("Leaders", "Nodes that think they lead; more than one for a moment at a change.", "short",
             [(f"sum(pganalytics_raft_state{LEADING})", "leaders")],
             (6, 4), "stat"),
        prom("Recovering", "Nodes that lost what they confirmed, and wait for the others to take them in again.",
             "short", [(f"sum(pganalytics_raft_recovering{OF})", "recovering")], (6, 4), "stat"),
        prom("Certificates", "The least time until a node's certificate ends.", "s",
             [(f"min(pganalytics_certificate_expiry_seconds{OF})", "least")], (6, 4), "stat"),
        prom("Leader Changes", "Changes of the leader that each node saw, in an hour.", "short",
             [(f"increase(pganalytics_raft_leader_changes_total{OF}[1h])", "{{instance}}")]),
        prom("Commit Latency", "From proposal to acknowledgement, elections included.", "s",
             [(quantile(0.5, "pganalytics_raft_commit_duration_seconds", "instance"), "{{instance}} median"),
              (quantile(0.99, "pganalytics_raft_commit_duration_seconds", "instance"), "{{instance}} 99 %")]),
        prom("Peer Lag", "Entries that each peer is behind, as the leader sees it.", "short",
             [(f"pganalytics_raft_peer_lag_entries{OF}", "peer {{peer}}")]),
        prom("Log", "Size of the Raft log on disk.", "bytes",
             [(f"pganalytics_log_size_bytes{OF}", "{{instance}}")]),
        prom("Log Sync", "Time of one fdatasync of the log.", "s",
             [(quantile(0.99, "pganalytics_log_sync_duration_seconds", "instance"), "{{instance}} 99 %")]),
        prom("Buffer", "Bytes that wait for the flush, as a share of what may wait. Pushes are refused at 100 %.",
             "percentunit",
             [(f"pganalytics_buffer_pending_bytes{OF} / pganalytics_buffer_cap_bytes{OF}", "{{instance}}")]),
        prom("Recovering Nodes", "1 while a node does not vote because it lost what it confirmed.", "short",
             [(f"pganalytics_raft_recovering{OF}", "{{instance}}")]),
        prom("Round Trip", "Smoothed round trip time to each peer.", "s",
             [(f"pganalytics_raft_peer_rtt_seconds{OF}", "{{instance}} to {{peer}}")]),
    ],
    since="now-3h",
)

# Only the leader flushes; what the others say of it is from when they did.
LEADER = 'on (instance) (pganalytics_raft_state{state="leader"} == 1)'

INGEST = dashboard(
    "pganalytics-ingest",
    "Ingest and Store",
    "From a push to the database.",
    [instances()],
    [
        prom("Pushes by Outcome", "Pushes a second.", "reqps",
             [(rate("pganalytics_push_outcomes_total", "outcome"), "{{outcome}}")]),
        prom("Refusals by Reason", "Requests refused a second; docs/limits.md and docs/bad-input.md name the reasons.",
             "reqps", [(rate("pganalytics_http_refusals_total", "reason"), "{{reason}}")]),
        prom("Flush Lag", "Log entries that the store does not have yet, on the leader.", "short",
             [(f"pganalytics_flush_lag_entries{OF} and {LEADER}", "{{instance}}")]),
        prom("Oldest Pending", "Age of the oldest entry that waits for the flush.", "s",
             [(f"pganalytics_buffer_oldest_pending_seconds{OF}", "{{instance}}")]),
        prom("Watermark", "Log index up to which the store has everything, and the last one committed.", "short",
             [(f"max(pganalytics_raft_index{FLUSHED})", "flushed"),
              (f"max(pganalytics_raft_index{COMMITTED})", "committed")]),
        prom("Rows", "Rows written to the store a second.", "wps",
             [(rate("pganalytics_flush_rows_total", "instance"), "{{instance}}")]),
        prom("Flush Time", "Time of one flush transaction.", "s",
             [(quantile(0.5, "pganalytics_flush_duration_seconds", "instance"), "{{instance}} median"),
              (quantile(0.99, "pganalytics_flush_duration_seconds", "instance"), "{{instance}} 99 %")]),
        prom("Store Is Up", "1 if the leader's last use of the store succeeded.", "short",
             [(f"pganalytics_store_up{OF} and {LEADER}", "{{instance}}")]),
        prom("Push Latency", "From the head of a push to its answer, by outcome.", "s",
             [(quantile(0.5, "pganalytics_push_duration_seconds", "outcome"), "{{outcome}} median"),
              (quantile(0.99, "pganalytics_push_duration_seconds", "outcome"), "{{outcome}} 99 %")]),
        prom("HTTP Latency", "Time to answer a request: the slowest one in a hundred, by status.", "s",
             [(quantile(0.99, "pganalytics_http_request_duration_seconds", "status"), "{{status}}")]),
        prom("Elements", "Elements of acknowledged pushes a second, and those refused alone.", "cps",
             [(rate("pganalytics_push_elements_total", "outcome"), "{{outcome}}"),
              (f"sum(rate(pganalytics_push_rejected_elements_total{OF}[$__rate_interval]))", "refused")]),
        prom("Connections", "Open connections.", "short",
             [(f"pganalytics_http_connections{OF}", "{{instance}}")]),
    ],
    since="now-3h",
)

DEAD = of('outcome="dead"')
ALL = of('le="+Inf"')
EVALUATION = "pganalytics_alert_evaluation_seconds"

ALERTS = dashboard(
    "alerts",
    "Alerts",
    "Rules and notifications as the leader counts them; who acknowledged what, and each alert's text, are on the nodes' page.",
    [instances()],
    [
        prom("Firing", "Alerts that fire now, by severity; the dead man's switch fires always.", "short",
             [(f"sum by (severity) (pganalytics_alerts_firing{OF})", "{{severity}}")], (12, 4), "stat"),
        prom("Given Up", "Notifications of the last day that no receiver took in 24 hours of attempts.", "short",
             [(f"sum(increase(pganalytics_notifications_total{DEAD}[1d]))", "given up")], (12, 4), "stat"),
        prom("Firing over Time", "Alerts that fire, by severity.", "short",
             [(f"sum by (severity) (pganalytics_alerts_firing{OF})", "{{severity}}")]),
        prom("Attempts to Notify", "Attempts an hour, by outcome: what failed is tried again.", "short",
             [(f"sum by (outcome) (increase(pganalytics_notifications_total{OF}[1h]))", "{{outcome}}")]),
        prom("Evaluation", "Time of one evaluation of all rules, on the leader.", "s",
             [(quantile(0.5, EVALUATION, "instance"), "{{instance}} median"),
              (quantile(0.99, EVALUATION, "instance"), "{{instance}} 99 %")]),
        prom("Evaluations", "Evaluations of the rules in five minutes: about 30 on the leader, and none anywhere is a failure.", "short",
             [(f"increase({EVALUATION}_bucket{ALL}[5m])", "{{instance}}")]),
    ],
    since="now-1d",
)

DASHBOARDS = [CLUSTER, INGEST, ALERTS]

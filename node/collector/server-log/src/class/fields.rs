//! The table of fields: which pattern gives which fields to which class.
//!
//! All rows of a class are tried in their order; each that is found adds its fields. The texts are
//! those of the majors 13 to 18.

use serde_json::{Map, Value};

use super::kind::Class;
use super::pattern::extract;
use crate::Record;

/// Where a pattern is looked for.
#[derive(Clone, Copy)]
enum Place {
    Message,
    Detail,
    Context,
}

use self::Place::{Context, Detail, Message};

const FIELDS: &[(Class, Place, &str)] = &[
    (
        Class::ServerStart,
        Message,
        "starting PostgreSQL {version} on ",
    ),
    (Class::CrashRecovery, Message, "redo starts at {start_lsn}"),
    (Class::CrashRecovery, Message, "redo done at {end_lsn}"),
    (
        Class::CrashRecovery,
        Message,
        "redo done at {end_lsn} system usage: {_}elapsed: {elapsed_seconds:f} s",
    ),
    (
        Class::ProcessCrashed,
        Message,
        "{process} (PID {pid:i}) was terminated by signal {signal:i}",
    ),
    (
        Class::DataCorruption,
        Message,
        "invalid page in block {block:i} of relation {relation}",
    ),
    (
        Class::DataCorruption,
        Message,
        "could not read block {block:i} in file \"{path}\"",
    ),
    (
        Class::DataCorruption,
        Message,
        "could not read blocks {block:i}..{_} in file \"{path}\"",
    ),
    (
        Class::OutOfMemory,
        Detail,
        "Failed on request of size {bytes:i}",
    ),
    (
        Class::OutOfMemory,
        Detail,
        "in memory context \"{memory_context}\"",
    ),
    (Class::DiskFull, Message, "file \"{path}\""),
    (Class::TooManyConnections, Message, "for role \"{role}\""),
    (
        Class::TooManyConnections,
        Message,
        "for database \"{database}\"",
    ),
    (Class::AuthFailed, Message, "for user \"{user}\""),
    (Class::AuthFailed, Message, "role \"{user}\" does not exist"),
    (
        Class::AuthFailed,
        Message,
        "for host \"{address}\", user \"{user}\", database \"{database}\"",
    ),
    (Class::AuthFailed, Detail, "pg_hba.conf\" line {line:i}: "),
    (Class::AuthFailed, Detail, "pg_hba.conf line {line:i}: "),
    (
        Class::DatabaseMissing,
        Message,
        "database \"{database}\" does not exist",
    ),
    (Class::Connected, Message, "connection {phase}:"),
    (
        Class::Connected,
        Message,
        "SSL enabled (protocol={tls_protocol},",
    ),
    (Class::Connected, Message, "setup total={setup_ms:f} ms"),
    (Class::LockTimeout, Context, "relation \"{relation}\""),
    (Class::LockNotAvailable, Message, "relation \"{relation}\""),
    (
        Class::LockNotAvailable,
        Message,
        "on row in relation \"{relation}\"",
    ),
    (
        Class::LockWait,
        Message,
        "process {pid:i} still waiting for {mode} on {object} after {ms:f} ms",
    ),
    (
        Class::LockWait,
        Message,
        "process {pid:i} detected deadlock while waiting for {mode} on {object} after {ms:f} ms",
    ),
    (
        Class::LockWait,
        Message,
        "process {pid:i} avoided deadlock for {mode} on {object} by rearranging queue order after {ms:f} ms",
    ),
    (
        Class::LockAcquired,
        Message,
        "process {pid:i} acquired {mode} on {object} after {ms:f} ms",
    ),
    (
        Class::RecoveryConflict,
        Message,
        "waiting after {ms:f} ms: recovery conflict on {kind}",
    ),
    (
        Class::ConstraintViolation,
        Message,
        "constraint \"{constraint}\"",
    ),
    (Class::ConstraintViolation, Message, "relation \"{table}\""),
    (Class::ConstraintViolation, Message, "table \"{table}\""),
    (Class::ConstraintViolation, Message, "column \"{column}\""),
    (
        Class::SqlError,
        Message,
        "relation \"{relation}\" does not exist",
    ),
    (
        Class::SqlError,
        Message,
        "column \"{column}\" does not exist",
    ),
    (
        Class::SqlError,
        Message,
        "column \"{column}\" of relation \"{relation}\" does not exist",
    ),
    (
        Class::SqlError,
        Message,
        "function {function} does not exist",
    ),
    (
        Class::PermissionDenied,
        Message,
        "permission denied for {object}",
    ),
    (
        Class::PermissionDenied,
        Message,
        "must be owner of {object}",
    ),
    (
        Class::PermissionDenied,
        Message,
        "cannot execute {command} in a read-only transaction",
    ),
    (
        Class::TempFile,
        Message,
        "temporary file: path \"{path}\", size {bytes:i}",
    ),
    (
        Class::WraparoundWarning,
        Message,
        "must be vacuumed within {left:i} transactions",
    ),
    (
        Class::WraparoundWarning,
        Message,
        "must be vacuumed before {left:i} more MultiXactId",
    ),
    (Class::WraparoundWarning, Message, "database \"{database}\""),
    (
        Class::WraparoundWarning,
        Message,
        "database with OID {database_oid:i} ",
    ),
    (Class::WraparoundStop, Message, "in database \"{database}\""),
    (
        Class::WraparoundStop,
        Message,
        "in database with OID {database_oid:i}",
    ),
    (Class::CheckpointStart, Message, "{kind} starting:"),
    (Class::CheckpointDone, Message, "{kind} complete:"),
    (
        Class::CheckpointDone,
        Message,
        "complete: wrote {buffers:i} buffers ({buffers_percent:f}%)",
    ),
    (
        Class::CheckpointDone,
        Message,
        ", wrote {slru_buffers:i} SLRU buffers",
    ),
    (
        Class::CheckpointDone,
        Message,
        "; {files_added:i} WAL file(s) added, {files_removed:i} removed, {files_recycled:i} recycled",
    ),
    (
        Class::CheckpointDone,
        Message,
        "write={write_seconds:f} s, sync={sync_seconds:f} s, total={total_seconds:f} s",
    ),
    (
        Class::CheckpointDone,
        Message,
        "sync files={sync_files:i}, longest={longest_sync_seconds:f} s, average={average_sync_seconds:f} s",
    ),
    (
        Class::CheckpointDone,
        Message,
        "distance={distance_kb:i} kB, estimate={estimate_kb:i} kB",
    ),
    (
        Class::CheckpointDone,
        Message,
        "; lsn={lsn}, redo lsn={redo_lsn}",
    ),
    (
        Class::CheckpointsTooFrequent,
        Message,
        "({seconds_apart:i} second",
    ),
    (
        Class::ArchiveFailed,
        Message,
        "failed with exit code {exit_code:i}",
    ),
    (
        Class::ArchiveFailed,
        Message,
        "was terminated by signal {signal:i}",
    ),
    (Class::ArchiveFailed, Message, "log file \"{file}\""),
    (Class::SlotInvalidated, Message, "slot \"{slot}\""),
    (
        Class::SlotInvalidated,
        Message,
        "restart_lsn {restart_lsn} exceeds",
    ),
    (
        Class::SlotInvalidated,
        Detail,
        "restart_lsn {restart_lsn} exceeds the limit by {bytes:i} byte",
    ),
    (
        Class::StandbyLink,
        Message,
        "started streaming WAL from primary at {lsn} on timeline {timeline:i}",
    ),
    (
        Class::WalMissing,
        Message,
        "requested WAL segment {segment} has already been removed",
    ),
    (
        Class::RestoreFailed,
        Message,
        "could not restore file \"{file}\"",
    ),
    (
        Class::Promotion,
        Message,
        "selected new timeline ID: {timeline:i}",
    ),
    (
        Class::LogicalApplyError,
        Message,
        "subscription \"{subscription}\"",
    ),
    (
        Class::LogicalApplyError,
        Context,
        "target relation \"{relation}\"",
    ),
    (Class::ConfigChanged, Message, "parameter \"{parameter}\""),
    (Class::ConfigChanged, Message, "changed to \"{value}\""),
    (Class::ConfigError, Message, "parameter \"{parameter}\""),
    (Class::ConfigError, Message, "file \"{file}\""),
    (Class::ConfigError, Message, "line {line:i}"),
    (
        Class::Disconnected,
        Message,
        "session time: {hours:i}:{minutes:i}:{seconds:f} user={user} database={database} ",
    ),
    (Class::AutovacuumCanceled, Context, "of table \"{table}\""),
    (Class::Autoanalyze, Message, "of table \"{table}\""),
    (
        Class::Autovacuum,
        Message,
        "of table \"{table}\": index scans: {index_scans:i}\n",
    ),
    (
        Class::Autovacuum,
        Message,
        "pages: {pages_removed:i} removed, {pages_remain:i} remain, {pages_scanned:i} scanned",
    ),
    (
        Class::Autovacuum,
        Message,
        "pages: {pages_removed:i} removed, {pages_remain:i} remain, {pages_skipped_pins:i} skipped due to pins, {pages_skipped_frozen:i} skipped frozen",
    ),
    (
        Class::Autovacuum,
        Message,
        "tuples: {tuples_removed:i} removed, {tuples_remain:i} remain, {tuples_dead_not_removable:i} are dead but not yet removable",
    ),
    (
        Class::Autovacuum,
        Message,
        "not yet removable, oldest xmin: {cutoff_xid:i}",
    ),
    (
        Class::Autovacuum,
        Message,
        "removable cutoff: {cutoff_xid:i}, which was {cutoff_age:i} XIDs old",
    ),
    (
        Class::Autovacuum,
        Message,
        "pages from table ({_} of total) had {dead_items:i} dead item identifiers ",
    ),
    (
        Class::Autovacuum,
        Message,
        "frozen: {pages_frozen:i} pages from table ({_}) had {tuples_frozen:i} tuples frozen",
    ),
];

/// Lines that reports of vacuum and analyze share.
const COSTS: &[&str] = &[
    "delay time: {delay_ms:f} ms",
    "I/O timings: read: {read_ms:f} ms, write: {write_ms:f} ms",
    "buffer usage: {buffer_hits:i} hits, {buffer_misses:i} misses, {buffers_dirtied:i} dirtied",
    "buffer usage: {buffer_hits:i} hits, {buffer_misses:i} reads, {buffers_dirtied:i} dirtied",
    "WAL usage: {wal_records:i} records, {wal_fpi:i} full page images, {wal_bytes:i} bytes",
    "CPU: user: {cpu_user_seconds:f} s, system: {cpu_system_seconds:f} s, elapsed: {elapsed_seconds:f} s",
];

/// The fields that the table gives to a class.
pub(super) fn fields(class: Class, record: &Record) -> Map<String, Value> {
    let mut fields = Map::new();
    for (_, from, pattern) in FIELDS.iter().filter(|row| row.0 == class) {
        let text = match from {
            Message => Some(record.message.as_str()),
            Detail => record.detail.as_deref(),
            Context => record.context.as_deref(),
        };
        extract(pattern, text.unwrap_or_default(), &mut fields);
    }
    if matches!(class, Class::Autovacuum | Class::Autoanalyze) {
        for pattern in COSTS {
            extract(pattern, &record.message, &mut fields);
        }
    }
    fields
}

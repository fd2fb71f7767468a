//! The classes of records, and how much each matters.

use serde::{Deserialize, Serialize};

use crate::Severity;

/// How much an event matters to a person; the worst comes first in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Data or the whole server is in danger.
    Critical,
    /// Something that should work does not.
    Error,
    /// It will hurt if it goes on.
    Warning,
    /// Worth knowing; often the application's matter.
    Notice,
    /// Figures.
    Info,
}

impl Level {
    /// The level of a record of no class: by the server's own word.
    #[must_use]
    pub const fn of_severity(severity: Severity) -> Self {
        match severity {
            Severity::Panic => Self::Critical,
            Severity::Fatal | Severity::Error => Self::Error,
            Severity::Warning => Self::Warning,
            Severity::Notice => Self::Notice,
            Severity::Log | Severity::Info | Severity::Debug => Self::Info,
        }
    }
}

/// Writes the enum and the table of levels side by side.
macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident $level:ident,)*) => {
        /// What a record is about.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Class {
            $($(#[$doc])* $name,)*
        }

        impl Class {
            /// How much it matters, where the record says nothing else ([`Class::Other`]: by its
            /// severity).
            #[must_use]
            pub const fn level(self) -> Level {
                match self {
                    $(Self::$name => Level::$level,)*
                }
            }
        }
    };
}

classes! {
    /// The server starts: `version`.
    ServerStart Notice,
    /// The server takes connections: `is_read_only`.
    ServerReady Notice,
    /// The server stops: `kind` (smart, fast, immediate); or a client came while it starts or
    /// stops: `kind` `client_refused`.
    Shutdown Notice,
    /// Recovery after a crash: `start_lsn`, `end_lsn`, `elapsed_seconds`. Where replay starts and
    /// ends is a notice only: a standby says so too.
    CrashRecovery Error,
    /// A server process died by a signal: `process`, `pid`, `signal`, `statement`. Sessions that
    /// ended for its sake: `is_consequence`, and a warning only.
    ProcessCrashed Critical,
    /// As before, by signal 9, while the kernel counted a kill for lack of memory.
    OomKilled Critical,
    /// The server ended by itself.
    Panic Critical,
    /// A page or an index is not what it should be: `relation`, `block`, `path`.
    DataCorruption Critical,
    /// `bytes`, `memory_context`; `is_shared_memory`.
    OutOfMemory Error,
    /// `path`.
    DiskFull Critical,
    /// `limit` (max_connections, reserved, role, database, wal_senders), `role`, `database`.
    TooManyConnections Error,
    /// `reason` (password, rejected, no_entry, role_missing, other), `user`, `address`, `database`,
    /// `line` of `pg_hba.conf`.
    AuthFailed Warning,
    /// `database`.
    DatabaseMissing Warning,
    /// `phase` (received, authenticated, authorized, ready), `host`, `user`, `database`,
    /// `tls_protocol`, `setup_ms` (18).
    Connected Info,
    /// `session_seconds`, `user`, `database`.
    Disconnected Info,
    /// `is_in_transaction`.
    ClientLost Notice,
    /// A statement ran longer than `statement_timeout`.
    StatementTimeout Warning,
    /// Somebody cancelled a statement.
    Canceled Notice,
    /// A lock that somebody wanted ended an autovacuum: `table`.
    AutovacuumCanceled Warning,
    /// A statement waited longer than `lock_timeout`: `relation`.
    LockTimeout Warning,
    /// A lock was not to be had at once: `relation`.
    LockNotAvailable Warning,
    /// `setting` that ended the session.
    SessionTimeout Warning,
    /// An administrator ended the session.
    Terminated Notice,
    /// `processes`, each with `pid`, `mode`, `object`, `blocked_by`, `statement`.
    Deadlock Error,
    /// `pid`, `mode`, `object`, `relation_oid`, `database_oid`, `ms`, `holders`, `queue`,
    /// `is_deadlock`.
    LockWait Warning,
    /// As `lock_wait`, once the lock was had.
    LockAcquired Info,
    /// Replay cancelled a query of a standby, or waits for it: `kind`, `ms`.
    RecoveryConflict Warning,
    /// A transaction must be tried again.
    SerializationFailure Notice,
    /// `constraint`, `table`, `column`, `columns`.
    ConstraintViolation Notice,
    /// The statement is wrong, or its data: `relation`, `column`, `function`.
    SqlError Notice,
    /// `object`; `command` in a read-only transaction.
    PermissionDenied Warning,
    /// `ms`, `phase` (statement, parse, bind, execute), `name`, `text`.
    SlowStatement Info,
    /// `ms`, `format` (json, text), `plan`, `query_text`, `query_identifier`.
    Plan Info,
    /// `path`, `bytes`.
    TempFile Info,
    /// Figures of one vacuum of `table`; see the table of fields.
    Autovacuum Info,
    /// Figures of one analyze of `table`.
    Autoanalyze Info,
    /// `database` or `database_oid`, `left` transactions or multixacts.
    WraparoundWarning Error,
    /// The server takes no writes any more: `database`.
    WraparoundStop Critical,
    /// `kind` (checkpoint, restartpoint), `reasons`.
    CheckpointStart Info,
    /// `kind`, buffers, files, seconds, `distance_kb`, `estimate_kb`, `lsn`, `redo_lsn`.
    CheckpointDone Info,
    /// `seconds_apart`.
    CheckpointsTooFrequent Warning,
    /// `exit_code`, `signal`, `file`.
    ArchiveFailed Error,
    /// `slot`, `reason`, `bytes` over the limit, `restart_lsn`.
    SlotInvalidated Error,
    /// The connection between primary and standby: `lsn`, `timeline`.
    StandbyLink Warning,
    /// `segment` that a standby or a reader still needs.
    WalMissing Error,
    /// `file` that `restore_command` did not bring.
    RestoreFailed Error,
    /// `timeline`.
    Promotion Warning,
    /// `subscription`, `relation`.
    LogicalApplyError Error,
    /// `parameter`, `value`.
    ConfigChanged Notice,
    /// `parameter`, `file`, `line`.
    ConfigError Warning,
    /// The end of the WAL that recovery found: normal, no corruption.
    WalEndInRecovery Info,
    /// Any other record.
    Other Info,
}

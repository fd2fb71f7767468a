//! The tables of codes, functions and texts.

use super::is_backend;
use crate::class::kind::Class;
use crate::{Record, Severity};

/// What a record must have beside its code.
#[derive(Clone, Copy)]
pub(super) enum And {
    /// Nothing.
    Any,
    /// Any of these in its message.
    Text(&'static [&'static str]),
    /// A backend type that starts so.
    Backend(&'static str),
    /// Any of these functions.
    Function(&'static [&'static str]),
    /// `LOG`: no statement failed.
    Log,
}

impl And {
    pub(super) fn holds(self, record: &Record) -> bool {
        match self {
            Self::Any => true,
            Self::Text(texts) => texts.iter().any(|text| record.message.contains(text)),
            Self::Backend(start) => is_backend(record, start),
            Self::Function(functions) => record
                .function
                .as_deref()
                .is_some_and(|name| functions.contains(&name)),
            Self::Log => record.severity == Severity::Log,
        }
    }
}

const LIMIT_FUNCTIONS: &[&str] = &[
    "GetNewTransactionId",
    "SetTransactionIdLimit",
    "GetNewMultiXactId",
    "SetMultiXactIdLimit",
];

/// Codes, or their first two characters; the first row that holds decides.
pub(super) const BY_STATE: &[(&[&str], And, Class)] = &[
    (&["57P02"], And::Any, Class::ProcessCrashed),
    (&["57P01"], And::Any, Class::Terminated),
    (&["57P03"], And::Any, Class::Shutdown),
    (
        &["XX001", "XX002", "58030"],
        And::Any,
        Class::DataCorruption,
    ),
    (&["53200"], And::Any, Class::OutOfMemory),
    (&["53100"], And::Any, Class::DiskFull),
    (&["53300"], And::Any, Class::TooManyConnections),
    (&["28P01", "28000"], And::Any, Class::AuthFailed),
    (&["3D000"], And::Any, Class::DatabaseMissing),
    (
        &["58P01", "08"],
        And::Text(&["requested WAL segment"]),
        Class::WalMissing,
    ),
    (&["58P01"], And::Backend("walsender"), Class::WalMissing),
    (
        &["08", "XX000"],
        And::Backend("walreceiver"),
        Class::StandbyLink,
    ),
    (&["08"], And::Backend("walsender"), Class::StandbyLink),
    (
        &["08"],
        And::Text(&["standby connection", "to the primary"]),
        Class::StandbyLink,
    ),
    (
        &["08"],
        And::Backend("logical replication"),
        Class::LogicalApplyError,
    ),
    (
        &["08"],
        And::Text(&["to the publisher"]),
        Class::LogicalApplyError,
    ),
    (&["08006", "08P01", "08003"], And::Any, Class::ClientLost),
    (
        &["57014"],
        And::Backend("autovacuum worker"),
        Class::AutovacuumCanceled,
    ),
    (
        &["57014"],
        And::Text(&["canceling autovacuum task"]),
        Class::AutovacuumCanceled,
    ),
    (
        &["57014"],
        And::Text(&["due to statement timeout"]),
        Class::StatementTimeout,
    ),
    (&["57014"], And::Any, Class::Canceled),
    (&["57P04"], And::Any, Class::RecoveryConflict),
    (
        &["40001", "40P01"],
        And::Text(&["conflict with recovery"]),
        Class::RecoveryConflict,
    ),
    (
        &["40001", "40P01"],
        And::Function(&["ProcessInterrupts", "ProcessRecoveryConflictInterrupt"]),
        Class::RecoveryConflict,
    ),
    (&["40001"], And::Any, Class::SerializationFailure),
    (&["40P01"], And::Any, Class::Deadlock),
    (
        &["55P03"],
        And::Text(&["due to lock timeout"]),
        Class::LockTimeout,
    ),
    (
        &["55P03"],
        And::Function(&["ProcessInterrupts"]),
        Class::LockTimeout,
    ),
    (&["55P03"], And::Any, Class::LockNotAvailable),
    (
        &["25P03", "25P04", "57P05"],
        And::Any,
        Class::SessionTimeout,
    ),
    (
        &["54000"],
        And::Text(&["is not accepting commands"]),
        Class::WraparoundStop,
    ),
    (
        &["54000"],
        And::Function(LIMIT_FUNCTIONS),
        Class::WraparoundStop,
    ),
    (
        &["01"],
        And::Text(&["must be vacuumed within", "must be vacuumed before"]),
        Class::WraparoundWarning,
    ),
    (
        &["01"],
        And::Function(LIMIT_FUNCTIONS),
        Class::WraparoundWarning,
    ),
    (
        &["F0", "55P02", "22023", "42601", "42704"],
        And::Log,
        Class::ConfigError,
    ),
    (&["23"], And::Any, Class::ConstraintViolation),
    (&["42501", "25006"], And::Any, Class::PermissionDenied),
    (&["22", "42", "P0", "25P02"], And::Any, Class::SqlError),
];

/// Functions that say one thing only, whatever the language.
pub(super) const BY_FUNCTION: &[(&[&str], Class)] = &[
    (&["pmdie", "process_pm_shutdown_request"], Class::Shutdown),
    (
        &[
            "BackendInitialize",
            "PerformAuthentication",
            "ClientAuthentication",
        ],
        Class::Connected,
    ),
    (&["log_disconnections"], Class::Disconnected),
    (&["explain_ExecutorEnd"], Class::Plan),
    (&["ReportTemporaryFileUsage"], Class::TempFile),
    (&["LogCheckpointStart"], Class::CheckpointStart),
    (&["LogCheckpointEnd"], Class::CheckpointDone),
    (&["CheckpointerMain"], Class::CheckpointsTooFrequent),
    (
        &[
            "pgarch_archiveXlog",
            "shell_archive_file",
            "pgarch_ArchiverCopyLoop",
        ],
        Class::ArchiveFailed,
    ),
    (
        &[
            "InvalidatePossiblyObsoleteSlot",
            "ReportSlotInvalidation",
            "InvalidateObsoleteReplicationSlots",
        ],
        Class::SlotInvalidated,
    ),
    (&["WalReceiverMain"], Class::StandbyLink),
    (&["CheckForStandbyTrigger"], Class::Promotion),
    (&["ReadRecord"], Class::WalEndInRecovery),
];

/// The duration of a statement, in any language.
pub(super) const DURATION_FUNCTIONS: &[&str] = &[
    "exec_simple_query",
    "exec_parse_message",
    "exec_bind_message",
    "exec_execute_message",
    "HandleFunctionRequest",
];

/// English texts in messages; the first row that holds decides.
pub(super) const BY_TEXT: &[(&[&str], Class)] = &[
    (&["starting PostgreSQL "], Class::ServerStart),
    (&["database system is ready to accept"], Class::ServerReady),
    (
        &[
            "received smart shutdown",
            "received fast shutdown",
            "received immediate shutdown",
        ],
        Class::Shutdown,
    ),
    (
        &[
            "was not properly shut down",
            "redo starts at",
            "redo done at",
        ],
        Class::CrashRecovery,
    ),
    (
        &["was terminated by signal", "was terminated by exception"],
        Class::ProcessCrashed,
    ),
    (
        &[
            "could not read block",
            "invalid page in block",
            "page verification failed",
        ],
        Class::DataCorruption,
    ),
    (
        &["out of memory", "out of shared memory"],
        Class::OutOfMemory,
    ),
    (
        &["No space left on device", "could not extend file"],
        Class::DiskFull,
    ),
    (
        &[
            "sorry, too many clients",
            "too many connections for",
            "remaining connection slots",
        ],
        Class::TooManyConnections,
    ),
    (
        &[
            "password authentication failed",
            "pg_hba.conf rejects",
            "no pg_hba.conf entry",
            "authentication failed for user",
        ],
        Class::AuthFailed,
    ),
    (
        &[
            "connection received: ",
            "connection authorized: ",
            "connection authenticated: ",
            "connection ready: ",
        ],
        Class::Connected,
    ),
    (&["disconnection: session time: "], Class::Disconnected),
    (
        &[
            "unexpected EOF on client connection",
            "could not receive data from client",
            "could not send data to client",
            "connection to client lost",
        ],
        Class::ClientLost,
    ),
    (&["due to statement timeout"], Class::StatementTimeout),
    (&["canceling autovacuum task"], Class::AutovacuumCanceled),
    (&["due to lock timeout"], Class::LockTimeout),
    (&["could not obtain lock on"], Class::LockNotAvailable),
    (&["due to user request"], Class::Canceled),
    (
        &[
            "idle-in-transaction timeout",
            "due to transaction timeout",
            "idle-session timeout",
        ],
        Class::SessionTimeout,
    ),
    (&["due to administrator command"], Class::Terminated),
    (
        &[
            "conflict with recovery",
            "recovery still waiting after",
            "recovery finished waiting after",
        ],
        Class::RecoveryConflict,
    ),
    (
        &[
            "still waiting for",
            "detected deadlock while waiting for",
            "avoided deadlock for",
        ],
        Class::LockWait,
    ),
    (&["deadlock detected"], Class::Deadlock),
    (&["could not serialize access"], Class::SerializationFailure),
    (&["violates "], Class::ConstraintViolation),
    (
        &["permission denied for ", "must be owner of "],
        Class::PermissionDenied,
    ),
    (&["  plan:\n"], Class::Plan),
    (&["temporary file: path "], Class::TempFile),
    (
        &["must be vacuumed within", "must be vacuumed before"],
        Class::WraparoundWarning,
    ),
    (&["is not accepting commands"], Class::WraparoundStop),
    (
        &["checkpoint starting:", "restartpoint starting:"],
        Class::CheckpointStart,
    ),
    (
        &["checkpoint complete:", "restartpoint complete:"],
        Class::CheckpointDone,
    ),
    (
        &["checkpoints are occurring too frequently"],
        Class::CheckpointsTooFrequent,
    ),
    (
        &[
            "archive command failed",
            "failed too many times, will try again later",
        ],
        Class::ArchiveFailed,
    ),
    (
        &[
            "invalidating obsolete replication slot",
            "invalidating slot ",
        ],
        Class::SlotInvalidated,
    ),
    (&["requested WAL segment"], Class::WalMissing),
    (
        &[
            "started streaming WAL",
            "could not connect to the primary",
            "could not receive data from WAL stream",
            "unexpected EOF on standby",
        ],
        Class::StandbyLink,
    ),
    (&["could not restore file"], Class::RestoreFailed),
    (
        &[
            "received promote request",
            "selected new timeline ID",
            "archive recovery complete",
        ],
        Class::Promotion,
    ),
    (
        &[
            "could not connect to the publisher",
            "background worker \"logical replication worker\"",
            "background worker \"logical replication apply worker\"",
            "background worker \"logical replication parallel worker\"",
            "background worker \"logical replication tablesync worker\"",
        ],
        Class::LogicalApplyError,
    ),
    (
        &["cannot be changed without restarting", "contains errors; "],
        Class::ConfigError,
    ),
    (
        &["invalid record length", "invalid magic number"],
        Class::WalEndInRecovery,
    ),
];

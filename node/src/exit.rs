//! Exit codes of the program (sysexits.h).

/// Why the process ends, as a number that scripts and supervisors can tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Ok = 0,
    /// The work was done and its result is bad (a verification found a loss, a check failed).
    Failed = 1,
    /// The command line is wrong.
    Usage = 64,
    /// Files are damaged, or were written by a newer version.
    Data = 65,
    /// A file is missing.
    NoInput = 66,
    /// Nothing answers at the other end.
    Unavailable = 69,
    /// A fault of the program.
    Internal = 70,
    /// The port is in use.
    PortInUse = 71,
    /// Reading or writing a file failed.
    Io = 74,
    /// Another process holds the data directory.
    Locked = 75,
    /// The cluster or this node's data need a newer version of the program (`EX_PROTOCOL`).
    Outdated = 76,
    /// The rights of a file or directory are wrong, or a node does not allow what was asked.
    Permission = 77,
    /// The configuration is wrong.
    Config = 78,
}

impl Exit {
    /// The number for the operating system.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

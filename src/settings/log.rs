//! What the daemon tells in its log, and how.

/// `[log]`: which lines are written, and in which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// The least that is told; what is graver is told too.
    pub level: LogLevel,
    /// The form of a line.
    pub format: LogFormat,
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// Something is lost or held back.
    Error,
    /// A person should look at it.
    Warn,
    /// Verdicts and texts.
    #[default]
    Info,
    /// Branches taken.
    Debug,
    /// Packets.
    Trace,
}

/// The form of a line of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Time, level, part of the program and text.
    #[default]
    Human,
    /// The same as an object.
    Json,
}

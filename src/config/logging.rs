//! `[log]`: how much the daemon tells, and whether to people or to programs.

use super::file;
use super::reading::{Here, Reading};
use crate::settings::{LogFormat, LogLevel, Logging};

impl Reading<'_> {
    pub(super) fn log(&mut self, _here: &Here, log: file::Log) {
        let usual = Logging::default();
        let level = log.level.and_then(|word| self.word("level", &word, &LEVELS.map(|(word, _)| word)));
        let format = log.format.and_then(|word| self.word("format", &word, &FORMATS.map(|(word, _)| word)));
        self.settings.log = Logging {
            level: level.and_then(|at| LEVELS.get(at)).map_or(usual.level, |(_, level)| *level),
            format: format.and_then(|at| FORMATS.get(at)).map_or(usual.format, |(_, format)| *format),
        };
    }
}

const LEVELS: [(&str, LogLevel); 5] = [
    ("error", LogLevel::Error),
    ("warn", LogLevel::Warn),
    ("info", LogLevel::Info),
    ("debug", LogLevel::Debug),
    ("trace", LogLevel::Trace),
];
const FORMATS: [(&str, LogFormat); 2] = [("human", LogFormat::Human), ("json", LogFormat::Json)];

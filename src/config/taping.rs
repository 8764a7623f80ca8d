//! `[tape]`: whether what a run is given is kept, so that it can be run again.

use super::file;
use super::reading::{Here, Reading};
use super::value;
use crate::settings::Taping;
use crate::time::Span;

impl Reading<'_> {
    pub(super) fn tape(&mut self, here: &Here, tape: file::Tape) {
        let folder = self.needed(here, "folder", tape.folder, "\"/var/lib/ringback/tape\"");
        let folder = self.optional("folder", folder, value::text);
        let keep = self.optional("keep", tape.keep, value::some_span).unwrap_or(KEEP);
        let most = self.whole("max_mb", tape.max_mb, 16..=1_000_000).unwrap_or(MB);
        self.settings.tape = folder.map(|folder| {
            let folder = self.folder().join(folder);
            Taping { folder, keep, most: u64::from(most) << 20 }
        });
    }
}

/// A fault is seldom looked into later than after a week.
const KEEP: Span = Span::from_secs(7 * 86_400);

/// A week of a small office's signalling, many times over.
const MB: u32 = 1_024;

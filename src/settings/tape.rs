//! What is kept of a run so that it can be run again.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// `[tape]`: where what a run is given is kept, and how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taping {
    /// The folder with a folder for each tape.
    pub folder: PathBuf,
    /// A tape that began longer ago is deleted.
    pub keep: Span,
    /// Bytes of all tapes; the oldest is deleted first.
    pub most: u64,
}

/// A file of a configuration as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Its path from the folder of the main file, or the whole one where it isn't below that.
    pub name: String,
    /// What it says.
    pub text: String,
}

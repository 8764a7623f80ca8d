//! The sound of a message, decoded and in its place.

/// What was recorded of a message: two channels side by side, silence where nothing came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wave {
    /// Frames a second.
    pub rate: u32,
    /// What the caller said and what the PBX's side did, at the same time.
    pub frames: Vec<[i16; 2]>,
    /// What the caller's side came in: `PCMU`, `PCMA`, `G722`.
    pub codec: &'static str,
    /// Packets of the caller's side that never came.
    pub lost: u32,
}

impl Wave {
    /// Its length in milliseconds.
    pub fn millis(&self) -> i64 {
        let frames = i64::try_from(self.frames.len()).unwrap_or(i64::MAX);
        frames.saturating_mul(1_000) / i64::from(self.rate.max(1))
    }
}

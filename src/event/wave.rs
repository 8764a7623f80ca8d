//! The sound of a message, decoded and in its place, as it comes.

/// What is heard of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sounded {
    /// A piece of it. Pieces come in order; the first lies at frame 0.
    Piece(Piece),
    /// All pieces were passed on.
    Whole,
    /// It was no message after all: nothing of it is kept.
    Nothing,
}

/// A piece of a message: two channels side by side, silence where nothing came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Frames a second, of the whole message.
    pub rate: u32,
    /// How many frames of the message come before it.
    pub from: u64,
    /// What the caller said and what the PBX's side did, at the same time.
    pub frames: Vec<[i16; 2]>,
}

/// What was passed on of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// Its length in milliseconds.
    pub millis: i64,
    /// What the caller's side came in: `PCMU`, `PCMA`, `G722`.
    pub codec: &'static str,
    /// Packets of the caller's side that never came.
    pub lost: u32,
    /// How loud the caller's side was at most, 0 to 255, in so many equal stretches.
    pub peaks: Vec<u8>,
}

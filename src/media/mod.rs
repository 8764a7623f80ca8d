//! What RTP tells: how many streams there are, and by ear whether a voicemail or a person answered a leg.
//!
//! ```text
//! RtpPacket ─> placement (when) ─┐
//!           ─> g711, g722 ─> sound (how loud, which tone) ─> shelf (in order) ─> activity: runs of sound
//!                                                                            └> tone: tones
//!                                                   Ear::judge: runs, tones ─> Heard
//! ```
//!
//! To judge, no sound is kept: a hundredth of a second becomes five bytes, and these become runs and tones. What may be a
//! message is kept beside that, for a minute at most while nobody knows (`reel`). A packet nobody wants is let go after one look-up.

mod activity;
mod closing;
mod ear;
mod exact;
mod judge;
mod placement;
mod reel;
mod shelf;
mod side;
mod sound;
mod streams;
mod tone;
mod track;
mod turns;

pub use crate::event::heard::{Ended, Heard, Interval, Message, Reason, Verdict};
pub use ear::{Ear, Params};
pub use placement::{Place, Placement};
pub use reel::Reel;
pub use side::Direction;
pub use streams::Streams;

//! What a make of PBX says otherwise than others, as the progress of a leg asks it.

use crate::call::progress;
use crate::call::transaction::{Hop, Seen};
use crate::settings::{Dtmf, EarlyMedia, Elsewhere, Profile, Quirk};

/// The habits of a make. None by default: a hop is read as the standards say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Habits {
    /// It says "completed elsewhere" of every phone it cancels, so it says nothing by that.
    pub cries_elsewhere: bool,
    /// 408 is its word for "nobody answered", not for a lost network.
    pub timeout_is_no_answer: bool,
    /// Keypad digits are told in INFO.
    pub digits_in_info: bool,
    early_media: Option<EarlyMedia>,
}

impl Habits {
    /// The habits that a profile tells of.
    pub fn new(profile: &Profile) -> Habits {
        Habits {
            cries_elsewhere: profile.coverage.elsewhere == Elsewhere::Ignore,
            timeout_is_no_answer: profile.has(Quirk::TimeoutIsNoAnswer),
            digits_in_info: profile.media.dtmf == Some(Dtmf::Info),
            early_media: profile.media.early_media,
        }
    }

    /// Lets a hop hear a 183 with a session description: of some makes it is ringing like a 180, of some it may
    /// be an announcement and nobody rings, of most it is media that may be either.
    pub fn early_media(&self, hop: &mut Hop, seen: Seen) {
        let status = if self.early_media == Some(EarlyMedia::Ringback) { 180 } else { 183 };
        progress::provisional(hop, seen, status);
        if self.early_media != Some(EarlyMedia::Announcement) {
            hop.early_media.get_or_insert(seen.at);
        }
    }
}

//! What session descriptions say: which codecs were agreed on, and how many calls want their media encrypted.

use std::collections::BTreeMap;

use crate::limits;
use crate::wire::rtp::Codec;
use crate::wire::sdp::{Media, Sdp};
use crate::wire::sip::Message;

/// Counts of descriptions in answers to INVITEs.
#[derive(Clone, Debug, Default)]
pub struct Described {
    /// How often each codec was the first of an answer, by its name in capitals.
    pub codecs: BTreeMap<String, u64>,
    /// Answers with audio.
    pub answers: u64,
    /// Of these, with encrypted media (SAVP).
    pub encrypted: u64,
}

impl Described {
    /// Takes an answer to an INVITE.
    pub fn answer(&mut self, message: &Message<'_>) {
        let Some(body) = message.sdp() else { return };
        let Some(audio) = Sdp::parse(body).audio().filter(|audio| audio.port != 0) else { return };
        self.answers += 1;
        self.encrypted += u64::from(is_savp(&audio));
        if let Some(name) = codec(&audio)
            && (self.codecs.len() < limits::LEARNT_CODECS || self.codecs.contains_key(&name))
        {
            *self.codecs.entry(name).or_default() += 1;
        }
    }
}

fn is_savp(audio: &Media<'_>) -> bool {
    audio.proto.windows(4).any(|part| part.eq_ignore_ascii_case(b"SAVP"))
}

fn codec(audio: &Media<'_>) -> Option<String> {
    let payload = audio.payloads().next()?;
    if let Some(map) = audio.rtpmap(payload) {
        let name = std::str::from_utf8(map.encoding).ok()?.to_ascii_uppercase();
        return is_plain(&name).then_some(name);
    }
    let name = match Codec::of_static(payload) {
        Codec::Pcmu => "PCMU",
        Codec::Pcma => "PCMA",
        Codec::G722 => "G722",
        _ if payload == G729 => "G729",
        _ => return None,
    };
    Some(name.to_owned())
}

fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.len() <= 16 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// The payload type of G.729 (RFC 3551 6).
const G729: u8 = 18;

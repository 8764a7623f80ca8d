//! Signs and counts in words, as they stand in comments of a profile.

use std::collections::BTreeMap;

use super::roles::{Role, Sign};

impl Sign {
    /// The sign and how often it was seen.
    pub(super) fn words(self, count: u64) -> String {
        let calls = counted(count, "call");
        match self {
            Sign::SentOn => format!("sent {calls} on"),
            Sign::RangSeveral => format!("rang several hosts for one caller in {calls}"),
            Sign::Registrar => "several hosts register with it".to_owned(),
            Sign::OtherAddress => "seen in the place of another address".to_owned(),
            Sign::GotFromTrunk => format!("got {calls} from the trunk"),
            Sign::SaysSo => format!("by what the two ends of {calls} say of themselves"),
            Sign::FromOutside => format!("{calls} of outside numbers came from it"),
            Sign::ToOutside => format!("{calls} to outside numbers went to it"),
            Sign::Registered => "the PBX registers with it".to_owned(),
            Sign::Rung => format!("rung in {calls}"),
            Sign::CalledAsExtension => format!("made {calls} as an extension"),
            Sign::Registers => "registers with the PBX".to_owned(),
            Sign::Covered => format!("answered {calls} on behalf of others"),
        }
    }
}

/// Signs one after the other.
pub(super) fn listed(signs: &BTreeMap<Sign, u64>) -> String {
    let words: Vec<String> = signs.iter().map(|(sign, count)| sign.words(*count)).collect();
    words.join(", ")
}

impl Role {
    /// The role with the signs that speak for it.
    pub(super) fn told(self, signs: &BTreeMap<Sign, u64>) -> String {
        format!("{}: {}", self.word(), listed(signs))
    }

    fn word(self) -> &'static str {
        match self {
            Role::Pbx => "PBX",
            Role::Trunk => "trunk",
            Role::Phone => "phone",
            Role::Voicemail => "voicemail",
        }
    }
}

/// `1 call`, `3 calls`.
pub(super) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Text from outside as it may stand in a comment: no control characters, nothing that steers the direction of text.
pub(super) fn clean(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if steers(c) { '\u{fffd}' } else { c }).collect()
}

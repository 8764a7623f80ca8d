//! Signs and counts in words, as they stand in comments of a profile.

use std::collections::BTreeMap;

use super::Material;
use super::roles::{Role, Sign};
use crate::time::Span;

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
            Sign::SentOutside => format!("{calls} for others went to it by what looks like outside numbers"),
            Sign::Registered => "the PBX registers with it".to_owned(),
            Sign::Rung => format!("rung in {calls}"),
            Sign::CalledAsExtension => format!("made {calls} as an extension"),
            Sign::Registers => "registers with the PBX".to_owned(),
            Sign::Covered => format!("answered {calls} on behalf of others"),
        }
    }
}

impl Material {
    /// `2 captures`, `3 d on 1 tap`.
    pub(super) fn words(self) -> String {
        match self {
            Material::Captures(count) => counted(count as u64, "capture"),
            Material::Taps { count, listened, .. } => {
                format!("{} on {}", lasting(listened), counted(count as u64, "tap"))
            }
        }
    }
}

/// A length of time in its two largest units: `59 s`, `1 min 30 s`, `3 d`.
fn lasting(span: Span) -> String {
    let mut left = span.as_secs().max(0);
    let mut parts = Vec::new();
    for (secs, unit) in [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")] {
        if left >= secs || !parts.is_empty() {
            parts.push((left / secs, unit));
            left %= secs;
        }
    }
    let shown = parts.iter().take(2).filter(|(count, _)| *count > 0);
    let shown: Vec<String> = shown.map(|(count, unit)| format!("{count} {unit}")).collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_told_in_its_two_largest_units() {
        for (secs, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (90, "1 min 30 s"),
            (3_605, "1 h"),
            (259_199, "2 d 23 h"),
            (259_200, "3 d"),
        ] {
            assert_eq!(lasting(Span::from_secs(secs)), words);
        }
    }
}

//! Texts of a profile to what they mean.

use regex_lite::Regex;

pub(super) use crate::config::address::net;
use crate::config::spot::instead;
use crate::config::value::Wrong;
pub(super) use crate::config::value::{area_code, country, number, pattern, strip};
use crate::settings::{
    CallerFrom, DivertedFor, Dtmf, EarlyMedia, Elsewhere, End, HeaderPattern, KeyFrom, MailboxFrom, Place,
    Quirk, Sender, Style,
};

/// `Request-URI`, or a header.
pub(super) fn place(text: &str) -> Result<Place, Wrong> {
    match text {
        "Request-URI" => Ok(Place::RequestUri),
        _ => header(text).map(Place::Header),
    }
}

/// `NAME`, or `NAME: pattern`.
pub(super) fn header_pattern(text: &str) -> Result<HeaderPattern, Wrong> {
    match text.split_once(": ") {
        None => Ok(HeaderPattern { header: header(text)?, pattern: None, holds: String::new() }),
        Some((name, text)) => {
            Ok(HeaderPattern { header: header(name)?, pattern: Some(pattern(text)?), holds: letters(text) })
        }
    }
}

/// The longest run of plain letters between the `.*` of a pattern; none if there is anything else in it.
fn letters(pattern: &str) -> String {
    let runs: Option<Vec<String>> = pattern.split(".*").map(plain).collect();
    runs.into_iter().flatten().max_by_key(String::len).unwrap_or_default()
}

/// Letters that stand for themselves, or are escaped.
fn plain(run: &str) -> Option<String> {
    let mut letters = run.chars();
    let mut plain = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => plain.push(letters.next().filter(char::is_ascii_punctuation)?),
            letter if ".^$*+?()[]{}|".contains(letter) => return None,
            letter => plain.push(letter),
        }
    }
    Some(plain)
}

/// `NAME: pattern`, with a pattern: that a header is there makes no INVITE something else.
pub(super) fn header_with_pattern(text: &str) -> Result<HeaderPattern, Wrong> {
    match header_pattern(text)? {
        HeaderPattern { pattern: None, .. } => {
            Err(format!("`{text}` has no pattern; write one, as \"Request-URI: .*;off-hook\""))
        }
        whole => Ok(whole),
    }
}

/// `NAME`, or `NAME:party`.
pub(super) fn caller_from(text: &str) -> Result<CallerFrom, Wrong> {
    match text.split_once(':') {
        None => Ok(CallerFrom { header: header(text)?, party: None }),
        Some((name, party)) => {
            Ok(CallerFrom { header: header(name)?, party: Some(word("party", party, PARTIES)?.to_owned()) })
        }
    }
}

/// `NAME`, or `NAME;parameter`.
pub(super) fn key_from(text: &str) -> Result<KeyFrom, Wrong> {
    match text.split_once(';') {
        None => Ok(KeyFrom { header: header(text)?, param: None }),
        Some((name, param)) => Ok(KeyFrom { header: header(name)?, param: Some(header(param)?) }),
    }
}

/// A header's long name.
fn header(text: &str) -> Result<String, Wrong> {
    let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
    match text.len() > 1 && text.chars().all(token) {
        true => Ok(text.to_owned()),
        false => {
            Err(format!("`{text}` is not the name of a header; write its long name, as P-Asserted-Identity"))
        }
    }
}

pub(super) fn diversion_header(text: &str) -> Result<String, Wrong> {
    word("header", text, &["Diversion", "CC-Diversion", "CC-Redirect", "History-Info"]).map(str::to_owned)
}

pub(super) fn end(text: &str) -> Result<End, Wrong> {
    word("diverter", text, &["first", "last"]).map(|word| if word == "last" { End::Last } else { End::First })
}

pub(super) fn diverted_for(text: &str) -> Result<DivertedFor, Wrong> {
    use DivertedFor as F;
    chosen(
        text,
        &[
            ("no_answer", F::NoAnswer),
            ("busy", F::Busy),
            ("all", F::All),
            ("unavailable", F::Unavailable),
            ("other", F::Other),
        ],
    )
}

/// The cause of RFC 4458, a response status.
pub(super) fn cause(text: &str) -> Result<u16, Wrong> {
    let status = text.parse().ok().filter(|status| (300..700).contains(status));
    status.ok_or_else(|| format!("`{text}` is not a cause; write a status, as 408"))
}

pub(super) fn sender(text: &str) -> Result<Sender, Wrong> {
    chosen(text, &[("trunk", Sender::Trunk), ("pbx", Sender::Pbx), ("phone", Sender::Phone)])
}

pub(super) fn style(text: &str) -> Result<Style, Wrong> {
    chosen(text, &[("redirect", Style::Redirect), ("b2bua", Style::B2bua), ("embedded", Style::Embedded)])
}

pub(super) fn elsewhere(text: &str) -> Result<Elsewhere, Wrong> {
    chosen(text, &[("hint", Elsewhere::Hint), ("ignore", Elsewhere::Ignore)])
}

pub(super) fn dtmf(text: &str) -> Result<Dtmf, Wrong> {
    chosen(text, &[("rfc4733", Dtmf::Rfc4733), ("info", Dtmf::Info), ("inband", Dtmf::Inband)])
}

pub(super) fn early_media(text: &str) -> Result<EarlyMedia, Wrong> {
    chosen(text, &[("ringback", EarlyMedia::Ringback), ("announcement", EarlyMedia::Announcement)])
}

pub(super) fn mailbox_from(text: &str) -> Result<MailboxFrom, Wrong> {
    use MailboxFrom as M;
    chosen(
        text,
        &[
            ("diversion.last", M::DiversionLast),
            ("diversion.first", M::DiversionFirst),
            ("ruri_target", M::RuriTarget),
            ("to_user", M::ToUser),
            ("history.first", M::HistoryFirst),
        ],
    )
}

pub(super) fn quirk(text: &str) -> Result<Quirk, Wrong> {
    use Quirk as Q;
    chosen(
        text,
        &[
            ("mwi_without_count", Q::MwiWithoutCount),
            ("group_identity", Q::GroupIdentity),
            ("timeout_is_no_answer", Q::TimeoutIsNoAnswer),
        ],
    )
}

/// A word in small letters.
pub(super) fn small(text: &str) -> Result<String, Wrong> {
    match text.is_empty() || text.chars().any(char::is_uppercase) {
        true => Err(format!("write it in small letters, as `{}`", text.to_lowercase())),
        false => Ok(text.to_owned()),
    }
}

/// A codec's SDP name in capitals.
pub(super) fn codec(text: &str) -> Result<String, Wrong> {
    match text.is_empty() || text.chars().any(char::is_lowercase) {
        true => Err(format!("write it in capitals, as `{}`", text.to_uppercase())),
        false => Ok(text.to_owned()),
    }
}

/// What stands before a Call-ID; the group of the result is what is left.
pub(super) fn prefix(text: &str) -> Result<Regex, Wrong> {
    around(text, &format!("^(?:{text})(.+)$"))
}

/// What stands behind a Call-ID; the group of the result is what is left.
pub(super) fn suffix(text: &str) -> Result<Regex, Wrong> {
    around(text, &format!("^(.+?)(?:{text})$"))
}

fn around(text: &str, whole: &str) -> Result<Regex, Wrong> {
    // A group of its own would take the number of the one that is kept.
    if pattern(text)?.captures_len() > 1 {
        return Err(format!("`{text}` has a group; write it as (?:…)"));
    }
    Regex::new(whole).map_err(|error| format!("`{text}` is not a pattern: {error}"))
}

fn chosen<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Wrong> {
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant);
    found.ok_or_else(|| format!("it can't be `{text}`{}", instead(text, &known)))
}

fn word<'w>(what: &str, text: &str, words: &[&'w str]) -> Result<&'w str, Wrong> {
    let found = words.iter().copied().find(|word| *word == text);
    found.ok_or_else(|| format!("no {what} `{text}`{}", instead(text, words)))
}

const PARTIES: &[&str] = &["calling", "called"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_those_that_every_value_has() {
        assert_eq!(letters(".*;x-nearend.*"), ";x-nearend");
        assert_eq!(letters(r".*@sip\.pstnhub\.microsoft\.com.*"), "@sip.pstnhub.microsoft.com");
        for unsure in ["a|bcd", ".*x?y", "[ab]c", r"\d+", ".+"] {
            assert_eq!(letters(unsure), "", "{unsure}");
        }
    }

    #[test]
    fn what_is_around_a_call_id_is_cut_from_its_ends_only() {
        let cut = |pattern: &Regex, id: &str| pattern.captures(id).and_then(|found| found.get(1)).is_some();
        let behind = suffix("-mo[0-9]+").expect("a pattern");
        assert!(cut(&behind, "abc-mo42") && !cut(&behind, "abc-mo42x") && !cut(&behind, "-mo42"));
        let before = prefix("SD[0-9]-").expect("a pattern");
        assert!(cut(&before, "SD1-abc") && !cut(&before, "xSD1-abc") && !cut(&before, "SD1-"));
        assert!(suffix("-(mo)").is_err() && suffix("").is_err());
    }
}

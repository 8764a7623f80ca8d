//! By what legs of one call know each other, as the PBX's make writes it: headers they share, and Call-IDs made
//! from one another.

use std::str;

use regex_lite::Regex;

use crate::call::hash::{Key, Keyer};
use crate::call::make::Field;
use crate::limits;
use crate::settings::{self, KeyFrom};
use crate::time::Span;
use crate::wire::sip::{HeaderName, Message};

/// What makes legs one call.
#[derive(Debug)]
pub struct Correlate {
    /// How soon after the last message of an unanswered call a leg of equal caller belongs to it.
    pub window: Option<Span>,
    shared: Vec<Shared>,
    prefixes: Vec<Around>,
    suffixes: Vec<Around>,
    /// The bytes a suffix may begin with.
    suffixed: ByteSet,
}

/// A value that legs share, and how it is cut out of its header.
#[derive(Debug)]
struct Shared {
    field: Field,
    cut: Cut,
}

#[derive(Debug)]
enum Cut {
    SessionId,
    Icid,
    CiscoGuid,
    Ucid,
    Whole,
    Param(Box<[u8]>),
}

/// What is put before or behind a Call-ID; the first group of the pattern is the Call-ID within.
#[derive(Debug)]
struct Around {
    /// What it may begin with; empty: anything.
    begins: Vec<u8>,
    pattern: Regex,
}

impl Correlate {
    /// What a profile says.
    pub fn new(told: &settings::Correlate) -> Correlate {
        let around = |patterns: &[Regex], before: &str| -> Vec<Around> {
            let of = |pattern: &Regex| Around {
                begins: begins(pattern.as_str().strip_prefix(before).unwrap_or_default()),
                pattern: pattern.clone(),
            };
            patterns.iter().map(of).collect()
        };
        let suffixes = around(&told.callid_suffix, "^(.+?)(?:");
        Correlate {
            window: told.window,
            shared: told.headers.iter().map(Shared::new).collect(),
            prefixes: around(&told.callid_prefix, "^(?:"),
            suffixed: ByteSet::of_beginnings(&suffixes),
            suffixes,
        }
    }

    /// The keys of the values that legs of one call share, each with its rule.
    pub fn shared(&self, keyer: &Keyer, message: &Message<'_>) -> Vec<(Key, &'static str)> {
        let mut keys = Vec::new();
        for shared in &self.shared {
            shared.add(keyer, message, &mut keys);
        }
        keys
    }

    /// The Call-IDs that one is made from: without what is before it, and of that, or of the whole, what is
    /// left of a call that is known.
    pub fn within<'a>(&self, call_id: &'a [u8], known: impl Fn(&[u8]) -> bool) -> [Option<&'a [u8]>; 2] {
        let bare = self.prefixes.iter().find_map(|prefix| prefix.without_prefix(call_id));
        let id = bare.unwrap_or(call_id);
        let from = id.len().saturating_sub(LONGEST).max(1);
        let may_be_cut = |cut: &usize| id.get(*cut).is_some_and(|byte| self.suffixed.has(*byte));
        let stem = (from..id.len()).filter(may_be_cut).find_map(|cut| {
            let (stem, rest) = id.split_at_checked(cut)?;
            let may_be = |suffix: &&Around| suffix.may_begin(rest);
            let fitting = |suffix: &Around| suffix.within(id) == Some(stem);
            (known(stem) && self.suffixes.iter().filter(may_be).any(fitting)).then_some(stem)
        });
        [bare, stem]
    }
}

/// Some of all bytes.
#[derive(Debug)]
struct ByteSet([bool; 256]);

impl ByteSet {
    /// Those that one of these may begin with: all, where one doesn't tell.
    fn of_beginnings(arounds: &[Around]) -> ByteSet {
        let mut set = [arounds.iter().any(|around| around.begins.is_empty()); 256];
        for byte in arounds.iter().flat_map(|around| &around.begins) {
            set[usize::from(*byte)] = true;
        }
        ByteSet(set)
    }

    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }
}

impl Shared {
    fn new(key: &KeyFrom) -> Shared {
        use HeaderName as H;
        let field = Field::new(&key.header);
        let icid = key.param.as_deref().is_some_and(|param| param.eq_ignore_ascii_case("icid-value"));
        let cut = match (&field, &key.param) {
            (Field::Known(H::SessionId), None) => Cut::SessionId,
            (Field::Known(H::PChargingVector), Some(_)) if icid => Cut::Icid,
            (Field::Known(H::CiscoGuid), None) => Cut::CiscoGuid,
            (Field::Known(H::UserToUser), None) => Cut::Ucid,
            (_, None) => Cut::Whole,
            (_, Some(param)) => Cut::Param(param.as_bytes().into()),
        };
        Shared { field, cut }
    }

    fn add(&self, keyer: &Keyer, message: &Message<'_>, keys: &mut Vec<(Key, &'static str)>) {
        let Some(value) = self.field.first(message).filter(|value| !value.is_empty()) else { return };
        let mut add = |kind, id: &[u8], rule| {
            if !id.is_empty() {
                keys.push((keyer.key(kind, id), rule));
            }
        };
        match &self.cut {
            Cut::SessionId => {
                for id in session_ids(value) {
                    add(SESSION, &id.to_ascii_lowercase(), "session_id");
                }
            }
            Cut::Icid => add(ICID, icid(value), "charging_vector"),
            Cut::CiscoGuid => add(GUID, value, "cisco_guid"),
            Cut::Ucid => add(UCID, &ucid(value), "ucid"),
            Cut::Whole => add(SHARED, value, SHARED_HEADER),
            Cut::Param(name) => add(SHARED, parameter(value, name).unwrap_or_default(), SHARED_HEADER),
        }
    }
}

impl Around {
    fn may_begin(&self, text: &[u8]) -> bool {
        self.begins.is_empty() || text.first().is_some_and(|first| self.begins.contains(first))
    }

    fn without_prefix<'a>(&self, call_id: &'a [u8]) -> Option<&'a [u8]> {
        if self.may_begin(call_id) { self.within(call_id) } else { None }
    }

    fn within<'a>(&self, call_id: &'a [u8]) -> Option<&'a [u8]> {
        let text = str::from_utf8(call_id).ok().filter(|text| text.len() <= limits::DERIVED_ID)?;
        Some(self.pattern.captures(text)?.get(1)?.as_str().as_bytes())
    }
}

/// The bytes that what a pattern matches can begin with, told from its first letter or class; none where that
/// doesn't tell.
fn begins(pattern: &str) -> Vec<u8> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_~@!%".contains(byte);
    let (first, rest) = match pattern.as_bytes() {
        [b'[', class @ ..] => match class.iter().position(|byte| *byte == b']') {
            Some(end) => (class.get(..end).unwrap_or_default(), class.get(end + 1..).unwrap_or_default()),
            None => return Vec::new(),
        },
        [letter, rest @ ..] => (std::slice::from_ref(letter), rest),
        [] => return Vec::new(),
    };
    let range = first.len() > 1 && first.get(1..first.len() - 1).is_some_and(|inner| inner.contains(&b'-'));
    let optional = rest.first().is_some_and(|next| b"?*{".contains(next));
    match first.iter().all(plain) && !range && !optional && only_inner_choices(pattern) {
        true => first.to_vec(),
        false => Vec::new(),
    }
}

/// Whether every `|` of a pattern stands within parentheses; one with escapes is not looked into.
fn only_inner_choices(pattern: &str) -> bool {
    let mut depth = 0_i32;
    for byte in pattern.bytes() {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b'|' if depth <= 0 || pattern.contains('\\') => return false,
            _ => {}
        }
    }
    true
}

/// The UUIDs of a Session-ID, the nil one left out (RFC 7989 5).
fn session_ids(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let ids = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let ids = ids.map(|id| id.strip_prefix(b"remote=").unwrap_or(id));
    ids.filter(|id| id.len() == 32 && id.iter().any(|byte| *byte != b'0'))
}

/// The icid-value of a P-Charging-Vector (RFC 7315 5.6).
fn icid(value: &[u8]) -> &[u8] {
    let parts = value.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let id = parts.filter_map(|part| part.strip_prefix(b"icid-value=")).next().unwrap_or_default();
    id.trim_ascii().strip_prefix(b"\"").and_then(|id| id.strip_suffix(b"\"")).unwrap_or(id)
}

/// Avaya's universal call id within User-to-User: its tag 00FA08 and sixteen hexadecimal digits.
fn ucid(value: &[u8]) -> Vec<u8> {
    let upper = value.to_ascii_uppercase();
    let at = memchr::memmem::find(&upper, b"FA08");
    at.and_then(|at| upper.get(at + 4..at + 20)).map(<[u8]>::to_vec).unwrap_or_default()
}

/// A parameter anywhere in a value: behind it, in its URI, or at its start.
fn parameter<'a>(value: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut pairs = value.split(|byte| b";>".contains(byte)).filter_map(|part| {
        let at = memchr::memchr(b'=', part)?;
        Some((part.get(..at)?.trim_ascii(), part.get(at + 1..)?.trim_ascii()))
    });
    let (_, value) = pairs.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    Some(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
}

/// The rule of a value that only some makes share; never enough for two legs that the same PBX opened.
pub const SHARED_HEADER: &str = "shared_header";

const SESSION: u8 = 2;
const ICID: u8 = 3;
const GUID: u8 = 4;
const UCID: u8 = 5;
const SHARED: u8 = 14;

/// No make puts more behind a Call-ID.
const LONGEST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Profile;

    fn generic() -> Correlate {
        Correlate::new(&Profile::default().correlate)
    }

    #[test]
    fn a_made_call_id_names_the_one_it_was_made_from_if_that_is_known() {
        let stem = |id: &'static str, of: &'static str| {
            let [_, stem] = generic().within(id.as_bytes(), |known| known == of.as_bytes());
            stem.map(|stem| String::from_utf8_lossy(stem).into_owned())
        };
        assert_eq!(stem("abc@pbx_b2b-12", "abc@pbx").as_deref(), Some("abc@pbx"));
        assert_eq!(stem("abc-0", "abc").as_deref(), Some("abc"));
        assert_eq!(stem("abc-mo1a2b3c", "abc").as_deref(), Some("abc"));
        assert_eq!(stem("abc~1o", "abc").as_deref(), Some("abc"));
        assert_eq!(stem("abc-0", "other"), None, "nobody knows it");
        assert_eq!(stem("abc-0x", "abc"), None, "no such suffix");
        assert_eq!(stem("abc", "ab"), None);
        assert_eq!(stem("-0", ""), None);
    }

    #[test]
    fn what_an_sbc_put_before_a_call_id_is_cut() {
        let within = generic().within(b"SDabc1234-xyz-2", |known| known == b"xyz");
        assert_eq!(within, [Some(&b"xyz-2"[..]), Some(&b"xyz"[..])]);
        assert_eq!(generic().within(b"SD-xyz", |_| true)[0], None);
    }

    #[test]
    fn a_pattern_tells_what_it_begins_with_or_nothing() {
        assert_eq!(begins("[-_][0-9]{1,2})$"), b"-_");
        assert_eq!(begins("_(?:pbx|b2b)-[0-9]{1,2})$"), b"_");
        assert_eq!(begins("SD[a-z0-9]{7}-)(.+)$"), b"S");
        for unsure in ["[0-9]+)$", "a|b)$", "-?x)$", "(?:a|b))$", ".x)$", "[^a])$", r"\d)$", ""] {
            assert_eq!(begins(unsure), b"", "{unsure}");
        }
    }

    #[test]
    fn identifiers_are_cut_out_of_their_headers() {
        assert_eq!(icid(b"icid-value=\"a b\" ;orig-ioi=x"), b"a b");
        assert_eq!(ucid(b"00FA0800010203040506070;encoding=hex"), b"00010203040506070"[..16].to_vec());
        let both = b"ab30317f1a784dc48ff824d0d3715d86;remote=00000000000000000000000000000000";
        assert_eq!(session_ids(both).count(), 1);
        assert_eq!(parameter(b"<sip:a@h;gsid=1-2>;expires=3", b"gsid"), Some(&b"1-2"[..]));
        assert_eq!(parameter(b"<sip:a@h>;GSID=\"7\"", b"gsid"), Some(&b"7"[..]));
        assert_eq!(parameter(b"<sip:a@h>", b"gsid"), None);
    }
}

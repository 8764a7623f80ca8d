//! Calls as JSON, which is most of what a replay writes: the same bytes as serde makes, at a fifth of the cost.

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Serialize;
use wide::u8x16;

use super::call::{CallKey, CallRecord, Evidence, LadderRow, LegRecord, Recording, VoicemailMessage};
use super::{Event, JournalEntry};
use crate::phone::Party;
use crate::time::Timestamp;

/// Adds a call to `out` as one JSON object.
pub fn call(out: &mut Vec<u8>, record: &CallRecord) {
    raw(out, "{\"call\":");
    key(out, record.call);
    raw(out, ",\"at\":");
    time(out, record.at);
    raw(out, ",\"ended\":");
    optional(out, record.ended, time);
    raw(out, ",\"caller\":");
    optional(out, record.caller.as_ref(), party);
    raw(out, ",\"caller_raw\":");
    optional(out, record.caller_raw.as_deref(), text);
    raw(out, ",\"caller_name\":");
    optional(out, record.caller_name.as_deref(), text);
    raw(out, ",\"withheld\":");
    flag(out, record.withheld);
    raw(out, ",\"called\":");
    optional(out, record.called.as_ref(), party);
    raw(out, ",\"called_raw\":");
    optional(out, record.called_raw.as_deref(), text);
    raw(out, ",\"line\":");
    optional(out, record.line.as_deref(), text);
    verdict(out, record);
    raw(out, ",\"message\":");
    optional(out, record.message.as_ref(), message);
    raw(out, ",\"recording\":");
    optional(out, record.recording.as_ref(), recording);
    raw(out, ",\"legs\":");
    list(out, &record.legs, leg);
    raw(out, ",\"evidence\":");
    list(out, &record.evidence, evidence);
    raw(out, "}");
}

/// Adds an entry of the journal to `out` as one JSON object.
pub fn entry(out: &mut Vec<u8>, entry: &JournalEntry) {
    let Event::Call(record) = &entry.event else { return value(out, entry) };
    raw(out, "{\"n\":");
    number(out, entry.n);
    raw(out, ",\"at\":");
    time(out, entry.at);
    raw(out, ",\"event\":\"call\",\"data\":");
    call(out, record);
    raw(out, "}");
}

/// Adds any value to `out` as serde writes it.
pub fn value(out: &mut Vec<u8>, value: &impl Serialize) {
    // Writing into memory doesn't fail, and the facts have no keys but strings.
    let _ = serde_json::to_writer(out, value);
}

fn verdict(out: &mut Vec<u8>, record: &CallRecord) {
    raw(out, ",\"direction\":");
    word(out, record.direction.word());
    raw(out, ",\"outcome\":");
    word(out, record.outcome.word());
    raw(out, ",\"missed\":");
    flag(out, record.missed);
    raw(out, ",\"answered_by\":");
    optional(out, record.answered_by.map(|by| by.word()), word);
    raw(out, ",\"confidence\":");
    word(out, record.confidence.word());
    raw(out, ",\"ambiguous\":");
    flag(out, record.ambiguous);
    raw(out, ",\"lossy\":");
    flag(out, record.lossy);
    raw(out, ",\"rang_ms\":");
    number(out, record.rang_ms);
    raw(out, ",\"talked_ms\":");
    number(out, record.talked_ms);
    raw(out, ",\"final_status\":");
    optional(out, record.final_status, number);
    raw(out, ",\"cause\":");
    optional(out, record.cause, number);
}

fn leg(out: &mut Vec<u8>, leg: &LegRecord) {
    raw(out, "{\"call_id\":");
    text(out, &leg.call_id);
    raw(out, ",\"from_tag\":");
    text(out, &leg.from_tag);
    raw(out, ",\"role\":");
    word(out, leg.role.word());
    raw(out, ",\"result\":");
    word(out, leg.result.word());
    raw(out, ",\"status\":");
    optional(out, leg.status, number);
    raw(out, ",\"joined_by\":");
    known(out, &leg.joined_by);
    raw(out, ",\"ladder\":");
    list(out, &leg.ladder, row);
    raw(out, "}");
}

fn row(out: &mut Vec<u8>, LadderRow(ms, frame, label, src, dst): &LadderRow) {
    raw(out, "[");
    number(out, *ms);
    raw(out, ",");
    number(out, *frame);
    raw(out, ",");
    known(out, label);
    raw(out, ",");
    addr(out, *src);
    raw(out, ",");
    addr(out, *dst);
    raw(out, "]");
}

fn evidence(out: &mut Vec<u8>, evidence: &Evidence) {
    raw(out, "{\"tap\":");
    text(out, &evidence.tap);
    raw(out, ",\"frame\":");
    number(out, evidence.frame);
    raw(out, ",\"rule\":");
    known(out, &evidence.rule);
    raw(out, "}");
}

fn message(out: &mut Vec<u8>, message: &VoicemailMessage) {
    value(out, message);
}

fn recording(out: &mut Vec<u8>, recording: &Recording) {
    value(out, recording);
}

fn party(out: &mut Vec<u8>, party: &Party) {
    match party {
        Party::Number(of_world) => {
            raw(out, "\"+");
            number(out, of_world.digits());
            raw(out, "\"");
        }
        Party::Digits(digits) => text(out, digits),
    }
}

fn key(out: &mut Vec<u8>, key: CallKey) {
    let digits: [u8; 12] = std::array::from_fn(|n| HEX[(key.hash >> (44 - 4 * n)) as usize & 15]);
    raw(out, "\"");
    out.extend_from_slice(&digits);
    if key.nth > 1 {
        raw(out, "#");
        number(out, key.nth);
    }
    raw(out, "\"");
}

fn time(out: &mut Vec<u8>, at: Timestamp) {
    let Some(text) = at.text() else { return value(out, &at) };
    out.push(b'"');
    out.extend_from_slice(&text);
    out.push(b'"');
}

fn addr(out: &mut Vec<u8>, addr: IpAddr) {
    let IpAddr::V4(addr) = addr else { return value(out, &addr) };
    let mut text = [b'"'; 17];
    let mut len = 1;
    for octet in addr.octets() {
        let (digits, length) = OCTETS[usize::from(octet)];
        text[len..len + 4].copy_from_slice(&digits);
        len += usize::from(length);
    }
    text[len - 1] = b'"';
    start_of(out, text, len);
}

/// Numbers up to 255 with a point behind them, and how long that is.
static OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut n = 0;
    while n < 256 {
        let digits = [b'0' + (n / 100) as u8, b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8];
        octets[n] = match n {
            0..10 => ([digits[2], b'.', 0, 0], 2),
            10..100 => ([digits[1], digits[2], b'.', 0], 3),
            _ => ([digits[0], digits[1], digits[2], b'.'], 4),
        };
        n += 1;
    }
    octets
};

/// The first `len` bytes of a text: it is copied whole, which takes no call, and cut.
#[inline]
fn start_of<const N: usize>(out: &mut Vec<u8>, text: [u8; N], len: usize) {
    let whole = out.len() + len;
    out.extend_from_slice(&text);
    out.truncate(whole);
}

/// A string that may hold anything.
fn text(out: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) { word(out, text) } else { value(out, &text) }
}

/// Whether nothing in a text needs to be escaped: no control character, quote or backslash; sixteen bytes at a look.
fn is_plain(text: &[u8]) -> bool {
    let (blocks, tail) = text.as_chunks::<16>();
    let whole = blocks.iter().fold(u8x16::ZERO, |odd, block| odd | odd_bytes(u8x16::new(*block)));
    let rest = match text.last_chunk() {
        Some(last) => odd_bytes(u8x16::new(*last)),
        None => {
            let mut last = [b' '; 16];
            last.iter_mut().zip(tail).for_each(|(slot, byte)| *slot = *byte);
            odd_bytes(u8x16::new(last))
        }
    };
    (whole | rest).to_bitmask() == 0
}

/// Which bytes are below a blank, a quote or a backslash.
#[inline(always)]
fn odd_bytes(bytes: u8x16) -> u8x16 {
    let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
    control | bytes.simd_eq(u8x16::splat(b'"')) | bytes.simd_eq(u8x16::splat(b'\\'))
}

/// A string of ours, or one that was read back.
#[allow(clippy::ptr_arg, reason = "whether it is borrowed is what matters")]
fn known(out: &mut Vec<u8>, known: &Cow<'static, str>) {
    match known {
        Cow::Borrowed(ours) => word(out, ours),
        Cow::Owned(read) => text(out, read),
    }
}

/// A string in which nothing needs to be escaped.
fn word(out: &mut Vec<u8>, word: &str) {
    out.push(b'"');
    raw(out, word);
    out.push(b'"');
}

fn flag(out: &mut Vec<u8>, flag: bool) {
    raw(out, if flag { "true" } else { "false" });
}

fn number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    raw(out, itoa::Buffer::new().format(number));
}

fn optional<T>(out: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(out, value),
        None => raw(out, "null"),
    }
}

fn list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    out.push(b'[');
    for (n, item) in items.iter().enumerate() {
        raw(out, if n > 0 { "," } else { "" });
        write(out, item);
    }
    out.push(b']');
}

#[inline]
fn raw(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

const HEX: &[u8; 16] = b"0123456789abcdef";

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;
    use crate::event::{AnsweredBy, Confidence, Direction, LegResult, Outcome, Role};
    use crate::phone::Number;

    fn any_party() -> impl Strategy<Value = Party> {
        let number = "[1-9][0-9]{0,14}".prop_filter_map("a number", |digits| Number::parse(&digits));
        prop_oneof![number.prop_map(Party::Number), ".{0,12}".prop_map(|text| Party::Digits(text.into()))]
    }

    fn any_time() -> impl Strategy<Value = Timestamp> {
        any::<i64>().prop_map(Timestamp::from_micros)
    }

    fn any_row() -> impl Strategy<Value = LadderRow> {
        let ours = select(vec!["INVITE", "487"]).prop_map(Cow::Borrowed);
        let label = prop_oneof![ours, ".{0,5}".prop_map(Cow::Owned)];
        let row = (any::<i64>(), any::<u64>(), label, any::<IpAddr>(), any::<IpAddr>());
        row.prop_map(|(ms, frame, label, src, dst)| LadderRow(ms, frame, label, src, dst))
    }

    fn any_leg() -> impl Strategy<Value = LegRecord> {
        let ends = (select(Role::ALL), select(LegResult::ALL), option::of(any::<u16>()));
        ((".{0,20}", ".{0,20}"), ends, vec(any_row(), 0..3)).prop_map(|(ids, ends, ladder)| LegRecord {
            call_id: ids.0,
            from_tag: ids.1,
            role: ends.0,
            result: ends.1,
            status: ends.2,
            joined_by: "first".into(),
            ladder,
        })
    }

    prop_compose! {
        fn any_call()(
            (hash, nth, at, ended) in (0..1_u64 << 48, 0..3_u32, any_time(), option::of(any_time())),
            parties in (option::of(any_party()), option::of(any_party())),
            texts in (option::of(".{0,20}"), option::of("\\PC{0,20}"), option::of("[\\x00-\\x7f]{0,9}")),
            words in (select(Direction::ALL), select(Outcome::ALL), select(Confidence::ALL)),
            answered_by in option::of(select(AnsweredBy::ALL)),
            flags in any::<[bool; 4]>(),
            numbers in (any::<i64>(), any::<i64>(), option::of(any::<u16>())),
            message in option::of((any::<i64>(), any::<i64>())),
            legs in vec(any_leg(), 0..3),
            frames in vec(any::<u64>(), 0..3),
        ) -> CallRecord {
            CallRecord {
                call: CallKey { hash, nth },
                at,
                ended,
                caller: parties.0,
                caller_raw: texts.0.clone(),
                caller_name: texts.1,
                withheld: flags[0],
                called: parties.1,
                called_raw: texts.2,
                line: texts.0,
                direction: words.0,
                outcome: words.1,
                missed: flags[1],
                answered_by,
                confidence: words.2,
                ambiguous: flags[2],
                lossy: flags[3],
                rang_ms: numbers.0,
                talked_ms: numbers.1,
                final_status: numbers.2,
                cause: numbers.2,
                message: message.map(|(start_ms, end_ms)| VoicemailMessage { start_ms, end_ms, speech_ms: 7 }),
                recording: message.map(|_| Recording {
                    file: "voicemail/a.wav".to_owned(),
                    duration_ms: 1,
                    speech_ms: 2,
                    codec: "PCMU".to_owned(),
                    lost: 3,
                    peaks: vec![0, 255],
                }),
                legs,
                evidence: frames
                    .into_iter()
                    .map(|frame| Evidence { tap: "a \\ b".into(), frame, rule: "leg.busy".into() })
                    .collect(),
            }
        }
    }

    proptest! {
        #[test]
        fn a_call_is_written_as_serde_writes_it(record in any_call(), n: u64, at in any_time()) {
            let mut ours = Vec::new();
            call(&mut ours, &record);
            prop_assert_eq!(&ours, &serde_json::to_vec(&record).expect("a record"));
            ours.clear();
            let whole = JournalEntry { n, at, event: Event::Call(Box::new(record)) };
            entry(&mut ours, &whole);
            prop_assert_eq!(&ours, &serde_json::to_vec(&whole).expect("an entry"));
        }
    }
}

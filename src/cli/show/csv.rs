//! Calls as CSV (RFC 4180), safe to open in a spreadsheet.

use jiff::tz::TimeZone;

use super::{clean, local, words};
use crate::event::CallRecord;
use crate::phone::Party;

/// The head line.
pub const HEAD: &str = "call,at,ended,caller,caller_name,called,line,direction,outcome,missed,answered_by,confidence,ambiguous,lossy,rang_ms,talked_ms,final_status,cause";

/// One call as a line, without its end; times in the given zone.
pub fn line(record: &CallRecord, tz: &TimeZone) -> String {
    let number = |party: &Option<Party>| party.as_ref().map(party_cell).unwrap_or_default();
    let optional = |value: Option<u16>| value.map(|value| value.to_string()).unwrap_or_default();
    let word =
        |value: serde_json::Result<String>| value.unwrap_or_default().trim_matches('"').replace("null", "");
    let cells = [
        record.call.to_string(),
        local(record.at, tz),
        record.ended.map(|ended| local(ended, tz)).unwrap_or_default(),
        number(&record.caller),
        text_cell(record.caller_name.as_deref().unwrap_or_default()),
        number(&record.called),
        text_cell(record.line.as_deref().unwrap_or_default()),
        word(serde_json::to_string(&record.direction)),
        words::outcome(record.outcome).to_owned(),
        record.missed.to_string(),
        word(serde_json::to_string(&record.answered_by)),
        word(serde_json::to_string(&record.confidence)),
        record.ambiguous.to_string(),
        record.lossy.to_string(),
        record.rang_ms.to_string(),
        record.talked_ms.to_string(),
        optional(record.final_status),
        optional(record.cause),
    ];
    cells.map(|cell| quoted(&cell)).join(",")
}

fn party_cell(party: &Party) -> String {
    match party {
        Party::Number(number) => number.e164(),
        Party::Digits(digits) => text_cell(digits),
    }
}

/// Text from outside; what a spreadsheet would take for a formula gets an apostrophe.
fn text_cell(text: &str) -> String {
    let text = clean(text);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.into_owned() }
}

fn quoted(cell: &str) -> String {
    let plain = !cell.contains([',', '"', '\n', '\r']);
    if plain { cell.to_owned() } else { format!("\"{}\"", cell.replace('"', "\"\"")) }
}

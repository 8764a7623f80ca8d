//! The messages of RFC 4475, each read alone: which open a leg, and the keys that must be read of them.

use std::path::Path;

use ringback::wire::sip::{Faults, Message};
use serde::Deserialize;

use super::reading::{Action, action, cseq, from_tag, method, text, to_tag};
use super::{Judged, Verdicts};

/// Reads every message the table names.
pub fn judge(folder: &str, verdicts: &str) -> Verdicts {
    let mut table: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(verdicts)?)?;
    let verdicts: Vec<Verdict> = serde_json::from_value(table["messages"].take())?;
    let one = |verdict: Verdict| {
        let bytes = std::fs::read(Path::new(folder).join(&verdict.file))?;
        let faults = faults(&bytes, &verdict.monitor);
        Ok(Judged { name: verdict.file, faults })
    };
    verdicts.into_iter().map(one).collect()
}

/// What the table says of one message, as far as it is compared.
#[derive(Deserialize)]
struct Verdict {
    file: String,
    monitor: Monitor,
}

#[derive(Deserialize)]
struct Monitor {
    action: Action,
    grade: String,
    call_id: serde_json::Value,
    from_tag: serde_json::Value,
    to_tag: serde_json::Value,
    cseq: serde_json::Value,
    method: Option<String>,
    status: Option<String>,
    headers: usize,
    octets_after_blank_line: usize,
}

/// Compares a message of the RFC with its verdict. A refused message has no fields to compare.
fn faults(bytes: &[u8], verdict: &Monitor) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut check = |what: &str, right: bool| {
        if !right {
            wrong.push(what.to_owned());
        }
    };
    let Ok(message) = Message::parse(bytes) else {
        check("refused", verdict.action == Action::NoLeg && verdict.grade == "malformed");
        return wrong;
    };
    check("action", action(&message) == verdict.action);
    if matches!(verdict.grade.as_str(), "clean" | "malformed") {
        let grade = if message.faults().is_clean() { "clean" } else { "malformed" };
        check(&format!("grade {:?}", message.faults()), grade == verdict.grade);
    }
    check("call_id", is_first(&verdict.call_id, message.call_id().map(text)));
    check("from_tag", is_first(&verdict.from_tag, from_tag(&message)));
    check("to_tag", is_first(&verdict.to_tag, to_tag(&message)));
    check("cseq", is_cseq(&verdict.cseq, cseq(&message)));
    check("method", method(&message) == verdict.method);
    check("status", message.status().map(|status| status.to_string()) == verdict.status);
    // The table counts the missing blank line of a message without one as a header line.
    let lines = message.header_count() + usize::from(message.faults().any(Faults::NO_BLANK_LINE));
    check("headers", lines == verdict.headers);
    check("octets", message.body().len() + message.trailing().len() == verdict.octets_after_blank_line);
    wrong
}

/// A value, or the first of several.
fn is_first(wanted: &serde_json::Value, found: Option<String>) -> bool {
    let first = wanted.as_array().and_then(|all| all.first()).unwrap_or(wanted);
    first.as_str() == found.as_deref()
}

/// A table keeps leading zeros and numbers beyond 2^32-1, which the reader does not.
fn is_cseq(wanted: &serde_json::Value, found: Option<String>) -> bool {
    let first = wanted.as_array().and_then(|all| all.first()).unwrap_or(wanted);
    let Some((digits, method)) = first.as_str().and_then(|cseq| cseq.split_once(' ')) else {
        return found.is_none();
    };
    found == digits.parse::<u32>().ok().map(|number| format!("{number} {method}"))
}

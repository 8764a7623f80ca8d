//! Why: one call with its evidence and ladder, and what each gate said to what it would have caused.

use std::fmt::Write;

use super::table::{self, Look};
use super::{clean, local, words};
use crate::event::{Answer, CallRecord, Decision, GateAnswer, LadderRow, LegRecord, Message, Review, Task};
use crate::rules::why::Why;

/// One call, told from its record.
pub fn call(record: &CallRecord, look: &Look) -> String {
    let mut text = String::new();
    let called =
        record.called.as_ref().map_or_else(|| "?".to_owned(), |party| clean(&party.shown()).into_owned());
    let _ = writeln!(text, "{}", table::heading(&format!("call {}", record.call), look));
    let _ =
        writeln!(text, "  {} called {called} at {}", table::shown_caller(record), local(record.at, &look.tz));
    let _ = writeln!(text, "  outcome    {}", verdict(record));
    let _ = writeln!(text, "  direction  {}", word(&record.direction));
    if let Some(line) = &record.line {
        let _ = writeln!(text, "  line       {}", clean(line));
    }
    let _ = writeln!(text, "  ringing    {} ms, talk {} ms", record.rang_ms, record.talked_ms);
    if let Some(status) = record.final_status {
        let cause = record.cause.map(|cause| format!(", Q.850 cause {cause}")).unwrap_or_default();
        let _ = writeln!(text, "  status     {status}{cause}");
    }
    let _ = writeln!(text, "because");
    for evidence in &record.evidence {
        let sentence = words::rule(&evidence.rule);
        let _ = writeln!(
            text,
            "  {sentence} (frame {} of {}, {})",
            evidence.frame,
            clean(&evidence.tap),
            evidence.rule
        );
    }
    for leg in &record.legs {
        text.push_str(&ladder(leg));
    }
    text
}

/// What was decided about a call, gate by gate.
pub fn decision(decision: &Decision) -> String {
    let mut text = String::from("decided\n");
    let reason = decision.reason.as_deref().map(|reason| format!("{}: {}", clean(reason), sentence(reason)));
    let planned = decision.sequence.as_deref().map(|sequence| format!("sequence {}", clean(sequence)));
    let what = planned.or(reason).unwrap_or_else(|| "nothing is planned".to_owned());
    let _ = writeln!(text, "  {what} (case {})", clean(&decision.case));
    text.push_str(&gates(&decision.trail));
    text
}

/// One text or mail, with the gates asked when it was due.
pub fn message(message: &Message, look: &Look) -> String {
    let mut text = format!("message {}\n", clean(&message.key));
    let why = message.why.as_deref().map(|why| format!(": {}", sentence(why))).unwrap_or_default();
    let _ = writeln!(text, "  {}{why}", message.state.word());
    let _ = writeln!(text, "  due {}, to {}", local(message.due, &look.tz), clean(&message.to.shown()));
    let _ = writeln!(
        text,
        "  template {}, {} segment(s) of {}",
        clean(&message.template),
        message.segments,
        message.encoding
    );
    let _ = writeln!(text, "  consent {}", message.consent);
    let _ = writeln!(text, "  \"{}\"", clean(&message.body));
    text.push_str(&gates(&message.trail));
    text
}

/// One task.
pub fn task(task: &Task, look: &Look) -> String {
    let owner = task.owner.as_deref().unwrap_or("nobody");
    let due = task.due.map(|due| format!(", due {}", local(due, &look.tz))).unwrap_or_default();
    let why = task.why.as_deref().map(|why| format!(" because {}", sentence(why))).unwrap_or_default();
    format!("task {}\n  {} for {}{due}{why}\n", clean(&task.key), clean(&task.title), clean(owner))
}

/// One review item.
pub fn review(review: &Review) -> String {
    format!("review\n  {}: {}\n", clean(&review.reason), sentence(&review.reason))
}

fn verdict(record: &CallRecord) -> String {
    let missed = if record.missed { ", missed" } else { "" };
    let by = record.answered_by.map(|by| format!(", answered by {}", word(&by))).unwrap_or_default();
    let ambiguous = if record.ambiguous { ", ambiguous" } else { "" };
    let outcome = words::outcome(record.outcome);
    format!("{outcome}{missed}{by}, confidence {}{ambiguous}", word(&record.confidence))
}

fn ladder(leg: &LegRecord) -> String {
    let mut text = String::new();
    let (role, result) = (words::role(leg.role), words::result(leg.result));
    let _ = writeln!(
        text,
        "leg {} ({role}): {result}; {}",
        clean(&leg.call_id),
        words::joined_by(&leg.joined_by)
    );
    for LadderRow(ms, frame, label, src, dst) in &leg.ladder {
        let _ = writeln!(text, "  {ms:>8} ms  frame {frame:>6}  {:<10}  {src} -> {dst}", clean(label));
    }
    text
}

fn gates(trail: &[GateAnswer]) -> String {
    let mut text = String::new();
    for GateAnswer { gate, answer, why } in trail {
        let found = match (answer, why.as_deref()) {
            (_, None) => String::new(),
            (Answer::Allow, Some(found)) => format!(" {}", clean(found)),
            (_, Some(why)) => format!(" {}: {}", clean(why), sentence(why)),
        };
        let _ = writeln!(text, "  {:<12} {}{found}", clean(gate), word(answer));
    }
    text
}

/// The word a value has in records.
fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.as_str().unwrap_or_default().to_owned()
}

/// The sentence of a why code; the code itself where it is not known.
fn sentence(code: &str) -> &str {
    match Why::from_code(code) {
        Some(why) => why.sentence(),
        None => code,
    }
}

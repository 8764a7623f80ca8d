//! Reads SIP messages, one a file, and prints what each says as one JSON object a line.
//!
//! `read [--profile NAME] FILE…`; without a profile each is read by the one it shows, else by generic. `lost` names
//! header lines whose value the reader doesn't give back.

use std::process::ExitCode;

use ringback::config::profile;
use ringback::settings::{Profile, Sender, recognise};
use ringback::wire::facts::{Facts, Reader};
use ringback::wire::sdp::Sdp;
use ringback::wire::sip::{HeaderName, Message, reasons};
use serde_json::{Value, json};

fn main() -> ExitCode {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let named =
        (args.first().map(String::as_str) == Some("--profile")).then(|| args.drain(..2).nth(1)).flatten();
    let profiles = match profile::all() {
        Ok(profiles) => profiles,
        Err(refused) => {
            eprintln!("{refused}");
            return ExitCode::FAILURE;
        }
    };
    for path in &args {
        let told = match std::fs::read(path) {
            Ok(bytes) => said(&bytes, &profiles, named.as_deref()),
            Err(error) => json!({ "error": error.to_string() }),
        };
        println!("{}", json!({ "file": path, "read": told }));
    }
    ExitCode::SUCCESS
}

fn said(bytes: &[u8], profiles: &[Profile], named: Option<&str>) -> Value {
    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(refusal) => return json!({ "error": format!("{refusal:?}") }),
    };
    let shown = recognise(profiles, &message);
    let by_name = |name: &str| profiles.iter().find(|profile| profile.name == name);
    let Some(profile) = named.and_then(by_name).or(shown).or_else(|| by_name("generic")) else {
        return json!({ "error": "no such profile" });
    };
    let reader = Reader { profile, sender: Sender::Trunk, is_own: &|_| false };
    let audio = message.sdp().and_then(|body| Sdp::parse(body).audio());
    let reasons: Vec<Value> =
        reasons(&message).map(|reason| json!([text(reason.protocol), reason.cause])).collect();
    json!({
        "user_agent": message.header(HeaderName::UserAgent).map(text),
        "server": message.header(HeaderName::Server).map(text),
        "family": shown.map(|profile| &profile.name),
        "method": format!("{:?}", message.method()),
        "status": message.status(),
        "call_id": message.call_id().map(text),
        "from_tag": message.from_tag().map(text),
        "to_tag": message.to_tag().map(text),
        "vias": message.vias().count(),
        "headers": message.header_count(),
        "lost": lost(bytes, &message),
        "body": message.body().len(),
        "trailing": message.trailing().len(),
        "described": message.sdp().is_some(),
        "faults": message.faults().names().collect::<Vec<_>>(),
        "reasons": reasons,
        "media": audio.and_then(|audio| audio.connection).map(text),
        "facts": Facts::read(&message, &reader),
    })
}

/// The header lines that the accessors don't give back, by their names.
fn lost(bytes: &[u8], message: &Message<'_>) -> Vec<String> {
    let head = text(bytes).replace("\r\n", "\n");
    let head = head.split("\n\n").next().unwrap_or_default().to_owned();
    let lines = head.lines().skip(1).filter(|line| !line.starts_with([' ', '\t']));
    let missing = lines.filter_map(|line| line.split_once(':')).filter(|(name, value)| {
        let name = name.trim().as_bytes();
        let found: Vec<&[u8]> = match HeaderName::read(name) {
            Some(known) => message.headers(known).collect(),
            None => message.named(name).collect(),
        };
        !found.iter().any(|found| text(found).starts_with(value.trim()))
    });
    missing.map(|(name, _)| name.to_owned()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

//! Messages that are hard to read, each with what it must give: the points of RFC 4475, in words of our own.
//!
//! `tests/torture/expected.toml` says of each file whether it opens a leg, and what is read of it. The RFC's own
//! messages are judged by `tests/prove rfc4475`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use ringback::wire::sip::{Message, Refusal};
use serde::Deserialize;

use reading::{Action, action, cseq, from_tag, method, text, to_tag};

#[path = "../checks/vectors/reading.rs"]
mod reading;

/// What one message of ours must give; what is left out must be absent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// What is hard about it.
    point: String,
    action: Action,
    /// Why it is refused, in which case nothing else is asked for.
    refused: Option<String>,
    /// The names of its faults.
    #[serde(default)]
    faults: Vec<String>,
    call_id: Option<String>,
    from_tag: Option<String>,
    to_tag: Option<String>,
    /// Number and method.
    cseq: Option<String>,
    /// The method of a request.
    method: Option<String>,
    status: Option<u16>,
    #[serde(default)]
    headers: usize,
    /// The user part of the Request-URI.
    called: Option<String>,
    /// The user part of the From URI.
    caller: Option<String>,
    /// The display name of the From header.
    caller_name: Option<String>,
    /// The transports of all Vias.
    vias: Option<Vec<String>>,
    #[serde(default)]
    body: usize,
    /// Bytes after the body.
    #[serde(default)]
    trailing: usize,
}

/// Compares one message with what it must give; the names of what differs.
fn differences(bytes: &[u8], expected: &Expected) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut same = |what: &str, found: String, wanted: String| {
        if found != wanted {
            wrong.push(format!("{what}: {found}, not {wanted}"));
        }
    };
    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(refusal) => {
            same(
                "refused",
                format!("{:?}", Some(refusal.name())),
                format!("{:?}", expected.refused.as_deref()),
            );
            same("action", format!("{:?}", Action::NoLeg), format!("{:?}", expected.action));
            return wrong;
        }
    };
    same("refused", format!("{:?}", None::<Refusal>), format!("{:?}", expected.refused));
    same("action", format!("{:?}", action(&message)), format!("{:?}", expected.action));
    same(
        "faults",
        format!("{:?}", message.faults().names().collect::<Vec<_>>()),
        format!("{:?}", expected.faults),
    );
    same("call_id", format!("{:?}", message.call_id().map(text)), format!("{:?}", expected.call_id));
    same("from_tag", format!("{:?}", from_tag(&message)), format!("{:?}", expected.from_tag));
    same("to_tag", format!("{:?}", to_tag(&message)), format!("{:?}", expected.to_tag));
    same("cseq", format!("{:?}", cseq(&message)), format!("{:?}", expected.cseq));
    same("method", format!("{:?}", method(&message)), format!("{:?}", expected.method));
    same("status", format!("{:?}", message.status()), format!("{:?}", expected.status));
    same("headers", message.header_count().to_string(), expected.headers.to_string());
    same("body", message.body().len().to_string(), expected.body.to_string());
    same("trailing", message.trailing().len().to_string(), expected.trailing.to_string());
    if let Some(called) = &expected.called {
        same("called", message.request_uri().map(|uri| text(uri.user())).unwrap_or_default(), called.clone());
    }
    if let Some(caller) = &expected.caller {
        same(
            "caller",
            message.from().map(|from| text(from.uri().user())).unwrap_or_default(),
            caller.clone(),
        );
    }
    if let Some(name) = &expected.caller_name {
        same(
            "caller_name",
            message.from().map(|from| from.display_text().into_owned()).unwrap_or_default(),
            name.clone(),
        );
    }
    if let Some(vias) = &expected.vias {
        let found: Vec<String> = message.vias().map(|via| text(via.transport)).collect();
        same("vias", format!("{found:?}"), format!("{vias:?}"));
    }
    wrong
}

fn expected() -> BTreeMap<String, Expected> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let table = fs::read_to_string(folder.join("expected.toml")).expect("the table of expectations");
    toml::from_str(&table).expect("a valid table")
}

#[test]
fn every_torture_message_gives_what_its_table_row_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let mut wrong = Vec::new();
    for (name, expected) in expected() {
        let bytes = fs::read(folder.join(format!("{name}.sip"))).expect("a message for each row");
        for difference in differences(&bytes, &expected) {
            wrong.push(format!("{name} ({}): {difference}", expected.point));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_torture_message_has_a_row() {
    let expected = expected();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/torture");
    let files = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path());
    let messages: Vec<_> = files.filter(|path| path.extension().is_some_and(|ext| ext == "sip")).collect();
    assert_eq!(messages.len(), expected.len());
    assert!(messages.len() >= 50);
    for path in messages {
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        assert!(expected.contains_key(&name), "{name} has no row");
    }
}

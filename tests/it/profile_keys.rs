//! Every key that a profile may have changes what comes out of a capture: each is taken out of the profile under which
//! the capture is read, and its calls, or what is learnt of it, must be others then.
//!
//! The keys are those that reading a profile knows itself, so a new one without a capture fails here, and so does a row
//! whose capture doesn't need its key any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ringback::config::profile;

use super::learn::learnt;

/// What a key is told by.
#[derive(Clone, Copy, Debug, PartialEq)]
enum By {
    /// The calls that replay tells.
    Calls,
    /// The profile that `learn` proposes; the key is of the profile named.
    Learning(&'static str),
}

use By::{Calls, Learning};

/// Each key, and the capture that exercises it.
const ROWS: [(&str, &str, By); 40] = [
    ("did_from", "3cx-number-called-in-to", Calls),
    ("noncall_patterns", "invites-that-are-no-calls", Calls),
    ("match.user_agent", "makes-shown-by-their-messages", Learning("cisco-cucm")),
    ("match.server", "makes-shown-by-their-messages", Learning("cisco-cucm")),
    ("match.sdp_origin", "makes-shown-by-their-messages", Learning("cisco-cucm")),
    ("match.header_present", "make-shown-by-a-header", Learning("avaya-aura")),
    ("roles.trunk_peers", "roles-and-numbers-of-a-profile", Calls),
    ("roles.pbx_hosts", "roles-and-numbers-of-a-profile", Calls),
    ("roles.phone_nets", "roles-and-numbers-of-a-profile", Calls),
    ("roles.voicemail_hosts", "roles-and-numbers-of-a-profile", Calls),
    ("roles.voicemail_pilots", "roles-and-numbers-of-a-profile", Calls),
    ("roles.voicemail_media", "media-at-voicemail-media-server", Calls),
    ("numbers.country", "roles-and-numbers-of-a-profile", Calls),
    ("numbers.area_code", "roles-and-numbers-of-a-profile", Calls),
    ("numbers.extension", "roles-and-numbers-of-a-profile", Calls),
    ("numbers.strip", "roles-and-numbers-of-a-profile", Calls),
    ("numbers.dids", "roles-and-numbers-of-a-profile", Calls),
    ("identity.caller", "mitel-caller-in-preferred-identity", Calls),
    ("identity.trust_from", "asserted-differs-from-from", Calls),
    ("identity.anonymous_users", "withheld-in-many-ways", Calls),
    ("diversion.headers", "phones-only-then-voicemail", Calls),
    ("diversion.original", "last-diverter-was-called", Calls),
    ("diversion.mailbox", "message-waiting-confirms", Calls),
    ("diversion.reason_map", "busy-says-the-diversion", Calls),
    ("diversion.cause_map", "busy-says-the-diversion", Calls),
    ("diversion.ignore_if_equals_did", "mailbox-retrieval-through-a-carrier", Calls),
    ("history.require_cause", "oxo-history-without-cause", Calls),
    ("history.pilot_params", "aura-covers-unconfigured", Calls),
    ("correlate.headers", "aura-joins-by-global-session", Calls),
    ("correlate.callid_prefix", "joined-behind-an-sbc", Calls),
    ("correlate.callid_suffix", "joined-by-derived-call-id", Calls),
    ("correlate.window_ms", "same-caller-after-a-pause", Calls),
    ("correlate.hunt_gap_ms", "phones-only", Calls),
    ("coverage.style", "cucm-answers-not-as-it-covers", Calls),
    ("coverage.ring_seconds", "ip-office-answers-at-coverage-time", Calls),
    ("coverage.elsewhere", "freeswitch-phones-only-elsewhere", Calls),
    ("media.dtmf", "mailbox-owner-dials-in-info", Calls),
    ("media.early_media", "nec-announcement-then-timeout", Calls),
    ("answer.mailbox_from", "message-waiting-confirms", Calls),
    ("quirks.flags", "message-waiting-confirms", Calls),
];

/// Keys that say what a profile is, and tell no verdict: the codecs of a session stand in its own description.
const DESCRIBING: [&str; 4] = ["system", "extends", "source", "media.codecs"];

#[test]
fn every_key_that_a_profile_may_have_has_a_capture() {
    let listed: Vec<&str> = ROWS.iter().map(|(key, ..)| *key).chain(DESCRIBING).collect();
    let known = known();
    let known: BTreeSet<&str> = known.iter().map(String::as_str).collect();
    assert_eq!(listed.len(), listed.iter().collect::<BTreeSet<_>>().len(), "listed twice");
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), known);
}

#[test]
fn every_key_changes_what_comes_out_of_its_capture() {
    let idle = ROWS.iter().filter(|(key, capture, by)| !matters(key, capture, *by));
    let idle: Vec<String> = idle.map(|(key, capture, _)| format!("{capture} doesn't need `{key}`")).collect();
    assert!(idle.is_empty(), "\n{}\n", idle.join("\n"));
}

#[test]
fn a_key_that_a_capture_does_not_need_is_found() {
    assert!(!matters("quirks.flags", "ip-office-answers-at-coverage-time", Calls));
    assert!(!matters("match.server", "aura-joins-by-global-session", Learning("avaya-aura")));
}

fn matters(key: &str, capture: &str, by: By) -> bool {
    match by {
        Calls => {
            let text = profile_of(capture);
            calls(capture, &text) != calls(capture, &without(&text, key))
        }
        Learning(make) => {
            let text = built_in(make);
            learning(capture, make, &text) != learning(capture, make, &without(&text, key))
        }
    }
}

/// The keys that reading a profile knows, as it tells them to who writes another.
fn known() -> BTreeSet<String> {
    let mut keys = BTreeSet::new();
    for key in choices("[qqqqqqq]\nx = 1\n") {
        let of_table = choices(&format!("[{key}]\nqqqqqqq = 1\n"));
        let is_table = key != "source" && !of_table.is_empty();
        match is_table {
            true => keys.extend(of_table.iter().map(|inner| format!("{key}.{inner}"))),
            false => keys.extend([key]),
        }
    }
    keys
}

/// What may be written where this text has what nobody knows.
fn choices(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("own.toml");
    fs::write(&path, text).expect("written");
    let told = profile::profile(path.to_str().expect("plain")).expect_err("it is wrong").to_string();
    let list = told.lines().find_map(|line| {
        let (_, rest) = line.split_once("; write ")?;
        line.contains("unknown ").then(|| rest.trim_start_matches("one of ").to_owned())
    });
    list.map(|list| list.split(", ").map(|key| key.trim_matches('`').to_owned()).collect())
        .unwrap_or_default()
}

/// The profile a capture is read under: the one beside it, a built-in one, else generic.
fn profile_of(capture: &str) -> String {
    let config = fs::read_to_string(folder(capture).join("ringback.toml")).expect("a configuration");
    let named = config.lines().find_map(|line| line.strip_prefix("profile = "));
    match named.map(|name| name.trim_matches('"')) {
        None => built_in("generic"),
        Some(path) if path.ends_with(".toml") => {
            fs::read_to_string(folder(capture).join(path)).expect("a profile")
        }
        Some(name) => built_in(name),
    }
}

fn built_in(name: &str) -> String {
    let path = root().join(format!("sip-profiles/{name}.toml"));
    fs::read_to_string(path).expect("a profile")
}

/// A profile without one of its keys.
fn without(text: &str, key: &str) -> String {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut within = String::new();
    let mut kept = Vec::new();
    for line in text.lines() {
        if let Some(header) = line.strip_prefix('[') {
            within = header.trim_end_matches(']').to_owned();
        }
        let sets = |table: &str, name: &str| within == table && line.starts_with(&format!("{name} = "));
        if !sets(table, name) && !sets("source", key) {
            kept.push(line);
        }
    }
    assert_eq!(text.lines().count(), kept.len() + 2, "`{key}` and its source stand in\n{text}");
    kept.join("\n") + "\n"
}

/// The calls of a capture under a profile.
fn calls(capture: &str, profile: &str) -> String {
    let work = tempfile::tempdir().expect("a folder");
    let scenario = work.path().join(capture);
    fs::create_dir(&scenario).expect("a folder");
    fs::copy(folder(capture).join("call.pcap"), scenario.join("call.pcap")).expect("a copy");
    let config = fs::read_to_string(folder(capture).join("ringback.toml")).expect("a configuration");
    let plain: Vec<&str> =
        config.lines().filter(|line| *line != "[pbx]" && !line.starts_with("profile = ")).collect();
    let config = plain.join("\n").replacen("[site]", "[pbx]\nprofile = \"pbx.toml\"\n[site]", 1);
    fs::write(scenario.join("ringback.toml"), config).expect("written");
    fs::write(scenario.join("pbx.toml"), profile).expect("written");
    let mut replay = Command::new(env!("CARGO_BIN_EXE_ringback"));
    let done = replay.args(["replay", "--out"]).arg(work.path().join("out")).arg(&scenario).output();
    let done = done.expect("it runs");
    assert!(done.status.success(), "{capture}: {}", String::from_utf8_lossy(&done.stderr));
    fs::read_to_string(work.path().join("out").join(capture).join("calls.jsonl")).expect("calls")
}

/// What is learnt of a capture where a built-in profile has this text.
fn learning(capture: &str, make: &str, text: &str) -> String {
    let work = tempfile::tempdir().expect("a folder");
    let path = work.path().join("made.toml");
    fs::write(&path, text).expect("written");
    let mut made = profile::profile(path.to_str().expect("plain")).expect("a profile").pbx.profile;
    made.name = make.to_owned();
    let mut profiles = profile::all().expect("profiles");
    let place = profiles.iter().position(|profile| profile.name == make).expect("built in");
    profiles[place] = made;
    learnt(&folder(capture), &profiles).to_string()
}

fn folder(capture: &str) -> PathBuf {
    root().join("captures").join(capture)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

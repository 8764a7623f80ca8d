//! The profile of any PBX, as `sip-profiles/generic.toml` says it; a test holds the two together.

use regex_lite::Regex;

use super::DivertedFor::{All, Busy, NoAnswer, Other, Unavailable};
use super::{
    CallerFrom, Correlate, Coverage, Diversion, End, HeaderPattern, Identity, KeyFrom, MailboxFrom, Place,
    Profile, Sender,
};

impl Default for Profile {
    fn default() -> Profile {
        Profile {
            name: "generic".to_owned(),
            did_from: vec![Place::RequestUri],
            noncalls: noncalls(),
            identity: identity(),
            diversion: diversion(),
            correlate: correlate(),
            coverage: Coverage::default(),
            mailbox_from: vec![
                MailboxFrom::DiversionFirst,
                MailboxFrom::HistoryFirst,
                MailboxFrom::RuriTarget,
                MailboxFrom::ToUser,
            ],
            ..Profile::bare()
        }
    }
}

fn noncalls() -> Vec<HeaderPattern> {
    let holding = |header: &str, holds: &str| HeaderPattern {
        header: header.to_owned(),
        pattern: Regex::new(&format!("^(?:.*{holds}.*)$")).ok(),
        holds: holds.to_owned(),
    };
    vec![
        holding("Request-URI", ";avaya-cm-fnu="),
        holding("From", ";x-nearend"),
        holding("From", ":survivabilityprovider@"),
    ]
}

fn identity() -> Identity {
    let from = |header: &str, party: Option<&str>| CallerFrom {
        header: header.to_owned(),
        party: party.map(str::to_owned),
    };
    let nobody = ["anonymous", "restricted", "private", "unavailable", "unknown", "withheld", "266696687"];
    Identity {
        caller: vec![
            from("P-Asserted-Identity", None),
            from("Remote-Party-ID", Some("calling")),
            from("P-Preferred-Identity", None),
            from("From", None),
        ],
        trust_from: vec![Sender::Trunk],
        anonymous_users: nobody.map(str::to_owned).into(),
    }
}

fn diversion() -> Diversion {
    let reasons = [
        ("no-answer", NoAnswer),
        ("no_answer", NoAnswer),
        ("user-busy", Busy),
        ("unconditional", All),
        ("unavailable", Unavailable),
        ("out-of-service", Unavailable),
    ];
    let causes = [
        (302, All),
        (404, Other),
        (408, NoAnswer),
        (480, Unavailable),
        (486, Busy),
        (487, Other),
        (503, Unavailable),
    ];
    Diversion {
        headers: ["Diversion", "CC-Diversion", "History-Info"].map(str::to_owned).into(),
        mailbox: End::First,
        original: End::First,
        reasons: reasons.into_iter().map(|(word, why)| (word.to_owned(), why)).collect(),
        causes: causes.into(),
        ignore_if_equals_did: true,
        require_cause: false,
        pilot_params: Vec::new(),
    }
}

fn correlate() -> Correlate {
    let key = |header: &str, param: Option<&str>| KeyFrom {
        header: header.to_owned(),
        param: param.map(str::to_owned),
    };
    let suffixes = ["[-_][0-9]{1,2}", "_(?:pbx|b2b)-[0-9]{1,2}", "-(?:mo|v)[0-9a-z]{5,12}", "~[0-9]{1,2}o"];
    Correlate {
        headers: vec![
            key("Session-ID", None),
            key("P-Charging-Vector", Some("icid-value")),
            key("Cisco-Guid", None),
            key("User-to-User", None),
        ],
        callid_prefix: Regex::new("^(?:SD[a-z0-9]{7}-)(.+)$").into_iter().collect(),
        callid_suffix: suffixes
            .iter()
            .filter_map(|suffix| Regex::new(&format!("^(.+?)(?:{suffix})$")).ok())
            .collect(),
        window: None,
    }
}

//! What the rule language has and this version doesn't understand yet.
//!
//! A key of this table is refused by its own name, so that nobody hunts for a slip of the pen where there is
//! none. Whoever teaches the program a key takes it out here.

/// Sections and keys by the table they stand in; `*` is any id.
const KEYS: &[(&str, &[&str])] = &[
    (
        "",
        &[
            "person",
            "pool",
            "directory",
            "import",
            "list",
            "link",
            "classify",
            "escalation",
            "review",
            "mail",
            "export",
            "web",
            "uas",
        ],
    ),
    ("line", &["class"]),
    ("voicemail", &["endpoint", "decoder", "compress"]),
    (
        "gateway.*",
        &[
            "preset",
            "account",
            "token_file",
            "base_url",
            "host",
            "port",
            "tls",
            "user",
            "password_file",
            "device",
        ],
    ),
    ("consent", &["reply", "conversation_ttl", "import", "unclear"]),
    ("caps", &["per_case", "new_numbers", "per_npanxx", "spend_per_day", "on_trip"]),
    (
        "policy",
        &[
            "quiet_hours",
            "applies_to",
            "response_grace",
            "recipient_zone",
            "confirm_stop",
            "stop_scope",
            "review_requests",
        ],
    ),
    ("caps.per_number", &["voicemail_drop"]),
    ("template.*", &["channel", "subject", "html", "approved"]),
    ("template.*.variant", &["after"]),
    ("sequence.*", &["exit_on", "expires", "extends"]),
    (
        "sequence.*.for",
        &[
            "any",
            "not",
            "caller",
            "npa",
            "known",
            "directory",
            "field",
            "line",
            "source",
            "campaign",
            "product",
            "value",
            "outcome",
            "ring_under",
            "ring_over",
            "voicemail",
            "voicemail_seconds",
            "voicemail_says",
            "reply_says",
            "verstat",
            "calls_from_caller",
            "calls_from_npanxx",
            "language",
            "has",
        ],
    ),
    ("test", &["reply", "callback"]),
    ("test.call", &["voicemail_says"]),
    ("sequence.*.step", &["after_step", "at", "clock", "kind", "audio", "when", "needs"]),
];

/// Values by the key they are given to.
const VALUES: &[(&str, &[&str])] = &[
    ("inbound_call", &["conversation"]),
    ("type", &["http", "smpp", "modem"]),
    ("class", &["followup", "marketing", "voicemail_drop"]),
    ("do", &["email", "notify", "webhook", "voicemail_drop"]),
    ("on_missed_again", &["restart", "bump"]),
    ("late", &["task", "send"]),
    ("due", &["same_day"]),
];

/// The keys of a table, named by its path without ids (`sequence.*.step`), that are not understood yet.
pub(super) fn keys(table: &str) -> &'static [&'static str] {
    KEYS.iter().find(|(name, _)| *name == table).map_or(&[], |(_, keys)| keys)
}

/// Whether a key of a step is another way to say when it is due, so that `after` isn't missing beside it.
pub(super) fn stands_for_after(key: &str) -> bool {
    ["at", "after_step"].contains(&key)
}

/// Whether a value of this key is known, but not understood yet.
pub(super) fn is_value(key: &str, value: &str) -> bool {
    VALUES.iter().any(|(name, values)| *name == key && values.contains(&value))
}

//! What a key or a section looks like, for somebody who wrote it in another way.
//!
//! Only keys whose form can't be told from the value that was given are here: lengths of time, words, tables.

/// Keys that take a length of time, each with the unit a bare number of it most likely means.
const SPANS: [(&str, char); 6] = [
    ("after", 's'),
    ("due", 'm'),
    ("min_talk", 's'),
    ("min_message", 's'),
    ("hunt_gap", 's'),
    ("within", 'h'),
];

/// Keys by a value that is right.
const VALUES: [(&str, &str); 14] = [
    ("schema", "1"),
    ("late", "\"skip_after:10m\""),
    ("answered_short", "\"missed\""),
    ("elsewhere", "\"hold\""),
    ("extension", "\"[0-9]{3}\""),
    ("strip", "['^9(\\d{10})$']"),
    ("open", "{ mon-fri = [\"08:30-17:00\"] }"),
    ("lunch", "{ mon-fri = [\"12:00-13:00\"] }"),
    ("closed", "[{ date = \"2026-12-24\" }]"),
    ("overflow", "{ calls = 4 }"),
    ("sign_off", "{ who = \"owner@example.com\", on = \"2026-11-20\" }"),
    ("per_number", "{ sms = 3, within = \"24h\" }"),
    ("for", "{ class = [\"lead\"] }"),
    ("variant", "[{ id = \"a\", text = \"…\" }]"),
];

/// Names people give to what has another here.
const OTHER_NAMES: [(&str, &str); 22] = [
    ("timezone", "tz"),
    ("time_zone", "tz"),
    ("version", "schema"),
    ("number", "did"),
    ("numbers", "did"),
    ("phone", "did"),
    ("hours", "open"),
    ("message", "text"),
    ("body", "text"),
    ("delay", "after"),
    ("wait", "after"),
    ("action", "do"),
    ("folder", "path"),
    ("business", "name"),
    ("gateway", "sms_from"),
    ("trunks", "trunk_peers"),
    ("device", "interface"),
    ("nic", "interface"),
    ("promisc", "promiscuous"),
    ("port", "listen"),
    ("path", "folder"),
    ("key", "key_file"),
];

/// Tables that belong below another, by the name they are looked for with.
const PLACES: [(&str, &str); 9] = [
    ("roles", "[pbx.roles]"),
    ("numbers", "[pbx.numbers]"),
    ("judge", "[pbx.judge]"),
    ("step", "[[sequence.ID.step]]"),
    ("variant", "[[template.ID.variant]]"),
    ("closed", "[[calendar.ID.closed]]"),
    ("overflow", "[calendar.ID.overflow]"),
    ("sign_off", "[consent.sign_off]"),
    ("per_number", "[caps.per_number]"),
];

/// The value `key` takes where a bare number was given, if it takes a length of time.
pub(super) fn span(key: &str, number: &str) -> Option<String> {
    let (_, unit) = SPANS.iter().find(|(name, _)| *name == key)?;
    let whole = number.parse::<u32>().map_or_else(|_| "20".to_owned(), |number| number.to_string());
    Some(format!("\"{whole}{unit}\""))
}

/// A value that `key` takes, if it is no plain text, number or list.
pub(super) fn value(key: &str) -> Option<&'static str> {
    find(&VALUES, key)
}

/// The one of `keys` that goes by another name, `word`, elsewhere.
pub(super) fn renamed<'a>(word: &str, mut keys: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let meant = find(&OTHER_NAMES, &word.to_ascii_lowercase().replace('-', "_"))?;
    keys.find(|key| *key == meant)
}

/// The header of a table that was written without what it stands below.
pub(super) fn place(section: &str) -> Option<&'static str> {
    find(&PLACES, section)
}

fn find(table: &[(&str, &'static str)], key: &str) -> Option<&'static str> {
    table.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::value;

    #[test]
    fn what_is_offered_for_a_bare_number_is_a_length_of_time() {
        for (key, _) in SPANS {
            for number in ["20", "1.5", "99999999999"] {
                let offered = span(key, number).expect("a length");
                assert!(value::span(offered.trim_matches('"')).is_ok(), "{offered}");
            }
        }
        assert_eq!(span("title", "20"), None);
    }

    #[test]
    fn another_name_is_offered_only_where_its_key_may_stand() {
        assert_eq!(renamed("time-zone", ["name", "tz"].into_iter()), Some("tz"));
        assert_eq!(renamed("timezone", ["id", "did"].into_iter()), None);
    }
}

//! The keys of a profile: what each says, and where that is known from.

use std::fmt::Write;

use serde_json::json;

use crate::config::Key;

/// A table of at most 100 columns: the key and its value, and on the next line the source.
pub fn table(keys: &[Key]) -> String {
    let mut text = String::new();
    for key in keys {
        let mark = if key.is_deciding() { "decides" } else { "" };
        for (n, line) in wrapped(&key.value, VALUE).iter().enumerate() {
            let (name, mark) = if n == 0 { (key.key.as_str(), mark) } else { ("", "") };
            let _ = writeln!(text, "{}", format!("{name:<NAME$} {mark:<MARK$} {line}").trim_end());
        }
        let source = format!("{} [{}]", key.source, key.from);
        for line in wrapped(&source, VALUE) {
            let _ = writeln!(text, "{:INDENT$}{line}", "");
        }
    }
    let shaky = keys.iter().filter(|key| !key.is_verified()).count();
    if !keys.is_empty() {
        let deciding = keys.iter().filter(|key| key.is_deciding() && !key.is_verified()).count();
        let _ = writeln!(text, "{} keys, {shaky} unverified, of which {deciding} decide", keys.len());
    }
    text
}

/// One object a line.
///
/// # Errors
/// None that a text can cause.
pub fn json(keys: &[Key]) -> Result<String, serde_json::Error> {
    let mut text = String::new();
    for key in keys {
        let verified = key.is_verified();
        let row = json!({
            "key": key.key,
            "value": key.value,
            "source": key.source,
            "verified": verified,
            "decides": key.is_deciding(),
            "from": key.from,
        });
        text.push_str(&serde_json::to_string(&row)?);
        text.push('\n');
    }
    Ok(text)
}

/// Broken at blanks; a word that is too long is broken where it must.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut long = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if long > 0 && long + 1 + length > width {
            lines.push(String::new());
            long = 0;
        }
        let Some(line) = lines.last_mut() else { continue };
        if long > 0 {
            line.push(' ');
            long += 1;
        }
        line.push_str(word);
        long += length;
    }
    lines.into_iter().flat_map(|line| broken(&line, width)).collect()
}

fn broken(line: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    match letters.len() <= width {
        true => vec![line.to_owned()],
        false => letters.chunks(width).map(|part| part.iter().collect()).collect(),
    }
}

const NAME: usize = 30;
const MARK: usize = 7;
const INDENT: usize = NAME + MARK + 2;
const VALUE: usize = 100 - INDENT;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(key: &str, value: &str, source: &str) -> Key {
        Key { key: key.into(), value: value.into(), source: source.into(), from: "generic".into() }
    }

    #[test]
    fn no_line_is_longer_than_a_hundred_columns() {
        let long = "[\"P-Asserted-Identity\", \"Remote-Party-ID:calling\", \"From\"] ".repeat(5);
        let text = table(&[key("identity.caller", &long, &"x".repeat(300))]);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert_eq!(text.matches('x').count(), 300);
    }

    #[test]
    fn what_is_unverified_and_decides_is_counted() {
        let keys = [
            key("coverage.style", "\"embedded\"", "unverified"),
            key("media.dtmf", "\"info\"", "unverified"),
            key("diversion.headers", "[]", "standard: RFC 5806"),
        ];
        let text = table(&keys);
        assert!(text.ends_with("3 keys, 2 unverified, of which 1 decide\n"), "{text}");
        assert!(text.starts_with("coverage.style                 decides \"embedded\"\n"), "{text}");
        assert_eq!(json(&keys).map(|text| text.lines().count()).ok(), Some(3));
    }
}

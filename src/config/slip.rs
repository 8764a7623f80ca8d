//! A line that isn't TOML, in the words of somebody who edits it by hand: what is wrong, what to write instead.
//!
//! The parser's own message says which rule was broken; the line says what was most likely meant.

use super::syntax::is_unclosed;

/// What the parser stumbled over.
#[derive(Clone, Copy)]
pub(super) struct Slip<'s> {
    /// What it points at.
    pub slice: &'s str,
    /// The line that is on.
    pub line: &'s str,
    /// The text from there on.
    pub here: &'s str,
}

/// The parser's message in plain words.
pub(super) fn words(message: &str, slip: Slip<'_>) -> String {
    let Slip { slice, line, here } = slip;
    let starts = |with: &str| message.starts_with(with);
    if message.contains("visible characters") {
        "a character that can't be seen stands in the text; remove it".to_owned()
    } else if message.contains("carriage return") {
        "the lines end as on an old Mac; save the file with the line ends of Unix or Windows".to_owned()
    } else if message.contains("multi-line") {
        "the text that begins here is never closed; end it with the same three quotes".to_owned()
    } else if starts("invalid basic string") {
        "the text isn't closed; end it with \"".to_owned()
    } else if starts("invalid literal string") {
        "the text isn't closed; end it with '".to_owned()
    } else if starts("missing opening quote") {
        value_words(line.split_once('=').map_or(line, |(_, value)| value.trim()), line)
    } else if starts("string values must be quoted") {
        value_words(slice, line)
    } else if starts("invalid datetime") {
        format!("{slice} is no text, number or date; write it in quotes, as \"{slice}\"")
    } else if starts("invalid boolean") {
        value_words(slice, line)
    } else if message.contains("escape") || message.contains("unicode") {
        "`\\` begins an escape in \"…\"; write \\\\ for a backslash, or put the text in '…'".to_owned()
    } else if message.contains("leading zero") {
        "a number can't begin with 0; write text such as a telephone number in quotes".to_owned()
    } else if starts("invalid float") || starts("invalid integer") {
        value_words(token(line, here), line)
    } else {
        structure_words(message, slip)
    }
}

fn structure_words(message: &str, slip: Slip<'_>) -> String {
    let Slip { slice, line, here } = slip;
    let starts = |with: &str| message.starts_with(with);
    if line.starts_with("//") || line.starts_with(';') || line.starts_with("--") {
        format!("`{line}` is no comment; begin it with #")
    } else if let Some(hidden) = hidden(here) {
        format!("a character that can't be seen (U+{:04X}) stands in the line; write it anew", hidden as u32)
    } else if let Some(header) = header(line).filter(|header| *header != line) {
        format!("`{line}` is no header; write {header}")
    } else if starts("unclosed table") || starts("unclosed array table") {
        let close = if line.starts_with("[[") { "]]" } else { "]" };
        format!("the header `{line}` isn't closed; end it with {close}")
    } else if is_unclosed(message) {
        "the list or table that begins here isn't closed; end it with ] or }".to_owned()
    } else if message.contains("comma") || starts("missing key") || starts("extra assignment") {
        "a comma or a closing bracket is missing or too many; write items as [a, b] and keys as { a = 1, b = 2 }"
            .to_owned()
    } else if starts("key with no value") {
        format!("`{line}` is no key with a value; write it as key = value")
    } else if starts("unquoted keys cannot be empty") {
        format!("a name is missing in `{line}`; write a key as key = value, a header as [name]")
    } else if starts("invalid unquoted key") {
        format!("`{slice}` can't stand in a key; write it as key = value")
    } else if starts("unexpected key or value") || starts("extra `=`") {
        too_much(line)
    } else {
        format!("`{line}` is not TOML: {message}; write one header or one key = value a line")
    }
}

/// A header as it was most likely meant: `site]`, `[calendar office]` and the like; none for other lines.
fn header(line: &str) -> Option<String> {
    let line = line.split('#').next().unwrap_or_default().trim();
    if line.contains(['=', '{', ',']) || !line.ends_with(']') {
        return None;
    }
    let inner = line.trim_matches(['[', ']']);
    let list = line.starts_with("[[") || (!line.starts_with('[') && line.ends_with("]]"));
    let words: Vec<&str> = inner.split([' ', '"', '\'']).filter(|word| !word.is_empty()).collect();
    let name = words.join(if inner.contains('.') { "-" } else { "." });
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    plain.then(|| if list { format!("[[{name}]]") } else { format!("[{name}]") })
}

/// More than a value stands after the `=`.
fn too_much(line: &str) -> String {
    let value = line.split_once('=').map_or("", |(_, value)| value.trim());
    let quotes =
        |quote: char| value.starts_with(quote) && value.matches(quote).count() > 2 && !value.contains('=');
    if value.starts_with(['=', '>']) {
        format!("`{line}` has a sign too many; write one =, as key = value")
    } else if let Some(ended) = value.strip_suffix([';', ',']) {
        format!("`{line}` has too much at its end; write nothing after `{}`", ended.trim())
    } else if quotes('"') || quotes('\'') {
        format!(
            "a quote inside the text of `{line}` ends it; write the text in \"…\" and \\\" for a quote inside it"
        )
    } else {
        format!("there is too much in `{line}`; write one header or one key = value a line")
    }
}

/// A blank of another kind, or a mark without width, that the parser stopped at.
fn hidden(here: &str) -> Option<char> {
    let first = here.chars().next()?;
    let no_width = matches!(first, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' | '\u{ad}');
    (no_width || (first.is_whitespace() && !first.is_ascii())).then_some(first)
}

/// The value that the text from `here` on is the rest of.
fn token<'s>(line: &'s str, here: &str) -> &'s str {
    let stop = |c: char| c.is_whitespace() || ",[]{}=\"'#".contains(c);
    let rest = here.lines().next().unwrap_or_default().trim_end();
    let at = line.len().saturating_sub(rest.len());
    let (before, after) = line.split_at_checked(at).unwrap_or((line, ""));
    let begin = before.rfind(stop).map_or(0, |at| at + 1);
    let end = after.find(stop).map_or(line.len(), |end| before.len() + end);
    line.get(begin..end).unwrap_or(line)
}

fn value_words(slice: &str, line: &str) -> String {
    let bare = slice.trim_matches(['“', '”', '„', '’', '‘', '\'', '"', '`']);
    let ended = slice.trim_end_matches([';', ',']);
    match bare.to_ascii_lowercase().as_str() {
        "" => format!("`{line}` has no value; write one after ="),
        "yes" | "on" | "true" => format!("`{slice}` is not a value; write true"),
        "no" | "off" | "false" => format!("`{slice}` is not a value; write false"),
        _ if slice.contains('=') => too_much(line),
        _ if ended != slice && !ended.is_empty() => {
            format!("`{slice}` is not a value; write nothing after `{ended}`")
        }
        _ if bare != slice => format!("{slice} is in the wrong quotes; write \"{bare}\""),
        _ => format!("text must be in quotes; write \"{bare}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_told_as_it_was_meant() {
        for (line, meant) in [
            ("site]", "[site]"),
            ("[site]]", "[site]"),
            ("[[line]", "[[line]]"),
            ("[calendar office]", "[calendar.office]"),
            ("[calendar \"office\"]", "[calendar.office]"),
            ("[calendar.main office]", "[calendar.main-office]"),
        ] {
            assert_eq!(header(line).as_deref(), Some(meant), "{line}");
        }
        assert_eq!(header("open = [\"x\"]"), None);
        assert_eq!(header("[]"), None);
    }

    #[test]
    fn a_value_is_found_whole_from_its_middle() {
        assert_eq!(token("hosts = [192.168.10.5]", ".10.5]"), "192.168.10.5");
        assert_eq!(token("state = IL", "IL"), "IL");
        assert_eq!(token("x", "longer than the line"), "x");
    }
}

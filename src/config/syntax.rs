//! What is wrong with a file that isn't TOML, in the words of somebody who edits it by hand.
//!
//! The parser goes on after an error and may stumble over its own guess; what is told is the first of each
//! line, up to the first that leaves open where a text, list or table in braces ends.

use toml::de::Error;

use super::spot::{Problems, Spot};

/// Tells the errors of the parser.
pub(super) fn tell(problems: &mut Problems, file: usize, errors: &[Error]) {
    let source = &problems.source(file).text;
    let mut faults: Vec<Fault> = errors.iter().filter_map(|error| fault(source, error)).collect();
    faults.sort_by_key(|fault| (fault.line, fault.weight, fault.at));
    faults.dedup_by_key(|fault| fault.line);
    for fault in faults {
        problems.error(Spot { file, at: fault.at }, fault.text);
        if fault.open_ended {
            break;
        }
    }
}

struct Fault {
    at: usize,
    line: usize,
    /// Of two on a line the lower is told.
    weight: u8,
    /// What follows may be misread.
    open_ended: bool,
    text: String,
}

/// None for what only follows from an error told elsewhere.
fn fault(source: &str, error: &Error) -> Option<Fault> {
    let span = error.span().unwrap_or(0..0);
    let slice = source.get(span.clone()).unwrap_or_default().trim();
    let message = error.message();
    let at = begins(source, message, span.start);
    let line = line_at(source, at);
    let open_ended = is_unclosed(message) || message.contains("multi-line");
    let text = match message {
        "duplicate key" => twice(source, slice, at)?,
        _ => words(message, cut(slice), cut(line)),
    };
    let light =
        open_ended || message.starts_with("unexpected key or value") || message.starts_with("missing comma");
    Some(Fault { at, line: number(source, at), weight: u8::from(!light), open_ended, text })
}

/// So much of a line as a message can show.
fn cut(text: &str) -> &str {
    text.char_indices().nth(80).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// The byte to name for an error at `at`: where what isn't closed begins, and never the start of the next line.
fn begins(source: &str, message: &str, at: usize) -> usize {
    let before = source.get(..at).unwrap_or(source);
    if message.contains("multi-line") {
        let quotes = if message.contains("literal") { "'''" } else { "\"\"\"" };
        return before.rfind(quotes).unwrap_or(before.len());
    }
    if is_unclosed(message) {
        return opening(before).unwrap_or(before.len());
    }
    before.len()
        - usize::from(before.ends_with('\n') && source[before.len()..].trim_start_matches(' ').len() <= 1)
}

/// A list or table in braces that has no end, and not a header.
fn is_unclosed(message: &str) -> bool {
    message.starts_with("unclosed array, ") || message.starts_with("unclosed inline table")
}

/// The first line that opens more brackets than it closes, of those that could have swallowed the rest.
fn opening(source: &str) -> Option<usize> {
    let mut at = 0;
    let mut found = None;
    for line in source.split_inclusive('\n') {
        match (depth(line), found) {
            (1.., None) if line.contains('=') => found = Some(at),
            (i32::MIN..=-1, Some(_)) => found = None,
            _ => {}
        }
        at += line.len();
    }
    found
}

/// Brackets opened and not closed in a line, those in texts and comments aside.
fn depth(line: &str) -> i32 {
    let (mut depth, mut quote) = (0, None);
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '#') => break,
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            _ => {}
        }
    }
    depth
}

fn number(source: &str, at: usize) -> usize {
    1 + source.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

fn line_at(source: &str, at: usize) -> &str {
    source.lines().nth(number(source, at) - 1).unwrap_or_default().trim()
}

/// The parser's message in plain words; `slice` is what it points at, `line` the line that is on.
fn words(message: &str, slice: &str, line: &str) -> String {
    let starts = |with: &str| message.starts_with(with);
    if message.contains("visible characters") {
        "a character that can't be seen stands in the text; remove it".to_owned()
    } else if message.contains("multi-line") {
        "the text that begins here is never closed; end it with the same three quotes".to_owned()
    } else if starts("invalid basic string") {
        "the text isn't closed; end it with \"".to_owned()
    } else if starts("invalid literal string") {
        "the text isn't closed; end it with '".to_owned()
    } else if starts("string values must be quoted") {
        value_words(slice, line)
    } else if starts("invalid datetime") {
        format!("{slice} is no text, number or date; write it in quotes, as \"{slice}\"")
    } else if starts("invalid boolean") {
        format!("`{slice}` is not a value; write true or false, or text in quotes")
    } else if message.contains("escape") {
        "`\\` begins an escape in \"…\"; write \\\\ for a backslash, or put the text in '…'".to_owned()
    } else if message.contains("leading zero") {
        "a number can't begin with 0; write text such as a telephone number in quotes".to_owned()
    } else {
        structure_words(message, slice, line)
    }
}

fn structure_words(message: &str, slice: &str, line: &str) -> String {
    let starts = |with: &str| message.starts_with(with);
    if line.starts_with("//") || line.starts_with(';') {
        format!("`{line}` is no comment; begin it with #")
    } else if starts("unclosed table") || starts("unclosed array table") {
        let close = if line.starts_with("[[") { "]]" } else { "]" };
        format!("the header `{line}` isn't closed; end it with {close}")
    } else if is_unclosed(message) {
        "the list or table that begins here isn't closed; end it with ] or }".to_owned()
    } else if starts("missing comma") || starts("missing key") || starts("extra assignment") {
        "a comma or a closing bracket is missing; write items as [a, b] and keys as { a = 1, b = 2 }"
            .to_owned()
    } else if starts("key with no value") {
        format!("`{line}` is no key with a value; write it as key = value")
    } else if starts("unquoted keys cannot be empty") {
        format!("a name is missing in `{line}`; write a key as key = value, a header as [name]")
    } else if starts("invalid unquoted key") {
        format!("`{slice}` can't stand in a key; write it as key = value")
    } else if starts("unexpected key or value") || starts("extra `=`") {
        format!("there is too much in `{line}`; write one header or one key = value a line")
    } else {
        format!("`{line}` is not TOML: {message}; write one header or one key = value a line")
    }
}

fn value_words(slice: &str, line: &str) -> String {
    let bare = slice.trim_matches(['“', '”', '„', '’', '‘', '\'', '"']);
    let ended = slice.trim_end_matches([';', ',']);
    match bare.to_ascii_lowercase().as_str() {
        "" => format!("`{line}` has no value; write one after ="),
        "yes" | "on" | "true" => format!("`{slice}` is not a value; write true"),
        "no" | "off" | "false" => format!("`{slice}` is not a value; write false"),
        _ if slice.contains('=') => structure_words("unexpected key or value", slice, line),
        _ if ended != slice && !ended.is_empty() => {
            format!("`{slice}` is not a value; write nothing after `{ended}`")
        }
        _ if bare != slice => format!("{slice} is in the wrong quotes; write \"{bare}\""),
        _ => format!("text must be in quotes; write \"{bare}\""),
    }
}

/// A header or key that is there twice; the first is looked for as it is written, in the same table.
///
/// None for a key below a header that is there twice, which is told itself.
fn twice(source: &str, key: &str, at: usize) -> Option<String> {
    let plain = |line: &str| line.split('#').next().unwrap_or_default().trim().to_owned();
    let this = plain(line_at(source, at));
    let before: Vec<String> = source.lines().take(number(source, at) - 1).map(plain).collect();
    if this.starts_with('[') {
        let first = before.iter().position(|line| *line == this);
        let first = first.map_or_else(String::new, |first| format!(", first in line {}", first + 1));
        let instead =
            if LISTS.contains(&key) { format!("write [{this}] each time") } else { "keep one".to_owned() };
        return Some(format!("{this} is written twice{first}; {instead}"));
    }
    let in_table = before.iter().rposition(|line| line.starts_with('[')).map_or(0, |header| header + 1);
    let same = |line: &String| line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
    match before.iter().skip(in_table).position(same) {
        Some(first) => {
            Some(format!("`{key}` is written twice, first in line {}; keep one", in_table + first + 1))
        }
        None if this.contains('{') => Some(format!("`{key}` is written twice in braces; keep one")),
        None => None,
    }
}

/// Tables that may come more than once.
const LISTS: [&str; 4] = ["line", "step", "variant", "closed"];

//! What is wrong with a file that isn't TOML, in the words of somebody who edits it by hand.
//!
//! The parser goes on after an error and may stumble over its own guess; what is told is the first of each
//! line, up to the first that leaves open where a text, list or table in braces ends.

use toml::de::Error;

use super::slip::{self, Slip};
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
    let mut at = begins(source, message, span.start);
    let line = line_at(source, at);
    let open_ended = is_unclosed(message) || message.contains("multi-line");
    let text = match (message, single_before(source, at)) {
        ("duplicate key", Some((first, header))) => {
            at = first;
            format!("{header} may come more than once; write it as [{header}]")
        }
        ("duplicate key", None) => twice(source, slice, at)?,
        _ => {
            let here = source.get(span.start..).unwrap_or_default();
            slip::words(message, Slip { slice: cut(slice), line: cut(line), here: cut(here) })
        }
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
pub(super) fn is_unclosed(message: &str) -> bool {
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

/// A header as it is written, without its comment.
fn plain(line: &str) -> &str {
    line.split('#').next().unwrap_or_default().trim()
}

/// The first `[line]`, and where it stands, if a `[[line]]` at `at` is told as a duplicate of it.
fn single_before(source: &str, at: usize) -> Option<(usize, &str)> {
    let header = plain(line_at(source, at)).strip_prefix('[')?.strip_suffix(']')?;
    if !header.starts_with('[') {
        return None;
    }
    let mut begins = 0;
    let mut lines = source.split_inclusive('\n').map(|line| {
        begins += line.len();
        (begins - line.len(), plain(line))
    });
    lines.find(|(begins, line)| *begins < at && *line == header)
}

/// A header or key that is there twice; the first is looked for as it is written, in the same table.
///
/// None for a key below a header that is there twice, which is told itself.
fn twice(source: &str, key: &str, at: usize) -> Option<String> {
    let this = plain(line_at(source, at));
    let before: Vec<&str> = source.lines().take(number(source, at) - 1).map(plain).collect();
    if this.starts_with('[') {
        return Some(header_twice(this, key, &before));
    }
    let in_table = before.iter().rposition(|line| line.starts_with('[')).map_or(0, |header| header + 1);
    let same = |line: &&str| line.split_once('=').is_some_and(|(name, _)| name.trim() == key);
    match before.iter().skip(in_table).position(same) {
        Some(first) => {
            Some(format!("`{key}` is written twice, first in line {}; keep one", in_table + first + 1))
        }
        None if times(this, key) > 1 => Some(format!("`{key}` is written twice in braces; keep one")),
        None => None,
    }
}

fn header_twice(header: &str, key: &str, before: &[&str]) -> String {
    let list = LISTS.contains(&key);
    if list && before.contains(&format!("[{header}]").as_str()) {
        return format!("{header} may come more than once; write it as [{header}]");
    }
    let first = before.iter().position(|line| *line == header);
    let first = first.map_or_else(String::new, |first| format!(", first in line {}", first + 1));
    let instead = if list { format!("write [{header}] each time") } else { "keep one".to_owned() };
    format!("{header} is written twice{first}; {instead}")
}

/// How often a line gives a key a value.
fn times(line: &str, key: &str) -> usize {
    let given = |part: &&str| {
        let name = part.trim_end();
        name.strip_suffix(key)
            .is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || "-_".contains(c)))
    };
    line.split('=').filter(given).count()
}

/// Tables that may come more than once.
const LISTS: [&str; 4] = ["line", "step", "variant", "closed"];

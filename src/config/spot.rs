//! Where something stands in the files of a configuration, and what is wrong there.
//!
//! Everything found is kept, so that one `check` shows all there is to mend; `Problems` hands it out in the
//! order of files and lines. `nearest` guesses what was meant.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::settings::Written;

/// One error or warning: `path:line: what; what to write instead`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named.
    pub path: String,
    /// The line, from 1.
    pub line: usize,
    /// A warning changes nothing and leaves the exit status 0.
    pub warning: bool,
    /// What is wrong and what to write instead.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.warning { "warning: " } else { "" };
        write!(f, "{}:{}: {kind}{}", self.path, self.line, self.text)
    }
}

/// A file of the configuration.
#[derive(Debug)]
pub(super) struct Source {
    pub path: PathBuf,
    pub text: String,
}

/// A byte of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    /// Which of the sources.
    pub file: usize,
    /// The byte.
    pub at: usize,
}

/// All that was found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    /// What is read in place of the disk.
    copies: Option<Vec<Written>>,
    sources: Vec<Source>,
    found: Vec<(Spot, bool, String)>,
    excused: BTreeSet<(Spot, String)>,
}

impl Problems {
    /// Of a configuration that was copied; nothing else is read.
    pub fn of_copies(copies: &[Written]) -> Problems {
        Problems { copies: Some(copies.to_vec()), ..Problems::default() }
    }

    /// The copies, if these are read in place of the disk.
    pub fn copies(&self) -> Option<&[Written]> {
        self.copies.as_deref()
    }

    /// What the copy of a file says.
    pub fn copy(&self, path: &Path) -> Option<&str> {
        let copy = self.copies()?.iter().find(|copy| Path::new(&copy.name) == path)?;
        Some(&copy.text)
    }

    /// All files taken in so far, named from `folder` on.
    pub fn written(&self, folder: &Path) -> Vec<Written> {
        let written = |source: &Source| {
            let path = source.path.strip_prefix(folder).unwrap_or(&source.path);
            Written { name: path.to_string_lossy().into_owned(), text: source.text.clone() }
        };
        self.sources.iter().map(written).collect()
    }

    /// Takes a file in; its number is what spots name it by.
    pub fn add(&mut self, source: Source) -> usize {
        self.sources.push(source);
        self.sources.len() - 1
    }

    pub fn files(&self) -> usize {
        self.sources.len()
    }

    pub fn source(&self, file: usize) -> &Source {
        &self.sources[file]
    }

    pub fn error(&mut self, spot: Spot, text: impl Into<String>) {
        self.found.push((spot, false, text.into()));
    }

    pub fn warn(&mut self, spot: Spot, text: impl Into<String>) {
        self.found.push((spot, true, text.into()));
    }

    /// `key` of the table at `table` has been complained about: that it is missing is no second error.
    pub fn excuse(&mut self, table: Spot, key: &str) {
        self.excused.insert((table, key.to_owned()));
    }

    pub fn is_excused(&self, table: Spot, key: &str) -> bool {
        self.excused.contains(&(table, key.to_owned()))
    }

    /// Whether anything of the table at `table` has been complained about.
    pub fn has_excused(&self, table: Spot) -> bool {
        self.excused.iter().any(|(excused, _)| *excused == table)
    }

    /// `path:line` of a spot, for a message about another.
    pub fn place(&self, spot: Spot) -> String {
        format!("{}:{}", self.source(spot.file).path.display(), self.line(spot))
    }

    /// The line of a spot, from 1.
    pub fn line(&self, spot: Spot) -> usize {
        let text = self.source(spot.file).text.as_bytes();
        1 + text.iter().take(spot.at).filter(|byte| **byte == b'\n').count()
    }

    /// Whether anything but warnings was told.
    pub fn any_error(&self) -> bool {
        self.found.iter().any(|(_, warning, _)| !warning)
    }

    /// Everything, in the order of files and lines; the same thing said twice of a line is said once.
    pub fn into_list(mut self) -> Vec<Problem> {
        self.found.sort();
        let mut list: Vec<Problem> = self.found.iter().map(|found| self.problem(found)).collect();
        list.dedup();
        list
    }

    fn problem(&self, (spot, warning, text): &(Spot, bool, String)) -> Problem {
        let path = self.source(spot.file).path.display().to_string();
        // One line each, whatever the value that is quoted holds.
        let text = text.replace(char::is_control, " ");
        Problem { path, line: self.line(*spot), warning: *warning, text }
    }
}

impl Spot {
    pub fn new(file: usize, span: Range<usize>) -> Spot {
        Spot { file, at: span.start }
    }
}

/// The candidate that `word` is most likely a slip of, if any is close.
pub(super) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_ascii_lowercase();
    let allowed = (word.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word, candidate), candidate))
        .filter(|(slips, candidate)| *slips <= allowed && *slips < candidate.len())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, candidate)| candidate)
}

/// Slips between two words; `-`, `_` and a blank are one letter, and so are capitals and small letters.
fn distance(word: &str, candidate: &str) -> usize {
    let plain = |text: &str| text.to_ascii_lowercase().replace(['-', ' '], "_");
    strsim::damerau_levenshtein(&plain(word), &plain(candidate))
}

/// "; did you mean `X`?", or "; it is one of …" where nothing is close.
pub(super) fn instead(word: &str, candidates: &[&str]) -> String {
    match (nearest(word, candidates.iter().copied()), candidates) {
        (Some(near), _) => format!("; did you mean `{near}`?"),
        (None, []) => String::new(),
        (None, [only]) => format!("; write `{only}`"),
        (None, all) => format!("; write one of {}", all.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_a_stranger_finds_none() {
        let keys = ["calendar", "sms_from", "did", "id"];
        assert_eq!(nearest("calender", keys), Some("calendar"));
        assert_eq!(nearest("sms-from", keys), Some("sms_from"));
        assert_eq!(nearest("Did", keys), Some("did"));
        assert_eq!(nearest("zebra", keys), None);
    }

    #[test]
    fn lines_count_from_one_and_problems_come_in_their_order() {
        let mut problems = Problems::default();
        let file = problems.add(Source { path: "a.toml".into(), text: "x\r\ny\nz".into() });
        problems.error(Spot { file, at: 5 }, "sec\nond");
        problems.warn(Spot { file, at: 0 }, "first");
        problems.error(Spot { file, at: 5 }, "sec\nond");
        let shown: Vec<String> = problems.into_list().iter().map(Problem::to_string).collect();
        assert_eq!(shown, ["a.toml:1: warning: first", "a.toml:3: sec ond"]);
    }
}

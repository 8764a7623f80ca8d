//! Holds the arrows of the module table: which module may name which, and that the core touches no machine.
//!
//! It reads the sources, not the compiler's view: `crate::…` and `super::…` paths outside comments, strings and
//! test modules. A finding is `file:line` and what to do instead.

use std::fs;
use std::path::{Path, PathBuf};

/// A module, its layer, and what it may name beside the layers below and itself.
const MODULES: &[(&str, u8, &[&str])] = &[
    ("time", 0, &["phone", "event", "settings"]),
    ("limits", 0, &[]),
    ("phone", 0, &["time", "event", "settings"]),
    ("event", 0, &["time", "phone", "settings"]),
    ("settings", 0, &["time", "phone", "event", "limits"]),
    ("wire", 1, &[]),
    ("flow", 2, &[]),
    ("call", 2, &["flow"]),
    ("media", 2, &[]),
    ("uas", 2, &["media"]),
    ("rules", 3, &[]),
    ("outreach", 3, &["rules"]),
    ("report", 3, &[]),
    ("engine", 4, &[]),
    ("learn", 4, &[]),
    ("source", 5, &["clock"]),
    ("transport", 5, &[]),
    ("gateway", 5, &[]),
    ("connector", 5, &[]),
    ("store", 5, &[]),
    ("voicemail", 5, &[]),
    ("clock", 5, &[]),
    ("tape", 5, &["source"]),
    ("config", 6, &[]),
    ("daemon", 6, &["config"]),
    ("replay", 6, &["config"]),
    ("web", 6, &["config"]),
    ("cli", 6, &["config", "daemon", "replay", "web"]),
];

/// What nothing below the I/O layer may name: the machine, the clock, the environment, chance.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::time",
    "std::os",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "Instant",
    "SystemTime",
    "RandomState",
    "ThreadRng",
    "getrandom",
    "thread_rng",
    "async",
    "await",
    "tokio",
    "println",
    "eprintln",
    "print",
    "eprint",
    "thread_local",
];

/// Words of SIP, which rules, outreach and report never see.
const SIP_WORDS: &[&str] = &[
    "INVITE", "CANCEL", "BYE", "ACK", "Sip", "sip", "SIP", "Sdp", "sdp", "Rtp", "rtp", "CallId", "call_id",
    "from_tag",
];

/// A line of code without comments and strings.
struct Line {
    number: usize,
    code: String,
}

/// One source file: where it is, its module path, its code.
struct Source {
    path: PathBuf,
    module: Vec<String>,
    lines: Vec<Line>,
}

#[test]
fn arrows_between_modules_point_down() {
    let findings: Vec<String> = sources().iter().flat_map(arrows_up).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn the_core_is_pure() {
    let core = sources().into_iter().filter(|source| layer(source.top()).is_some_and(|n| n <= 4));
    let findings: Vec<String> =
        core.flat_map(|source| named(&source, IMPURE, "the core is pure: pass it in")).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn rules_know_no_sip() {
    let above = sources().into_iter().filter(|source| layer(source.top()) == Some(3));
    let findings: Vec<String> =
        above.flat_map(|source| named(&source, SIP_WORDS, "a word of SIP: rules see CallSeen")).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn only_the_clock_reads_the_clock() {
    let clocks = ["Instant::now", "SystemTime::now", "Timestamp::now", "Zoned::now", "TimeZone::system"];
    let others = sources().into_iter().filter(|source| source.top() != "clock");
    let findings: Vec<String> =
        others.flat_map(|source| named(&source, &clocks, "only clock.rs reads the clock")).collect();
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn an_arrow_up_is_found() {
    let source = source_of("src/rules/line.rs", "use std::fmt;\nuse crate::{phone, wire::sip};\n");
    assert_eq!(
        arrows_up(&source),
        ["src/rules/line.rs:2: rules names wire, which it may not: see the module table in lib.rs"]
    );
}

#[test]
fn an_arrow_up_by_super_is_found() {
    let source =
        source_of("src/wire/sip/uri.rs", "use super::super::super::call::Leg;\nuse super::super::packet;\n");
    assert_eq!(arrows_up(&source).len(), 1);
}

#[test]
fn comments_strings_and_tests_are_not_code() {
    let text = "// crate::engine\nlet a = \"crate::engine\"; /* crate::cli */\n#[cfg(test)]\nmod tests {\n use crate::engine;\n}\n";
    assert_eq!(arrows_up(&source_of("src/time.rs", text)), [""; 0]);
}

#[test]
fn a_clock_in_the_core_is_found() {
    let source = source_of("src/call/leg.rs", "let now = std::time::Instant::now();\n");
    assert_eq!(named(&source, &["std::time"], "no").len(), 1);
    assert_eq!(named(&source, &["std::tim"], "no").len(), 0);
}

fn layer(module: &str) -> Option<u8> {
    MODULES.iter().find(|(name, ..)| *name == module).map(|(_, layer, _)| *layer)
}

fn arrows_up(source: &Source) -> Vec<String> {
    let top = source.top();
    let Some((_, own, beside)) = MODULES.iter().find(|(name, ..)| *name == top) else {
        return vec![format!(
            "{}: module {top} has no layer: add it to tests/it/layers.rs",
            source.path.display()
        )];
    };
    let allowed = |name: &str| match layer(name) {
        _ if name == top || beside.contains(&name) => true,
        // I/O knows facts and codecs; the engine stands between it and everything else.
        Some(target) if *own == 5 => target <= 1,
        // What decides about people knows facts alone.
        Some(target) if *own == 3 => target == 0,
        Some(target) => target < *own,
        None => true,
    };
    let found = source
        .lines
        .iter()
        .flat_map(|line| tops(&line.code, source.module.len()).map(move |name| (line.number, name)));
    let wrong = found.filter(|(_, name)| !allowed(name));
    let told = |(line, name)| {
        format!(
            "{}:{line}: {top} names {name}, which it may not: see the module table in lib.rs",
            source.path.display()
        )
    };
    wrong.map(told).collect()
}

/// The top-level modules a line names, by `crate::` or by as many `super::` as lead to the root.
fn tops(code: &str, depth: usize) -> impl Iterator<Item = String> {
    let up = "super::".repeat(depth);
    let roots = ["crate::", up.as_str()];
    let mut names = Vec::new();
    for root in roots.into_iter().filter(|root| !root.is_empty()) {
        for (at, _) in code.match_indices(root) {
            let before = code[..at].chars().next_back();
            if !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
                names.extend(heads(&code[at + root.len()..]));
            }
        }
    }
    names.into_iter()
}

/// The first names after a path's root: one, or those of a `{…}` group.
fn heads(rest: &str) -> Vec<String> {
    let Some(group) = rest.strip_prefix('{') else { return vec![word(rest)] };
    let mut depth = 0;
    let mut names = vec![String::new()];
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ => {}
        }
        if depth == 0 && !matches!(c, ',' | '}' | ' ') {
            names.last_mut().expect("starts with one").push(c);
        }
    }
    names.iter().map(|name| word(name)).filter(|name| !name.is_empty()).collect()
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Where a source names one of `words`, whole.
fn named(source: &Source, words: &[&str], why: &str) -> Vec<String> {
    let boundary = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let whole = |code: &str, found: &str| {
        code.match_indices(found).any(|(at, _)| {
            boundary(code[..at].chars().next_back()) && boundary(code[at + found.len()..].chars().next())
        })
    };
    let mut findings = Vec::new();
    for line in &source.lines {
        for found in words.iter().filter(|found| whole(&line.code, found)) {
            findings.push(format!("{}:{}: {found}: {why}", source.path.display(), line.number));
        }
    }
    findings
}

impl Source {
    fn top(&self) -> &str {
        &self.module[0]
    }
}

/// All sources but the crate's two roots.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    gather(&root.join("src"), &mut files);
    files.sort();
    let relative = |path: &PathBuf| path.strip_prefix(root).expect("below the root").to_path_buf();
    let crate_root = |path: &Path| path == Path::new("src/lib.rs") || path == Path::new("src/main.rs");
    let files = files.iter().filter(|path| !crate_root(&relative(path)));
    files.map(|path| source_of(relative(path), &fs::read_to_string(path).expect("readable"))).collect()
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            gather(&path, files);
        } else if path.extension().is_some_and(|e| e == "rs") {
            files.push(path);
        }
    }
}

fn source_of(path: impl Into<PathBuf>, text: &str) -> Source {
    let path = path.into();
    let inside = path.strip_prefix("src").expect("below src").with_extension("");
    let mut module: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if module.len() > 1 && module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    let tests = module.iter().any(|part| part == "tests");
    let lines = if tests { Vec::new() } else { code(text) };
    Source { path, module, lines }
}

/// The code before the test module; a `use` over several lines becomes one.
fn code(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut open = 0;
    let bare = blanked(text);
    for (n, line) in bare.lines().enumerate() {
        if line.trim_start().starts_with("#[cfg(test)]") {
            break;
        }
        let continues = open > 0;
        if continues || line.trim_start().starts_with("use ") || line.trim_start().starts_with("pub use ") {
            open += line.matches('{').count();
            open = open.saturating_sub(line.matches('}').count());
        }
        match lines.last_mut() {
            Some(last) if continues => last.code.push_str(line.trim()),
            _ => lines.push(Line { number: n + 1, code: line.to_owned() }),
        }
    }
    lines
}

/// The text with comments and the insides of strings taken out, line breaks kept.
fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = skipped(rest).unwrap_or(0);
        if length == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            out.extend(rest[..length].matches('\n'));
            rest = &rest[length..];
        }
    }
    out
}

/// How long the comment, string or character is that starts here.
fn skipped(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return rest.find('\n').or(Some(rest.len()));
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        return Some(comment.find("*/").map_or(rest.len(), |end| end + 4));
    }
    if let Some(raw) = rest.strip_prefix("r#\"") {
        return raw.find("\"#").map(|end| end + 5);
    }
    if rest.starts_with("'\"'") {
        return Some(3);
    }
    let inside = rest.strip_prefix('"')?;
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            '\\' if !escaped => escaped = true,
            '"' if !escaped => return Some(at + 2),
            _ => escaped = false,
        }
    }
    Some(rest.len())
}

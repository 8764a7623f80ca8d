//! A proposal as the file of a profile: TOML, the evidence and the questions as comments.

use std::fmt;

use super::proposal::{Key, Proposal, Value};

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# A profile proposed by `ringback learn`, from {}.", self.read)?;
        writeln!(f, "# Read it, answer the questions at its end, and name the file in `[pbx] profile`.")?;
        for note in &self.notes {
            writeln!(f, "# {note}")?;
        }
        let (base, because) = match &self.extends {
            Some((name, because)) => (name.as_str(), because.as_slice()),
            None => ("generic", [].as_slice()),
        };
        writeln!(f, "system = \"this site, as learnt\"")?;
        because.iter().try_for_each(|line| writeln!(f, "# {line}"))?;
        writeln!(f, "extends = {}", quoted(base))?;
        let mut table = "";
        for key in &self.keys {
            let (of, name) = key.name.split_once('.').unwrap_or(("", key.name));
            if of != table {
                writeln!(f, "\n[{of}]")?;
                table = of;
            }
            written(f, key, name)?;
        }
        if !self.keys.is_empty() {
            writeln!(f, "\n[source]")?;
        }
        for key in &self.keys {
            writeln!(f, "{} = {}", key.name, quoted(&key.source))?;
        }
        if !self.questions.is_empty() {
            writeln!(f, "\n# What only the site can answer:")?;
        }
        self.questions.iter().try_for_each(|question| writeln!(f, "# - {question}"))
    }
}

fn written(f: &mut fmt::Formatter<'_>, key: &Key, name: &str) -> fmt::Result {
    key.because.iter().try_for_each(|line| writeln!(f, "# {line}"))?;
    match &key.value {
        Value::Text(text) => writeln!(f, "{name} = {}", quoted(text)),
        Value::Texts(texts) => {
            let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            writeln!(f, "{name} = [{}]", texts.join(", "))
        }
        Value::Wholes(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(i64::to_string).collect();
            writeln!(f, "{name} = [{}]", numbers.join(", "))
        }
    }
}

/// A TOML string on one line.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

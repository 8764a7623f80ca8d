//! `schemas/` is what the types say, and what a replay writes is what `schemas/` says.
//!
//! `RINGBACK_BLESS=1 cargo test --test it schemas` rewrites them from the types. A schema lets unknown
//! fields be, because adding one is no breaking change; here a field that isn't in it is a mistake.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ringback::engine::Summary;
use ringback::event::{CallRecord, JournalEntry, Message, Task};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

/// Scenarios with texts, tasks, reviews, withheld callers, and several legs.
const SCENARIOS: [&str; 6] = [
    "answered-at-redial",
    "b2bua-pilot-with-diversion",
    "caller-cancels",
    "foreign-and-odd-callers",
    "lab-pbx-voicemail",
    "withheld",
];

/// The file of each schema, and the file of a replay it is of.
fn schemas() -> [(&'static str, &'static str, Schema); 5] {
    [
        ("call", "calls.jsonl", of::<CallRecord>()),
        ("journal-entry", "journal.jsonl", of::<JournalEntry>()),
        ("message", "messages.jsonl", of::<Message>()),
        ("summary", "summary.json", of::<Summary>()),
        ("task", "tasks.jsonl", of::<Task>()),
    ]
}

fn of<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<T>()
}

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(format!("{name}.schema.json"))
}

#[test]
fn the_schemas_are_those_of_the_types() {
    for (name, _, schema) in schemas() {
        let text = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        if std::env::var_os("RINGBACK_BLESS").is_some() {
            fs::create_dir_all(path(name).parent().expect("a parent")).expect("a folder");
            fs::write(path(name), &text).expect("written");
        }
        assert_eq!(fs::read_to_string(path(name)).expect("a schema"), text, "{name}");
    }
}

#[test]
fn what_a_replay_writes_is_what_the_schemas_say() {
    let out = tempfile::tempdir().expect("a folder");
    let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("captures");
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
    command.arg("replay").arg("--out").arg(out.path());
    let done = command.args(SCENARIOS.map(|name| captures.join(name))).output().expect("it runs");
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    for (name, file, schema) in schemas() {
        let written = SCENARIOS.map(|scenario| values(&out.path().join(scenario).join(file))).concat();
        assert!(!written.is_empty(), "no {name} to look at");
        for value in written {
            let faults = faults(&value, schema.as_value());
            assert!(faults.is_empty(), "{name}: {faults:?} in {value}");
        }
    }
}

#[test]
fn what_the_schemas_do_not_say_is_found() {
    let schema = of::<Task>();
    let task = json!({"key": "k", "case": "c", "at": "2026-11-20T21:14:07.123456Z",
        "owner": null, "due": null, "title": "t"});
    assert_eq!(faults(&task, schema.as_value()), [""; 0]);
    for (key, value) in [("at", json!("today")), ("title", json!(1)), ("owner", json!([])), ("new", json!(0))]
    {
        let mut wrong = task.clone();
        wrong[key] = value;
        assert_eq!(faults(&wrong, schema.as_value()).len(), 1, "{key}");
    }
    let mut short = task.clone();
    short.as_object_mut().expect("an object").remove("owner");
    assert_eq!(faults(&short, schema.as_value()).len(), 1);
}

/// The values of a file: one, or one a line.
fn values(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("a file of the replay");
    if file.extension().is_some_and(|extension| extension == "json") {
        return vec![serde_json::from_str(&text).expect("JSON")];
    }
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What is wrong with a value: against the schema, and keys the schema doesn't have.
fn faults(value: &Value, root: &Value) -> Vec<String> {
    let mut check = Check { root, faults: Vec::new() };
    let known = check.against(value, root, "");
    check.strangers(value, &known, "");
    check.faults
}

/// As much of JSON Schema 2020-12 as our schemas use; any other keyword is a fault.
struct Check<'a> {
    root: &'a Value,
    faults: Vec<String>,
}

impl Check<'_> {
    /// Checks a value, and tells which of its keys the schema has.
    fn against(&mut self, value: &Value, schema: &Value, at: &str) -> BTreeSet<String> {
        let mut known = BTreeSet::new();
        let Value::Object(keywords) = schema else {
            self.holds(schema == &json!(true), at, "nothing is allowed here");
            return known;
        };
        for (keyword, wanted) in keywords {
            match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "format" | "default" => {}
                "$ref" => {
                    let target = wanted.as_str().and_then(|to| self.root.pointer(to.trim_start_matches('#')));
                    known.extend(self.against(value, &target.expect("a definition").clone(), at));
                }
                "oneOf" | "anyOf" => known.extend(self.one_of(value, wanted, at)),
                "properties" | "items" | "prefixItems" => {
                    known.extend(self.inside(keyword, value, wanted, at))
                }
                "additionalProperties" => {
                    let others = without(value, keywords.get("properties"));
                    known.extend(self.inside(keyword, &others, wanted, at));
                }
                _ => self.holds(is(keyword, value, wanted), at, &format!("{keyword} {wanted}")),
            }
        }
        known
    }

    fn one_of(&mut self, value: &Value, choices: &Value, at: &str) -> BTreeSet<String> {
        for choice in choices.as_array().expect("a list") {
            let mut tried = Check { root: self.root, faults: Vec::new() };
            let known = tried.against(value, choice, at);
            if tried.faults.is_empty() {
                return known;
            }
        }
        self.holds(false, at, "none of the choices");
        BTreeSet::new()
    }

    fn inside(&mut self, keyword: &str, value: &Value, wanted: &Value, at: &str) -> BTreeSet<String> {
        let pairs: Vec<(String, &Value, &Value)> = match (keyword, value, wanted) {
            ("properties", Value::Object(found), Value::Object(named)) => {
                let both = named.iter().filter_map(|(key, schema)| Some((key, found.get(key)?, schema)));
                both.map(|(key, value, schema)| (key.clone(), value, schema)).collect()
            }
            ("additionalProperties", Value::Object(found), _) => {
                found.iter().map(|(key, value)| (key.clone(), value, wanted)).collect()
            }
            ("items", Value::Array(list), _) => {
                list.iter().enumerate().map(|(n, value)| (n.to_string(), value, wanted)).collect()
            }
            ("prefixItems", Value::Array(list), Value::Array(schemas)) => {
                let both = list.iter().zip(schemas).enumerate();
                both.map(|(n, (value, schema))| (n.to_string(), value, schema)).collect()
            }
            _ => return BTreeSet::new(),
        };
        for (key, value, schema) in &pairs {
            let at = format!("{at}/{key}");
            let known = self.against(value, schema, &at);
            self.strangers(value, &known, &at);
        }
        pairs.into_iter().map(|(key, ..)| key).collect()
    }

    fn strangers(&mut self, value: &Value, known: &BTreeSet<String>, at: &str) {
        let keys = value.as_object().into_iter().flat_map(|object| object.keys());
        for key in keys.filter(|key| !known.contains(*key)) {
            self.holds(false, at, &format!("`{key}` is not in the schema"));
        }
    }

    fn holds(&mut self, true_of_it: bool, at: &str, what: &str) {
        if !true_of_it {
            self.faults.push(format!("{at}: {what}"));
        }
    }
}

/// An object without the keys that `properties` names.
fn without(value: &Value, properties: Option<&Value>) -> Value {
    let mut value = value.clone();
    let named = properties.and_then(Value::as_object);
    if let (Some(object), Some(named)) = (value.as_object_mut(), named) {
        object.retain(|key, _| !named.contains_key(key));
    }
    value
}

/// Whether a keyword that looks at nothing below the value holds.
fn is(keyword: &str, value: &Value, wanted: &Value) -> bool {
    match keyword {
        "type" => match wanted {
            Value::Array(types) => types.iter().any(|one| is_a(value, one)),
            one => is_a(value, one),
        },
        "const" => value == wanted,
        "enum" => wanted.as_array().is_some_and(|values| values.contains(value)),
        "pattern" => value.as_str().is_none_or(|text| {
            regex_lite::Regex::new(wanted.as_str().expect("a pattern")).expect("a pattern").is_match(text)
        }),
        "required" => {
            let mut keys = wanted.as_array().expect("a list").iter().filter_map(Value::as_str);
            value.as_object().is_none_or(|object| keys.all(|key| object.contains_key(key)))
        }
        "minimum" => value.as_f64().is_none_or(|n| Some(n) >= wanted.as_f64()),
        "maximum" => value.as_f64().is_none_or(|n| Some(n) <= wanted.as_f64()),
        "minItems" => value.as_array().is_none_or(|list| Some(list.len() as u64) >= wanted.as_u64()),
        "maxItems" => value.as_array().is_none_or(|list| Some(list.len() as u64) <= wanted.as_u64()),
        _ => false,
    }
}

fn is_a(value: &Value, kind: &Value) -> bool {
    match kind.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        _ => false,
    }
}

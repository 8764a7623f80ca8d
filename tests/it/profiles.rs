//! The profiles of PBXes: each is right, says where each of its keys is known from, reads its own messages in
//! tests/profiles as expected, and sets no key that makes no difference to any of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ringback::config;
use ringback::config::profile::{self, Profiled};
use ringback::phone::Dialplan;
use ringback::settings::{Profile, Sender, recognise};
use ringback::time::Span;
use ringback::wire::facts::{Facts, Reader};
use ringback::wire::sip::Message;
use serde_json::{Map, Value, json};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text_of(name: &str) -> String {
    fs::read_to_string(root().join(format!("sip-profiles/{name}.toml"))).expect("the profile")
}

fn built_in(name: &str) -> Profiled {
    profile::profile(name).unwrap_or_else(|refused| panic!("{refused}"))
}

/// The messages of a profile, by the names of their files.
fn messages(name: &str) -> BTreeMap<String, Vec<u8>> {
    let folder = root().join("tests/profiles").join(name);
    let entries = fs::read_dir(&folder).expect("its messages").map(|entry| entry.expect("an entry").path());
    let messages = entries.filter(|path| path.extension().is_some_and(|ending| ending == "sip"));
    messages.map(|path| (stem(&path), fs::read(&path).expect("readable"))).collect()
}

fn stem(path: &Path) -> String {
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}

/// What a message shows under a profile: its facts, and what the profile makes of the scene it says to be in
/// (`X-Scene: sender=…;rang=MS;apart=MS`).
fn shown(profiled: &Profiled, bytes: &[u8]) -> Value {
    let message = Message::parse(bytes).expect("a message");
    let scene: Vec<u8> = message.named(b"X-Scene").next().unwrap_or_default().to_vec();
    let scene = String::from_utf8(scene).expect("plain");
    let said =
        |key: &str| scene.split(';').filter_map(|part| part.split_once('=')).find(|part| part.0 == key);
    let millis = |key: &str| said(key).map(|(_, value)| Span::from_millis(value.parse().expect("a number")));
    let sender = match said("sender").map(|(_, value)| value) {
        None => Sender::Trunk,
        Some("pbx") => Sender::Pbx,
        Some("phone") => Sender::Phone,
        Some(other) => panic!("{other}"),
    };
    let pbx = &profiled.pbx;
    let is_own = |user: &[u8]| user == b"+13125550111";
    let facts = Facts::read(&message, &Reader { profile: &pbx.profile, sender, is_own: &is_own });
    let dialplan = Dialplan::new(&pbx.numbers, Some("US"));
    let number = facts.caller.as_ref().and_then(|caller| dialplan.read(caller.user.as_bytes()));
    let target = message.request_uri().map(|uri| String::from_utf8_lossy(uri.user()).into_owned());
    let pilot =
        target.is_some_and(|user| pbx.roles.voicemail_pilots.iter().any(|pilot| pilot.is_match(&user)));
    let about = |ring: &Span, rang: Span| (rang.as_millis() - ring.as_millis()).abs() <= 1_000;
    let coverage = &pbx.profile.coverage;
    let mut all = serde_json::to_value(&facts).expect("plain");
    let more = json!({
        "weight": pbx.profile.recognition.weight(&message),
        "number": number.map(|party| party.shown()),
        "pilot": pilot,
        "covered": millis("rang").is_some_and(|rang| coverage.rings.iter().any(|ring| about(ring, rang))),
        "in_window": millis("apart").is_some_and(|apart| pbx.profile.correlate.window.is_some_and(|most| apart <= most)),
        "in_hunt_gap": millis("apart").is_some_and(|apart| apart <= pbx.judge.hunt_gap),
    });
    all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    all
}

/// Without what is not so.
fn brief(shown: &Value) -> Value {
    let nothing = [Value::Null, json!(false), json!(0), json!([])];
    let kept = shown.as_object().expect("an object").iter().filter(|(_, value)| !nothing.contains(value));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// A profile of this text.
fn made_of(text: &str) -> Profiled {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("made.toml");
    fs::write(&path, text).expect("written");
    let name = path.to_str().expect("plain").to_owned();
    profile::profile(&name).unwrap_or_else(|refused| panic!("{refused}\n{text}"))
}

#[test]
fn every_message_is_read_as_expected() {
    let mut wrong = Vec::new();
    for name in profile::names() {
        let profiled = built_in(name);
        let read = messages(name).into_iter().map(|(file, bytes)| (file, brief(&shown(&profiled, &bytes))));
        let read = Value::Object(read.collect::<Map<_, _>>());
        let expected = fs::read_to_string(root().join(format!("tests/profiles/{name}/expected.json")));
        if expected.ok().and_then(|text| serde_json::from_str::<Value>(&text).ok()).as_ref() != Some(&read) {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.json"));
            fs::write(&path, serde_json::to_string_pretty(&read).expect("plain") + "\n").expect("written");
            wrong.push(format!(
                "{name}: not as in tests/profiles/{name}/expected.json; read: {}",
                path.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn every_key_of_every_profile_makes_a_difference_to_a_message() {
    let mut idle = Vec::new();
    for name in profile::names() {
        let text = text_of(name);
        let (before, messages) = (made_of(&text), messages(name));
        for (key, line) in keys(&text) {
            let after = made_of(&text.replacen(&line, &otherwise(&line), 1));
            if messages.values().all(|bytes| shown(&before, bytes) == shown(&after, bytes)) {
                idle.push(format!("{name}: no message in tests/profiles/{name} exercises `{key}`"));
            }
        }
    }
    assert!(idle.is_empty(), "\n{}\n", idle.join("\n"));
}

/// Each key of a profile's text, with its line.
fn keys(text: &str) -> Vec<(String, String)> {
    let mut table = String::new();
    let mut keys = Vec::new();
    for line in text.split("\n[source]").next().unwrap_or_default().lines() {
        if let Some(header) = line.strip_prefix('[') {
            table = format!("{}.", header.trim_end_matches(']'));
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.push((format!("{table}{key}"), line.to_owned()));
        }
    }
    keys.retain(|(key, _)| !["system", "extends"].contains(&key.as_str()));
    keys
}

/// The line with a value that knows nothing, or says the contrary.
fn otherwise(line: &str) -> String {
    let (key, value) = line.split_once(" = ").expect("a key");
    let other = match value {
        "true" => "false",
        "false" => "true",
        "\"first\"" => "\"last\"",
        "\"last\"" => "\"first\"",
        "\"hint\"" => "\"ignore\"",
        "\"ignore\"" => "\"hint\"",
        "\"embedded\"" => "\"b2bua\"",
        "\"b2bua\"" | "\"redirect\"" => "\"embedded\"",
        "\"rfc4733\"" => "\"info\"",
        "\"ringback\"" => "\"announcement\"",
        "\"announcement\"" => "\"ringback\"",
        list if list.starts_with('[') => "[]",
        map if map.starts_with('{') => "{}",
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => "1",
        other => panic!("{key}: what is the contrary of {other}?"),
    };
    format!("{key} = {other}")
}

#[test]
fn a_key_that_no_message_exercises_is_found() {
    let text = text_of("panasonic-ns");
    let idle = text.replace("[source]", "[media]\ndtmf = \"info\"\n\n[source]\nmedia.dtmf = \"unverified\"");
    let (before, after) = (made_of(&idle), made_of(&text));
    let messages = messages("panasonic-ns");
    assert!(keys(&idle).iter().any(|(key, _)| key == "media.dtmf"));
    assert!(messages.values().all(|bytes| shown(&before, bytes) == shown(&after, bytes)));
}

#[test]
fn each_profile_recognises_its_own_messages_and_no_other_makes() {
    let all: Vec<Profile> = profile::all().unwrap_or_else(|refused| panic!("{refused}"));
    for name in profile::names() {
        for (file, bytes) in messages(name) {
            let message = Message::parse(&bytes).expect("a message");
            let shown = recognise(&all, &message).map(|profile| profile.name.as_str());
            assert!(shown.is_none() || shown == Some(name), "{name}/{file} is taken for {shown:?}");
        }
    }
}

#[test]
fn every_source_is_of_a_kind_or_unverified() {
    let kinds = ["message", "messages", "vendor", "standard", "code", "page", "fingerprint", "issue"];
    for name in profile::names() {
        for key in built_in(name).keys {
            let kind = key.source.split(": ").next().unwrap_or_default();
            let known = key.source == profile::UNVERIFIED || kinds.contains(&kind);
            assert!(known, "{name}: {} = {}", key.key, key.source);
        }
    }
}

#[test]
fn a_make_of_pbx_answers_itself_for_what_decides() {
    for name in profile::names().filter(|name| !["generic", "trunks"].contains(name)) {
        let keys = built_in(name).keys;
        for key in ["coverage.style", "coverage.elsewhere", "diversion.headers"] {
            let found = keys.iter().find(|found| found.key == key).expect(key);
            assert_eq!(found.from, name, "{key} of {name} is inherited");
        }
    }
}

#[test]
fn every_file_of_the_folder_is_built_in_and_says_who_it_is_for() {
    let files = fs::read_dir(root().join("sip-profiles")).expect("the folder");
    let paths = files.map(|entry| entry.expect("an entry").path());
    let mut names: Vec<String> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "toml")).map(|path| stem(&path)).collect();
    let mut known: Vec<&str> = profile::names().collect();
    names.sort();
    known.sort();
    assert_eq!(names, known);
    for name in names {
        let first = text_of(&name);
        assert!(first.starts_with("# ") && first.contains("\nsystem = "), "{name}");
    }
}

#[test]
fn the_settings_without_a_configuration_are_those_of_generic() {
    let (found, default) = (built_in("generic").pbx, ringback::settings::Pbx::default());
    assert_eq!(format!("{:?}", found.profile), format!("{:?}", default.profile));
    assert_eq!(format!("{:?}", found.judge), format!("{:?}", default.judge));
    assert_eq!(format!("{:?}", found.numbers), format!("{:?}", default.numbers));
}

/// What is told of a profile of this text.
fn told(text: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("own.toml");
    fs::write(&path, text).expect("written");
    let name = path.to_str().expect("plain");
    let refused = profile::profile(name).expect_err("it is wrong").to_string();
    refused.replace(folder.path().to_str().expect("plain"), "")
}

#[test]
fn what_is_wrong_in_a_profile_is_told_with_its_line_and_what_to_write() {
    for (text, wanted) in [
        (
            "[match]\nuser_agnt = [\"X\"]\n",
            "/own.toml:2: unknown key `user_agnt` in [match]; did you mean `user_agent`?",
        ),
        (
            "[covrage]\nstyle = \"embedded\"\n",
            "/own.toml:1: unknown section [covrage]; did you mean `coverage`?",
        ),
        (
            "[coverage]\nstyle = \"embeded\"\n[source]\ncoverage.style = \"unverified\"\n",
            "/own.toml:2: `style`: it can't be `embeded`; did you mean `embedded`?",
        ),
        (
            "[coverage]\nstyle = \"embedded\"\n",
            "/own.toml:2: `coverage.style` has no source; in [source], write where it is known from, or \"unverified\"",
        ),
        (
            "[coverage]\nstyle = \"embedded\"\n[source]\ncoverage.stile = \"page: x\"\n",
            "/own.toml:4: `coverage.stile` in [source]: the file sets no such key; did you mean `coverage.style`?",
        ),
        (
            "[match]\nserver = [\"(\"]\n[source]\nmatch.server = \"unverified\"\n",
            "/own.toml:2: `server`: `(` is not a pattern",
        ),
        (
            "[diversion]\nreason_map = { busy = \"bussy\" }\n[source]\ndiversion.reason_map = \"unverified\"\n",
            "/own.toml:2: `reason_map`: it can't be `bussy`; did you mean `busy`?",
        ),
        ("noncall_patterns = [\"From\"]\n[source]\nnoncall_patterns = \"unverified\"\n", "has no pattern"),
        ("extends = \"cisco-cumc\"\n", "/own.toml:1: no profile `cisco-cumc`; did you mean `cisco-cucm`?"),
        ("extends = \"./own.toml\"\n", "extends itself"),
        ("correlate = 3\n", "/own.toml:1: `correlate` is a number"),
    ] {
        let found = told(text);
        assert!(found.contains(wanted), "{found}\nwanted: {wanted}");
    }
}

#[test]
fn a_profile_of_the_site_extends_several_and_the_later_one_wins() {
    let own = made_of(
        "extends = [\"cisco-cucm\", \"trunks\"]\n[coverage]\nelsewhere = \"hint\"\n\
         [source]\ncoverage.elsewhere = \"learn: 31 of 31 calls\"\n",
    );
    let key = |name: &str| own.keys.iter().find(|key| key.key == name).expect("set").clone();
    assert_eq!(key("correlate.headers").from, "trunks");
    assert_eq!(key("diversion.headers").from, "cisco-cucm");
    assert_eq!(key("coverage.elsewhere").source, "learn: 31 of 31 calls");
    assert!(own.keys.iter().all(|key| !key.key.starts_with("match.")), "recognition isn't inherited");
    assert!(own.keys.iter().filter(|key| key.is_deciding()).all(|key| key.is_verified()));
}

/// A configuration that texts, with these lines in `[pbx]` and `[pbx.roles]`.
fn site(pbx: &str, roles: &str) -> config::Loaded {
    let text = fs::read_to_string(root().join("tests/configs/profile-unverified.toml")).expect("readable");
    let text = text.replace("profile = \"freepbx-asterisk\"", pbx);
    let text = text.replace("[gateway.outbox]", &format!("{roles}\n[gateway.outbox]"));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ringback.toml");
    fs::write(&path, text).expect("written");
    config::load(&path).unwrap_or_else(|refused| panic!("{refused}"))
}

fn refused(loaded: &config::Loaded) -> Option<Vec<String>> {
    loaded.settings.unverified.as_ref().map(|unverified| unverified.keys.clone())
}

#[test]
fn texts_rest_on_what_is_verified_or_on_the_sites_own_word() {
    let asterisk = "profile = \"freepbx-asterisk\"";
    assert_eq!(refused(&site(asterisk, "")), Some(vec!["roles.voicemail_pilots".to_owned()]));
    assert_eq!(refused(&site(asterisk, "voicemail_pilots = [\"\\\\*97\"]")), None);
    assert_eq!(refused(&site(asterisk, "voicemail_pilots = []")), None);
    assert_eq!(refused(&site(&format!("{asterisk}\nunverified_ok = \"tested\""), "")), None);
    assert_eq!(refused(&site("", "")), None, "generic, with the site's own roles");
    let avaya = refused(&site("profile = \"avaya-ip-office\"", "")).expect("refused");
    assert_eq!(avaya, ["diversion.headers", "coverage.elsewhere"]);
}

#[test]
fn what_the_site_says_stands_over_its_profile() {
    let loaded = site(
        "profile = \"freepbx-asterisk\"",
        "voicemail_pilots = [\"8500\"]\n[pbx.judge]\nhunt_gap = \"6s\"",
    );
    let pilots = &loaded.settings.pbx.roles.voicemail_pilots;
    assert!(pilots[0].is_match("8500") && !pilots.iter().any(|pilot| pilot.is_match("*97")));
    assert_eq!(loaded.settings.pbx.judge.hunt_gap, Span::from_secs(6));
    let key = |name: &str| loaded.keys.iter().find(|key| key.key == name).expect("set");
    assert_eq!(key("roles.voicemail_pilots").source, "site");
    assert!(
        key("roles.voicemail_pilots").from.ends_with("ringback.toml:12"),
        "{:?}",
        key("roles.voicemail_pilots")
    );
    assert_eq!(key("coverage.style").from, "freepbx-asterisk");
    assert_eq!(site("profile = \"freepbx-asterisk\"", "").settings.pbx.judge.hunt_gap, Span::from_secs(4));
}

#[test]
fn a_replay_under_an_unverified_profile_makes_tasks_and_no_text() {
    let out = tempfile::tempdir().expect("a folder");
    let mut replay = Command::new(env!("CARGO_BIN_EXE_ringback"));
    replay.current_dir(root()).args(["replay", "--profile", "nec-sv", "--out"]).arg(out.path());
    let done = replay.arg("captures/caller-cancels").output().expect("it runs");
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let read =
        |file: &str| fs::read_to_string(out.path().join("caller-cancels").join(file)).expect("written");
    let messages = read("messages.jsonl");
    assert!(
        messages.contains("\"state\":\"skipped\"") && messages.contains("\"profile_unverified\""),
        "{messages}"
    );
    assert!(messages.contains("\"gate\":\"profile nec-sv\""), "{messages}");
    assert!(!messages.contains("accepted"), "{messages}");
    assert!(read("tasks.jsonl").contains("Call back"));
}

#[test]
fn check_tells_every_key_with_its_source_in_a_hundred_columns() {
    let check = |args: &[&str]| {
        let mut check = Command::new(env!("CARGO_BIN_EXE_ringback"));
        let done = check.current_dir(root()).arg("check").args(args).output().expect("it runs");
        assert_eq!(done.status.code(), Some(0), "{args:?}");
        String::from_utf8(done.stdout).expect("text")
    };
    for name in profile::names() {
        let table = check(&["--profile", name]);
        assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
        let rows = check(&["--profile", name, "--format", "json"]);
        let rows: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).expect("JSON")).collect();
        assert_eq!(rows.len(), built_in(name).keys.len());
        assert!(rows.iter().all(|row| table.contains(row["key"].as_str().expect("a key"))), "{table}");
    }
    let both = check(&["--profile", "nec-sv", "--config", "tests/configs/profile-unverified.toml"]);
    assert!(both.contains("site [tests/configs/profile-unverified.toml:9]"), "{both}");
    assert!(both.ends_with("2 warnings\n"), "{both}");
}

/// The README's table of one profile: what its own keys are known from, and what keeps texts back.
fn row(name: &str) -> String {
    let profiled = built_in(name);
    let own = || profiled.keys.iter().filter(|key| key.from == name);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for key in own().filter(|key| key.is_verified()) {
        let kind = key.source.split(": ").next().unwrap_or_default();
        *kinds.entry(kind.trim_end_matches('s')).or_default() += 1;
    }
    let known: Vec<String> = kinds.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    let shaky = own().filter(|key| !key.is_verified()).count();
    let deciding = profiled.keys.iter().filter(|key| key.is_deciding() && !key.is_verified());
    let deciding: Vec<String> = deciding.map(|key| format!("`{}`", key.key)).collect();
    let texts = match deciding.as_slice() {
        [] => "leave".to_owned(),
        keys => format!("refused: {}", keys.join(", ")),
    };
    format!(
        "| {} | `{name}` | {} | {shaky} of {} | {texts} |",
        profiled.system,
        known.join(", "),
        own().count()
    )
}

#[test]
fn the_table_of_the_readme_says_what_the_profiles_say() {
    let readme = fs::read_to_string(root().join("README.md")).expect("readable");
    let (head, makes): (Vec<&str>, Vec<&str>) =
        profile::names().partition(|name| ["generic", "trunks"].contains(name));
    let rows: Vec<String> = makes.into_iter().chain(head).map(row).collect();
    let table = rows.join("\n");
    assert!(rows[0].starts_with("| Avaya ") && rows[1].starts_with("| Avaya "), "Avaya first");
    assert!(readme.contains(&table), "README.md must have these rows:\n{table}");
}

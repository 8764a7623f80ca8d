//! `ringback learn` on our own captures: what it proposes against the roles they are configured with.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ringback::config;
use ringback::learn::{Learner, Material, Proposal, Value};
use ringback::settings::{Net, Profile, Roles};
use ringback::source::{self, Merge, PacketSource};
use ringback::time::Timestamp;
use ringback::wire::packet::TapId;

/// Captures that show each role of which they have traffic, and the hosts they show.
const RICH: [(&str, &[&str]); 13] = [
    ("b2bua-hunt-to-pilot", &[PBX, VOICEMAIL, "192.168.20.21", "192.168.20.22", "192.168.20.23", TRUNK]),
    ("b2bua-pilot-with-diversion", &[PBX, VOICEMAIL, "192.168.20.21", TRUNK]),
    ("b2bua-ring-all-answered", &[PBX, "192.168.20.21", "192.168.20.22", "192.168.20.23", TRUNK]),
    ("both-sides-of-a-firewall", &[PBX, "198.51.100.5", TRUNK]),
    ("internal", &[PBX, "192.168.20.21", "192.168.20.22"]),
    (
        "lab-pbx-external-voicemail-hep",
        &["127.0.0.10", "127.0.0.20", "127.0.0.21", "127.0.0.22", "127.0.0.30"],
    ),
    ("lab-pbx-voicemail", &["127.0.0.10", "127.0.0.20", "127.0.0.21", "127.0.0.22"]),
    ("lab-proxy-voicemail", &["127.0.0.10", "127.0.0.11", "127.0.0.21", "127.0.0.22", "127.0.0.30"]),
    ("outbound", &[PBX, "192.168.20.22", TRUNK]),
    ("phones-only", &[PBX, "192.168.20.21", "192.168.20.22", TRUNK]),
    ("proxy-hops", &["192.168.10.4", PBX, "192.168.20.21", TRUNK]),
    ("proxy-ring-all", &[PBX, "192.168.20.21", "192.168.20.22", "192.168.20.23", TRUNK]),
    ("proxy-serial-hunt-to-voicemail", &[PBX, VOICEMAIL, "192.168.20.21", "192.168.20.22", TRUNK]),
];

/// Captures whose voicemail is left out of their configuration on purpose.
const UNCONFIGURED: [(&str, &str); 2] =
    [("aura-covers-unconfigured", "81080000"), ("target-and-cause", "7777")];

const TRUNK: &str = "203.0.113.20";
const PBX: &str = "192.168.10.5";
const VOICEMAIL: &str = "192.168.10.6";

#[test]
fn nothing_proposed_contradicts_what_is_configured() {
    let profiles = config::profile::all().expect("profiles");
    let mut seen = 0;
    for folder in configured() {
        let name = name_of(&folder);
        let roles = config::load(&folder.join("ringback.toml")).expect("a configuration").settings.pbx.roles;
        let told = learnt(&folder, &profiles);
        for (role, net) in hosts(&told) {
            let known = role_of(&roles, net);
            assert!(
                known.is_none_or(|known| known == role),
                "{name}: {net} is proposed in {role}, it is {known:?}"
            );
            seen += 1;
        }
        for pilot in texts(&told, "roles.voicemail_pilots") {
            let known = roles.voicemail_pilots.iter().any(|pattern| pattern.is_match(&pilot));
            assert!(
                known || UNCONFIGURED.contains(&(name.as_str(), pilot.as_str())),
                "{name}: pilot {pilot}"
            );
        }
    }
    assert!(seen > 300, "{seen} hosts only");
}

#[test]
fn captures_that_show_a_whole_pbx_tell_all_its_roles() {
    let profiles = config::profile::all().expect("profiles");
    for (name, shown) in RICH {
        let folder = captures().join(name);
        let roles = config::load(&folder.join("ringback.toml")).expect("a configuration").settings.pbx.roles;
        let told = learnt(&folder, &profiles);
        let found: BTreeSet<(&str, IpAddr)> = hosts(&told).into_iter().collect();
        for host in shown.iter().map(|host| host.parse::<IpAddr>().expect("an address")) {
            let role = role_of(&roles, host).expect("configured");
            let is_found = found.contains(&(role, host));
            assert!(is_found, "{name}: {host} isn't in {role}:\n{told}");
            if role == "roles.voicemail_hosts" {
                assert_eq!(texts(&told, "roles.voicemail_pilots"), ["6000"], "{name}");
            }
        }
    }
}

#[test]
fn what_is_proposed_can_be_used_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("learnt.toml");
    let done = ringback(&["learn", "captures/b2bua-pilot-with-diversion/call.pcap"]);
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::write(&path, &done.stdout).expect("written");
    let path = path.to_str().expect("a path");
    let found = config::profile::profile(path).expect("a profile");
    assert_eq!(found.pbx.roles.voicemail_pilots.len(), 1);
    let learnt: Vec<_> = found.keys.iter().filter(|key| key.source.starts_with("learn: ")).collect();
    for role in ["trunk_peers", "pbx_hosts", "phone_nets", "voicemail_hosts", "voicemail_pilots"] {
        let key = learnt.iter().find(|key| key.key == format!("roles.{role}")).expect(role);
        assert!(key.is_deciding() && key.is_verified() && key.from == path, "{key:?}");
    }
    assert!(learnt.iter().all(|key| key.is_verified()), "{learnt:?}");
    let capture = "captures/b2bua-pilot-with-diversion/call.pcap";
    let judged = ringback(&["replay", "--profile", path, "--format", "json", capture]);
    assert_eq!(judged.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&judged.stdout).contains("\"direction\":\"inbound\""));
}

#[test]
fn the_same_captures_in_any_order_give_the_same_profile() {
    let (one, other) = ("captures/b2bua-ring-all-answered/call.pcap", "captures/called-back/call.pcap");
    let first = ringback(&["learn", one, other]).stdout;
    assert_eq!(
        String::from_utf8_lossy(&first),
        String::from_utf8_lossy(&ringback(&["learn", other, one]).stdout)
    );
    assert!(String::from_utf8_lossy(&first).contains("2 captures"));
}

#[test]
fn what_cannot_be_learnt_from_is_told() {
    assert_eq!(ringback(&["learn"]).status.code(), Some(2));
    assert_eq!(ringback(&["learn", "no-such.pcap"]).status.code(), Some(1));
    assert_eq!(ringback(&["learn", "Cargo.toml"]).status.code(), Some(1));
}

#[test]
fn what_taps_hear_for_a_period_gives_the_profile_of_a_capture_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (config, heard) = (folder.path().join("ringback.toml"), folder.path().join("heard"));
    std::fs::create_dir(&heard).expect("made");
    std::fs::write(&config, "schema = 1\n[[tap]]\ntype = \"files\"\nfolder = \"heard\"\n").expect("written");
    let capture = "captures/b2bua-hunt-to-pilot/call.pcap";
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
    command.args(["learn", "--for", "3s", "--config"]).arg(&config);
    let mut listening = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it runs");
    let mut told = String::new();
    let mut errors = BufReader::new(listening.stderr.take().expect("piped"));
    errors.read_line(&mut told).expect("a line");
    assert_eq!(told, "ringback: tap heard: listening\n");
    let whole = Path::new(env!("CARGO_MANIFEST_DIR")).join(capture);
    std::fs::copy(whole, heard.join(".part")).expect("copied");
    std::fs::rename(heard.join(".part"), heard.join("call.pcap")).expect("renamed");
    let done = listening.wait_with_output().expect("it ends");
    assert_eq!(done.status.code(), Some(0));
    let wanted = String::from_utf8(ringback(&["learn", capture]).stdout).expect("text");
    let wanted = wanted.replace("1 capture", "3 s on 1 tap");
    assert!(wanted.contains("voicemail_pilots = [\"6000\"]"), "{wanted}");
    assert_eq!(String::from_utf8_lossy(&done.stdout), wanted);
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 2, "nothing is written");
}

#[test]
fn what_cannot_be_listened_to_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ringback.toml");
    let at = path.to_str().expect("a path");
    let refused = |config: &str, args: &[&str]| {
        std::fs::write(&path, config).expect("written");
        let done = ringback(&[&["learn"], args].concat());
        assert!(done.stdout.is_empty());
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (status, line) = refused("schema = 1\n", &["--for", "3d", "--config", at]);
    assert_eq!((status, line.lines().count()), (Some(2), 1));
    assert!(line.starts_with(&format!("ringback: {at}: there is no [[tap]]; write one")), "{line}");
    let nowhere = "schema = 1\n[[tap]]\ntype = \"interface\"\ninterface = \"nosuch0\"\n";
    let (status, line) = refused(nowhere, &["--for", "3d", "--config", at]);
    assert_eq!((status, line.lines().count()), (Some(1), 1));
    // Without rights the kernel doesn't even look for it.
    let why = ["there is no interface nosuch0", "not permitted to capture on nosuch0"];
    assert!(why.iter().any(|why| line.starts_with(&format!("ringback: tap nosuch0: {why}; "))), "{line}");
    for args in [
        &["--for", "3d", "captures/busy"][..],
        &["--for", "0s", "--config", at],
        &["--for", "3 days", "--config", at],
        &["--config", at, "captures/busy"],
        &["--for", "3d", "--config", "no-such.toml"],
    ] {
        assert_eq!(refused(nowhere, args).0, Some(2), "{args:?}");
    }
}

fn ringback(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ringback"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(args).output().expect("it runs")
}

fn captures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

fn configured() -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(captures()).expect("captures").map(|entry| entry.expect("an entry").path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("ringback.toml").is_file()).collect();
    folders.sort();
    folders
}

fn name_of(folder: &Path) -> String {
    folder.file_name().expect("a name").to_string_lossy().into_owned()
}

pub fn learnt(folder: &Path, profiles: &[Profile]) -> Proposal {
    let plan = source::plan(&[folder.to_owned()]).expect("captures");
    let captures: Vec<_> = plan.runs.into_iter().flat_map(|run| run.captures).collect();
    let mut merge = Merge::open(&captures, TapId(0)).expect("captures");
    let mut learner = Learner::new(profiles.to_vec(), 0);
    let mut last = Timestamp::from_micros(0);
    while let Some(next) = merge.next() {
        if let Ok(packet) = next {
            last = packet.at;
            learner.packet(&packet);
        }
    }
    learner.finish(last, Material::Captures(captures.len()))
}

fn texts(proposal: &Proposal, name: &str) -> Vec<String> {
    let key = proposal.keys.iter().find(|key| key.name == name);
    match key.map(|key| &key.value) {
        Some(Value::Texts(texts)) => texts.clone(),
        _ => Vec::new(),
    }
}

/// Each address that is proposed, with its role; of a block its first one.
fn hosts(proposal: &Proposal) -> Vec<(&'static str, IpAddr)> {
    let roles = ["roles.trunk_peers", "roles.pbx_hosts", "roles.phone_nets", "roles.voicemail_hosts"];
    let all =
        roles.into_iter().flat_map(|role| texts(proposal, role).into_iter().map(move |text| (role, text)));
    all.map(|(role, text)| {
        let addr = text.split('/').next().unwrap_or(&text);
        (role, addr.parse().expect("an address"))
    })
    .collect()
}

/// The role that an address is configured with, as the engine reads it.
fn role_of(roles: &Roles, addr: IpAddr) -> Option<&'static str> {
    let among = |nets: &[Net]| nets.iter().any(|net| net.contains(addr));
    let named = [
        ("roles.voicemail_hosts", &roles.voicemail_hosts),
        ("roles.pbx_hosts", &roles.pbx_hosts),
        ("roles.trunk_peers", &roles.trunk_peers),
        ("roles.phone_nets", &roles.phone_nets),
    ];
    named.into_iter().find(|(_, nets)| among(nets)).map(|(role, _)| role)
}

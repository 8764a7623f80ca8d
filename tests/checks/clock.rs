//! The daemon on a clock that is set while calls ring and texts wait: `clock [--quick]`. Each caller is texted once, none
//! early or late by more than a moment, whatever the wall shows.
//!
//! Each scene is a daemon of its own in this process, with a HEP tap that dates messages when they come, a store, a file
//! gateway, and a clock whose wall is this machine's and as much as the scene adds. The last line is
//! `clock: N passed, M failed`.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use ringback::clock::{Clock, SystemClock};
use ringback::daemon::{self, Run};
use ringback::store::{Place, Reader};
use ringback::time::{Span, Timestamp};
use ringback::{config, event};

/// This machine's clocks, the wall put forward by so many microseconds.
struct Wall(AtomicI64);

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        SystemClock.now() + Span::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn boottime(&self) -> Span {
        SystemClock.boottime()
    }

    fn boot(&self) -> Option<String> {
        SystemClock.boot()
    }
}

impl Wall {
    fn put_forward(&self, secs: i64) {
        self.0.fetch_add(secs * 1_000_000, Ordering::SeqCst);
    }
}

/// What happens to the wall.
#[derive(Clone)]
struct Scene {
    name: &'static str,
    /// What the wall shows at the start, if that matters.
    start: Option<&'static str>,
    /// So many milliseconds after the first call it is put forward by so many seconds.
    steps: Vec<(u64, i64)>,
    /// The daemon is stopped then, and started again a second later; the wall is put forward meanwhile.
    restart: Option<(u64, i64)>,
    calls: u32,
}

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

fn scenes(calls: u32) -> Vec<Scene> {
    let scene = |name, start, steps: &[(u64, i64)], restart| Scene {
        name,
        start,
        steps: steps.to_vec(),
        restart,
        calls,
    };
    vec![
        scene("an hour forward", None, &[(1_500, HOUR)], None),
        scene("an hour back", None, &[(1_500, -HOUR)], None),
        scene("a day forward", None, &[(1_500, DAY)], None),
        scene("a day back", None, &[(1_500, -DAY)], None),
        scene("to and fro", None, &[(900, HOUR), (1_400, -HOUR), (1_900, -DAY), (2_600, 2 * DAY)], None),
        scene("summer time begins", Some("2027-03-14T07:59:58Z"), &[], None),
        scene("summer time ends", Some("2026-11-01T06:59:58Z"), &[], None),
        scene("an hour back while nothing runs", None, &[], Some((1_500, -HOUR))),
        scene("a day forward while nothing runs", None, &[], Some((1_500, DAY))),
    ]
}

fn main() -> ExitCode {
    let quick = std::env::args().skip(1).any(|arg| arg == "--quick");
    let scenes = scenes(if quick { 60 } else { 300 });
    let running: Vec<_> =
        scenes.into_iter().map(|scene| (scene.name, thread::spawn(move || play(&scene)))).collect();
    let (mut passed, mut failed) = (0, 0);
    for (name, running) in running {
        match running.join().unwrap_or_else(|_| Err("it broke down".to_owned())) {
            Ok(told) => {
                passed += 1;
                println!("{name}: {told}");
            }
            Err(why) => {
                failed += 1;
                println!("{name}: WRONG: {why}");
            }
        }
    }
    println!("clock: {passed} passed, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A folder that is deleted with it.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left there is in the folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Running {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<(), String>>,
}

impl Running {
    fn start(folder: &Path, wall: &Arc<Wall>) -> Running {
        let stop = Arc::new(AtomicBool::new(false));
        let (path, clock, told) = (folder.join("ringback.toml"), wall.clone(), stop.clone());
        let place = Place::new(folder.join("state/ringback.db"));
        let run = move || {
            let loaded = config::load(&path).map_err(|refused| refused.to_string())?;
            let (settings, files) = (loaded.settings, loaded.files);
            let reload = Arc::default();
            let run = Run { settings, files, config: path, place, clock, seed: 7, stop: told, reload };
            daemon::run(run).map_err(|stopped| stopped.to_string())
        };
        Running { stop, thread: thread::spawn(run) }
    }

    fn stop(self) -> Result<(), String> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| "the daemon broke down".to_owned())?
    }
}

fn play(scene: &Scene) -> Result<String, String> {
    let wrong = |error: std::io::Error| error.to_string();
    let named: String = scene.name.split(' ').collect::<Vec<_>>().join("-");
    let folder = Folder(std::env::temp_dir().join(format!("ringback-{named}-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).map_err(wrong)?;
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(wrong)?;
    // A port that was free a moment ago.
    let port = UdpSocket::bind("127.0.0.1:0").and_then(|free| free.local_addr()).map_err(wrong)?.port();
    std::fs::write(folder.0.join("ringback.toml"), configured(port)).map_err(wrong)?;
    let wall = Arc::new(Wall(AtomicI64::new(0)));
    if let Some(start) = scene.start {
        let start: jiff::Timestamp = start.parse().map_err(|error: jiff::Error| error.to_string())?;
        let by = start.as_microsecond() - SystemClock.now().as_micros();
        wall.0.store(by, Ordering::SeqCst);
    }
    let mut running = Some(Running::start(&folder.0, &wall));
    listens(port)?;
    let mut steps = scene.steps.iter().copied().peekable();
    let mut restart = scene.restart;
    let begun = SystemClock.boottime();
    let send = |message: String, out: bool| {
        let sent = socket.send_to(&hep(&message, out), ("127.0.0.1", port));
        sent.map(drop).map_err(wrong)
    };
    let (mut rings, each) = (Vec::new(), Duration::from_millis(3_000) / scene.calls);
    let mut n = 0;
    while n < scene.calls || !rings.is_empty() || steps.peek().is_some() || running.is_none() {
        let past = since(begun);
        if let Some((_, by)) = steps.next_if(|(at, _)| past >= Duration::from_millis(*at)) {
            wall.put_forward(by);
        }
        if let Some((at, by)) = restart.filter(|(at, _)| past >= Duration::from_millis(*at)) {
            if let Some(up) = running.take() {
                up.stop()?;
                wall.put_forward(by);
            }
            if past >= Duration::from_millis(at + 1_000) {
                running = Some(Running::start(&folder.0, &wall));
                listens(port)?;
                restart = None;
            }
        }
        // Nobody calls where nobody would hear.
        let heard = running.is_some() && restart.is_none_or(|(at, _)| past < Duration::from_millis(at - 600));
        if heard && n < scene.calls && past >= each * n {
            send(said(n, "INVITE sip:+13125550111@192.168.10.5 SIP/2.0", "INVITE", ""), false)?;
            send(said(n, "SIP/2.0 180 Ringing", "INVITE", ";tag=p"), true)?;
            rings.push((past + Duration::from_millis(300), n));
            n += 1;
        }
        for (_, caller) in rings.iter().filter(|(until, _)| past >= *until) {
            send(said(*caller, "SIP/2.0 486 Busy Here", "INVITE", ";tag=p"), true)?;
            send(said(*caller, "ACK sip:+13125550111@192.168.10.5 SIP/2.0", "ACK", ";tag=p"), false)?;
        }
        rings.retain(|(until, _)| past < *until);
        thread::sleep(Duration::from_millis(1));
    }
    let last = SystemClock.boottime();
    while since(last) < AFTER + STALL + Duration::from_secs(2)
        && texted(&folder.0).len() < scene.calls as usize
    {
        thread::sleep(Duration::from_millis(20));
    }
    let took = since(last);
    // A second text would come by now.
    thread::sleep(Duration::from_millis(1_500));
    running.take().map_or(Ok(()), Running::stop)?;
    judged(scene, &folder.0, took)
}

/// Waits until the daemon's tap has this port; the kernel keeps what is sent to it from then on.
fn listens(port: u16) -> Result<(), String> {
    let local = format!(" {:08X}:{port:04X} ", u32::from_ne_bytes([127, 0, 0, 1]));
    let begun = SystemClock.boottime();
    while !std::fs::read_to_string("/proc/net/udp").map_err(|error| error.to_string())?.contains(&local) {
        if since(begun) > STARTS {
            return Err(format!("its tap doesn't listen after {} s", STARTS.as_secs()));
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// What came of it.
fn judged(scene: &Scene, folder: &Path, took: Duration) -> Result<String, String> {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    texted(folder).into_iter().for_each(|to| *times.entry(to).or_default() += 1);
    let double = times.values().filter(|times| **times > 1).count();
    let missing = (0..scene.calls).filter(|n| !times.contains_key(&caller(*n))).count();
    let reader = Reader::open(&folder.join("state/ringback.db")).map_err(|error| error.to_string())?;
    let (mut gaps, mut calls) = (0, 0);
    for entry in reader.entries(0, 1_000_000).map_err(|error| error.to_string())? {
        match entry.event {
            event::Event::ClockGap(_) => gaps += 1,
            event::Event::Call(call) if call.rang_ms > 1_000 * STALL.as_secs().cast_signed() => {
                return Err(format!("a call rang for {} ms", call.rang_ms));
            }
            event::Event::Call(_) => calls += 1,
            _ => {}
        }
    }
    let wanted = scene.steps.len() + usize::from(scene.restart.is_some());
    if (missing, double, gaps) != (0, 0, wanted) {
        return Err(format!(
            "{missing} missing, {double} double, {gaps} steps of {wanted} seen, {calls} calls"
        ));
    }
    if took > AFTER + STALL {
        return Err(format!("the last text left {} ms after its call", took.as_millis()));
    }
    Ok(format!("{calls} calls, {gaps} steps, 0 missing, 0 double"))
}

/// How long it is since this machine had run for `before`.
fn since(before: Span) -> Duration {
    let passed = SystemClock.boottime().as_micros().saturating_sub(before.as_micros());
    Duration::from_micros(u64::try_from(passed).unwrap_or(0))
}

fn texted(folder: &Path) -> Vec<String> {
    let whole = std::fs::read_to_string(folder.join("outbox/outbox.jsonl")).unwrap_or_default();
    let to =
        |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?["to"].as_str().map(str::to_owned);
    whole.lines().filter_map(to).collect()
}

fn caller(n: u32) -> String {
    format!("+1312556{n:04}")
}

/// A message of a caller's leg.
fn said(n: u32, first: &str, method: &str, tag: &str) -> String {
    let who = caller(n);
    format!(
        "{first}\r\nVia: SIP/2.0/UDP 203.0.113.20:5060;branch=z9hG4bK{n}\r\nFrom: <sip:{who}@203.0.113.20>;tag=f{n}\r\n\
         To: <sip:+13125550111@192.168.10.5>{tag}\r\nCall-ID: {n}@203.0.113.20\r\nCSeq: 1 {method}\r\n\
         Content-Length: 0\r\n\r\n"
    )
}

/// As an agent sends it that has no clock; `out`: from the PBX.
fn hep(message: &str, out: bool) -> Vec<u8> {
    let (trunk, pbx) = ([203, 0, 113, 20], [192, 168, 10, 5]);
    let (src, dst) = if out { (pbx, trunk) } else { (trunk, pbx) };
    let port = 5_060_u16.to_be_bytes();
    let chunks: [(u16, &[u8]); 11] = [
        (1, &[2]),
        (2, &[17]),
        (3, &src),
        (4, &dst),
        (7, &port),
        (8, &port),
        (9, &[0; 4]),
        (10, &[0; 4]),
        (11, &[1]),
        (12, &[0, 0, 0, 1]),
        (15, message.as_bytes()),
    ];
    let mut body = Vec::new();
    for (kind, value) in chunks {
        let length = u16::try_from(value.len() + 6).unwrap_or(u16::MAX);
        body.extend([[0, 0], kind.to_be_bytes(), length.to_be_bytes()].concat());
        body.extend(value);
    }
    let length = u16::try_from(body.len() + 6).unwrap_or(u16::MAX);
    [b"HEP3", &length.to_be_bytes()[..], &body].concat()
}

/// An office that is always open, and texts after [`AFTER`].
fn configured(port: u16) -> String {
    let after = AFTER.as_secs();
    format!(
        "schema = 1\n[site]\nname = \"Lakeside Insurance Services\"\nshort = \"Lakeside Ins.\"\n\
         tz = \"America/Chicago\"\ncountry = \"US\"\nstate = \"IL\"\n\
         [pbx.roles]\ntrunk_peers = [\"203.0.113.20\"]\npbx_hosts = [\"192.168.10.5\"]\n\
         [store]\npath = \"state/ringback.db\"\n\
         [[tap]]\ntype = \"hep\"\nlisten = \"127.0.0.1:{port}\"\n\
         [gateway.main]\ntype = \"file\"\npath = \"outbox\"\nfrom = \"+13125550100\"\n\
         [[line]]\nid = \"ads\"\ndid = \"+13125550111\"\nsource = \"ads\"\n\
         [consent]\ninbound_call = \"response\"\nsign_off = {{ who = \"owner\", on = \"2026-11-20\" }}\n\
         [caps]\nper_number = {{ sms = 1, within = \"7d\" }}\n\
         [template.ack]\nclass = \"response\"\nmax_segments = 1\n\
         text = \"{{business}}: sorry we missed your call. Reply STOP to opt out.\"\n\
         [sequence.lead]\n[[sequence.lead.step]]\nid = \"ack\"\nafter = \"{after}s\"\ndo = \"sms\"\ntemplate = \"ack\"\n"
    )
}

const AFTER: Duration = Duration::from_secs(2);
/// So long may a busy machine keep the daemon from its work; every step of the wall is much longer.
const STALL: Duration = Duration::from_secs(8);
/// A daemon's tap listens within this.
const STARTS: Duration = Duration::from_secs(30);

//! Drives a store from outside, for proofs and measurements.
//!
//! ```text
//! store write PATH            missed calls without end; prints each number once it is durable
//! store check PATH N          opens it and reads entries 1 to N; prints the last number, fails if one is missing
//! store fill PATH ENTRIES     writes so many
//! store start PATH            opens and loads it; prints milliseconds
//! store set PATH SECONDS      the clock is put forward by so many, back if below zero
//! store latency PATH COUNT    one missed call after another; prints microseconds from put to durable
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use ringback::event::{ClockGap, Event, JournalEntry};
use ringback::store::{Batch, News, Opened, Place, Reader, Sqlite, Store, Writer};
use ringback::time::{Span, Timestamp};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["write", path] => write(Path::new(path)),
        ["check", path, n] => check(Path::new(path), n.parse()?),
        ["fill", path, entries] => fill(Path::new(path), entries.parse()?),
        ["start", path] => start(Path::new(path)),
        ["set", path, seconds] => set(Path::new(path), seconds.parse()?),
        ["latency", path, count] => latency(Path::new(path), count.parse()?),
        _ => Err("store write|check|fill|start|set|latency PATH [N]".into()),
    }
}

fn write(path: &Path) -> Outcome {
    let (mut store, _) = open(path)?;
    let mut n = store.load()?.next;
    let (told, news) = mpsc::channel();
    let writer = Writer::start(Box::new(store), move |news| drop(told.send(news)))?;
    let mut out = io::stdout().lock();
    loop {
        while writer.standing().waiting < AHEAD {
            let entries = story(n)?;
            n += entries.len() as u64;
            writer.put(Batch { entries, ..Batch::default() }, true).map_err(|_| "full")?;
        }
        match news.recv()? {
            News::Writing(_) | News::Written => continue,
            News::Durable(n) => writeln!(out, "{n}")?,
            other => writeln!(out, "{other:?}")?,
        }
        out.flush()?;
    }
}

fn check(path: &Path, last: u64) -> Outcome {
    let (mut store, hold) = open(path)?;
    if let Some(hold) = hold {
        return Err(hold.into());
    }
    let next = store.load()?.next;
    let reader = Reader::open(path)?;
    let mut from = 1;
    while from < next {
        for entry in reader.entries(from, 1_000)? {
            if entry.n != from {
                return Err(format!("entry {from} is missing").into());
            }
            from += 1;
        }
    }
    if from <= last {
        return Err(format!("entries {from} to {last} were acknowledged and are gone").into());
    }
    println!("{}", next - 1);
    Ok(())
}

fn fill(path: &Path, entries: u64) -> Outcome {
    let (mut store, _) = open(path)?;
    let mut next = store.load()?.next;
    let begun = now();
    let first = next;
    while next < first + entries {
        let mut batch = Batch::default();
        while batch.entries.len() < 1_000 {
            let entries = ended(next)?;
            next += entries.len() as u64;
            batch.entries.extend(entries);
        }
        store.commit(&[batch])?;
    }
    println!("{} entries in {} ms", next - first, begun.elapsed().as_millis());
    Ok(())
}

fn start(path: &Path) -> Outcome {
    let begun = now();
    let (mut store, hold) = open(path)?;
    let opened = begun.elapsed();
    let state = store.load()?;
    let loaded = begun.elapsed();
    println!("open {} ms, open and load {} ms", opened.as_millis(), loaded.as_millis());
    println!(
        "next {}, {} cases, {} texts, hold {hold:?}",
        state.next,
        state.cases.len(),
        state.messages.len()
    );
    Ok(())
}

/// As a daemon says it that finds its clock set, a second after the last entry.
fn set(path: &Path, seconds: i64) -> Outcome {
    let (mut store, _) = open(path)?;
    let state = store.load()?;
    let begun = now();
    let at = state.last_at.ok_or("an empty store")? + Span::from_secs(seconds + 1);
    let event = Event::ClockGap(ClockGap { by_us: seconds * 1_000_000, unsure: true });
    let entries = vec![JournalEntry { n: state.next, at, event }];
    store.commit(&[Batch { entries, ..Batch::default() }])?;
    println!("written in {} ms", begun.elapsed().as_millis());
    Ok(())
}

fn latency(path: &Path, count: usize) -> Outcome {
    let (mut store, _) = open(path)?;
    let mut n = store.load()?.next;
    let (told, news) = mpsc::channel();
    let writer = Writer::start(Box::new(store), move |news| drop(told.send(news)))?;
    for urgent in [true, false] {
        let mut took = Vec::with_capacity(count);
        for _ in 0..count {
            let entries = story(n)?;
            n += entries.len() as u64;
            let begun = now();
            writer.put(Batch { entries, ..Batch::default() }, urgent).map_err(|_| "full")?;
            while news.recv()? != News::Durable(n - 1) {}
            took.push(begun.elapsed());
        }
        told_of(if urgent { "urgent" } else { "not urgent" }, took);
    }
    Ok(())
}

fn told_of(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let part =
        |of: usize| took.get((took.len() * of / 1_000).min(took.len() - 1)).map_or(0, Duration::as_micros);
    println!("{what}: p50 {} us, p99 {} us, max {} us", part(500), part(990), part(1_000));
}

/// The store at a path, and why nothing may be sent.
fn open(path: &Path) -> Result<(Sqlite, Option<String>), Box<dyn Error>> {
    let opened = Sqlite::open(&Place::new(path))?;
    let hold = match &opened {
        Opened::Sound(_) => None,
        Opened::Damaged(_, damage) => Some(damage.to_string()),
    };
    Ok((opened.store(), hold))
}

#[allow(clippy::disallowed_methods, reason = "measures the machine, not a call")]
fn now() -> Instant {
    Instant::now()
}

/// A missed call, its case, a decision and a text, from entry `n` on.
fn story(n: u64) -> Result<Vec<JournalEntry>, serde_json::Error> {
    let caller = format!("+1312{:07}", n % 10_000_000);
    let call = format!("{:012x}", n);
    let facts = [CALL, OPENED, DECISION, MESSAGE];
    let told = facts.iter().map(|fact| {
        let text = fact.replace("CALLER", &caller).replace("CALLID", &call).replace("AT", &at(n).to_string());
        serde_json::from_str::<Event>(&text)
    });
    (n..).zip(told).map(|(n, event)| Ok(JournalEntry { n, at: at(n), event: event? })).collect()
}

/// The same, and the end of the case: what most of a journal is.
fn ended(n: u64) -> Result<Vec<JournalEntry>, serde_json::Error> {
    let mut entries = story(n)?;
    let close = format!(r#"{{"event":"case_closed","data":{{"case":"{n:012x}","why":"quiet"}}}}"#);
    let last = n + entries.len() as u64;
    entries.push(JournalEntry { n: last, at: at(last), event: serde_json::from_str(&close)? });
    Ok(entries)
}

/// A case every seven minutes, about 200 a day.
fn at(n: u64) -> Timestamp {
    Timestamp::from_parts(1_795_198_624, 0) + Span::from_secs(7 * 60 * (n / 5) as i64)
}

/// So many rows may wait for the disk while more are written.
const AHEAD: usize = 200;

const CALL: &str = r#"{"event":"call","data":{"call":"CALLID","at":"AT","ended":"AT","caller":"CALLER",
"caller_raw":"sip:CALLER@10.0.0.5","caller_name":"Smith","withheld":false,"called":"+13125550111",
"called_raw":"sip:3125550111@10.0.0.9","line":"ads-auto","direction":"inbound","outcome":"abandoned","missed":true,
"answered_by":null,"confidence":"high","ambiguous":false,"lossy":false,"rang_ms":12040,"talked_ms":0,
"final_status":487,"cause":null,"message":null,"recording":null,"legs":[{"call_id":"a84b4c76e66710@10.0.0.5",
"from_tag":"9fxced76sl","role":"trunk_in","result":"cancelled","status":487,"joined_by":"first","ladder":[
[0,12,"INVITE","10.0.0.5","10.0.0.9"],[2,13,"100","10.0.0.9","10.0.0.5"],[90,14,"180","10.0.0.9","10.0.0.5"],
[12040,15,"CANCEL","10.0.0.5","10.0.0.9"],[12041,16,"200","10.0.0.9","10.0.0.5"],
[12042,17,"487","10.0.0.9","10.0.0.5"],[12043,18,"ACK","10.0.0.5","10.0.0.9"]]}],
"evidence":[{"tap":"eth1","frame":17,"rule":"leg.cancelled"}]}}"#;
const OPENED: &str = r#"{"event":"case_opened","data":{"case":"CALLID","caller":"CALLER"}}"#;
const DECISION: &str = r#"{"event":"decision","data":{"case":"CALLID","call":"CALLID","class":"unknown",
"line":"ads-auto","state":"open","sequence":"lead","reason":null,"trail":[{"gate":"case","answer":"allow"},
{"gate":"line","answer":"allow","why":"ads-auto"},{"gate":"state","answer":"allow","why":"open"}]}}"#;
const MESSAGE: &str = r#"{"event":"message","data":{"key":"CALLID/lead/ack","case":"CALLID","due":"AT","sent":"AT",
"channel":"sms","to":"CALLER","from":"+13125550100","template":"ack-lead","variant":"a",
"body":"Hi, this is Lakeside Insurance. We missed your call at CALLER and will ring back within the hour.",
"encoding":"GSM-7","segments":1,"consent":"response","state":"delivered","attempts":1,"gateway":"main",
"gateway_ref":"SM1","trail":[{"gate":"textable","answer":"allow"}]}}"#;

//! Vectors of others, each held to what it must give: `vectors KIND PATH …`.
//!
//! `segments ROWS.jsonl`: texts with encoding, units and segments. `hep VECTORS.json`: datagrams with what is in
//! them. `rfc4475 FOLDER VERDICTS.json`: messages with the keys to be read. One line a fault, then `N passed, N failed`.

mod hep;
mod reading;
mod rfc4475;
mod segments;

use std::error::Error;
use std::process::ExitCode;

/// Something that was judged: its name, and what is wrong with it.
pub struct Judged {
    name: String,
    faults: Vec<String>,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args[..] {
        ["segments", rows] => segments::judge(rows),
        ["hep", vectors] => hep::judge(vectors),
        ["rfc4475", folder, verdicts] => rfc4475::judge(folder, verdicts),
        _ => {
            Err("usage: vectors segments ROWS.jsonl | hep VECTORS.json | rfc4475 FOLDER VERDICTS.json".into())
        }
    };
    match done {
        Ok(judged) => tell(args[0], &judged),
        Err(error) => {
            eprintln!("vectors: {error}");
            ExitCode::from(2)
        }
    }
}

fn tell(kind: &str, judged: &[Judged]) -> ExitCode {
    for one in judged {
        for fault in &one.faults {
            println!("{kind} {}: {fault}", one.name);
        }
    }
    let failed = judged.iter().filter(|one| !one.faults.is_empty()).count();
    println!("{kind}: {} passed, {failed} failed", judged.len() - failed);
    if failed == 0 && !judged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What the judges give: all that was judged, or why nothing could be.
pub type Verdicts = Result<Vec<Judged>, Box<dyn Error>>;

//! Pours one kind of excess through the engine and says how calls fared: `floods NAME COUNT`, or `floods --list`.
//! One line of JSON: faults, records of others, and the peak resident kilobytes of the process.

mod packets;
mod pour;
mod scene;

use std::process::ExitCode;

use pour::{FLOODS, pour};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["--list"] => FLOODS.iter().for_each(|flood| println!("{}", flood.name)),
        [name, count] if count.parse::<u64>().is_ok() => {
            let Some(flood) = FLOODS.iter().find(|flood| flood.name == name) else { return usage() };
            let fared = pour(flood, count.parse().unwrap_or(0));
            let said = serde_json::json!({
                "faults": fared.faults,
                "others": fared.others,
                "peak_kb": peak(),
                "evicted": fared.summary.calls_evicted,
                "summary": fared.summary.flow,
            });
            println!("{said}");
        }
        _ => return usage(),
    }
    ExitCode::SUCCESS
}

fn usage() -> ExitCode {
    eprintln!("usage: floods NAME COUNT | --list");
    ExitCode::from(2)
}

/// The most memory this process ever had, in kilobytes.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.split_whitespace().next()?.parse().ok()
}

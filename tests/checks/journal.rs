//! Prints the journal of a store as `replay --out` writes it: for `tests/prove live`.
//!
//! `journal PATH [FROM]`: from that entry on.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use ringback::event::json;
use ringback::store::Reader;

fn main() -> io::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let path = PathBuf::from(args.next().expect("the path of a store"));
    let from = args.next().map_or(1, |from| from.to_str().and_then(|n| n.parse().ok()).expect("a number"));
    let store = Reader::open(&path).unwrap_or_else(|error| panic!("{error}"));
    let mut out = BufWriter::new(io::stdout().lock());
    let mut next = from;
    loop {
        let entries = store.entries(next, 1_000).unwrap_or_else(|error| panic!("{error}"));
        let Some(last) = entries.last() else { return out.flush() };
        next = last.n + 1;
        for entry in entries {
            let mut line = Vec::new();
            json::entry(&mut line, &entry);
            line.push(b'\n');
            out.write_all(&line)?;
        }
    }
}

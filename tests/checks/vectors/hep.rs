//! HEP datagrams in hex, each with the messages it holds, or that it is refused. What comes over TCP is left out.

use ringback::wire::hep::{self, Payload};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Judged, Verdicts};

/// Reads every datagram of the file.
pub fn judge(path: &str) -> Verdicts {
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let vectors = file["vectors"].as_array().ok_or("no `vectors` in it")?;
    let datagrams = vectors.iter().filter(|vector| vector["transport"] == "udp");
    datagrams
        .map(|vector| {
            let faults = faults(vector).ok_or("a datagram without hex")?;
            Ok(Judged { name: vector["name"].as_str().unwrap_or("?").to_owned(), faults })
        })
        .collect()
}

fn faults(vector: &Value) -> Option<Vec<String>> {
    let bytes = unhex(vector["hex"].as_str()?)?;
    let result = vector["expect"]["result"].as_str()?;
    let read = read(&bytes);
    if result == "accept_or_reject" {
        return Some(Vec::new());
    }
    if read.is_some() != result.starts_with("accept") {
        return Some(vec![format!("{}, not {result}", if read.is_some() { "taken" } else { "refused" })]);
    }
    let expected = &vector["expect"]["messages"][0];
    Some(read.filter(|_| !expected.is_null()).map_or_else(Vec::new, |read| read.differences(expected)))
}

/// What a datagram says, as the vectors write it.
struct Read(Vec<(&'static str, Value)>);

impl Read {
    fn differences(&self, expected: &Value) -> Vec<String> {
        let differs = |(key, found): &&(&'static str, Value)| expected[*key] != *found;
        self.0
            .iter()
            .filter(differs)
            .map(|(key, found)| format!("{key}: {found}, not {}", expected[*key]))
            .collect()
    }
}

fn read(bytes: &[u8]) -> Option<Read> {
    let hep = hep::decode(bytes).ok()?;
    let payload = match hep.payload {
        Payload::Plain(plain) => plain.to_vec(),
        Payload::Compressed(packed) => hep::inflate(packed).ok()?,
    };
    let time = hep.at.map(|at| format!("{}.{:06}", at.as_micros() / 1_000_000, at.as_micros() % 1_000_000));
    let sha256: String = Sha256::digest(&payload).iter().map(|byte| format!("{byte:02x}")).collect();
    Some(Read(vec![
        ("src", hep.src.ip().to_string().into()),
        ("dst", hep.dst.ip().to_string().into()),
        ("sport", hep.src.port().into()),
        ("dport", hep.dst.port().into()),
        ("time", time.into()),
        ("proto", hep.proto.into()),
        ("type", hep.kind.into()),
        ("agent", hep.agent.into()),
        ("payload_len", payload.len().into()),
        ("payload_sha256", sha256.into()),
    ]))
}

fn unhex(hex: &str) -> Option<Vec<u8>> {
    let byte = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len()).step_by(2).map(byte).collect()
}

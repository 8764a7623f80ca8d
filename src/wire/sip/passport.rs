//! PASSporTs: what a carrier has signed about a call's parties, as Identity brings it (RFC 8224, 8225, 8588, 8946).
//!
//! No signature is looked at, and no certificate fetched: what is read here is what somebody claims.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::limits;

/// The claims of one token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passport {
    /// How well the signer knows the caller, as sent: `A`, `B`, `C` (RFC 8588 4).
    pub attest: Option<String>,
    /// The caller's number, as sent.
    pub orig: Option<String>,
    /// The numbers called, as sent.
    pub dest: Vec<String>,
    /// It tells of a diversion (RFC 8946).
    pub diverted: bool,
}

#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    ppt: Option<String>,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    attest: Option<String>,
    #[serde(default)]
    orig: Option<Parties>,
    #[serde(default)]
    dest: Option<Parties>,
    #[serde(default)]
    div: Option<Parties>,
}

#[derive(Default, Deserialize)]
struct Parties {
    #[serde(default)]
    tn: Numbers,
}

#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Numbers {
    One(String),
    Many(Vec<String>),
    #[default]
    None,
}

impl Passport {
    /// Reads the value of an Identity header; none if it isn't a token in its full form, or one larger than
    /// `limits::PASSPORT`.
    pub fn parse(value: &[u8]) -> Option<Passport> {
        let token = value.split(|byte| *byte == b';').next()?.trim_ascii();
        if token.len() > limits::PASSPORT {
            return None;
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let (header, payload) = (parts.next()?, parts.next()?);
        let whole = parts.next().is_some_and(|signature| !signature.is_empty()) && parts.next().is_none();
        let header: Header = object(header).filter(|_| whole)?;
        let payload: Payload = object(payload)?;
        Some(Passport {
            attest: payload.attest,
            orig: payload.orig.and_then(|orig| orig.tn.list().into_iter().next()),
            dest: payload.dest.map(|dest| dest.tn.list()).unwrap_or_default(),
            diverted: payload.div.is_some() || header.ppt.is_some_and(|ppt| ppt.eq_ignore_ascii_case("div")),
        })
    }
}

impl Numbers {
    fn list(self) -> Vec<String> {
        match self {
            Numbers::One(number) => vec![number],
            Numbers::Many(numbers) => numbers.into_iter().take(limits::PASSPORT_NUMBERS).collect(),
            Numbers::None => Vec::new(),
        }
    }
}

/// The JSON object that a part of a token is.
fn object<T: DeserializeOwned>(part: &[u8]) -> Option<T> {
    let text = decoded(part)?;
    serde_json::from_slice(&text).ok().filter(|_| text.trim_ascii_start().starts_with(b"{"))
}

/// Base64url (RFC 4648 5), padded or not; none if anything else is there. Blanks, of a folded line, are passed over.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let text = text.trim_ascii_end();
    let end = text.iter().rposition(|byte| *byte != b'=').map_or(0, |last| last + 1);
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut held, mut bits) = (0_u32, 0_u32);
    for byte in text.iter().take(end).filter(|byte| !byte.is_ascii_whitespace()) {
        held = (held << 6 | u32::from(sextet(*byte)?)) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    Some(out)
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn coded(text: &str) -> String {
        const SIGNS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let sign = |held: u32, at: u32| char::from(SIGNS[(held >> at & 63) as usize]);
        let mut out = String::new();
        for chunk in text.as_bytes().chunks(3) {
            let byte = |n: usize| u32::from(chunk.get(n).copied().unwrap_or(0));
            let held = byte(0) << 16 | byte(1) << 8 | byte(2);
            out.extend((0..=chunk.len() as u32).map(|n| sign(held, 18 - 6 * n)));
        }
        out
    }

    fn token(header: &str, payload: &str) -> String {
        format!("{}.{}.c2lnbmVk;info=<https://c.example/a.pem>;ppt=\"shaken\"", coded(header), coded(payload))
    }

    fn read(payload: &str) -> Option<Passport> {
        Passport::parse(
            token(r#"{"alg":"ES256","ppt":"shaken","typ":"passport","x5u":"x"}"#, payload).as_bytes(),
        )
    }

    #[test]
    fn what_is_signed_is_read() {
        let all = r#"{"attest":"A","dest":{"tn":["13125550111","13125550112"]},"iat":1,"orig":{"tn":"13125550142"}}"#;
        let found = read(all).expect("a token");
        assert_eq!(found.attest.as_deref(), Some("A"));
        assert_eq!(found.orig.as_deref(), Some("13125550142"));
        assert_eq!(found.dest, ["13125550111", "13125550112"]);
        assert!(!found.diverted);
        assert!(read(r#"{"div":{"tn":"13125550111"},"orig":{"uri":"sip:a@b"}}"#).expect("a token").diverted);
        let div = Passport::parse(token(r#"{"ppt":"div"}"#, "{}").as_bytes());
        assert_eq!(div, Some(Passport { diverted: true, ..Passport::default() }));
    }

    #[test]
    fn padded_and_folded_tokens_are_read() {
        let padded = token("{}", r#"{"attest":"B"}"#).replace('.', "==.").replacen("==.c2", ".\r\n c2", 1);
        assert_eq!(Passport::parse(padded.as_bytes()).and_then(|found| found.attest).as_deref(), Some("B"));
    }

    #[test]
    fn what_is_no_token_in_full_form_says_nothing() {
        for payload in
            ["", "[]", r#"{"attest":1}"#, r#"{"attest":"A","attest":"B"}"#, r#"{"orig":{"tn":{}}}"#]
        {
            assert_eq!(read(payload), None, "{payload}");
        }
        for value in [
            "",
            "..c2ln;info=x",
            "a.b",
            "\"oldfashioned==\"",
            "{}.{}.x",
            "e30.e30.",
            "e30.e30.x.y",
            "e30.e3 0é.x",
        ] {
            assert_eq!(Passport::parse(value.as_bytes()), None, "{value}");
        }
        let large = read(&format!(r#"{{"attest":"A","x":"{}"}}"#, "x".repeat(limits::PASSPORT)));
        assert_eq!(large, None);
        assert_eq!(read(&"[".repeat(3_000)), None);
        let many = read(&format!(r#"{{"dest":{{"tn":[{}"1"]}}}}"#, "\"1\",".repeat(500)));
        assert_eq!(many.map(|found| found.dest.len()), Some(limits::PASSPORT_NUMBERS));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(value in proptest::collection::vec(any::<u8>(), 0..200), text in "[A-Za-z0-9_=.;-]{0,80}") {
            let _ = Passport::parse(&value);
            let _ = Passport::parse(text.as_bytes());
        }
    }
}

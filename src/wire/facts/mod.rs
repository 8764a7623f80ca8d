//! What one message says when it is read under a profile: who calls, who is called, who was called before, and
//! the marks by which legs and makes are told.
//!
//! Everything is a pure question about one message; which leg it belongs to, and what came before, is not known
//! here. Numbers are user parts as sent.

mod diversion;
mod habit;
mod party;

pub use diversion::{diverted, is_for_pilot};
pub use party::{called, caller};

use serde::Serialize;

use crate::limits;
use crate::settings::{Elsewhere, HeaderPattern, KeyFrom, Profile, Quirk, Sender, Shown};
use crate::wire::sdp::Sdp;
use crate::wire::sip::{HeaderName, Message, Method, NameAddr};
use diversion::mailbox;
use habit::{carries_digits, codecs, may_cover, rings, says_elsewhere, waiting};
use party::{is_nobody, named};

/// What a message is read with.
#[derive(Clone, Copy)]
pub struct Reader<'r> {
    /// What is known of the make.
    pub profile: &'r Profile,
    /// Who sent it.
    pub sender: Sender,
    /// Whether a user part is one of the business's own numbers.
    pub is_own: &'r dyn Fn(&[u8]) -> bool,
}

/// What one message says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// Who calls.
    pub caller: Option<Named>,
    /// The caller stands for nobody by name.
    pub nobody: bool,
    /// Who is called.
    pub called: Option<Named>,
    /// Who was called before.
    pub diverted: Option<Diverted>,
    /// An INVITE that is no call.
    pub noncall: bool,
    /// Values that other legs of the call share, `Header=value`.
    pub keys: Vec<String>,
    /// The Call-IDs that this one may be derived from.
    pub within: Vec<String>,
    /// Who is connected, by a response.
    pub connected: Option<Named>,
    /// The connected party may be a person.
    pub person: bool,
    /// It says that the call was answered elsewhere, and that counts as a hint.
    pub elsewhere: bool,
    /// It goes to the voicemail that its history names.
    pub voicemail: bool,
    /// Coverage shows in messages of this kind.
    pub covers: bool,
    /// It rings; none where that must be heard.
    pub rings: Option<bool>,
    /// It says that nobody answered.
    pub unanswered: bool,
    /// There is a new message in a mailbox.
    pub waiting: Option<bool>,
    /// The mailbox that a call to our endpoint is for.
    pub mailbox: Option<String>,
    /// Those codecs it offers that its make is known for.
    pub codecs: Vec<String>,
    /// Keypad digits travel as its make is known to send them.
    pub digits: bool,
}

/// A user part, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The user part, percent signs decoded, parameters cut.
    pub user: String,
    /// `From`, `Request-URI` …
    pub by: String,
}

/// A chain of diversions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diverted {
    /// Whom the call was for.
    pub original: String,
    /// Whose mailbox it is for.
    pub mailbox: String,
    /// Why the last one diverted it.
    pub why: Option<&'static str>,
    /// The header that says so.
    pub by: String,
}

impl Facts {
    /// Reads one message.
    pub fn read(message: &Message<'_>, reader: &Reader<'_>) -> Facts {
        let profile = reader.profile;
        let caller = caller(message, reader);
        let connected = connected(message);
        let diverted = diverted(message, reader);
        Facts {
            nobody: caller.as_ref().is_some_and(|caller| is_nobody(profile, &caller.user)),
            called: called(message, reader),
            noncall: is_noncall(message, profile),
            keys: profile.correlate.headers.iter().flat_map(|key| shared(message, key)).collect(),
            within: within(message, profile),
            person: connected.is_some() && !profile.has(Quirk::GroupIdentity),
            connected,
            elsewhere: says_elsewhere(message) && profile.coverage.elsewhere == Elsewhere::Hint,
            voicemail: is_for_pilot(message, &profile.diversion.pilot_params),
            covers: profile.coverage.style.is_some_and(|style| may_cover(message, style, diverted.is_some())),
            rings: rings(message, profile),
            unanswered: message.status() == Some(408) && profile.has(Quirk::TimeoutIsNoAnswer),
            waiting: waiting(message, profile.has(Quirk::MwiWithoutCount)),
            mailbox: profile.mailbox_from.iter().find_map(|from| mailbox(message, reader, *from)),
            codecs: codecs(message, profile),
            digits: profile.media.dtmf.is_some_and(|dtmf| carries_digits(message, dtmf)),
            diverted,
            caller,
        }
    }
}

/// Whether an INVITE opens no call.
pub fn is_noncall(message: &Message<'_>, profile: &Profile) -> bool {
    message.method() == Method::Invite
        && message.status().is_none()
        && message.to_tag().is_none()
        && profile.noncalls.iter().any(|wanted| may_fit(message, wanted) && wanted.fits(message))
}

/// Whether the letters that a pattern needs are there, by bytes alone: nearly every INVITE is done with that.
fn may_fit(message: &Message<'_>, wanted: &HeaderPattern) -> bool {
    let holds = |value: &[u8]| memchr::memmem::find(value, wanted.holds.as_bytes()).is_some();
    match wanted.header.as_str() {
        "Request-URI" => message.request_uri().is_some_and(|uri| holds(uri.raw())),
        name => message.named(name.as_bytes()).any(holds),
    }
}

/// The values of a key that legs share.
pub fn shared(message: &Message<'_>, key: &KeyFrom) -> Vec<String> {
    let all = values(message, &key.header).take(limits::PATTERN_VALUES);
    let found = all.filter_map(|value| match &key.param {
        None => Some(text(value)),
        Some(name) => parameter(value, name),
    });
    found.map(|value| format!("{}={value}", key.header)).collect()
}

/// A parameter anywhere in a value: behind it, in its URI, or at its start.
fn parameter(value: &[u8], name: &str) -> Option<String> {
    let pairs = value.split(|byte| b";>".contains(byte)).filter_map(|part| {
        let at = part.iter().position(|byte| *byte == b'=')?;
        Some((part.get(..at)?.trim_ascii(), part.get(at + 1..)?.trim_ascii()))
    });
    let mut wanted = pairs.filter(|(found, _)| found.eq_ignore_ascii_case(name.as_bytes()));
    wanted.next().map(|(_, value)| text(value).trim_matches('"').to_owned()).filter(|value| !value.is_empty())
}

/// The Call-IDs that a Call-ID may be derived from: one without what is put before it, behind it, or both.
pub fn within(message: &Message<'_>, profile: &Profile) -> Vec<String> {
    let Some(call_id) = message.call_id().filter(|id| id.len() <= limits::PATTERN_BYTES).map(text) else {
        return Vec::new();
    };
    let cut = |id: &str, patterns: &[regex_lite::Regex]| {
        let found = patterns.iter().find_map(|pattern| pattern.captures(id)?.get(1));
        found.map(|rest| rest.as_str().to_owned())
    };
    let correlate = &profile.correlate;
    let bare = cut(&call_id, &correlate.callid_prefix);
    let short = cut(bare.as_deref().unwrap_or(&call_id), &correlate.callid_suffix);
    bare.into_iter().chain(short).collect()
}

fn connected(message: &Message<'_>) -> Option<Named> {
    let status = message.status().filter(|status| (180..300).contains(status))?;
    let asserted =
        || message.header(HeaderName::PAssertedIdentity).map(|value| (value, "P-Asserted-Identity"));
    let called = |value: &&[u8]| {
        NameAddr::parse(value).param(b"party").is_some_and(|party| party.eq_ignore_ascii_case(b"called"))
    };
    let remote =
        || message.values(HeaderName::RemotePartyId).find(called).map(|value| (value, "Remote-Party-ID"));
    let (value, by) =
        asserted().or_else(remote).filter(|_| status != 183 || message.method() == Method::Invite)?;
    named(&NameAddr::parse(value).uri(), by)
}

fn values<'a>(message: &Message<'a>, header: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let known: Vec<&[u8]> = match HeaderName::read(header.as_bytes()) {
        Some(name) => message.values(name).take(limits::PATTERN_VALUES).collect(),
        None => message.named(header.as_bytes()).take(limits::PATTERN_VALUES).collect(),
    };
    known.into_iter()
}

/// As text of at most `limits::PATTERN_BYTES` bytes, without control characters.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..limits::PATTERN_BYTES).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect()
}

impl Shown for Message<'_> {
    fn values(&self, header: &str, each: &mut dyn FnMut(&str)) {
        if header.eq_ignore_ascii_case("Request-URI") {
            if let Some(uri) = self.request_uri() {
                each(&text(uri.raw()));
            }
            return;
        }
        self.named(header.as_bytes()).take(limits::PATTERN_VALUES).for_each(|value| each(&text(value)));
    }

    fn origins(&self, each: &mut dyn FnMut(&str)) {
        let Some(body) = self.sdp() else { return };
        let sdp = Sdp::parse(body);
        sdp.origin().into_iter().for_each(|value| each(&format!("o={}", text(value))));
        sdp.name().into_iter().for_each(|value| each(&format!("s={}", text(value))));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::settings::Place;

    fn invite(lines: &str) -> String {
        format!(
            "INVITE sip:6000@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:+13125550142@h>;tag=a\r\n\
             To: <sip:6000@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{lines}\r\n\r\n"
        )
    }

    fn read(text: &str, profile: &Profile, own: &str) -> Facts {
        let is_own = |user: &[u8]| user == own.as_bytes();
        let message = Message::parse(text.as_bytes()).expect("a message");
        Facts::read(&message, &Reader { profile, sender: Sender::Trunk, is_own: &is_own })
    }

    fn diverted(lines: &str) -> Option<(String, Option<&'static str>)> {
        let told = read(&invite(lines), &Profile::default(), "").diverted?;
        Some((told.original, told.why))
    }

    #[test]
    fn the_number_called_itself_is_no_diverter() {
        assert_eq!(diverted("Diversion: <sip:+6000@carrier>;reason=unconditional"), None);
        let both = "Diversion: <sip:6000@h>;reason=no-answer, <sip:201@h>;reason=user-busy";
        assert_eq!(diverted(both), Some(("201".into(), Some("busy"))));
    }

    #[test]
    fn history_of_a_call_never_forwarded_tells_of_no_diversion() {
        assert_eq!(diverted("History-Info: <sip:201@h>;index=1"), None);
        assert_eq!(diverted("History-Info: <sip:6000@a>;index=1, <sip:6000@b>;index=1.1"), None);
        let moved = "History-Info: <sip:201@h>;index=1, <sip:6000@h>;index=1.1";
        assert_eq!(diverted(moved), Some(("201".into(), None)));
        let cause = "History-Info: <sip:201@h>;index=1, <sip:6000@h;cause=408>;index=1.1";
        assert_eq!(diverted(cause), Some(("201".into(), Some("no_answer"))));
        let strict = Profile {
            diversion: crate::settings::Diversion { require_cause: true, ..Profile::default().diversion },
            ..Profile::default()
        };
        assert_eq!(read(&invite(moved), &strict, "").diverted, None);
        assert!(read(&invite(cause), &strict, "").diverted.is_some());
    }

    #[test]
    fn a_pilot_is_known_by_what_the_history_says_of_it() {
        let params = ["vm-digits", "vm-handle"].map(str::to_owned);
        let is_pilot = |reason: &str| {
            let lines = format!(
                "History-Info: <sip:201@h?Reason=SIP%3Bcause%3D486&{reason}>;index=1, <sip:6000@h>;index=1.1"
            );
            is_for_pilot(&Message::parse(invite(&lines).as_bytes()).expect("a message"), &params)
        };
        assert!(is_pilot("Reason=Redirection%3Bcause%3DNORMAL%3Bvm-digits%3D6000%3Bvm-handle%3Dsip:8%40h"));
        assert!(is_pilot("Reason=Redirection%3Bvm-digits%3D81086000%3BVM-Handle%3Dsip:6000%40h"));
        assert!(is_pilot("Reason=Redirection%3Bvm-digits%3D%2B6000"));
        assert!(!is_pilot("Reason=Redirection%3Bvm-digits%3D6001"), "it goes to somebody else");
        assert!(!is_pilot("Reason=Redirection%3Bvm-digits%3D"));
        assert!(!is_pilot("Other=Redirection%3Bvm-digits%3D6000"));
    }

    #[test]
    fn the_first_place_with_an_own_number_names_whom_it_is_for() {
        let places =
            vec![Place::Header("P-Called-Party-ID".into()), Place::Header("To".into()), Place::RequestUri];
        let profile = Profile { did_from: places, ..Profile::default() };
        let text = invite("P-Called-Party-ID: <sip:+13125550111@h>");
        let by = |own: &str| read(&text, &profile, own).called.map(|called| called.by);
        assert_eq!(by("").as_deref(), Some("P-Called-Party-ID"));
        assert_eq!(by("6000").as_deref(), Some("To"));
        assert_eq!(by("+13125550111").as_deref(), Some("P-Called-Party-ID"));
    }

    #[test]
    fn a_notice_without_a_count_tells_only_where_the_make_sends_none() {
        let text = "NOTIFY sip:201@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:6000@h>;tag=a\r\n\
            To: <sip:201@h>;tag=b\r\nCall-ID: c\r\nCSeq: 1 NOTIFY\r\nEvent: message-summary\r\n\
            Content-Length: 23\r\n\r\nMessages-Waiting: yes\r\n";
        let counted = text.replace("Content-Length: 23\r\n\r\n", "\r\nVoice-Message: 0/3 (0/0)\r\n");
        let plain = Profile::default();
        assert_eq!(read(text, &plain, "").waiting, None);
        assert_eq!(read(&counted, &plain, "").waiting, Some(false));
        let cisco = Profile { quirks: vec![Quirk::MwiWithoutCount], ..plain };
        assert_eq!(read(text, &cisco, "").waiting, Some(true));
    }

    proptest! {
        #[test]
        fn whatever_headers_hold_they_are_read(name in 0_usize..10, value in "[ -~\u{80}-\u{ff}]{0,80}") {
            let names = [
                "Diversion", "History-Info", "P-Asserted-Identity", "Remote-Party-ID", "Contact", "Reason",
                "P-Charging-Vector", "Session-ID", "P-Called-Party-ID", "CC-Diversion",
            ];
            let text = invite(&format!("{}: {value}", names[name]));
            let told = read(&text, &Profile::default(), "");
            prop_assert_eq!(told.caller.is_some(), true);
        }
    }
}

//! What one message says when it is read under a profile: who calls, who is called, who was called before, and
//! the marks by which legs and makes are told.
//!
//! Everything is a pure question about one message; which leg it belongs to, and what came before, is not known
//! here. Numbers are user parts as sent.

use serde::Serialize;

use crate::settings::{
    CallerFrom, DivertedFor, Dtmf, EarlyMedia, End, KeyFrom, MailboxFrom, Place, Profile, Quirk, Sender,
    Shown, Style,
};
use crate::wire::sdp::Sdp;
use crate::wire::sip::{HeaderName, Message, Method, NameAddr, Reason, Uri, reasons, unescape};

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
            elsewhere: says_elsewhere(message)
                && profile.coverage.elsewhere == crate::settings::Elsewhere::Hint,
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

/// Who calls: in a request from a trusted sender by the profile's order, else by From. The asserted identity of
/// a response is the connected party's.
pub fn caller(message: &Message<'_>, reader: &Reader<'_>) -> Option<Named> {
    let identity = &reader.profile.identity;
    if message.status().is_some() || !identity.trust_from.contains(&reader.sender) {
        return message.from().and_then(|from| named(&from.uri(), "From"));
    }
    let candidates = || identity.caller.iter().flat_map(|from| identities(message, from));
    candidates().find(|found| is_number(&found.user)).or_else(|| candidates().next())
}

fn identities(message: &Message<'_>, from: &CallerFrom) -> Vec<Named> {
    let party = from.party.as_deref().map(str::as_bytes);
    let fits = |id: &NameAddr<'_>| {
        party.is_none_or(|wanted| id.param(b"party").is_none_or(|party| party.eq_ignore_ascii_case(wanted)))
    };
    // From is never split: a bare display name may hold a comma.
    let values: Vec<_> = match from.header.eq_ignore_ascii_case("From") {
        true => message.from().into_iter().collect(),
        false => values(message, &from.header).map(NameAddr::parse).collect(),
    };
    values.iter().filter(|id| fits(id)).filter_map(|id| named(&id.uri(), &from.header)).collect()
}

/// Who is called: the first place that names one of the business's own numbers, else the first that names
/// anybody.
pub fn called(message: &Message<'_>, reader: &Reader<'_>) -> Option<Named> {
    message.request_uri()?;
    let places = || reader.profile.did_from.iter().filter_map(|place| at(message, place));
    places().find(|found| (reader.is_own)(found.user.as_bytes())).or_else(|| places().next())
}

fn at(message: &Message<'_>, place: &Place) -> Option<Named> {
    match place {
        Place::RequestUri => named(&message.request_uri()?, "Request-URI"),
        Place::Header(name) => named(&NameAddr::parse(message.named(name.as_bytes()).next()?).uri(), name),
    }
}

/// Who was called before, by the first header that tells of anybody.
pub fn diverted(message: &Message<'_>, reader: &Reader<'_>) -> Option<Diverted> {
    let told = &reader.profile.diversion;
    told.headers.iter().find_map(|header| {
        let mut chain = match header.as_str() {
            "History-Info" => history(message, reader),
            _ => diversions(message, reader, header),
        };
        chain.retain(|(user, _)| !told.ignore_if_equals_did || !is_called(message, user));
        let (first, last) = (chain.first()?, chain.last()?);
        let pick = |end| if end == End::First { first.0.clone() } else { last.0.clone() };
        let why = last.1.map(shown_reason);
        Some(Diverted { original: pick(told.original), mailbox: pick(told.mailbox), why, by: header.clone() })
    })
}

/// Who diverted and why, in the order of time.
type Chain = Vec<(String, Option<DivertedFor>)>;

fn diversions(message: &Message<'_>, reader: &Reader<'_>, header: &str) -> Chain {
    let reasons = &reader.profile.diversion.reasons;
    let one = |value| {
        let id = NameAddr::parse(value);
        let reason = id.param(b"reason").map(|word| text(word.trim_ascii()).to_ascii_lowercase());
        let why = reason.map(|word| reasons.get(&word).copied().unwrap_or(DivertedFor::Other));
        named(&id.uri(), header).map(|found| (found.user, why))
    };
    let mut chain: Chain = values(message, header).filter_map(one).take(MOST).collect();
    chain.reverse();
    chain
}

/// An entry diverts that has a Reason, or whose next has a cause, or, if that is enough, another user.
fn history(message: &Message<'_>, reader: &Reader<'_>) -> Chain {
    let told = &reader.profile.diversion;
    let entries: Vec<_> = message.values(HeaderName::HistoryInfo).map(NameAddr::parse).take(MOST).collect();
    let user = |id: &NameAddr<'_>| named(&id.uri(), "History-Info").map(|found| found.user);
    let mut chain = Chain::new();
    for (n, entry) in entries.iter().enumerate() {
        let next = entries.get(n + 1);
        let cause = reason_cause(&entry.uri()).or_else(|| next.and_then(|next| uri_cause(&next.uri())));
        let moved = !told.require_cause && next.is_some_and(|next| user(next) != user(entry));
        if (cause.is_some() || moved)
            && let Some(user) = user(entry)
        {
            let why = cause.map(|cause| told.causes.get(&cause).copied().unwrap_or(DivertedFor::Other));
            chain.push((user, why));
        }
    }
    chain
}

/// The cause of the Reason that a History-Info URI carries, escaped (RFC 7044 10.2).
fn reason_cause(uri: &Uri<'_>) -> Option<u16> {
    let reason = uri.header(b"Reason")?;
    Reason::parse(&unescape(reason)).cause
}

/// The cause of RFC 4458; 380 is a number translation (RFC 8119).
fn uri_cause(uri: &Uri<'_>) -> Option<u16> {
    text(uri.param(b"cause")?).parse().ok().filter(|cause| *cause != 380)
}

/// Whether an INVITE opens no call.
pub fn is_noncall(message: &Message<'_>, profile: &Profile) -> bool {
    message.method() == Method::Invite
        && message.status().is_none()
        && message.to_tag().is_none()
        && profile.noncalls.iter().any(|wanted| wanted.fits(message))
}

/// The values of a key that legs share.
pub fn shared(message: &Message<'_>, key: &KeyFrom) -> Vec<String> {
    let all = values(message, &key.header).take(MOST);
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
    let Some(call_id) = message.call_id().filter(|id| id.len() <= LONGEST).map(text) else {
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

fn says_elsewhere(message: &Message<'_>) -> bool {
    let says = |reason: Reason<'_>| match reason.cause {
        Some(200) => reason.protocol.eq_ignore_ascii_case(b"SIP"),
        Some(26) => reason.protocol.eq_ignore_ascii_case(b"Q.850"),
        _ => false,
    };
    message.method() == Method::Cancel && reasons(message).any(says)
}

fn may_cover(message: &Message<'_>, style: Style, diverted: bool) -> bool {
    let invite = message.method() == Method::Invite;
    let target = message.request_uri().is_some_and(|uri| uri.param(b"target").is_some());
    match (style, message.status()) {
        (Style::Redirect, Some(status)) => invite && (300..400).contains(&status),
        (Style::Redirect, None) => invite && target,
        (Style::B2bua, status) => invite && status.is_none() && (diverted || target),
        (Style::Embedded, status) => invite && status.is_some_and(|status| (200..300).contains(&status)),
    }
}

fn rings(message: &Message<'_>, profile: &Profile) -> Option<bool> {
    match message.status() {
        Some(180) => Some(true),
        Some(183) if message.sdp().is_some() => match profile.media.early_media? {
            EarlyMedia::Ringback => Some(true),
            EarlyMedia::Announcement => Some(false),
        },
        _ => None,
    }
}

/// Whether a notice tells of new messages (RFC 3842); without a count only where the make sends none.
fn waiting(message: &Message<'_>, without_count: bool) -> Option<bool> {
    let event = message.header(HeaderName::Event)?;
    if message.method() != Method::Notify || !event.to_ascii_lowercase().starts_with(b"message-summary") {
        return None;
    }
    let line = |name: &str| {
        message.body().split(|byte| *byte == b'\n').map(text).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_ascii_lowercase())
        })
    };
    let told = line("Messages-Waiting")?.starts_with("yes");
    match line("Voice-Message").and_then(|count| count.split('/').next()?.trim().parse::<u32>().ok()) {
        Some(new) => Some(told && new > 0),
        None => without_count.then_some(told),
    }
}

fn mailbox(message: &Message<'_>, reader: &Reader<'_>, from: MailboxFrom) -> Option<String> {
    let diversions = || diversions(message, reader, "Diversion").into_iter().map(|(user, _)| user);
    match from {
        MailboxFrom::DiversionFirst => diversions().next(),
        MailboxFrom::DiversionLast => diversions().next_back(),
        MailboxFrom::HistoryFirst => history(message, reader).into_iter().next().map(|(user, _)| user),
        MailboxFrom::RuriTarget => {
            let uri = message.request_uri()?;
            let target = unescape(uri.param(b"target")?);
            named(&Uri::parse(&target), "target").map(|found| found.user)
        }
        MailboxFrom::ToUser => named(&message.to()?.uri(), "To").map(|found| found.user),
    }
}

fn codecs(message: &Message<'_>, profile: &Profile) -> Vec<String> {
    let Some(audio) = message.sdp().and_then(|body| Sdp::parse(body).audio()) else { return Vec::new() };
    let names = audio.payloads().filter_map(|payload| audio.rtpmap(payload));
    let known = names.map(|map| text(map.encoding).to_ascii_uppercase());
    known.filter(|name| profile.media.codecs.contains(name)).collect()
}

fn carries_digits(message: &Message<'_>, dtmf: Dtmf) -> bool {
    let event = |audio: crate::wire::sdp::Media<'_>| {
        let names = audio.payloads().filter_map(|payload| audio.rtpmap(payload));
        names.into_iter().any(|map| map.encoding.eq_ignore_ascii_case(b"telephone-event"))
    };
    let described = message.sdp().and_then(|body| Sdp::parse(body).audio()).map(event);
    match dtmf {
        Dtmf::Rfc4733 => described == Some(true),
        Dtmf::Info => message.method() == Method::Info,
        Dtmf::Inband => described == Some(false),
    }
}

fn is_nobody(profile: &Profile, user: &str) -> bool {
    profile.identity.anonymous_users.iter().any(|nobody| nobody.eq_ignore_ascii_case(user))
}

/// Whether a user part is the one a request is for, by Request-URI or To; a `+` makes no difference. A 3xx is
/// diverted by the party of its To.
fn is_called(message: &Message<'_>, user: &str) -> bool {
    if message.status().is_some() {
        return false;
    }
    let same = |uri: Uri<'_>| {
        named(&uri, "")
            .is_some_and(|found| found.user.trim_start_matches('+') == user.trim_start_matches('+'))
    };
    message.request_uri().is_some_and(same) || message.to().is_some_and(|to| same(to.uri()))
}

fn is_number(user: &str) -> bool {
    let digits = user.strip_prefix('+').unwrap_or(user);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The user part of a URI, cut at its parameters.
fn named(uri: &Uri<'_>, by: &str) -> Option<Named> {
    let user = unescape(uri.user().split(|byte| *byte == b';').next().unwrap_or_default());
    (!user.is_empty()).then(|| Named { user: text(&user), by: by.to_owned() })
}

fn values<'a>(message: &Message<'a>, header: &str) -> impl Iterator<Item = &'a [u8]> + use<'a> {
    let known: Vec<&[u8]> = match HeaderName::read(header.as_bytes()) {
        Some(name) => message.values(name).take(MOST).collect(),
        None => message.named(header.as_bytes()).take(MOST).collect(),
    };
    known.into_iter()
}

/// As text of at most `LONGEST` bytes, without control characters.
fn text(bytes: &[u8]) -> String {
    let bytes = bytes.get(..LONGEST).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).chars().filter(|c| !c.is_control()).collect()
}

fn shown_reason(why: DivertedFor) -> &'static str {
    match why {
        DivertedFor::NoAnswer => "no_answer",
        DivertedFor::Busy => "busy",
        DivertedFor::All => "all",
        DivertedFor::Unavailable => "unavailable",
        DivertedFor::Other => "other",
    }
}

impl Shown for Message<'_> {
    fn values(&self, header: &str, each: &mut dyn FnMut(&str)) {
        if header.eq_ignore_ascii_case("Request-URI") {
            if let Some(uri) = self.request_uri() {
                each(&text(uri.raw()));
            }
            return;
        }
        self.named(header.as_bytes()).take(MOST).for_each(|value| each(&text(value)));
    }

    fn origins(&self, each: &mut dyn FnMut(&str)) {
        let Some(body) = self.sdp() else { return };
        let sdp = Sdp::parse(body);
        sdp.origin().into_iter().for_each(|value| each(&format!("o={}", text(value))));
        sdp.name().into_iter().for_each(|value| each(&format!("s={}", text(value))));
    }
}

/// So many values of one header are looked at.
const MOST: usize = 16;

/// So many bytes of one value.
const LONGEST: usize = 1_024;

//! Who called, and whom they wanted: read once from a leg's INVITE.
//!
//! A trunk peer is trusted with asserted identities, anybody else only with From. A caller who asked not
//! to be shown is withheld even where another header reveals the number (RFC 3323, RFC 3325).

use std::borrow::Cow;

use crate::call::diverted::Diverted;
use crate::call::invite::{Address, Invite, telephone};
use crate::call::make::{Make, Place};
use crate::limits;
use crate::phone::{Dialplan, Party};
use crate::wire::sip::{HeaderName, Message, NameAddr, Uri, unescape};

/// Who called.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The number, or the user part; none if withheld or unreadable.
    pub party: Option<Party>,
    /// The URI it was read from; none if withheld.
    pub raw: Option<Box<str>>,
    /// The display name; none if withheld.
    pub name: Option<Box<str>>,
    /// The caller asked not to be shown.
    pub withheld: bool,
}

/// Whom the caller wanted.
#[derive(Clone, Debug, Default)]
pub struct Called {
    /// The number, or the user part.
    pub party: Option<Party>,
    /// The user part as sent, without parameters.
    pub user: Box<str>,
    /// The URI it was read from.
    pub raw: Option<Box<str>>,
}

impl Caller {
    /// Reads the caller of an INVITE; asserted identities count only if the sender is trusted.
    pub fn read(invite: &Invite<'_>, trusted: bool, make: &Make, dialplan: &Dialplan) -> Caller {
        let from = invite.from;
        if is_withheld(invite, make) {
            return Caller { withheld: true, ..Caller::default() };
        }
        let asserted = if trusted { asserted(invite, make, dialplan) } else { None };
        let Some(id) = asserted.or(from) else { return Caller::default() };
        let name = id.name.display_text();
        let name =
            if name.trim().is_empty() { from.map(|from| from.name.display_text()) } else { Some(name) };
        Caller {
            party: dialplan.read(&id.telephone()),
            raw: Some(shown(id.uri.raw())),
            name: name.filter(|name| !name.trim().is_empty()).map(|name| cut(&name)),
            withheld: false,
        }
    }
}

impl Called {
    /// Reads whom an INVITE is for: the party it was first for where it was diverted to voicemail, else
    /// the Request-URI `target`, else To.
    pub fn read(invite: &Invite<'_>, diverted: Option<&Diverted>, dialplan: &Dialplan) -> Called {
        if let Some(diverted) = diverted {
            return Called::from_parts(&diverted.original, diverted.raw.clone(), dialplan);
        }
        let target = invite.target.filter(|uri| !uri.user().is_empty());
        match target.or(invite.to.map(|to| to.uri)) {
            Some(uri) => Called::at(&uri, dialplan),
            None => Called::default(),
        }
    }

    /// Whether a call dialled as this goes out as `sent`, a number with the same last digits. Behind an access code, or in
    /// the form of a region, what was dialled names no number, or another; in the international form it stands.
    pub fn goes_out_as(&self, sent: &Called) -> bool {
        let number = sent.party.as_ref().and_then(Party::number);
        let sent = number.and_then(|number| comparable(number.e164().as_bytes()));
        let dialled = comparable(self.user.as_bytes()).filter(|_| !self.user.starts_with('+'));
        let same = |(sent, dialled): (Comparable, Comparable)| *sent == *dialled && sent.len == LAST_DIGITS;
        sent.zip(dialled).is_some_and(same)
    }

    /// The number that an INVITE to the trunk is for, if a call dialled as `dialled` goes out as that.
    pub fn sent_out(invite: &Invite<'_>, dialled: &Called, dialplan: &Dialplan) -> Option<Called> {
        let uris = invite.target.into_iter().chain(invite.to.map(|to| to.uri));
        uris.map(|uri| Called::at(&uri, dialplan)).find(|sent| dialled.goes_out_as(sent))
    }

    /// Reads whom an INVITE is for from the first of these places that names one of the business's own numbers,
    /// else the first that names anybody.
    pub fn read_at(
        invite: &Invite<'_>,
        places: &[Place],
        dialplan: &Dialplan,
        is_own: impl Fn(&Called) -> bool,
    ) -> Option<Called> {
        let uris = places.iter().filter_map(|place| place.uri(invite));
        let mut first = None;
        for uri in uris {
            let called = Called::at(&uri, dialplan);
            if is_own(&called) {
                return Some(called);
            }
            first = first.or(Some(called));
        }
        first
    }

    fn at(uri: &Uri<'_>, dialplan: &Dialplan) -> Called {
        Called::from_parts(&telephone(uri), shown(uri.raw()), dialplan)
    }

    fn from_parts(telephone: &[u8], raw: Box<str>, dialplan: &Dialplan) -> Called {
        let user = telephone.split(|byte| *byte == b';').next().unwrap_or_default();
        Called { party: dialplan.read(telephone), user: shown(&unescape(user)), raw: Some(raw) }
    }
}

/// Those of some headers that a message has.
pub fn present<'m>(
    message: &'m Message<'_>,
    names: &'m [HeaderName],
) -> impl Iterator<Item = HeaderName> + 'm {
    names.iter().copied().filter(|name| message.has(*name))
}

/// The digits by which two legs of one call are compared: the last seven of a number, or a whole short
/// or alphabetic user part, in lower case.
pub fn comparable(user: &[u8]) -> Option<Comparable> {
    let number = user.strip_prefix(b"+").unwrap_or(user);
    if !number.is_empty() && number.iter().all(u8::is_ascii_digit) {
        let last = number.last_chunk::<LAST_DIGITS>().map_or(number, |last| last);
        return Some(last.iter().copied().collect());
    }
    let user = unescape(user);
    let user = user.split(|byte| *byte == b';').next()?;
    if user.iter().any(u8::is_ascii_alphabetic) {
        return Some(user.iter().map(u8::to_ascii_lowercase).take(limits::COMPARED).collect());
    }
    let digits = || user.iter().copied().filter(u8::is_ascii_digit);
    let surplus = digits().count().saturating_sub(LAST_DIGITS);
    Some(digits().skip(surplus).collect::<Comparable>()).filter(|digits| digits.len > 0)
}

/// What two display names are compared by: trimmed, in lower case.
pub fn comparable_name(name: &[u8]) -> Option<Comparable> {
    let name = name.trim_ascii().iter().map(u8::to_ascii_lowercase);
    Some(name.collect::<Comparable>()).filter(|name| name.len > 0)
}

/// So many digits of a number are compared: what stands before them is written in many ways.
const LAST_DIGITS: usize = 7;

/// What two legs are compared by, on the stack.
#[derive(Clone, Copy, Debug)]
pub struct Comparable {
    bytes: [u8; limits::COMPARED],
    len: usize,
}

impl FromIterator<u8> for Comparable {
    fn from_iter<I: IntoIterator<Item = u8>>(from: I) -> Comparable {
        let mut made = Comparable { bytes: [0; limits::COMPARED], len: 0 };
        for (slot, byte) in made.bytes.iter_mut().zip(from) {
            *slot = byte;
            made.len += 1;
        }
        made
    }
}

impl std::ops::Deref for Comparable {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Who calls by the order of the PBX's make: of the headers before From the first with a number, else the first
/// with other digits; then From, if anybody stands there; then those behind it.
fn asserted<'a>(invite: &Invite<'a>, make: &Make, dialplan: &Dialplan) -> Option<Address<'a>> {
    let mut named = None;
    for place in &make.callers {
        let Some(field) = &place.field else {
            named = named.or(invite.from.filter(|from| dialplan.read(&from.telephone()).is_some()));
            if named.is_some() {
                return named;
            }
            continue;
        };
        let of_party = |party: &[u8]| place.party.as_deref().is_none_or(|wanted| party == wanted);
        let ids = field.values(invite.message).map(NameAddr::parse);
        for name in ids.filter(|id| id.param(b"party").is_none_or(of_party)) {
            let id = Address { name, uri: name.uri() };
            match dialplan.read(&id.telephone()) {
                Some(Party::Number(_)) => return Some(id),
                Some(Party::Digits(_)) => named = named.or(Some(id)),
                None => {}
            }
        }
    }
    named
}

fn is_withheld(invite: &Invite<'_>, make: &Make) -> bool {
    let Invite { message, from, .. } = invite;
    privacy_asked(message) || rpid_private(message) || from.is_some_and(|from| is_anonymous(&from.uri, make))
}

fn privacy_asked(message: &Message<'_>) -> bool {
    if !message.has(HeaderName::Privacy) {
        return false;
    }
    let tokens =
        message.headers(HeaderName::Privacy).flat_map(|value| value.split(|byte| b";, \t".contains(byte)));
    tokens.into_iter().any(|token| HIDING.iter().any(|hides| token.eq_ignore_ascii_case(hides)))
}

fn rpid_private(message: &Message<'_>) -> bool {
    if !message.has(HeaderName::RemotePartyId) {
        return false;
    }
    let calling = |id: &NameAddr<'_>| id.param(b"party").is_none_or(|party| party == b"calling");
    let mut ids = message.values(HeaderName::RemotePartyId).map(NameAddr::parse).filter(calling);
    ids.any(|id| id.param(b"privacy").is_some_and(|privacy| !privacy.eq_ignore_ascii_case(b"off")))
}

fn is_anonymous(uri: &Uri<'_>, make: &Make) -> bool {
    let user = unescape(uri.user());
    let user = user.strip_prefix(b"+").unwrap_or(&user);
    let zeros = !user.is_empty() && user.iter().all(|byte| *byte == b'0');
    zeros || make.is_nobody(user) || uri.host().eq_ignore_ascii_case(b"anonymous.invalid")
}

/// Bytes as text, at most `limits::SHOWN` characters, without control characters.
pub fn shown(bytes: &[u8]) -> Box<str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => cut(text),
        Err(_) => cut(&String::from_utf8_lossy(bytes)),
    }
}

/// At most `limits::SHOWN` characters, without control characters.
fn cut(text: &str) -> Box<str> {
    if text.len() <= limits::SHOWN && text.bytes().fold(true, |plain, b| plain & (b' '..=b'~').contains(&b)) {
        return text.into();
    }
    let printable: Cow<'_, str> = match text.chars().any(char::is_control) {
        true => text.chars().filter(|c| !c.is_control()).collect::<String>().into(),
        false => text.into(),
    };
    match printable.char_indices().nth(limits::SHOWN) {
        Some((end, _)) => printable[..end].into(),
        None => printable.into(),
    }
}

/// Privacy values by which a caller asks not to be shown (RFC 3323 4.2, RFC 3325 9.3); `history` hides others.
const HIDING: [&[u8]; 5] = [b"id", b"header", b"user", b"session", b"critical"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{self, Identity, Numbers, Profile};

    fn withheld(from: &str, privacy: &str) -> bool {
        let text = format!(
            "INVITE sip:2@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: {from};tag=a\r\nTo: <sip:2@h>\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\nPrivacy: {privacy}\r\n\r\n"
        );
        let make = Make::new(&Profile::default());
        is_withheld(&Invite::of(&Message::parse(text.as_bytes()).expect("a message")), &make)
    }

    /// Who calls under a profile, of an INVITE with these lines besides From 3125550142.
    fn caller(identity: Identity, trusted: bool, lines: &str) -> Option<String> {
        let text = format!(
            "INVITE sip:2@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:3125550142@h>;tag=a\r\n\
             To: <sip:2@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{lines}\r\n\r\n"
        );
        let message = Message::parse(text.as_bytes()).expect("a message");
        let make = Make::new(&Profile { identity, ..Profile::default() });
        let dialplan = Dialplan::new(&Numbers::default(), Some("US"));
        let read = Caller::read(&Invite::of(&message), trusted, &make, &dialplan);
        read.party.map(|party| party.shown())
    }

    fn in_order(callers: &[(&str, Option<&str>)]) -> Identity {
        let from = |(header, party): &(&str, Option<&str>)| settings::CallerFrom {
            header: (*header).to_owned(),
            party: party.map(str::to_owned),
        };
        Identity { caller: callers.iter().map(from).collect(), ..Profile::default().identity }
    }

    #[test]
    fn a_call_is_for_the_number_it_goes_out_as_if_that_ends_in_what_was_dialled() {
        let plan = Dialplan::new(&Numbers::default(), Some("US"));
        let called = |user: &str| Called::at(&Uri::parse(format!("sip:{user}@h").as_bytes()), &plan);
        let goes = |dialled: &str, sent: &str| called(dialled).goes_out_as(&called(sent));
        assert!(goes("94195550123", "+14195550123"), "an access code");
        assert!(goes("95550123", "4195550123"), "a local number");
        assert!(!goes("212", "+14195550212"), "an extension that is forwarded");
        assert!(!goes("*721234567", "+14195550123"), "a code");
        assert!(!goes("94195550123", "94195550123"), "no number");
        assert!(!goes("+14195550123", "+444195550123"), "what is dialled in full stands");
    }

    #[test]
    fn who_calls_stands_where_the_make_puts_it() {
        let lines = "P-Asserted-Identity: <sip:+13125550199@h>\r\nX-Caller: <sip:+13125550177@h>";
        let read = |callers: &[_]| caller(in_order(callers), true, lines);
        assert_eq!(read(&[("P-Asserted-Identity", None), ("From", None)]).as_deref(), Some("+13125550199"));
        assert_eq!(read(&[("From", None)]).as_deref(), Some("+13125550142"));
        assert_eq!(read(&[("From", None), ("X-Caller", None)]).as_deref(), Some("+13125550142"));
        assert_eq!(read(&[("X-Caller", None), ("From", None)]).as_deref(), Some("+13125550177"));
        let untrusted = caller(in_order(&[("X-Caller", None)]), false, lines);
        assert_eq!(untrusted.as_deref(), Some("+13125550142"));
    }

    #[test]
    fn a_header_may_name_the_caller_only_as_a_party() {
        let remote = [("Remote-Party-ID", Some("calling")), ("From", None)];
        let read = |party: &str| {
            let line = format!("Remote-Party-ID: <sip:+13125550199@h>;party={party}");
            caller(in_order(&remote), true, &line)
        };
        assert_eq!(read("calling").as_deref(), Some("+13125550199"));
        assert_eq!(read("called").as_deref(), Some("+13125550142"));
    }

    #[test]
    fn a_tel_uri_is_completed_by_its_context_wherever_it_stands() {
        let asserted = |uri: &str| {
            caller(
                Profile::default().identity,
                true,
                &format!("P-Asserted-Identity: <{uri}>, <sip:nobody@h>"),
            )
        };
        assert_eq!(asserted("tel:5550002;phone-context=+1212").as_deref(), Some("+12125550002"));
        assert_eq!(asserted("tel:2079460123;phone-context=+44").as_deref(), Some("+442079460123"));
        assert_eq!(asserted("tel:+16145550009;phone-context=+44").as_deref(), Some("+16145550009"));
        assert_eq!(asserted("tel:3125550008;phone-context=example.com").as_deref(), Some("3125550008"));
        let text = "INVITE tel:5550111;phone-context=+1212 SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\n\
            From: tel:5550002;phone-context=+1646;tag=a\r\nTo: <sip:1@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
        let message = Message::parse(text.as_bytes()).expect("a message");
        let (invite, dialplan) = (Invite::of(&message), Dialplan::new(&Numbers::default(), Some("US")));
        let from = Caller::read(&invite, false, &Make::new(&Profile::default()), &dialplan);
        assert_eq!(from.party.map(|party| party.shown()).as_deref(), Some("+16465550002"));
        let called = Called::read(&invite, None, &dialplan);
        assert_eq!(called.party.map(|party| party.shown()).as_deref(), Some("+12125550111"));
        assert_eq!(&*called.user, "5550111");
    }

    #[test]
    fn a_name_stands_for_nobody_only_where_the_make_says_so() {
        let plain = Profile::default().identity;
        let hidden = Identity { anonymous_users: vec!["3125550142".to_owned()], ..plain.clone() };
        assert_eq!(caller(hidden, true, "X-A: b"), None);
        assert!(caller(plain, true, "X-A: b").is_some());
    }

    #[test]
    fn a_caller_hides_by_privacy_but_not_by_that_of_the_history() {
        assert!(withheld("<sip:+13125550142@h>", "id"));
        assert!(withheld("<sip:+13125550142@h>", "user;critical"));
        assert!(!withheld("<sip:+13125550142@h>", "history"));
        assert!(!withheld("<sip:+13125550142@h>", "none"));
    }

    #[test]
    fn a_caller_hides_behind_a_name_or_number_that_stands_for_nobody() {
        assert!(withheld("<sip:anonymous@anonymous.invalid>", "none"));
        assert!(withheld("<sip:+266696687@h>", "none"));
        assert!(withheld("<sip:0000@h>", "none"));
        assert!(!withheld("<sip:201@h>", "none"));
    }

    #[test]
    fn the_number_dialled_stands_where_the_make_puts_it() {
        let text = "INVITE sip:trunk7@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:1@h>;tag=a\r\n\
            To: <sip:+13125550111@h>\r\nP-Called-Party-ID: <sip:+13125550122@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n";
        let message = Message::parse(text.as_bytes()).expect("a message");
        let dialplan = Dialplan::new(&Numbers::default(), Some("US"));
        let header = |name: &str| settings::Place::Header(name.to_owned());
        let read = |did_from: Vec<settings::Place>, own: &str| {
            let make = Make::new(&Profile { did_from, ..Profile::default() });
            let is_own = |called: &Called| &*called.user == own;
            Called::read_at(&Invite::of(&message), &make.called, &dialplan, is_own).map(|called| called.user)
        };
        let all = || vec![settings::Place::RequestUri, header("P-Called-Party-ID"), header("To")];
        assert_eq!(read(all(), "").as_deref(), Some("trunk7"), "the first");
        assert_eq!(read(all(), "+13125550111").as_deref(), Some("+13125550111"), "the business's own");
        assert_eq!(read(vec![header("X-Other"), header("To")], "").as_deref(), Some("+13125550111"));
        assert_eq!(read(vec![settings::Place::RequestUri], ""), None, "as ever");
    }

    #[test]
    fn numbers_are_compared_by_their_last_seven_digits() {
        let compared = |user: &[u8]| comparable(user).map(|made| made.to_vec());
        assert_eq!(compared(b"+13125550142"), compared(b"93125550142;phone-context=x"));
        assert_eq!(compared(b"201"), Some(b"201".to_vec()));
        assert_eq!(compared(b"Alice"), Some(b"alice".to_vec()));
        assert_eq!(compared(b"*"), None);
    }
}

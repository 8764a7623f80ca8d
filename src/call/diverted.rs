//! Whom a call was for before it was redirected, as Diversion (RFC 5806), History-Info (RFC 7044) or the
//! Request-URI (RFC 4458) tell it, read as the PBX's make writes them.

use crate::call::identity::{present, shown};
use crate::call::invite::{Invite, telephone};
use crate::call::make::Diversion;
use crate::limits;
use crate::settings::End;
use crate::wire::sip::{HeaderName, NameAddr, Reason, Uri, unescape};

/// A redirection that an INVITE names.
#[derive(Clone, Debug)]
pub struct Diverted {
    /// The user part the call was first for, with what completes it to a number.
    pub original: Box<[u8]>,
    /// The URI it was read from.
    pub raw: Box<str>,
}

/// The party a call was for before, where something names one.
///
/// Diversion is newest first, History-Info oldest first, and its last entry is where the call is now. The number
/// called itself is no diverter where the make says so: the target, and on a leg from the trunk also To, as
/// carriers write it (Twilio's name the number called).
pub fn diverted(invite: &Invite<'_>, from_trunk: bool, told: &Diversion) -> Option<Diverted> {
    let kept = |uri: Uri<'_>| Diverted { original: telephone(&uri).into(), raw: shown(uri.raw()) };
    if let Some(mailbox) = invite.target.as_ref().and_then(voicemail_target) {
        let mailbox = unescape(mailbox);
        return Some(kept(Uri::parse(&mailbox)));
    }
    let chain = chain(invite, from_trunk, told)?;
    let original = match told.original {
        End::First => chain.first(),
        End::Last => chain.last(),
    };
    original.map(|entry| kept(entry.uri()))
}

/// Who diverted, in the order of time, by the first header that tells of anybody.
pub fn chain<'a>(invite: &Invite<'a>, from_trunk: bool, told: &Diversion) -> Option<Vec<NameAddr<'a>>> {
    present(invite.message, &told.headers).find_map(|header| {
        let mut chain = entries(invite, header, told);
        match header {
            HeaderName::HistoryInfo if !told.with_cause => drop(chain.pop()),
            HeaderName::HistoryInfo => {}
            _ => chain.reverse(),
        }
        let counts =
            |uri: &Uri<'_>| !uri.user().is_empty() && !is_called(invite, header, from_trunk, told, uri);
        chain.retain(|entry| counts(&entry.uri()));
        Some(chain).filter(|chain| !chain.is_empty())
    })
}

/// The mailbox that a Request-URI names as the target of a diversion, still escaped, if it also says why
/// the call came there (RFC 4458); cause 380 is a number translation (RFC 8119) and doesn't count.
pub fn voicemail_target<'a>(uri: &Uri<'a>) -> Option<&'a [u8]> {
    let cause = uri.param(b"cause").is_some_and(|cause| cause != b"380");
    uri.param(b"target").filter(|target| cause && !target.is_empty())
}

/// The user parts an INVITE names besides its target: of To, and of whoever it was redirected from.
pub fn named_before<'a, 't>(
    invite: &'t Invite<'a>,
    told: &'t Diversion,
) -> impl Iterator<Item = &'a [u8]> + use<'a, 't> {
    let redirected = present(invite.message, &told.headers).flat_map(|header| entries(invite, header, told));
    let redirected = redirected.map(|entry| entry.uri().user());
    let to = invite.to.map(|to| to.uri.user());
    redirected.chain(to).filter(|user| !user.is_empty()).take(limits::DIVERSIONS)
}

/// The entries of a header that tell of a diversion, as they stand.
fn entries<'a>(invite: &Invite<'a>, header: HeaderName, told: &Diversion) -> Vec<NameAddr<'a>> {
    let mut entries: Vec<_> =
        invite.message.values(header).map(NameAddr::parse).take(limits::DIVERSIONS).collect();
    if header == HeaderName::HistoryInfo && told.with_cause {
        let next = entries.iter().skip(1).map(|next| next.uri().param(b"cause").is_some_and(is_cause));
        let because: Vec<bool> = next.chain([false]).collect();
        let mut because = because.into_iter();
        entries.retain(|entry| because.next() == Some(true) || has_reason(&entry.uri()));
    }
    entries
}

/// Whether a History-Info entry carries the Reason why it was left, escaped in its URI (RFC 7044 10.2).
fn has_reason(uri: &Uri<'_>) -> bool {
    reason_cause(uri).is_some()
}

/// The cause of that Reason.
pub fn reason_cause(uri: &Uri<'_>) -> Option<u16> {
    Reason::parse(&unescape(uri.header(b"Reason")?)).cause
}

/// A cause of RFC 4458; 380 is a number translation (RFC 8119).
fn is_cause(cause: &[u8]) -> bool {
    cause != b"380"
}

fn is_called(
    invite: &Invite<'_>,
    header: HeaderName,
    from_trunk: bool,
    told: &Diversion,
    uri: &Uri<'_>,
) -> bool {
    let same = |other: &[u8]| without_plus(uri.user()) == without_plus(other);
    let history = header == HeaderName::HistoryInfo;
    let to = invite.to.filter(|_| from_trunk && told.but_the_called);
    (told.but_the_called || history) && (same(invite.user()) || to.is_some_and(|to| same(to.uri.user())))
}

fn without_plus(user: &[u8]) -> &[u8] {
    user.strip_prefix(b"+").unwrap_or(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::make::Make;
    use crate::settings::{self, Profile};
    use crate::wire::sip::Message;

    fn told(change: impl FnOnce(&mut settings::Diversion)) -> Diversion {
        let mut profile = Profile::default();
        change(&mut profile.diversion);
        Make::new(&profile).diversion
    }

    fn with<T>(lines: &str, ask: impl FnOnce(&Invite<'_>) -> T) -> T {
        let text = format!(
            "INVITE sip:6000@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:1@h>;tag=a\r\n\
             To: <sip:+13125550111@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{lines}\r\n\r\n"
        );
        ask(&Invite::of(&Message::parse(text.as_bytes()).expect("a message")))
    }

    fn original(lines: &str, told: &Diversion) -> Option<String> {
        let found = with(lines, |invite| diverted(invite, false, told));
        found.map(|found| String::from_utf8_lossy(&found.original).into_owned())
    }

    #[test]
    fn the_make_says_which_diverter_a_call_was_for() {
        let lines = "Diversion: <sip:202@h>;reason=user-busy, <sip:201@h>;reason=no-answer";
        assert_eq!(original(lines, &told(|_| {})).as_deref(), Some("201"));
        assert_eq!(original(lines, &told(|told| told.original = End::Last)).as_deref(), Some("202"));
        let history = "History-Info: <sip:201@h>;index=1, <sip:202@h>;index=1.1, <sip:6000@h>;index=1.2";
        assert_eq!(original(history, &told(|_| {})).as_deref(), Some("201"));
        assert_eq!(original(history, &told(|told| told.original = End::Last)).as_deref(), Some("202"));
    }

    #[test]
    fn only_headers_of_the_make_tell_and_the_first_of_them_first() {
        let lines = "Diversion: <sip:201@h>\r\nHistory-Info: <sip:202@h>;index=1, <sip:6000@h>;index=1.1";
        let by = |headers: &[&str]| {
            let headers = headers.iter().map(|name| (*name).to_owned()).collect();
            original(lines, &told(|told| told.headers = headers))
        };
        assert_eq!(by(&["History-Info", "Diversion"]).as_deref(), Some("202"));
        assert_eq!(by(&["CC-Diversion"]), None);
    }

    #[test]
    fn a_history_without_cause_tells_nothing_where_the_make_writes_one_always() {
        let strict = told(|told| told.require_cause = true);
        let moved = "History-Info: <sip:201@h>;index=1, <sip:6000@h>;index=1.1";
        let caused = "History-Info: <sip:201@h>;index=1, <sip:6000@h;cause=408>;index=1.1";
        let reasoned = "History-Info: <sip:201@h?Reason=SIP%3Bcause%3D486>;index=1, <sip:6000@h>;index=1.1";
        assert!(original(moved, &told(|_| {})).is_some());
        assert_eq!(original(moved, &strict), None);
        assert_eq!(original(caused, &strict).as_deref(), Some("201"));
        assert_eq!(original(reasoned, &strict).as_deref(), Some("201"));
        let named = |lines: &str| with(lines, |invite| named_before(invite, &strict).count());
        assert_eq!([named(moved), named(caused)], [1, 2], "To is always named");
    }

    #[test]
    fn the_number_called_is_no_diverter_but_where_the_make_says_so() {
        let itself = "Diversion: <sip:+6000@carrier>";
        assert_eq!(original(itself, &told(|_| {})), None);
        assert!(original(itself, &told(|told| told.ignore_if_equals_did = false)).is_some());
        let to = "Diversion: <sip:+13125550111@carrier>";
        assert!(original(to, &told(|_| {})).is_some(), "the PBX names whom it was for");
        let told = told(|_| {});
        assert!(
            with(to, |invite| diverted(invite, true, &told)).is_none(),
            "a carrier names the number dialled"
        );
    }
}

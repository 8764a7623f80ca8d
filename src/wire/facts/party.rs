//! Who calls and who is called, by the places where a make names them.

use super::{Named, Reader, text, values};
use crate::settings::{CallerFrom, Place, Profile};
use crate::wire::sip::{Message, NameAddr, Uri, unescape};

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

/// Whether a user part stands for nobody.
pub(super) fn is_nobody(profile: &Profile, user: &str) -> bool {
    profile.identity.anonymous_users.iter().any(|nobody| nobody.eq_ignore_ascii_case(user))
}

fn is_number(user: &str) -> bool {
    let digits = user.strip_prefix('+').unwrap_or(user);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The user part of a URI, cut at its parameters.
pub(super) fn named(uri: &Uri<'_>, by: &str) -> Option<Named> {
    let user = unescape(uri.user().split(|byte| *byte == b';').next().unwrap_or_default());
    (!user.is_empty()).then(|| Named { user: text(&user), by: by.to_owned() })
}

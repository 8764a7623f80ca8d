//! What is known of the PBX's make, ready for every INVITE: headers by their known names, letters to look for.
//!
//! Made once from the profile. Under the generic profile nothing here costs an INVITE more than a look at what it has.

use memchr::memmem::Finder;

use crate::settings::{HeaderPattern, Profile};
use crate::wire::sip::{HeaderName, Message};

/// A profile as the judging core asks it.
#[derive(Debug)]
pub struct Make {
    noncalls: Vec<NonCall>,
}

/// A header that a profile names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Field {
    /// One of those known by name.
    Known(HeaderName),
    /// Any other, by its long name.
    Other(Box<[u8]>),
}

/// What makes an INVITE no call.
#[derive(Debug)]
struct NonCall {
    /// None: the Request-URI.
    field: Option<Field>,
    letters: Finder<'static>,
    wanted: HeaderPattern,
}

impl Make {
    /// What a profile says.
    pub fn new(profile: &Profile) -> Make {
        Make { noncalls: profile.noncalls.iter().map(NonCall::new).collect() }
    }

    /// Whether an INVITE opens no call: a phone off hook, a recorder, a keep-alive.
    pub fn is_noncall(&self, invite: &Message<'_>) -> bool {
        self.noncalls.iter().any(|noncall| noncall.may_fit(invite) && noncall.wanted.fits(invite))
    }
}

impl Field {
    /// The header of this name.
    pub fn new(name: &str) -> Field {
        match HeaderName::read(name.as_bytes()) {
            Some(known) => Field::Known(known),
            None => Field::Other(name.as_bytes().into()),
        }
    }

    /// Its values in a message, those of a known header split at commas.
    pub fn values<'a>(&self, message: &Message<'a>) -> impl Iterator<Item = &'a [u8]> + use<'a, '_> {
        let (known, other) = match self {
            Field::Known(name) => (Some(*name).filter(|name| message.has(*name)), None),
            Field::Other(name) => (None, Some(name)),
        };
        let known = known.map(|name| message.values(name)).into_iter().flatten();
        known.chain(other.map(|name| message.named(name)).into_iter().flatten())
    }
}

impl NonCall {
    fn new(wanted: &HeaderPattern) -> NonCall {
        let is_target = wanted.header.eq_ignore_ascii_case("Request-URI");
        NonCall {
            field: Some(Field::new(&wanted.header)).filter(|_| !is_target),
            letters: Finder::new(wanted.holds.as_bytes()).into_owned(),
            wanted: wanted.clone(),
        }
    }

    /// Whether the letters that the pattern needs are there; nearly every INVITE is done with that.
    fn may_fit(&self, invite: &Message<'_>) -> bool {
        let holds = |value: &[u8]| self.letters.find(value).is_some();
        match &self.field {
            None => invite.request_uri().is_some_and(|uri| holds(uri.raw())),
            Some(Field::Known(name)) => invite.headers(*name).any(holds),
            Some(Field::Other(name)) => invite.named(name).any(holds),
        }
    }
}

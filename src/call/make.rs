//! What is known of the PBX's make, ready for every INVITE: headers by their known names, letters to look for.
//!
//! Made once from the profile. Under the generic profile nothing here costs an INVITE more than a look at what it has.

use memchr::memmem::Finder;

use crate::call::role::Party;
use crate::settings::{self, HeaderPattern, Profile, Sender};
use crate::wire::sip::{HeaderName, Message};

/// A profile as the judging core asks it.
#[derive(Debug)]
pub struct Make {
    /// Where the caller stands, in order; what is not there is in From.
    pub callers: Vec<CallerFrom>,
    trusted: Vec<Sender>,
    nobody: Vec<Box<[u8]>>,
    noncalls: Vec<NonCall>,
}

/// A header that may name the caller.
#[derive(Clone, Debug)]
pub struct CallerFrom {
    /// None: From.
    pub field: Option<Field>,
    /// Only values of this party, or of none.
    pub party: Option<Box<[u8]>>,
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
        let identity = &profile.identity;
        let mut callers: Vec<CallerFrom> = identity.caller.iter().map(CallerFrom::new).collect();
        callers.pop_if(|last| last.field.is_none());
        Make {
            callers,
            trusted: identity.trust_from.clone(),
            nobody: identity.anonymous_users.iter().map(|user| user.as_bytes().into()).collect(),
            noncalls: profile.noncalls.iter().map(NonCall::new).collect(),
        }
    }

    /// Whether asserted identities of a party count.
    pub fn trusts(&self, party: Party) -> bool {
        let sender = match party {
            Party::Trunk => Sender::Trunk,
            Party::Pbx => Sender::Pbx,
            Party::Phone => Sender::Phone,
            Party::Voicemail | Party::Stranger => return false,
        };
        self.trusted.contains(&sender)
    }

    /// Whether a user part stands for nobody.
    pub fn is_nobody(&self, user: &[u8]) -> bool {
        self.nobody.iter().any(|nobody| user.eq_ignore_ascii_case(nobody))
    }

    /// Whether an INVITE opens no call: a phone off hook, a recorder, a keep-alive.
    pub fn is_noncall(&self, invite: &Message<'_>) -> bool {
        self.noncalls.iter().any(|noncall| noncall.may_fit(invite) && noncall.wanted.fits(invite))
    }
}

impl CallerFrom {
    fn new(from: &settings::CallerFrom) -> CallerFrom {
        CallerFrom {
            field: Some(Field::new(&from.header)).filter(|field| *field != Field::Known(HeaderName::From)),
            party: from.party.as_deref().map(|party| party.as_bytes().into()),
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_those_the_make_names_are_believed() {
        let mut profile = Profile::default();
        assert!(Make::new(&profile).trusts(Party::Trunk));
        assert!(!Make::new(&profile).trusts(Party::Pbx));
        profile.identity.trust_from = vec![Sender::Pbx];
        assert!(!Make::new(&profile).trusts(Party::Trunk));
        assert!(Make::new(&profile).trusts(Party::Pbx));
        assert!(!Make::new(&profile).trusts(Party::Stranger));
    }
}

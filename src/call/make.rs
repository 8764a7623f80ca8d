//! What is known of the PBX's make, ready for every INVITE: headers by their known names, letters to look for.
//!
//! Made once from the profile. Under the generic profile nothing here costs an INVITE more than a look at what it has.

use memchr::memmem::Finder;

use crate::call::correlate::Correlate;
use crate::call::habits::Habits;
use crate::call::invite::Invite;
use crate::call::mailbox::{Mailbox, Meanings};
use crate::call::role::Party;
use crate::settings::{self, End, HeaderPattern, Profile, Sender};
use crate::wire::sip::{HeaderName, Message, NameAddr, StartLine, Uri};

/// A profile as the judging core asks it.
#[derive(Debug)]
pub struct Make {
    /// Where the caller stands, in order; what is not there is in From.
    pub callers: Vec<CallerFrom>,
    /// Where a leg from the trunk names whom it is for, in order; none: the Request-URI.
    pub called: Vec<Place>,
    /// How diversions are told.
    pub diversion: Diversion,
    /// Whose mailbox a call to voicemail is for.
    pub mailbox: Mailbox,
    /// By what legs of one call know each other.
    pub correlate: Correlate,
    /// What it says otherwise than others.
    pub habits: Habits,
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

/// Where whom a leg is for may stand.
#[derive(Clone, Debug)]
pub struct Place(Option<Field>);

/// How diversions are told.
#[derive(Clone, Debug)]
pub struct Diversion {
    /// The headers that tell of them, in order.
    pub headers: Vec<HeaderName>,
    /// Which diverter is whom a call was for.
    pub original: End,
    /// The number called itself is no diverter.
    pub but_the_called: bool,
    /// A History-Info entry needs a cause to tell of one.
    pub with_cause: bool,
    /// What in the Reason of a History-Info entry names the voicemail.
    pub pilot_params: Vec<String>,
    /// What words and causes mean.
    pub meanings: Meanings,
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
        let places = profile.did_from.as_slice();
        let elsewhere = places != [settings::Place::RequestUri];
        Make {
            callers,
            called: places.iter().filter(|_| elsewhere).map(Place::new).collect(),
            diversion: Diversion::new(&profile.diversion),
            mailbox: Mailbox::new(profile),
            correlate: Correlate::new(&profile.correlate),
            habits: Habits::new(profile),
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

impl Place {
    fn new(place: &settings::Place) -> Place {
        match place {
            settings::Place::RequestUri => Place(None),
            settings::Place::Header(name) => Place(Some(Field::new(name))),
        }
    }

    /// The URI that stands there, if anybody does.
    pub fn uri<'a>(&self, invite: &Invite<'a>) -> Option<Uri<'a>> {
        let uri = match &self.0 {
            None => invite.target,
            Some(Field::Known(HeaderName::To)) => invite.to.map(|to| to.uri),
            Some(field) => field.values(invite.message).next().map(|value| NameAddr::parse(value).uri()),
        };
        uri.filter(|uri| !uri.user().is_empty())
    }
}

impl Diversion {
    fn new(told: &settings::Diversion) -> Diversion {
        Diversion {
            headers: told.headers.iter().filter_map(|name| HeaderName::read(name.as_bytes())).collect(),
            original: told.original,
            but_the_called: told.ignore_if_equals_did,
            with_cause: told.require_cause,
            pilot_params: told.pilot_params.clone(),
            meanings: Meanings::new(told),
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

    /// Its first line in a message.
    pub fn first<'a>(&self, message: &Message<'a>) -> Option<&'a [u8]> {
        match self {
            Field::Known(name) if message.has(*name) => message.header(*name),
            Field::Known(_) => None,
            Field::Other(name) => message.named(name).next(),
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
            None => matches!(invite.start(), StartLine::Request { uri, .. } if holds(uri)),
            // What says where a message belongs is there once, or the message would belong nowhere.
            Some(Field::Known(name @ (HeaderName::From | HeaderName::To | HeaderName::CallId))) => {
                invite.header(*name).is_some_and(holds)
            }
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

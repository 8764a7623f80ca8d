//! Which make of PBX a message comes from: the signs each profile names, over any view of a message.

use regex_lite::Regex;

use super::Profile;
use crate::limits;

/// Signs of a make in one message. One that fits is enough; see [`Recognition::weight`].
#[derive(Clone, Debug, Default)]
pub struct Recognition {
    /// User-Agent, matched whole.
    pub user_agent: Vec<Regex>,
    /// Server, matched whole.
    pub server: Vec<Regex>,
    /// Headers that only it sends, or only with such a value.
    pub header_present: Vec<HeaderPattern>,
    /// An `o=` or `s=` line of its session descriptions, matched whole with its letter; survives most SBCs.
    pub sdp_origin: Vec<Regex>,
}

/// A header, and what its value must be; without a pattern it must be there. `Request-URI` counts as one.
#[derive(Clone, Debug)]
pub struct HeaderPattern {
    /// Its long name.
    pub header: String,
    /// Matched whole against one value.
    pub pattern: Option<Regex>,
    /// Letters that a value of the pattern has; empty where none are sure. Looking for them first is cheap.
    pub holds: String,
}

/// What a profile is recognised by, of one message: header values by long name in any case, and its session
/// description.
pub trait Shown {
    /// Calls `each` with every value of a header; `Request-URI` is one.
    fn values(&self, header: &str, each: &mut dyn FnMut(&str));
    /// Calls `each` with the `o=` and `s=` line of the session description.
    fn origins(&self, each: &mut dyn FnMut(&str));
}

/// The profile that a message shows most clearly; none where none or two fit alike.
pub fn recognise<'p>(
    profiles: impl IntoIterator<Item = &'p Profile>,
    message: &dyn Shown,
) -> Option<&'p Profile> {
    let mut best: Option<(&Profile, u8)> = None;
    let mut tied = false;
    for profile in profiles {
        let weight = profile.recognition.weight(message);
        match best {
            _ if weight == 0 => {}
            Some((_, most)) if weight < most => {}
            Some((_, most)) if weight == most => tied = true,
            _ => (best, tied) = (Some((profile, weight)), false),
        }
    }
    best.filter(|_| !tied).map(|(profile, _)| profile)
}

impl Recognition {
    /// How clearly a message shows this make: 4 by its own name (User-Agent, Server), 2 by a header, 1 by its
    /// session description, added up; 0 not at all.
    pub fn weight(&self, message: &dyn Shown) -> u8 {
        let named =
            any_value(message, "User-Agent", &self.user_agent) || any_value(message, "Server", &self.server);
        let marked = self.header_present.iter().any(|wanted| wanted.fits(message));
        let mut described = false;
        message.origins(&mut |line| described |= fits_any(&self.sdp_origin, line));
        4 * u8::from(named) + 2 * u8::from(marked) + u8::from(described)
    }
}

impl HeaderPattern {
    /// Whether a message has such a header.
    pub fn fits(&self, message: &dyn Shown) -> bool {
        let mut found = false;
        message.values(&self.header, &mut |value| {
            found |= self.pattern.as_ref().is_none_or(|pattern| pattern.is_match(short(value)));
        });
        found
    }
}

fn any_value(message: &dyn Shown, header: &str, patterns: &[Regex]) -> bool {
    let mut found = false;
    if !patterns.is_empty() {
        message.values(header, &mut |value| found |= fits_any(patterns, value));
    }
    found
}

fn fits_any(patterns: &[Regex], text: &str) -> bool {
    patterns.iter().any(|pattern| pattern.is_match(short(text)))
}

/// No pattern is asked about more than this; linear as it is, a value may be 64 KB.
fn short(text: &str) -> &str {
    match text.char_indices().nth(limits::PATTERN_BYTES) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A view of a message with one header.
    struct One(&'static str, String);

    impl Shown for One {
        fn values(&self, header: &str, each: &mut dyn FnMut(&str)) {
            if header.eq_ignore_ascii_case(self.0) {
                each(&self.1);
            }
        }

        fn origins(&self, _each: &mut dyn FnMut(&str)) {}
    }

    fn named(name: &str, user_agent: &str) -> Profile {
        let user_agent = vec![Regex::new(&format!("^(?:{user_agent})$")).expect("a pattern")];
        let recognition = Recognition { user_agent, ..Recognition::default() };
        Profile { name: name.to_owned(), recognition, ..Profile::bare() }
    }

    #[test]
    fn a_message_shows_one_make_none_or_too_many() {
        let profiles = [named("a", "PBX A.*"), named("b", "PBX.*")];
        let shown = |agent: &str| {
            let found = recognise(&profiles, &One("user-agent", agent.to_owned()));
            found.map(|profile| profile.name.clone())
        };
        assert_eq!(shown("PBX 3").as_deref(), Some("b"));
        assert_eq!(shown("PBX A 3"), None, "two fit alike");
        assert_eq!(shown("my PBX 3"), None, "matched whole");
        assert_eq!(recognise(&profiles, &One("Server", "PBX 3".to_owned())).map(|found| &found.name), None);
    }

    #[test]
    fn a_value_of_any_length_is_asked_about_in_bounded_time() {
        let profile = named("a", "(x+x+)+y");
        let long = One("User-Agent", "x".repeat(60_000));
        assert!(recognise([&profile], &long).is_none());
        let cut = One("User-Agent", "é".repeat(60_000));
        assert!(recognise([&named("b", "é{1024}")], &cut).is_some());
    }
}

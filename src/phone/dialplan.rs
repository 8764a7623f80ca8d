//! From the user part of a URI to a party: percent signs, parameters, separators, access codes, and the
//! country's way of writing its own numbers.
//!
//! Takes bytes as sent, hostile ones too, and gives an E.164 number only where one follows; all else stays
//! the digits or the name that was sent. Knows no SIP beyond the user part (RFC 3261 25.1, RFC 3966 3).

use regex_lite::Regex;
use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumber, Region};

use super::{Number, Party, nanp};
use crate::settings::Numbers;

/// How this site's user parts are read.
#[derive(Clone, Debug)]
pub struct Dialplan {
    home: Home,
    area_code: Option<String>,
    extension: Option<Regex>,
    strip: Vec<Regex>,
}

/// The country whose national forms are completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Home {
    /// None: only international forms are numbers.
    Unknown,
    /// A country of the North American plan.
    NorthAmerica,
    /// Any other.
    Other(Region),
}

impl Dialplan {
    /// The plan of `[pbx.numbers]` in a country (ISO 3166); without one, only `+` forms become numbers.
    pub fn new(numbers: &Numbers, country: Option<&str>) -> Dialplan {
        let home = match country.and_then(|code| Region::from_code(code).ok()) {
            None => Home::Unknown,
            Some(region) if nanp::has(&region.as_region_str()) => Home::NorthAmerica,
            Some(region) => Home::Other(region),
        };
        Dialplan {
            home,
            area_code: numbers.area_code.clone(),
            extension: numbers.extension.clone(),
            strip: numbers.strip.clone(),
        }
    }

    /// The party a user part names; none if nothing printable is left of it.
    pub fn read(&self, user: &[u8]) -> Option<Party> {
        if self.strip.is_empty()
            && let Some(number) = plain_digits(user).and_then(|user| international(user.strip_prefix('+')?))
        {
            return Some(Party::Number(number));
        }
        let (user, context) = cleaned(user);
        let user = self.stripped(user);
        if user.is_empty() {
            return None;
        }
        let number = match user.strip_prefix('+') {
            Some(digits) => international(digits),
            None => self.local(&user, &context),
        };
        Some(number.map_or_else(|| Party::Digits(user.into()), Party::Number))
    }

    /// Whether a party is one of the site's extensions: what `[pbx.numbers] extension` matches, else two to
    /// six digits.
    pub fn is_extension(&self, party: &Party) -> bool {
        match party {
            Party::Digits(digits) => self.matches_extension(digits),
            Party::Number(_) => false,
        }
    }

    /// Whether a user part asks for help, as dialled or behind the site's access code. 911 always does; 112 everywhere,
    /// 933 (the test of 911) and 9-911 (the access code is mostly 9) in North America and 999 outside it do unless the
    /// configured extensions hold them.
    pub fn is_emergency(&self, user: &[u8]) -> bool {
        if user.len() > LONGEST_CODE && is_plain(user) {
            return false;
        }
        let (dialled, _) = cleaned(user);
        let free = !self.extension.as_ref().is_some_and(|pattern| whole(pattern, &dialled));
        self.is_code(&dialled, free) || self.is_code(&self.stripped(dialled), free)
    }

    /// Whether it is a code for help; `free` if what was dialled is nobody's extension.
    fn is_code(&self, code: &str, free: bool) -> bool {
        match code {
            "911" => true,
            "112" => free,
            "933" | "9911" => free && self.home == Home::NorthAmerica,
            "999" => free && matches!(self.home, Home::Other(_)),
            _ => false,
        }
    }

    fn matches_extension(&self, digits: &str) -> bool {
        match &self.extension {
            Some(pattern) => whole(pattern, digits),
            None => (2..=6).contains(&digits.len()) && all_digits(digits),
        }
    }

    /// The first pattern that matches leaves its first group.
    fn stripped(&self, user: String) -> String {
        let kept = self.strip.iter().find_map(|pattern| pattern.captures(&user)?.get(1));
        match kept.map(|group| group.as_str().to_owned()) {
            Some(kept) => kept,
            None => user,
        }
    }

    fn local(&self, user: &str, context: &Context) -> Option<Number> {
        if !all_digits(user) {
            return None;
        }
        match context {
            Context::Ours => {}
            Context::Within(area) => return completed(area, user),
            Context::World => return international(user),
            Context::Others => return None,
        }
        if self.matches_extension(user) {
            return None;
        }
        match self.home {
            Home::Unknown => None,
            Home::NorthAmerica => self.north_american(user),
            Home::Other(region) => national(user, region),
        }
    }

    fn north_american(&self, user: &str) -> Option<Number> {
        if let Some(abroad) = user.strip_prefix("011") {
            return international(abroad);
        }
        let national = match (user.len(), self.area_code.as_deref()) {
            (7, Some(area)) => format!("{area}{user}"),
            (11, _) => user.strip_prefix('1')?.to_owned(),
            _ => user.to_owned(),
        };
        nanp::is_national(&national).then(|| Number::parse(&format!("1{national}")))?
    }
}

/// A number after `+` or an international prefix (E.164 6.2.1: at most fifteen digits; no country's are
/// shorter than eight with its code).
fn international(digits: &str) -> Option<Number> {
    let plausible = (8..=15).contains(&digits.len());
    if plausible { Number::parse(digits) } else { None }
}

/// A number as the people of a region dial it.
fn national(user: &str, region: Region) -> Option<Number> {
    if let Some(abroad) = user.strip_prefix("00") {
        return international(abroad);
    }
    if !(5..=15).contains(&user.len()) {
        return None;
    }
    let parsed = PHONE_NUMBER_UTIL.parse(user, Some(region)).ok()?;
    if PHONE_NUMBER_UTIL.is_valid_number(&parsed) { e164(&parsed) } else { None }
}

/// A local number and its `phone-context` (RFC 3966 5.1.5): `863-1234` within `+1-914-555`.
fn completed(context: &str, user: &str) -> Option<Number> {
    let north_american = context.starts_with('1');
    let digits = match user.len() {
        11 if context == "1" && user.starts_with('1') => user.to_owned(),
        _ => format!("{context}{user}"),
    };
    if north_american && digits.len() != 11 {
        return None;
    }
    let number = international(&digits)?;
    let parsed = PHONE_NUMBER_UTIL.parse(number.e164(), None).ok();
    let valid = parsed.filter(|parsed| PHONE_NUMBER_UTIL.is_valid_number(parsed));
    valid.and_then(|parsed| e164(&parsed)).or(Some(number))
}

fn e164(parsed: &PhoneNumber) -> Option<Number> {
    Number::parse(&parsed.format_as(rlibphonenumber::PhoneNumberFormat::E164))
}

/// Where a number without `+` is valid (RFC 3966 5.1.5).
#[derive(Clone, Debug, PartialEq, Eq)]
enum Context {
    /// Nothing says; or the word for a country's own numbers, which PBXs and carriers write.
    Ours,
    /// Behind these digits of a global number.
    Within(String),
    /// Everywhere, though without its `+`.
    World,
    /// With whoever owns a domain, or in a plan that is private: it isn't the number that its digits would be here.
    Others,
}

/// The user proper, at most 64 characters, and what its `phone-context` says.
fn cleaned(user: &[u8]) -> (String, Context) {
    if let Some(digits) = plain_digits(user) {
        return (digits.to_owned(), Context::Ours);
    }
    let user = user.get(..MAX_BYTES).unwrap_or(user);
    let decoded = percent_decoded(user);
    let text = String::from_utf8_lossy(&decoded);
    let (user, parameters) = text.split_once(';').unwrap_or((&text, ""));
    (printable(user), parameters.split(';').find_map(context).unwrap_or(Context::Ours))
}

/// The user itself if it is nothing but digits, with or without `+`: the common case.
fn plain_digits(user: &[u8]) -> Option<&str> {
    if is_plain(user) { std::str::from_utf8(user).ok() } else { None }
}

fn is_plain(user: &[u8]) -> bool {
    let digits = user.strip_prefix(b"+").unwrap_or(user);
    (1..MAX_CHARS).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

fn context(parameter: &str) -> Option<Context> {
    let (name, value) = parameter.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("phone-context") {
        return None;
    }
    let value = value.trim().trim_matches('"').to_ascii_lowercase();
    let area = value.strip_prefix('+').map(without_separators).filter(|digits| all_digits(digits));
    Some(match (area, value.as_str()) {
        (Some(digits), _) => Context::Within(digits),
        (None, "" | "national" | "unknown") => Context::Ours,
        (None, "international") => Context::World,
        (None, _) => Context::Others,
    })
}

/// Without control characters, and without visual separators if nothing but digits is left then.
fn printable(user: &str) -> String {
    let kept: String = user.chars().filter(|c| !c.is_control() && *c != '\u{fffd}').collect();
    let bare = without_separators(&kept);
    let plain = if all_digits(bare.strip_prefix('+').unwrap_or(&bare)) { &bare } else { kept.trim() };
    plain.chars().take(MAX_CHARS).collect()
}

fn without_separators(text: &str) -> String {
    text.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect()
}

/// Each `%41` once, so that `%2541` stays `%41`; what isn't an escape stays as it is (RFC 3986 2.1).
fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = match (first, tail) {
            (b'%', [high, low, after @ ..]) => hex(*high).zip(hex(*low)).map(|(h, l)| (h << 4 | l, after)),
            _ => None,
        };
        let (byte, after) = escaped.unwrap_or((first, tail));
        out.push(byte);
        rest = after;
    }
    out
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn whole(pattern: &Regex, text: &str) -> bool {
    pattern.find(text).is_some_and(|found| found.range() == (0..text.len()))
}

/// No user part anyone dials is longer; what follows is not read.
const MAX_BYTES: usize = 512;
/// No code for help is longer, the access code before it included.
const LONGEST_CODE: usize = 8;

const MAX_CHARS: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(country: Option<&str>) -> Dialplan {
        let strip = vec![Regex::new(r"^9(\d{10})$").expect("a pattern")];
        let numbers = Numbers { area_code: Some("312".into()), strip, ..Numbers::default() };
        Dialplan::new(&numbers, country)
    }

    fn us(user: &str) -> String {
        plan(Some("US")).read(user.as_bytes()).map_or_else(String::new, |party| match party {
            Party::Number(number) => number.e164(),
            Party::Digits(digits) => format!("[{digits}]"),
        })
    }

    #[test]
    fn american_forms_become_e_164() {
        for form in [
            "+13125550142",
            "13125550142",
            "3125550142",
            "5550142",
            "93125550142",
            "312-555-0142",
            "(312) 555.0142",
            "%2B1312555%30142",
            "3125550142;phone-context=national",
            "3125550142;phone-context=",
            "13125550142;phone-context=international",
            "3125550142;npdi;rn=+13125550000",
            "3125550142;phone-context=+1",
            "13125550142;Phone-Context=+1",
            "0142;phone-context=+1-312-555",
        ] {
            assert_eq!(us(form), "+13125550142", "{form}");
        }
        assert_eq!(us("011442079460123"), "+442079460123");
    }

    #[test]
    fn what_is_no_number_stays_as_sent() {
        for kept in [
            "911",
            "*72",
            "6000",
            "anna",
            "1125550142",
            "3120550142",
            "23125550142",
            "+123",
            "+0312555014",
            "#",
        ] {
            assert_eq!(us(kept), format!("[{kept}]"));
        }
        assert_eq!(us("anna-lee.x"), "[anna-lee.x]");
        assert_eq!(us("9999999999999999"), "[9999999999999999]");
        assert_eq!(us("1235;phone-context=national"), "[1235]");
    }

    #[test]
    fn a_number_of_somebody_elses_plan_is_no_number_here() {
        for context in ["example.com", "cdp.udp", "private", "+x", "+44 x", "carrier.example;x"] {
            assert_eq!(us(&format!("3125550142;phone-context={context}")), "[3125550142]", "{context}");
        }
        assert_eq!(us("2079460123;phone-context=+44"), "+442079460123");
        assert_eq!(us("5550142;phone-context=+1212"), "+12125550142", "not the site's own area");
        assert_eq!(us("+13125550142;phone-context=example.com"), "+13125550142");
    }

    #[test]
    fn nothing_printable_is_nobody() {
        for nothing in ["", ";phone-context=+1", "%00%0a", "  ", "\u{7}"] {
            assert_eq!(us(nothing), "", "{nothing:?}");
        }
    }

    #[test]
    fn hostile_bytes_are_cut_and_cleaned() {
        let party = plan(Some("US")).read(&[b'9'; 100_000]).expect("digits");
        assert_eq!(party.shown().len(), 64);
        assert_eq!(us("a%0d%0aInjected: b"), "[aInjected: b]");
        assert_eq!(us("%253125550142"), "[%3125550142]");
        assert_eq!(us("%"), "[%]");
        assert_eq!(us("%zz%4"), "[%zz%4]");
        assert_eq!(plan(None).read(b"\xff\xfeab"), Some(Party::Digits("ab".into())));
    }

    #[test]
    fn without_a_country_only_plus_forms_are_numbers() {
        let plan = plan(None);
        assert_eq!(plan.read(b"+13125550142"), Number::parse("+13125550142").map(Party::Number));
        assert_eq!(plan.read(b"3125550142"), Some(Party::Digits("3125550142".into())));
    }

    #[test]
    fn other_countries_use_their_trunk_prefix() {
        let read = |country, user: &str| plan(Some(country)).read(user.as_bytes()).map(|p| p.shown());
        assert_eq!(read("GB", "02079460123").as_deref(), Some("+442079460123"));
        assert_eq!(read("GB", "00493012345678").as_deref(), Some("+493012345678"));
        assert_eq!(read("DE", "030 12345678").as_deref(), Some("+493012345678"));
        assert_eq!(read("ES", "912345678").as_deref(), Some("+34912345678"));
        assert_eq!(read("DE", "201").as_deref(), Some("201"));
    }

    #[test]
    fn extensions_are_what_the_site_says() {
        let numbers = Numbers { extension: Regex::new(r"^2\d\d$").ok(), ..Numbers::default() };
        let own = Dialplan::new(&numbers, Some("US"));
        let party = |text: &str| Party::Digits(text.into());
        assert!(own.is_extension(&party("201")));
        assert!(!own.is_extension(&party("2011")));
        assert!(plan(None).is_extension(&party("2011")));
        assert!(!plan(None).is_extension(&party("anna")));
        assert!(!plan(None).is_extension(&party("1234567")));
    }

    #[test]
    fn emergency_codes_yield_to_configured_extensions_except_911() {
        let numbers = Numbers { extension: Regex::new(r"^[19]\d\d$").ok(), ..Numbers::default() };
        let own = Dialplan::new(&numbers, Some("US"));
        assert!(own.is_emergency(b"911"));
        assert!(!own.is_emergency(b"112"));
        assert!(plan(Some("US")).is_emergency(b"112;phone-context=+1"));
        assert!(plan(Some("GB")).is_emergency(b"999"));
        assert!(!plan(Some("US")).is_emergency(b"999"));
        assert!(plan(Some("US")).is_emergency(b"933"));
        assert!(!plan(None).is_emergency(b"9111"));
    }

    #[test]
    fn help_is_asked_for_behind_an_access_code_too() {
        let strip = vec![Regex::new(r"^9(\d{3,})$").expect("a pattern")];
        let numbers = Numbers { extension: Regex::new(r"^[19]\d\d\d?$").ok(), strip, ..Numbers::default() };
        let own = Dialplan::new(&numbers, Some("US"));
        assert!(own.is_emergency(b"9911"), "911 always is, whoever has that extension");
        assert!(!own.is_emergency(b"9112"), "an extension");
        assert!(!own.is_emergency(b"112"), "another");
        assert!(!own.is_emergency(b"93125550911"));
        let other = Dialplan::new(
            &Numbers { extension: Regex::new(r"^1\d\d$").ok(), ..Numbers::default() },
            Some("US"),
        );
        assert!(other.is_emergency(b"9911"));
        let numbers = Numbers {
            extension: Regex::new(r"^1\d\d$").ok(),
            strip: own.strip.clone(),
            ..Numbers::default()
        };
        let outside = Dialplan::new(&numbers, Some("US"));
        assert!(
            outside.is_emergency(b"9112") && !outside.is_emergency(b"112"),
            "behind the access code no extension is meant"
        );
        assert!(!other.is_emergency(b"8911"));
        let taken = Dialplan::new(
            &Numbers { extension: Regex::new(r"^9\d+$").ok(), ..Numbers::default() },
            Some("US"),
        );
        assert!(!taken.is_emergency(b"9911"), "an extension, and no access code");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(user in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..80)) {
            for country in [None, Some("US"), Some("DE")] {
                let plan = plan(country);
                let shown = plan.read(&user).map(|party| party.shown());
                assert!(shown.is_none_or(|text| !text.is_empty() && text.chars().count() <= 64));
                plan.is_emergency(&user);
            }
        }

        #[test]
        fn no_digits_panic(user in "[+0-9;%=-]{0,24}") {
            for country in [None, Some("US"), Some("DE"), Some("IT"), Some("AR")] {
                let _ = plan(country).read(user.as_bytes());
            }
        }
    }
}

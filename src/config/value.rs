//! Texts of a configuration to what they mean: lengths of time, hours, days, numbers, addresses, patterns.
//!
//! Each function takes the text as written and gives its meaning, or what is wrong and what to write instead.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use regex_lite::Regex;

use super::spot::instead;
use crate::phone::Number;
use crate::settings::{Did, Hours};
use crate::time::Span;

/// What is wrong with a value, and what to write instead.
pub(super) type Wrong = String;

/// ISO 3166-1 alpha-2.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ \
    BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER \
    ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM \
    IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF \
    MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK \
    PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD \
    TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Days of the week, Monday first.
pub(super) const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A length of time: a whole number and `s`, `m`, `h` or `d`; at most ten years.
pub(super) fn span(text: &str) -> Result<Span, Wrong> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let unit = unit.trim();
    if let Some((length, "business")) = text.rsplit_once(' ') {
        return Err(format!("`business` is not understood yet by this version; write `{}`", length.trim()));
    }
    let secs = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(format!("`{text}` is not a length of time; write {}", span_meant(number, unit))),
    };
    let long = || format!("`{text}` is too long; write at most 3650d");
    let number: i64 = number.parse().map_err(|_| match number {
        "" => format!("`{text}` has no number; write a whole number and s, m, h or d, as `10m`"),
        _ => long(),
    })?;
    match number.checked_mul(secs) {
        Some(secs) if secs <= 3_650 * 86_400 && !text.contains(' ') => Ok(Span::from_secs(secs)),
        Some(secs) if secs <= 3_650 * 86_400 => {
            Err(format!("`{text}` has a blank in it; write `{number}{unit}`"))
        }
        _ => Err(long()),
    }
}

/// A length of time that isn't zero.
pub(super) fn some_span(text: &str) -> Result<Span, Wrong> {
    match span(text)? {
        Span::ZERO => Err(format!("`{text}` is no time at all; write one of at least `1s`")),
        span => Ok(span),
    }
}

fn span_meant(number: &str, unit: &str) -> String {
    let plain = "a whole number and s, m, h or d, as `10m`".to_owned();
    let word = unit.to_ascii_lowercase();
    let known = [
        "sec", "secs", "second", "seconds", "min", "mins", "minute", "minutes", "hr", "hrs", "hour", "hours",
    ];
    match word.chars().next() {
        _ if number.is_empty() => plain,
        Some(first) if known.contains(&word.as_str()) || word.len() == 1 && "smhd".contains(first) => {
            format!("`{number}{first}`")
        }
        Some('d') if word == "day" || word == "days" => format!("`{number}d`"),
        Some('w') if ["w", "week", "weeks"].contains(&word.as_str()) => {
            number.parse::<u32>().map_or(plain, |weeks| format!("`{}d`", u64::from(weeks) * 7))
        }
        None => format!("the unit too, as `{number}s` or `{number}m`"),
        _ => plain,
    }
}

/// Hours of a day, `08:30-12:00`, to `24:00` at most.
pub(super) fn hours(text: &str) -> Result<Hours, Wrong> {
    let Some((from, to)) = text.split_once('-') else {
        return Err(hours_meant(text));
    };
    let (Some(from), Some(to)) = (minute(from), minute(to)) else {
        return Err(hours_meant(text));
    };
    if from < to {
        return Ok(Hours { from, to });
    }
    let (from, to) = (shown(from), shown(to));
    let night = if to == "00:00" { String::new() } else { format!(", and 00:00-{to} on the next day") };
    Err(format!("`{text}` ends before it begins; past midnight, write {from}-24:00{night}"))
}

fn hours_meant(text: &str) -> Wrong {
    let tidy = text.replace(['–', '—'], "-").replace(" to ", "-").replace(' ', "");
    let meant = tidy.split_once('-').and_then(|(from, to)| Some((meant_minute(from)?, meant_minute(to)?)));
    match meant {
        Some((from, to)) if from < to => {
            format!("`{text}` is not hours of a day; write {}-{}", shown(from), shown(to))
        }
        _ => format!("`{text}` is not hours of a day; write them as 08:30-17:00, at most to 24:00"),
    }
}

/// `8`, `8:30`, `5pm`, `5:30 PM`: what people write for a time.
fn meant_minute(text: &str) -> Option<u16> {
    let text = text.to_ascii_lowercase().replace('.', ":");
    let (digits, later) = match (text.strip_suffix("pm"), text.strip_suffix("am")) {
        (Some(digits), _) => (digits.to_owned(), 720),
        (_, Some(digits)) => (digits.to_owned(), 0),
        _ => (text, 0),
    };
    let (hour, minutes) = digits.split_once(':').unwrap_or((&digits, "00"));
    let minute = minute(&format!("{hour:0>2}:{minutes}"))?;
    if later > 0 && minute < 720 { Some(minute + later) } else { Some(minute) }
}

/// A time of day, `08:30`, in minutes after midnight; `24:00` is its end.
pub(super) fn time_of_day(text: &str) -> Result<u16, Wrong> {
    minute(text).ok_or_else(|| match meant_minute(&text.replace(' ', "")) {
        Some(meant) => format!("`{text}` is not a time of day; write {}", shown(meant)),
        None => format!("`{text}` is not a time of day; write it as 12:00, at most 24:00"),
    })
}

fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two = |digits: &str, most: u16| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|number| plain && *number <= most)
    };
    let minutes = two(hour, 24)? * 60 + two(minute, 59)?;
    (minutes <= 1_440).then_some(minutes)
}

/// A time of day as it is written.
pub(super) fn shown(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// A day of the week or a range of them, `mon-fri`; each as its index, Monday 0. A range may pass Sunday.
pub(super) fn weekdays(text: &str) -> Result<Vec<usize>, Wrong> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let index = |day: &str| DAYS.iter().position(|name| *name == day);
    let (Some(first), Some(last)) = (index(first), index(last)) else {
        return Err(weekdays_meant(text));
    };
    Ok((0..7).take((last + 7 - first) % 7 + 1).map(|n| (first + n) % 7).collect())
}

fn weekdays_meant(text: &str) -> Wrong {
    let lower = text.to_ascii_lowercase().replace('–', "-").replace(' ', "");
    let day = |word: &str| {
        let letters = word.get(..3)?;
        DAYS.iter().find(|name| **name == letters).copied()
    };
    let meant = match lower.split_once('-') {
        Some((first, last)) => day(first).zip(day(last)).map(|(first, last)| format!("{first}-{last}")),
        None => day(&lower).map(str::to_owned),
    };
    match meant {
        Some(meant) => format!("`{text}` is not a day of the week; write {meant}"),
        None => format!("`{text}` is not a day of the week; write mon … sun, or a range as mon-fri"),
    }
}

/// A date, `2026-12-24`.
pub(super) fn date(text: &str) -> Result<Date, Wrong> {
    let plain = text.len() == 10 && text.bytes().filter(|byte| *byte == b'-').count() == 2;
    match Date::from_str(text) {
        Ok(date) if plain => Ok(date),
        _ if plain && text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit()) => {
            Err(format!("`{text}` is not a day of the calendar; write one that is, as 2026-12-24"))
        }
        _ => Err(format!("`{text}` is not a date; write year-month-day, as 2026-12-24")),
    }
}

/// A time zone of the bundled database.
pub(super) fn zone(text: &str) -> Result<TimeZone, Wrong> {
    let zones = TimeZoneDatabase::bundled();
    if let Some(name) = us_zone(text) {
        return Err(format!("`{text}` is not the name of a time zone; write {name}"));
    }
    if let Ok(zone) = zones.get(text) {
        return Ok(zone);
    }
    let names: Vec<String> = zones.available().map(|name| name.as_str().to_owned()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).filter(|name| name.contains('/')).collect();
    let place = text.rsplit('/').next().unwrap_or(text).replace(' ', "_").to_ascii_lowercase();
    let by_place = names.iter().find(|name| name.to_ascii_lowercase().ends_with(&format!("/{place}")));
    Err(match (by_place, instead(text, &names)) {
        (Some(name), _) => format!("no time zone `{text}`; did you mean `{name}`?"),
        (None, slip) if slip.contains("did you mean") => format!("no time zone `{text}`{slip}"),
        _ => format!("no time zone `{text}`; write its name in the tz database, as America/Chicago"),
    })
}

/// The zone that people in the US mean by an abbreviation, which has no daylight saving time or is none.
fn us_zone(text: &str) -> Option<&'static str> {
    let word = text.to_ascii_lowercase();
    Some(match word.strip_suffix(" time").unwrap_or(&word) {
        "est" | "edt" | "et" | "eastern" => "America/New_York",
        "cst" | "cdt" | "ct" | "central" => "America/Chicago",
        "mst" | "mdt" | "mt" | "mountain" => "America/Denver",
        "pst" | "pdt" | "pt" | "pacific" => "America/Los_Angeles",
        _ => return None,
    })
}

/// A country, as ISO 3166-1 alpha-2.
pub(super) fn country(text: &str) -> Result<String, Wrong> {
    let known = |code: &str| code.len() == 2 && COUNTRIES.split_ascii_whitespace().any(|known| known == code);
    if known(text) {
        return Ok(text.to_owned());
    }
    let upper = text.to_ascii_uppercase();
    let meant = match upper.as_str() {
        "UK" | "ENGLAND" | "UNITED KINGDOM" => Some("GB"),
        "USA" | "U.S." | "U.S.A." | "UNITED STATES" | "AMERICA" => Some("US"),
        "CAN" | "CANADA" => Some("CA"),
        upper if known(upper) => Some(upper),
        _ => None,
    };
    Err(match meant {
        Some(meant) => format!("`{text}` is not a country; write {meant}"),
        None => format!("`{text}` is not a country; write its two letters, as US, CA or GB"),
    })
}

/// A number in E.164, with its `+`.
pub(super) fn number(text: &str) -> Result<Number, Wrong> {
    let number = text.strip_prefix('+').and_then(Number::parse).filter(|number| plausible(*number));
    number.ok_or_else(|| match meant_number(text) {
        Some(meant) => format!("`{text}` is not a number in E.164; write {}", meant.e164()),
        None => format!("`{text}` is not a number in E.164; write + and the country code, as +13125550100"),
    })
}

/// Numbers of country code 1 have ten digits more; no number has fewer than seven (ITU-T E.164, NANP).
fn plausible(number: Number) -> bool {
    let digits = number.digits().to_string();
    if digits.starts_with('1') { digits.len() == 11 } else { digits.len() >= 7 }
}

/// The number that digits of a national or international form, with or without marks, are most likely.
pub(super) fn meant_number(text: &str) -> Option<Number> {
    let digits: String = text.chars().filter(|c| !" ()-./".contains(*c)).collect();
    let full = match digits.strip_prefix('+') {
        Some(digits) => digits.to_owned(),
        None if digits.len() == 10 => format!("1{digits}"),
        None if digits.len() == 11 && digits.starts_with('1') => digits,
        None => digits.strip_prefix("00")?.to_owned(),
    };
    Number::parse(&full).filter(|number| plausible(*number))
}

/// What a line's `did` matches: a number, a user part as sent, or the rest.
pub(super) fn did(text: &str) -> Result<Did, Wrong> {
    let user = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.~*#".contains(c));
    match text {
        "*" => Ok(Did::Rest),
        _ if text.starts_with('+') || !user(text) || meant_number(text).is_some() => {
            number(text).map(Did::Number)
        }
        "" => Err("an empty `did` matches nothing; write the number, as +13125550100, or \"*\"".to_owned()),
        _ => Ok(Did::User(text.to_owned())),
    }
}

/// The number meant by a `did` that has marks or letters in it and is matched as it stands; none if nothing tells.
pub(super) fn local_number(did: &str, area_code: Option<&str>) -> Option<Number> {
    let digits: String = did.chars().filter(char::is_ascii_digit).collect();
    let marks = did.chars().all(|c| c.is_ascii_digit() || "-.".contains(c));
    (marks && digits.len() == 7).then(|| meant_number(&format!("{}{digits}", area_code?)))?
}

/// A pattern, matched whole.
pub(super) fn pattern(text: &str) -> Result<Regex, Wrong> {
    if text.is_empty() {
        return Err("an empty pattern matches nothing; write one, as 6[0-9]{3}".to_owned());
    }
    // On its own first: `a)(b` must not become whole by what is put around it.
    Regex::new(text)
        .and_then(|_| Regex::new(&format!("^(?:{text})$")))
        .map_err(|error| format!("`{text}` is not a pattern: {error}; write one as 6[0-9]{{3}}"))
}

/// A pattern with a group, which is what is kept of a match.
pub(super) fn strip(text: &str) -> Result<Regex, Wrong> {
    let pattern = pattern(text)?;
    match pattern.captures_len() {
        0 | 1 => Err(format!("`{text}` has no group to keep; put what is kept in ( ), as ^9(\\d{{10}})$")),
        _ => Ok(pattern),
    }
}

/// The id of a section: what keys of messages and files are made of.
pub(super) fn id(text: &str) -> Result<String, Wrong> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !text.is_empty() && text.chars().all(fits) {
        return Ok(text.to_owned());
    }
    let meant: String =
        text.trim().chars().map(|c| if fits(c) { c.to_ascii_lowercase() } else { '-' }).collect();
    let meant = if meant.is_empty() { "main" } else { &meant };
    Err(format!("`{text}` can't be an id; use letters, digits, - and _, as `{meant}`"))
}

/// Text that isn't empty.
pub(super) fn text(text: &str) -> Result<String, Wrong> {
    match text.trim() {
        "" => Err("it is empty; write something, or remove the key".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// A reason that somebody gives.
pub(super) fn reason(text: &str) -> Result<String, Wrong> {
    match text.trim() {
        "" => Err("it is empty; write why, as \"tested with our carrier on 2026-11-20\"".to_owned()),
        reason => Ok(reason.to_owned()),
    }
}

/// An area code of three digits.
pub(super) fn area_code(text: &str) -> Result<String, Wrong> {
    match text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with(['0', '1']) {
        true => Ok(text.to_owned()),
        false => Err(format!("`{text}` is not an area code; write its three digits, as 312")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_a_number_and_a_unit() {
        assert_eq!(span("20s"), Ok(Span::from_secs(20)));
        assert_eq!(span("2d"), Ok(Span::from_secs(172_800)));
        assert!(span("30m business").is_err_and(|wrong| wrong.contains("not understood yet")));
        for (text, instead) in [
            ("10 min", "`10m`"),
            ("3 m", "`3m`"),
            ("10", "`10s`"),
            ("2 weeks", "`14d`"),
            ("x", "`10m`"),
            ("", "`10m`"),
        ] {
            let wrong = span(text).expect_err(text);
            assert!(wrong.contains(instead), "{wrong}");
        }
        assert!(span("99999999999999999999d").is_err() && span("9999999d").is_err());
    }

    #[test]
    fn hours_end_after_they_begin_and_at_midnight_at_most() {
        assert_eq!(hours("08:30-24:00"), Ok(Hours { from: 510, to: 1_440 }));
        for (text, instead) in [
            ("22:00-06:00", "22:00-24:00, and 00:00-06:00 on the next day"),
            ("8:30-12:00", "write 08:30-12:00"),
            ("8am – 5:30pm", "write 08:00-17:30"),
            ("08:30-24:01", "at most to 24:00"),
            ("noon", "08:30-17:00"),
        ] {
            let wrong = hours(text).expect_err(text);
            assert!(wrong.contains(instead), "{wrong}");
        }
    }

    #[test]
    fn weekdays_are_three_letters_and_ranges_may_pass_sunday() {
        assert_eq!(weekdays("mon-wed"), Ok(vec![0, 1, 2]));
        assert_eq!(weekdays("sat-mon"), Ok(vec![5, 6, 0]));
        assert!(weekdays("Monday - Friday").is_err_and(|wrong| wrong.ends_with("write mon-fri")));
        assert!(weekdays("müll").is_err());
    }

    #[test]
    fn numbers_are_e164_and_the_wrong_ones_are_told_right() {
        assert!(number("+13125550100").is_ok() && number("+442079460000").is_ok());
        for text in ["3125550100", "13125550100", "(312) 555-0100", "+1 312 555 0100", "312.555.0100"] {
            assert!(number(text).is_err_and(|wrong| wrong.ends_with("write +13125550100")), "{text}");
        }
        for text in ["+1312555010", "555", "", "+", "+1abc"] {
            assert!(number(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_did_is_a_number_a_user_part_or_the_rest() {
        assert_eq!(did("*"), Ok(Did::Rest));
        assert_eq!(did("6000"), Ok(Did::User("6000".into())));
        assert!(matches!(did("+13125550100"), Ok(Did::Number(_))));
        assert!(did("3125550100").is_err_and(|wrong| wrong.ends_with("write +13125550100")));
        assert!(did("").is_err() && did("a b").is_err());
    }

    #[test]
    fn zones_are_found_by_slip_and_by_place() {
        assert!(zone("America/Chicago").is_ok());
        assert!(zone("America/Chigaco").is_err_and(|wrong| wrong.contains("`America/Chicago`")));
        assert!(zone("US/New York").is_err_and(|wrong| wrong.contains("`America/New_York`")));
        assert!(zone("EST").is_err_and(|wrong| wrong.ends_with("write America/New_York")));
        assert!(zone("Central Time").is_err_and(|wrong| wrong.ends_with("write America/Chicago")));
        assert!(zone("zzz").is_err_and(|wrong| wrong.contains("as America/Chicago")));
    }

    #[test]
    fn every_country_is_two_letters_and_common_slips_are_told() {
        assert_eq!(COUNTRIES.split_ascii_whitespace().count(), 249);
        assert!(country("US").is_ok() && country("US CA").is_err());
        assert!(country("USA").is_err_and(|wrong| wrong.ends_with("write US")));
        assert!(country("uk").is_err_and(|wrong| wrong.ends_with("write GB")));
    }

    #[test]
    fn patterns_are_anchored_at_both_ends() {
        let pattern = pattern("60|61").expect("a pattern");
        assert!(pattern.is_match("61") && !pattern.is_match("6100") && !pattern.is_match("160"));
        assert!(super::pattern("a)(b").is_err() && super::pattern("").is_err());
        assert!(strip("^9\\d{10}$").is_err() && strip("^9(\\d{10})$").is_ok());
    }

    #[test]
    fn dates_exist() {
        assert!(date("2026-12-24").is_ok());
        assert!(date("2026-02-30").is_err() && date("24.12.2026").is_err() && date("2026-12-24T10").is_err());
    }
}

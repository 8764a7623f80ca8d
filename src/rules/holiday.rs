//! Public holidays, computed from rules: a set's days in a year and the days they are observed on.
//!
//! The rules are bundled (`data/holidays-us.toml`, whose head documents rules and shifts). A shifted day is
//! closed as well as the day itself. Dates only; zones and hours are the calendar's.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::civil::{self, Weekday};
use jiff::{Span, ToSpan};
use serde::Deserialize;

/// One day of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holiday {
    /// The day that is closed.
    pub date: civil::Date,
    /// The rule's id, as `christmas`.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Closed in place of a day that fell on a weekend.
    pub observed: bool,
}

/// Whether the bundled data have a set of this name.
pub fn is_known(set: &str) -> bool {
    DATA.set.contains_key(set)
}

/// The names of all bundled sets.
pub fn sets() -> impl Iterator<Item = &'static str> {
    DATA.set.keys().map(String::as_str)
}

/// The days of a set that fall in a year, in order; none for an unknown set.
///
/// A day shifted out of its year counts where it lands: New Year's Day on a Saturday closes 31 December.
pub fn days(set: &str, year: i16) -> Vec<Holiday> {
    let Some(set) = DATA.set.get(set) else {
        return Vec::new();
    };
    let years = year.saturating_sub(1)..=year.saturating_add(1);
    let mut days: Vec<_> =
        years.flat_map(|year| set.year(year)).filter(|day| day.date.year() == year).collect();
    days.sort_unstable();
    days
}

/// The holiday a date is in a set, if any.
pub fn on(set: &str, date: civil::Date) -> Option<Holiday> {
    days(set, date.year()).into_iter().find(|day| day.date == date)
}

#[derive(Deserialize)]
struct Data {
    set: BTreeMap<String, Set>,
    day: BTreeMap<String, Day>,
}

#[derive(Deserialize)]
struct Set {
    days: Vec<String>,
    shift: Shift,
}

#[derive(Deserialize)]
struct Day {
    name: String,
    rule: String,
    since: Option<i16>,
    shift: Option<Shift>,
}

/// Where a day goes that falls on a weekend.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shift {
    None,
    Nearest,
    Monday,
    Sunday,
    Pair,
}

impl Set {
    /// The days whose rules name this year, wherever they are observed.
    fn year(&self, year: i16) -> Vec<Holiday> {
        let known = self.days.iter().filter_map(|id| DATA.day.get_key_value(id));
        let dated = known.filter(|(_, day)| day.since.is_none_or(|since| year >= since));
        let own: Vec<_> = dated.filter_map(|(id, day)| Some((day.date(year, 0)?, id, day))).collect();
        let mut taken: Vec<civil::Date> = own.iter().map(|(date, _, _)| *date).collect();
        let mut days = Vec::with_capacity(own.len() * 2);
        for (date, id, day) in own {
            days.push(Holiday { date, id, name: &day.name, observed: false });
            if let Some(date) = shifted(date, day.shift.unwrap_or(self.shift), &taken) {
                taken.push(date);
                days.push(Holiday { date, id, name: &day.name, observed: true });
            }
        }
        days
    }
}

impl Day {
    /// The date in a year; rules may build on one another, at most a few deep.
    fn date(&self, year: i16, depth: u8) -> Option<civil::Date> {
        let words: Vec<&str> = self.rule.split_whitespace().collect();
        match words.as_slice() {
            [month_day] => fixed(year, month_day),
            [day, "before", month_day] => on_or_before(fixed(year, month_day)?, weekday(day)?),
            ["easter", days] => easter(year)?.checked_add(offset(days)?).ok(),
            ["last", day, month_name] => {
                first_of(year, month_name)?.nth_weekday_of_month(-1, weekday(day)?).ok()
            }
            [nth, day, month_name] => {
                first_of(year, month_name)?.nth_weekday_of_month(ordinal(nth)?, weekday(day)?).ok()
            }
            [base, days] if depth < 4 => {
                DATA.day.get(*base)?.date(year, depth + 1)?.checked_add(offset(days)?).ok()
            }
            _ => None,
        }
    }
}

fn shifted(date: civil::Date, shift: Shift, taken: &[civil::Date]) -> Option<civil::Date> {
    let by = |days: i64| date.checked_add(days.days()).ok();
    match (shift, date.weekday()) {
        (Shift::None, _) | (Shift::Sunday, Weekday::Saturday) => None,
        (Shift::Nearest, Weekday::Saturday) => by(-1),
        (Shift::Monday, Weekday::Saturday) => by(2),
        (Shift::Nearest | Shift::Monday | Shift::Sunday, Weekday::Sunday) => by(1),
        (Shift::Pair, Weekday::Saturday | Weekday::Sunday) => (1..=10).filter_map(by).find(|day| {
            !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !taken.contains(day)
        }),
        _ => None,
    }
}

fn fixed(year: i16, month_day: &str) -> Option<civil::Date> {
    let (month, day) = month_day.split_once('-')?;
    civil::Date::new(year, month.parse().ok()?, day.parse().ok()?).ok()
}

fn on_or_before(date: civil::Date, day: Weekday) -> Option<civil::Date> {
    date.checked_sub(i64::from(day.until(date.weekday())).days()).ok()
}

fn first_of(year: i16, month: &str) -> Option<civil::Date> {
    let at = MONTHS.iter().position(|name| *name == month)?;
    civil::Date::new(year, i8::try_from(at + 1).ok()?, 1).ok()
}

fn weekday(name: &str) -> Option<Weekday> {
    let at = WEEKDAYS.iter().position(|known| *known == name)?;
    Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
}

fn ordinal(nth: &str) -> Option<i8> {
    let digits = nth.get(..1)?;
    digits.parse().ok()
}

fn offset(days: &str) -> Option<Span> {
    days.parse::<i32>().ok().map(|days| days.days())
}

/// Easter Sunday of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8).
fn easter(year: i16) -> Option<civil::Date> {
    let year_number = i32::from(year);
    let (a, b, c) = (year_number % 19, year_number / 100, year_number % 100);
    let (d, e, f) = (b / 4, b % 4, (b + 8) / 25);
    let g = (b - f + 1) / 3;
    let h = (19 * a + b - d - g + 15) % 30;
    let l = (32 + 2 * e + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let month_day = h + l - 7 * m + 114;
    civil::Date::new(year, i8::try_from(month_day / 31).ok()?, i8::try_from(month_day % 31 + 1).ok()?).ok()
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

static DATA: LazyLock<Data> = LazyLock::new(|| {
    // The file is bundled, and a test reads all of it.
    toml::from_str(include_str!("../data/holidays-us.toml")).expect("bundled data parse")
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eleven_years_of_every_set_are_as_expected() {
        let expected = include_str!("../../tests/data/holidays-expected.csv");
        let mut computed: Vec<String> = sets()
            .flat_map(|set| {
                (2025..=2035).flat_map(move |year| days(set, year).into_iter().map(move |d| (set, d)))
            })
            .map(|(set, day)| {
                let weekday = WEEKDAYS[day.date.weekday().to_monday_zero_offset() as usize];
                let observed = if day.observed { "yes" } else { "no" };
                format!("{set},{},{weekday},{},{observed}", day.date, day.id)
            })
            .collect();
        let mut expected: Vec<_> = expected.lines().skip(1).map(str::to_owned).collect();
        computed.sort();
        expected.sort();
        assert_eq!(computed, expected);
    }

    #[test]
    fn every_rule_gives_a_date() {
        for (id, day) in &DATA.day {
            assert!(day.date(2027, 0).is_some(), "{id}");
        }
        for (set, rules) in &DATA.set {
            assert!(rules.days.iter().all(|id| DATA.day.contains_key(id)), "{set}");
        }
    }

    #[test]
    fn easter_falls_where_the_church_says() {
        for (year, month, day) in [(1961, 4, 2), (2000, 4, 23), (2024, 3, 31), (2038, 4, 25), (2285, 3, 22)] {
            assert_eq!(easter(year), Some(civil::date(year, month, day)));
        }
    }

    #[test]
    fn new_year_on_a_saturday_closes_the_year_before() {
        let eve = on("us-federal", civil::date(2027, 12, 31)).expect("observed");
        assert_eq!((eve.id, eve.observed), ("new-year", true));
        assert!(on("us-bank", civil::date(2027, 12, 31)).is_none());
    }

    #[test]
    fn the_ends_of_the_calendar_and_unknown_sets_have_no_days() {
        assert!(days("nowhere", 2026).is_empty());
        days("us-federal", i16::MAX);
        days("us-federal", i16::MIN);
        days("uk-eng", 9999);
    }
}

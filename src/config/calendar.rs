//! `[calendar.ID]`: hours by weekday, holidays, closings.

use toml::Spanned;

use super::file::{self, Week};
use super::reading::{Here, Reading};
use super::spot::instead;
use super::value::{self, DAYS};
use crate::rules::holiday;
use crate::settings::{Calendar, Closing, HolidaySet, Hours};

impl Reading<'_> {
    pub(super) fn calendar(&mut self, here: &Here, id: String, calendar: file::Calendar) {
        let open = self.needed(here, "open", calendar.open, "{ mon-fri = [\"08:30-17:00\"] }");
        let calendar = Calendar {
            open: self.week("open", open.unwrap_or_default()),
            lunch: self.week("lunch", calendar.lunch.unwrap_or_default()),
            holidays: self.list("holidays", calendar.holidays, holidays),
            closed: self.each(calendar.closed, "`closed`", Self::closing).into_iter().flatten().collect(),
            overflow_calls: calendar.overflow.and_then(|overflow| {
                let here = self.here(&overflow, "`overflow`");
                let calls = self.needed(&here, "calls", overflow.into_inner().0.calls, "4");
                self.whole("calls", calls, 1..=100_000)
            }),
        };
        self.settings.calendars.insert(id, calendar);
    }

    fn week(&mut self, key: &str, week: Week) -> [Vec<Hours>; 7] {
        let mut days: [Vec<Hours>; 7] = Default::default();
        let mut named: [Option<String>; 7] = Default::default();
        let mut written: Vec<_> = week.into_iter().collect();
        written.sort_by_key(|(range, _)| range.span().start);
        for (range, texts) in written {
            let hours = self.hours_of_day(key, &texts);
            for day in self.parse(key, &range, value::weekdays).unwrap_or_default() {
                match named[day].replace(range.get_ref().clone()) {
                    None => days[day].clone_from(&hours),
                    Some(first) => {
                        let text = format!(
                            "`{key}`: {} is in `{first}` and in `{}`; name each day once",
                            DAYS[day],
                            range.get_ref()
                        );
                        self.problems.error(self.spot(&range), text);
                        break;
                    }
                }
            }
        }
        days
    }

    /// The hours of a day in order; overlapping ones are told.
    fn hours_of_day(&mut self, key: &str, texts: &[Spanned<String>]) -> Vec<Hours> {
        let mut hours: Vec<Hours> = Vec::new();
        if let [from, to] = texts
            && value::time_of_day(from.get_ref()).is_ok()
            && value::time_of_day(to.get_ref()).is_ok()
        {
            let (from_text, to_text) = (from.get_ref(), to.get_ref());
            let told = format!("`{key}`: hours are one text; write [\"{from_text}-{to_text}\"]");
            self.problems.error(self.spot(from), told);
            return hours;
        }
        for text in texts {
            let Some(new) = self.parse(key, text, value::hours) else { continue };
            match hours.iter().find(|old| old.from < new.to && new.from < old.to) {
                None => hours.push(new),
                Some(old) => {
                    let (from, to) = (value::shown(old.from.min(new.from)), value::shown(old.to.max(new.to)));
                    let told = format!(
                        "`{key}`: `{}` overlaps {}-{}; write one that holds both, as {from}-{to}",
                        text.get_ref(),
                        value::shown(old.from),
                        value::shown(old.to),
                    );
                    self.problems.error(self.spot(text), told);
                }
            }
        }
        hours.sort_by_key(|hours| hours.from);
        hours
    }

    fn closing(&mut self, here: &Here, closing: file::Closing) -> Option<Closing> {
        let date = self.needed(here, "date", closing.date, "\"2026-12-24\"");
        let date = self.optional("date", date, value::date);
        let begins = self.optional("from", closing.from, value::time_of_day).unwrap_or(0);
        let end = closing.to.as_ref().map(|to| self.spot(to));
        let ends = self.optional("to", closing.to, value::time_of_day).unwrap_or(1_440);
        if begins >= ends {
            let text = format!(
                "`closed` ends at {}, before it begins at {}",
                value::shown(ends),
                value::shown(begins)
            );
            self.problems.error(end.unwrap_or(here.spot), format!("{text}; write `to` later than `from`"));
        }
        Some(Closing { date: date?, hours: Hours { from: begins, to: ends } })
    }
}

fn holidays(text: &str) -> Result<HolidaySet, value::Wrong> {
    if holiday::is_known(text) {
        return Ok(HolidaySet(text.to_owned()));
    }
    let sets: Vec<&str> = holiday::sets().collect();
    Err(match text.ends_with(".ics") {
        true => format!(
            "`{text}`: .ics files are not understood yet by this version; write one of {}",
            sets.join(", ")
        ),
        false => format!("no set of holidays `{text}`{}", instead(text, &sets)),
    })
}

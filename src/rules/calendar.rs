//! What a line's calendar says at a point in time: open, lunch, after hours, holiday, overflow.
//!
//! Hours are judged by the clock on the office's wall: an hour that daylight saving repeats counts twice, one
//! it drops never comes. A closing, whole day or part of one, is a `holiday` while it lasts.

use jiff::civil;
use jiff::tz::TimeZone;

use super::holiday;
use crate::settings::{Calendar, Hours};
use crate::time::Timestamp;

/// The state of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Within open hours.
    Open,
    /// Within lunch hours, which win over open hours.
    Lunch,
    /// None of the others.
    AfterHours,
    /// A public holiday or a closing.
    Holiday,
    /// Open, but with too many calls.
    Overflow,
}

impl State {
    /// The word of the rule language.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Lunch => "lunch",
            State::AfterHours => "after_hours",
            State::Holiday => "holiday",
            State::Overflow => "overflow",
        }
    }
}

/// How much a calendar's lines were in use when a call came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// The call met a busy line.
    pub busy: bool,
    /// Calls on the calendar's lines, this one included.
    pub calls: u32,
}

/// The state at a point in time by the clock alone: never `Overflow`.
pub fn state(calendar: &Calendar, tz: &TimeZone, at: Timestamp) -> State {
    match local(tz, at) {
        Some(wall) => state_at(calendar, wall),
        None => State::AfterHours,
    }
}

/// The state at a point in time under a load: `open` becomes `overflow`.
pub fn state_under(calendar: &Calendar, tz: &TimeZone, at: Timestamp, load: Load) -> State {
    let crowded = calendar.overflow_calls.is_some_and(|limit| load.calls >= limit);
    match state(calendar, tz, at) {
        State::Open if load.busy || crowded => State::Overflow,
        state => state,
    }
}

/// The first point at or after `at` when the calendar is open; none within about a year.
pub fn next_open(calendar: &Calendar, tz: &TimeZone, at: Timestamp) -> Option<Timestamp> {
    if state(calendar, tz, at) == State::Open {
        return Some(at);
    }
    let today = local(tz, at)?.date();
    let days = std::iter::successors(Some(today), |day| day.tomorrow().ok()).take(SEARCHED_DAYS);
    days.filter_map(|day| opening(calendar, tz, day, at)).next()
}

/// A point in time as the office's clock shows it: `Fri 9:14 pm`; empty beyond the calendar.
pub fn local_time(tz: &TimeZone, at: Timestamp) -> String {
    local(tz, at).map(|wall| wall.strftime("%a %-I:%M %P").to_string()).unwrap_or_default()
}

/// The first opening on a day that is not before `at`.
fn opening(calendar: &Calendar, tz: &TimeZone, day: civil::Date, at: Timestamp) -> Option<Timestamp> {
    let mut starts: Vec<_> = boundaries(calendar, day).flat_map(|minute| instants(tz, day, minute)).collect();
    starts.extend(clock_changes(tz, day));
    starts.sort_unstable();
    starts.into_iter().find(|&start| start > at && state(calendar, tz, start) == State::Open)
}

/// The minutes of a day at which it may become open.
fn boundaries(calendar: &Calendar, day: civil::Date) -> impl Iterator<Item = u16> {
    let open = hours_of(&calendar.open, day).iter().map(|hours| hours.from);
    let after_lunch = hours_of(&calendar.lunch, day).iter().map(|hours| hours.to);
    let closings = calendar.closed.iter().filter(move |closing| closing.date == day);
    open.chain(after_lunch).chain(closings.map(|closing| closing.hours.to))
}

/// When a clock shows a minute of a day: twice where daylight saving repeats it.
fn instants(tz: &TimeZone, day: civil::Date, minute: u16) -> [Timestamp; 2] {
    let wall = day.at(0, 0, 0, 0).saturating_add(jiff::SignedDuration::from_mins(i64::from(minute)));
    let ambiguous = tz.to_ambiguous_timestamp(wall);
    [ambiguous.earlier(), ambiguous.later()].map(|at| at.map_or(Timestamp::MAX, ours))
}

fn clock_changes(tz: &TimeZone, day: civil::Date) -> impl Iterator<Item = Timestamp> {
    let start = tz.to_ambiguous_timestamp(day.at(0, 0, 0, 0)).earlier().ok();
    let changes = start.into_iter().flat_map(|start| tz.following(start));
    changes.map(|change| change.timestamp()).take_while(move |at| tz.to_datetime(*at).date() == day).map(ours)
}

fn state_at(calendar: &Calendar, wall: civil::DateTime) -> State {
    let (day, minute) = (wall.date(), minute(wall));
    let within = |hours: &Hours| (hours.from..hours.to).contains(&minute);
    let closed = calendar.closed.iter().any(|closing| closing.date == day && within(&closing.hours));
    if closed || calendar.holidays.iter().any(|set| holiday::on(&set.0, day).is_some()) {
        State::Holiday
    } else if hours_of(&calendar.lunch, day).iter().any(within) {
        State::Lunch
    } else if hours_of(&calendar.open, day).iter().any(within) {
        State::Open
    } else {
        State::AfterHours
    }
}

fn hours_of(week: &[Vec<Hours>; 7], day: civil::Date) -> &[Hours] {
    let at = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
    week.get(at).map_or(&[], Vec::as_slice)
}

fn minute(wall: civil::DateTime) -> u16 {
    u16::try_from(i32::from(wall.hour()) * 60 + i32::from(wall.minute())).unwrap_or(0)
}

fn local(tz: &TimeZone, at: Timestamp) -> Option<civil::DateTime> {
    jiff::Timestamp::from_microsecond(at.as_micros()).ok().map(|at| tz.to_datetime(at))
}

fn ours(at: jiff::Timestamp) -> Timestamp {
    Timestamp::from_micros(at.as_microsecond())
}

/// No calendar is closed for longer.
const SEARCHED_DAYS: usize = 400;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Closing, HolidaySet};

    fn hours(from: u16, to: u16) -> Hours {
        Hours { from: from / 100 * 60 + from % 100, to: to / 100 * 60 + to % 100 }
    }

    fn office() -> Calendar {
        let mut office = Calendar { overflow_calls: Some(4), ..Calendar::default() };
        for day in 0..5 {
            office.open[day] = vec![hours(830, 1200), hours(1300, 1700)];
            office.lunch[day] = vec![hours(1200, 1300)];
        }
        office.holidays = vec![HolidaySet("us-federal".into())];
        office.closed = vec![
            Closing { date: civil::date(2026, 12, 24), hours: hours(1200, 2400) },
            Closing { date: civil::date(2026, 11, 27), hours: hours(0, 2400) },
        ];
        office
    }

    fn always_open_from(from: u16, to: u16) -> Calendar {
        let mut calendar = Calendar::default();
        calendar.open.fill(vec![hours(from, to)]);
        calendar
    }

    fn chicago() -> TimeZone {
        TimeZone::get("America/Chicago").expect("bundled")
    }

    fn at(text: &str) -> Timestamp {
        ours(text.parse().expect("a time"))
    }

    fn chicago_state(text: &str) -> State {
        state(&office(), &chicago(), at(text))
    }

    #[test]
    fn a_day_has_its_hours() {
        for (time, expected) in [
            ("2026-11-20T08:29:59.999999-06:00", State::AfterHours),
            ("2026-11-20T08:30:00-06:00", State::Open),
            ("2026-11-20T12:00:00-06:00", State::Lunch),
            ("2026-11-20T13:00:00-06:00", State::Open),
            ("2026-11-20T16:59:59-06:00", State::Open),
            ("2026-11-20T17:00:00-06:00", State::AfterHours),
            ("2026-11-21T10:00:00-06:00", State::AfterHours),
            ("2026-11-26T10:00:00-06:00", State::Holiday),
            ("2026-11-27T10:00:00-06:00", State::Holiday),
            ("2026-12-24T11:59:00-06:00", State::Open),
            ("2026-12-24T12:00:00-06:00", State::Holiday),
            ("2026-07-03T10:00:00-05:00", State::Holiday),
        ] {
            assert_eq!(chicago_state(time), expected, "{time}");
        }
    }

    #[test]
    fn midnight_belongs_to_the_next_day() {
        let calendar = always_open_from(0, 2400);
        for time in ["2026-11-20T23:59:59.999999-06:00", "2026-11-21T00:00:00-06:00"] {
            assert_eq!(state(&calendar, &chicago(), at(time)), State::Open);
        }
        let evening = always_open_from(2000, 2400);
        assert_eq!(state(&evening, &chicago(), at("2026-11-20T23:59:59-06:00")), State::Open);
        assert_eq!(state(&evening, &chicago(), at("2026-11-21T00:00:00-06:00")), State::AfterHours);
    }

    #[test]
    fn a_busy_line_or_many_calls_overflow_an_open_office_only() {
        let under =
            |time: &str, busy, calls| state_under(&office(), &chicago(), at(time), Load { busy, calls });
        assert_eq!(under("2026-11-20T09:00:00-06:00", false, 3), State::Open);
        assert_eq!(under("2026-11-20T09:00:00-06:00", false, 4), State::Overflow);
        assert_eq!(under("2026-11-20T09:00:00-06:00", true, 1), State::Overflow);
        assert_eq!(under("2026-11-20T21:00:00-06:00", true, 9), State::AfterHours);
    }

    #[test]
    fn the_hour_that_clocks_repeat_is_open_both_times() {
        let calendar = always_open_from(100, 130);
        let state = |time: &str| state(&calendar, &chicago(), at(time));
        assert_eq!(state("2026-11-01T01:10:00-05:00"), State::Open);
        assert_eq!(state("2026-11-01T01:40:00-05:00"), State::AfterHours);
        assert_eq!(state("2026-11-01T01:10:00-06:00"), State::Open);
        let next = next_open(&calendar, &chicago(), at("2026-11-01T01:40:00-05:00"));
        assert_eq!(next, Some(at("2026-11-01T01:00:00-06:00")));
    }

    #[test]
    fn hours_in_the_hour_that_clocks_skip_open_when_they_jump() {
        let calendar = always_open_from(215, 330);
        let next = next_open(&calendar, &chicago(), at("2026-03-08T01:00:00-06:00"));
        assert_eq!(next, Some(at("2026-03-08T03:00:00-05:00")));
        let gone = always_open_from(215, 245);
        let next = next_open(&gone, &chicago(), at("2026-03-08T01:00:00-06:00"));
        assert_eq!(next, Some(at("2026-03-09T02:15:00-05:00")));
    }

    #[test]
    fn the_next_opening_skips_lunch_weekends_and_holidays() {
        let next = |time: &str| next_open(&office(), &chicago(), at(time)).expect("opens");
        assert_eq!(next("2026-11-20T09:00:00-06:00"), at("2026-11-20T09:00:00-06:00"));
        assert_eq!(next("2026-11-20T12:10:00-06:00"), at("2026-11-20T13:00:00-06:00"));
        assert_eq!(next("2026-11-20T21:14:07-06:00"), at("2026-11-23T08:30:00-06:00"));
        assert_eq!(next("2026-11-25T18:00:00-06:00"), at("2026-11-30T08:30:00-06:00"));
        assert_eq!(next("2026-12-24T13:00:00-06:00"), at("2026-12-28T08:30:00-06:00"));
        assert_eq!(next("2026-03-06T18:00:00-06:00"), at("2026-03-09T08:30:00-05:00"));
    }

    #[test]
    fn lunch_inside_open_hours_wins_and_ends() {
        let mut calendar = always_open_from(800, 1700);
        calendar.lunch.fill(vec![hours(1200, 1300)]);
        assert_eq!(state(&calendar, &chicago(), at("2026-11-20T12:30:00-06:00")), State::Lunch);
        let next = next_open(&calendar, &chicago(), at("2026-11-20T12:30:00-06:00"));
        assert_eq!(next, Some(at("2026-11-20T13:00:00-06:00")));
    }

    #[test]
    fn a_calendar_that_never_opens_and_the_ends_of_time_give_nothing() {
        assert_eq!(next_open(&Calendar::default(), &chicago(), at("2026-11-20T12:00:00Z")), None);
        assert_eq!(state(&office(), &chicago(), Timestamp::MAX), State::AfterHours);
        assert_eq!(next_open(&office(), &chicago(), Timestamp::MAX), None);
        assert_eq!(next_open(&office(), &chicago(), Timestamp::from_micros(i64::MIN)), None);
        assert_eq!(local_time(&chicago(), Timestamp::MAX), "");
    }

    #[test]
    fn local_time_is_the_office_s() {
        assert_eq!(local_time(&chicago(), at("2026-11-21T03:14:07Z")), "Fri 9:14 pm");
    }
}

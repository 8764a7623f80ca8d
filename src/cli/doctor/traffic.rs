//! What the calls of the last week tell: who speaks SIP in which role, whether phones are seen, whether calls come, and
//! whether answers fit the calendar.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Finding, State};
use crate::event::{CallRecord, Direction, Event, Outcome, Role};
use crate::rules::calendar::{self, local_time};
use crate::settings::{Calendar, Net, Roles, Settings};
use crate::store::{Reader, StoreError};
use crate::time::{Span, Timestamp};

/// What is found of the calls in a store; nothing where there is no store to read.
pub(super) fn findings(settings: &Settings, store: &std::path::Path, now: Timestamp) -> Vec<Finding> {
    let calls = Reader::open(store).and_then(|reader| calls(&reader, now));
    calls.map(|calls| judged(settings, &calls, now)).unwrap_or_default()
}

/// The calls of the last week, newest first; of a busy site the newest of them.
fn calls(reader: &Reader, now: Timestamp) -> Result<Vec<CallRecord>, StoreError> {
    let (mut calls, mut end) = (Vec::new(), reader.last()? + 1);
    for _ in 0..PAGES {
        let from = end.saturating_sub(PAGE as u64).max(1);
        let mut page = reader.entries(from, usize::try_from(end - from).unwrap_or(PAGE))?;
        let is_old = page.first().is_none_or(|entry| now.since(entry.at) > WEEK);
        page.reverse();
        calls.extend(page.into_iter().filter_map(|entry| of_the_office(entry.event, now)));
        if is_old || from == 1 {
            break;
        }
        end = from;
    }
    Ok(calls)
}

/// A call of the last week; what is rejected, as scanners are, tells nothing of an office.
fn of_the_office(event: Event, now: Timestamp) -> Option<CallRecord> {
    match event {
        Event::Call(call) if call.outcome != Outcome::Rejected && now.since(call.at) <= WEEK => Some(*call),
        _ => None,
    }
}

fn judged(settings: &Settings, calls: &[CallRecord], now: Timestamp) -> Vec<Finding> {
    let outside: Vec<&CallRecord> =
        calls.iter().filter(|call| call.direction == Direction::Inbound).collect();
    let mut all = vec![quiet(settings, calls, now)];
    all.extend(peers(&settings.pbx.roles, calls, now));
    all.extend(strangers(&settings.pbx.roles, calls));
    all.extend(unseen(&settings.pbx.roles, calls));
    all.extend(phones(&outside));
    all.extend(answers(settings, &outside));
    all
}

/// The calendars by which the office is open.
fn calendars(settings: &Settings) -> Vec<&Calendar> {
    let named: BTreeSet<&String> = settings.lines.iter().filter_map(|line| line.calendar.as_ref()).collect();
    named.into_iter().filter_map(|id| settings.calendars.get(id)).collect()
}

fn is_open(settings: &Settings, at: Timestamp) -> bool {
    let calendars = calendars(settings);
    let open =
        |calendar: &&Calendar| calendar::state(calendar, &settings.site.tz, at) == calendar::State::Open;
    calendars.is_empty() || calendars.iter().any(open)
}

/// Whether calls still come: how many hours of business passed without one.
fn quiet(settings: &Settings, calls: &[CallRecord], now: Timestamp) -> Finding {
    let last = calls.iter().map(|call| call.at).max();
    let since = last.unwrap_or(now - WEEK);
    let quarters = (0..QUARTERS).map(|n| since + Span::from_secs(n * QUARTER)).take_while(|at| *at < now);
    let hours = quarters.filter(|at| is_open(settings, *at)).count() / 4;
    let when = match last {
        Some(last) => format!("the last call was on {}", local_time(&settings.site.tz, last)),
        None => "no call is in the store of the last 7 days".to_owned(),
    };
    let (state, says) = match (hours, last) {
        (_, None) => (State::Warning, format!("{when}; place one to a number of the office, and look again")),
        (TOO_LONG.., _) => (
            State::Wrong,
            format!(
                "{when}, {hours} hours of business ago; see whether the tap still gets the mirror's packets"
            ),
        ),
        (LONG.., _) => (State::Warning, format!("{when}, {hours} hours of business ago")),
        _ => (State::Ok, when),
    };
    Finding::new("calls", state, says)
}

/// Each address that spoke SIP, with the number of calls it spoke in.
fn spoken<'c>(calls: impl IntoIterator<Item = &'c CallRecord>) -> BTreeMap<IpAddr, usize> {
    let mut spoken = BTreeMap::new();
    for call in calls {
        let rows = call.legs.iter().flat_map(|leg| &leg.ladder);
        let ends: BTreeSet<IpAddr> = rows.flat_map(|row| [row.3, row.4]).collect();
        ends.into_iter().for_each(|end| *spoken.entry(end).or_default() += 1);
    }
    spoken
}

/// The most talkative first.
fn ranked(spoken: BTreeMap<IpAddr, usize>) -> Vec<(IpAddr, usize)> {
    let mut ranked: Vec<_> = spoken.into_iter().collect();
    ranked.sort_by_key(|(address, calls)| (std::cmp::Reverse(*calls), *address));
    ranked
}

fn role(roles: &Roles, address: IpAddr) -> Option<&'static str> {
    let named: [(&str, &[Net]); 5] = [
        ("trunk", &roles.trunk_peers),
        ("PBX", &roles.pbx_hosts),
        ("voicemail", &roles.voicemail_hosts),
        ("voicemail", &roles.voicemail_media),
        ("phone", &roles.phone_nets),
    ];
    let is_in = |nets: &[Net]| nets.iter().any(|net| net.contains(address));
    named.into_iter().find(|(_, nets)| is_in(nets)).map(|(name, _)| name)
}

/// Who spoke in the calls of the week, and in those of late.
fn peers(roles: &Roles, calls: &[CallRecord], now: Timestamp) -> Option<Finding> {
    let all = ranked(spoken(calls));
    let shown = |(address, calls): &(IpAddr, usize)| {
        format!("{address} ({}, {calls})", role(roles, *address).unwrap_or("no role"))
    };
    let told: Vec<String> = all.iter().take(SHOWN).map(shown).collect();
    let more = all.len().saturating_sub(SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let late = ranked(spoken(calls.iter().filter(|call| now.since(call.at) <= LATELY)));
    let late: Vec<String> = late.iter().take(SHOWN).map(|(address, _)| address.to_string()).collect();
    let lately = match late.is_empty() {
        true => "no call was in the last 10 minutes".to_owned(),
        false => format!("in the last 10 minutes of {}", late.join(", ")),
    };
    let says = format!("SIP of {} calls in 7 days is of {}{more}; {lately}", calls.len(), told.join(", "));
    (!told.is_empty()).then(|| Finding::new("peers", State::Ok, says))
}

/// Who speaks in many calls and has no role, where roles are said at all.
fn strangers(roles: &Roles, calls: &[CallRecord]) -> Option<Finding> {
    if roles.trunk_peers.is_empty() && roles.pbx_hosts.is_empty() {
        return None;
    }
    let often = (calls.len() / 10).max(FEW);
    let strange = |(address, calls): &(IpAddr, usize)| *calls >= often && role(roles, *address).is_none();
    let told: Vec<String> = ranked(spoken(calls))
        .into_iter()
        .filter(strange)
        .take(SHOWN)
        .map(|(address, times)| format!("{address} (in {times} of {} calls)", calls.len()))
        .collect();
    let says = format!(
        "no role is said of {}; add each to trunk_peers, pbx_hosts, phone_nets or voicemail_hosts of [pbx.roles]",
        told.join(", ")
    );
    (!told.is_empty()).then(|| Finding::new("roles", State::Warning, says))
}

/// Roles that are said and that nobody has.
fn unseen(roles: &Roles, calls: &[CallRecord]) -> Option<Finding> {
    let spoken = spoken(calls);
    let has_nobody = |nets: &[Net]| {
        !nets.is_empty() && !spoken.keys().any(|address| nets.iter().any(|net| net.contains(*address)))
    };
    let named = [("trunk_peers", &roles.trunk_peers), ("pbx_hosts", &roles.pbx_hosts)];
    let empty: Vec<&str> =
        named.into_iter().filter(|(_, nets)| has_nobody(nets)).map(|(key, _)| key).collect();
    let says = format!(
        "nobody of {} speaks in any of {} calls; `ringback learn` on a capture proposes who is who",
        empty.join(" and "),
        calls.len()
    );
    (calls.len() >= FEW && !empty.is_empty()).then(|| Finding::new("roles", State::Wrong, says))
}

fn phones(outside: &[&CallRecord]) -> Option<Finding> {
    let rang = outside.iter().any(|call| call.legs.iter().any(|leg| leg.role == Role::PhoneOut));
    let says = format!(
        "no phone was seen to ring in {} calls: only the trunk's side is tapped, so nobody knows who answered, and a \
         voicemail inside the PBX looks like a person; mirror the phones' side too, or write phone_nets if it is",
        outside.len()
    );
    (outside.len() >= FEW && !rang).then(|| Finding::new("phones", State::Warning, says))
}

/// How many calls are answered while the office is open, and while it isn't.
fn answers(settings: &Settings, outside: &[&CallRecord]) -> Option<Finding> {
    let answered = |call: &&&CallRecord| {
        matches!(call.outcome, Outcome::Answered | Outcome::AnsweredShort | Outcome::OffnetAnswered)
    };
    let (open, closed): (Vec<_>, Vec<_>) = outside.iter().partition(|call| is_open(settings, call.at));
    let (by_day, by_night) =
        (open.iter().filter(|it| answered(it)).count(), closed.iter().filter(|it| answered(it)).count());
    if outside.is_empty() {
        return None;
    }
    let says = format!(
        "{by_day} of {} calls in hours of business were answered, and {by_night} of {} outside them",
        open.len(),
        closed.len()
    );
    let (state, says) = match () {
        () if open.len() >= FEW && by_day == 0 => (
            State::Warning,
            format!(
                "{says}; if people do answer, the tap doesn't see it: see roles, and whether both ways are mirrored"
            ),
        ),
        () if closed.len() >= FEW && by_night == closed.len() => (
            State::Warning,
            format!(
                "{says}; most likely a voicemail is taken for a person at night: write voicemail_pilots or \
                 voicemail_hosts, or see the calendar's hours"
            ),
        ),
        () => (State::Ok, says),
    };
    Some(Finding::new("answers", state, says))
}

const WEEK: Span = Span::from_secs(7 * 86_400);
const LATELY: Span = Span::from_secs(600);
/// Entries that are read at once, and how often.
const PAGE: usize = 2_000;
const PAGES: usize = 25;
/// Seconds, and how many of them are a week.
const QUARTER: i64 = 900;
const QUARTERS: i64 = 7 * 96;
/// Hours of business without a call that are odd, and that are too many.
const LONG: usize = 4;
const TOO_LONG: usize = 16;
/// From so few calls nothing follows.
const FEW: usize = 5;
/// So many addresses are named.
const SHOWN: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn settings() -> Settings {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/captures/caller-cancels/ringback.toml");
        config::load(std::path::Path::new(path)).expect("right").settings
    }

    /// A call of a capture, at another time, as often as asked.
    fn heard(capture: &str, at: &str, times: usize) -> Vec<CallRecord> {
        let path = format!("{}/captures/{capture}/expected/calls.jsonl", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).expect("expected output");
        let call: CallRecord = serde_json::from_str(text.lines().next().expect("a call")).expect("a call");
        vec![CallRecord { at: moment(at), ..call }; times]
    }

    fn moment(text: &str) -> Timestamp {
        let at: jiff::Timestamp = text.parse().expect("a time");
        Timestamp::from_micros(at.as_microsecond())
    }

    /// Of a Friday afternoon.
    fn found(settings: &Settings, calls: &[CallRecord]) -> Vec<(&'static str, State)> {
        let all = judged(settings, calls, moment("2026-11-20T15:00:00-06:00"));
        all.into_iter().map(|finding| (finding.check, finding.state)).collect()
    }

    #[test]
    fn a_week_of_calls_on_both_sides_is_well() {
        let mut calls = heard("b2bua-ring-all-answered", "2026-11-20T14:00:00-06:00", 6);
        calls.extend(heard("b2bua-ring-all-answered", "2026-11-20T05:00:00-06:00", 1));
        calls.extend(heard("caller-cancels", "2026-11-20T05:00:00-06:00", 1));
        let well = [("calls", State::Ok), ("peers", State::Ok), ("answers", State::Ok)];
        assert_eq!(found(&settings(), &calls), well);
        let all = judged(&settings(), &calls, moment("2026-11-20T15:00:00-06:00"));
        assert_eq!(all[2].says, "6 of 6 calls in hours of business were answered, and 1 of 2 outside them");
        assert!(all[1].says.contains("192.168.10.5 (PBX, 8)"), "{}", all[1].says);
        assert!(all[1].says.ends_with("; no call was in the last 10 minutes"), "{}", all[1].says);
        let soon = judged(&settings(), &calls, moment("2026-11-20T14:09:00-06:00"));
        assert!(soon[1].says.contains("; in the last 10 minutes of 192.168.10.5, "), "{}", soon[1].says);
    }

    #[test]
    fn what_scanners_try_is_no_call_of_the_office() {
        let now = moment("2026-11-20T15:00:00-06:00");
        let counts = |outcome, at| {
            let call = heard("caller-cancels", at, 1).remove(0);
            of_the_office(Event::Call(Box::new(CallRecord { outcome, ..call })), now).is_some()
        };
        let (today, last_week) = ("2026-11-20T14:00:00-06:00", "2026-11-12T14:00:00-06:00");
        assert!(counts(Outcome::Abandoned, today));
        assert!(!counts(Outcome::Rejected, today), "it would hide that calls no longer come");
        assert!(!counts(Outcome::Abandoned, last_week));
    }

    #[test]
    fn who_speaks_in_a_role_that_nobody_said_is_named() {
        let calls = heard("b2bua-ring-all-answered", "2026-11-20T14:00:00-06:00", 6);
        let mut other = settings();
        other.pbx.roles.phone_nets.clear();
        assert!(found(&other, &calls).contains(&("roles", State::Warning)));
        other.pbx.roles.trunk_peers = vec!["203.0.113.99".parse().expect("a net")];
        assert!(found(&other, &calls).contains(&("roles", State::Wrong)));
        other.pbx.roles = Roles::default();
        assert!(!found(&other, &calls).iter().any(|(check, _)| *check == "roles"), "nobody said any");
    }

    #[test]
    fn phones_that_are_never_seen_and_answers_that_do_not_fit_are_told() {
        let trunk_only = heard("answered", "2026-11-20T05:00:00-06:00", 6);
        let told = found(&settings(), &trunk_only);
        assert!(
            told.contains(&("phones", State::Warning)) && told.contains(&("answers", State::Warning)),
            "{told:?}"
        );
        let unanswered = heard("caller-cancels", "2026-11-20T10:00:00-06:00", 6);
        assert!(found(&settings(), &unanswered).contains(&("answers", State::Warning)));
        assert_eq!(found(&settings(), &unanswered[..3]).last(), Some(&("answers", State::Ok)));
    }

    #[test]
    fn hours_of_business_without_a_call_are_counted_on_the_calendar() {
        let quiet = |at: &str| found(&settings(), &heard("answered", at, 1))[0].1;
        assert_eq!(quiet("2026-11-20T13:00:00-06:00"), State::Ok);
        // Over night and lunch: 8:30 to 12:00 and 13:00 to 15:00.
        assert_eq!(quiet("2026-11-19T18:00:00-06:00"), State::Warning);
        assert_eq!(quiet("2026-11-17T18:00:00-06:00"), State::Wrong);
        assert_eq!(found(&settings(), &[]), [("calls", State::Warning)]);
    }
}

//! From a closed call to what may be done about it: standing, line, state, class, consent, sequence.
//!
//! The order is fixed: case, line, state, identity, class, stop, consent, sequence. Only what is certain and
//! inbound is acted on; what isn't certain goes to people. Every caller is a `lead` so far.

use std::borrow::Cow;

use super::calendar::{self, Load, State};
use super::gates::{self, Trail};
use super::{Why, line};
use crate::event::{Answer, CallSeen, Confidence, Direction, Outcome, Verdict};
use crate::settings::{Line, Sequence, Settings};

/// What a closed call means for the number behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Missed, beyond doubt.
    Missed,
    /// Perhaps missed: a person decides.
    Uncertain,
    /// Somebody spoke with the caller, for this reason.
    Talked(Why),
    /// Nothing to follow up.
    Nothing,
}

/// What is to be done, and the way there.
#[derive(Clone, Debug)]
pub struct Route {
    /// Position of the line called.
    pub line: Option<usize>,
    /// The state of its calendar when the call began.
    pub state: Option<State>,
    /// Where the way ends.
    pub end: End,
    /// The gates on it.
    pub trail: Trail,
}

/// Where the way of a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// People decide.
    Review(Why),
    /// A task, and nothing else.
    Task(Why),
    /// The steps of a sequence, by its position, for a call to a line, by its.
    Plan {
        /// The line's position.
        line: usize,
        /// The sequence's position.
        sequence: usize,
    },
}

/// What a closed call means.
pub fn standing(direction: Direction, verdict: &Verdict) -> Standing {
    let unsure = verdict.confidence == Confidence::Low || verdict.ambiguous || verdict.lossy;
    match (direction, verdict.outcome) {
        (Direction::Internal, _) => Standing::Nothing,
        (Direction::Outbound, Outcome::Answered | Outcome::AnsweredShort) => {
            Standing::Talked(Why::CalledBack)
        }
        (Direction::Outbound, _) => Standing::Nothing,
        (_, Outcome::Unknown | Outcome::AnsweredInferred | Outcome::Incomplete) => Standing::Uncertain,
        (Direction::Unknown, _) if verdict.missed => Standing::Uncertain,
        _ if verdict.missed && unsure => Standing::Uncertain,
        _ if verdict.missed => Standing::Missed,
        (_, Outcome::Answered | Outcome::AnsweredShort | Outcome::OffnetAnswered) => {
            Standing::Talked(Why::Answered)
        }
        _ => Standing::Nothing,
    }
}

/// The way of a call that is missed or uncertain; `calls` counts those up on the calendar's lines.
pub fn route(settings: &Settings, seen: &CallSeen, verdict: &Verdict, calls: u32, trail: Trail) -> Route {
    let (line, state) = place(settings, seen, verdict, calls);
    let called = line.and_then(|at| settings.lines.get(at));
    let mut route = Route { line, state, end: End::Task(Why::NoLine), trail };
    route.name_line(called);
    route.end = route.stop(seen, verdict).unwrap_or_else(|| match (line, state) {
        (Some(line), Some(state)) => route.outreach(settings, line, state),
        _ => End::Task(Why::NoLine),
    });
    route
}

/// The position of the line called, and the state of its calendar when the call began.
pub fn place(
    settings: &Settings,
    seen: &CallSeen,
    verdict: &Verdict,
    calls: u32,
) -> (Option<usize>, Option<State>) {
    let line = line::position(&settings.lines, seen.called.as_ref(), seen.called_user.as_deref());
    let called = line.and_then(|at| settings.lines.get(at));
    let load = Load { busy: verdict.outcome == Outcome::Busy, calls };
    (line, called.map(|line| state_of(settings, line, seen, load)))
}

impl Route {
    fn name_line(&mut self, called: Option<&Line>) {
        match called {
            Some(line) => self.trail.allow("line", Some(Cow::Owned(line.id.clone()))),
            None => self.trail.answer("line", Answer::Skip, Why::NoLine),
        }
        if let Some(state) = self.state {
            self.trail.allow("state", Some(state.as_str().into()));
        }
    }

    /// Identity, class, and the gates that stop everything.
    fn stop(&mut self, seen: &CallSeen, verdict: &Verdict) -> Option<End> {
        let uncertain = standing(seen.direction, verdict) == Standing::Uncertain;
        if seen.withheld && !uncertain {
            self.trail.answer("identity", Answer::Review, Why::Withheld);
            return Some(End::Review(Why::Withheld));
        }
        match seen.caller.as_ref().and_then(|caller| caller.number()) {
            Some(_) => self.trail.allow("identity", None),
            None => self.trail.answer("identity", Answer::Skip, Why::NoNumber),
        }
        self.trail.allow("class", Some(CLASS.into()));
        if uncertain {
            self.trail.answer("stop", Answer::Review, Why::UncertainCall);
            return Some(End::Review(Why::UncertainCall));
        }
        self.trail.allow("stop", None);
        None
    }

    fn outreach(&mut self, settings: &Settings, line: usize, state: State) -> End {
        // Without consent the texts of the sequence are skipped one by one; its tasks are made.
        let _ = self.trail.ask("consent", gates::consent(&settings.consent));
        let _ = self.trail.ask_profile(settings);
        match pick(&settings.sequences, CLASS, state) {
            Some((sequence, found)) => {
                self.trail.allow("sequence", Some(Cow::Owned(found.id.clone())));
                End::Plan { line, sequence }
            }
            None => {
                self.trail.answer("sequence", Answer::Skip, Why::NoSequence);
                End::Task(Why::NoSequence)
            }
        }
    }
}

/// The sequence with most keys that fit; of equals the first.
fn pick<'a>(sequences: &'a [Sequence], class: &str, state: State) -> Option<(usize, &'a Sequence)> {
    let fits = |keys: &[String], word: &str| keys.is_empty() || keys.iter().any(|key| key == word);
    let fitting = sequences
        .iter()
        .enumerate()
        .filter(|(_, s)| fits(&s.classes, class) && fits(&s.states, state.as_str()));
    fitting.min_by_key(|(_, s)| u8::from(s.classes.is_empty()) + u8::from(s.states.is_empty()))
}

fn state_of(settings: &Settings, line: &Line, seen: &CallSeen, load: Load) -> State {
    let calendar = line.calendar.as_ref().and_then(|id| settings.calendars.get(id));
    calendar
        .map_or(State::Open, |calendar| calendar::state_under(calendar, &settings.site.tz, seen.began, load))
}

/// The class of every caller until there are classifiers.
pub const CLASS: &str = "lead";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    fn verdict(outcome: Outcome, missed: bool) -> Verdict {
        Verdict {
            outcome,
            missed,
            confidence: Confidence::High,
            ambiguous: false,
            lossy: false,
            rang_for: Span::ZERO,
            talked_for: Span::ZERO,
            message: None,
        }
    }

    #[test]
    fn only_a_certain_inbound_miss_is_missed() {
        let missed = verdict(Outcome::Abandoned, true);
        assert_eq!(standing(Direction::Inbound, &missed), Standing::Missed);
        assert_eq!(standing(Direction::Unknown, &missed), Standing::Uncertain);
        assert_eq!(standing(Direction::Internal, &missed), Standing::Nothing);
        assert_eq!(standing(Direction::Outbound, &missed), Standing::Nothing);
        for unsure in [
            Verdict { confidence: Confidence::Low, ..missed.clone() },
            Verdict { ambiguous: true, ..missed.clone() },
            Verdict { lossy: true, ..missed.clone() },
            verdict(Outcome::Unknown, false),
            verdict(Outcome::AnsweredInferred, false),
            verdict(Outcome::Incomplete, false),
        ] {
            assert_eq!(standing(Direction::Inbound, &unsure), Standing::Uncertain, "{unsure:?}");
        }
    }

    #[test]
    fn what_was_not_missed_needs_no_follow_up() {
        for outcome in [
            Outcome::WrongNumber,
            Outcome::Rejected,
            Outcome::Fax,
            Outcome::Emergency,
            Outcome::MailboxRetrieval,
        ] {
            assert_eq!(standing(Direction::Inbound, &verdict(outcome, false)), Standing::Nothing);
        }
        let answered = Verdict { confidence: Confidence::Low, ..verdict(Outcome::Answered, false) };
        assert_eq!(standing(Direction::Inbound, &answered), Standing::Talked(Why::Answered));
        assert_eq!(standing(Direction::Outbound, &answered), Standing::Talked(Why::CalledBack));
        assert_eq!(standing(Direction::Outbound, &verdict(Outcome::NoAnswer, false)), Standing::Nothing);
    }

    #[test]
    fn the_sequence_with_most_keys_is_picked() {
        let sequence = |id: &str, classes: &[&str], states: &[&str]| Sequence {
            id: id.into(),
            classes: classes.iter().map(|s| s.to_string()).collect(),
            states: states.iter().map(|s| s.to_string()).collect(),
            steps: Vec::new(),
        };
        let sequences = [
            sequence("any", &[], &[]),
            sequence("lead", &["lead"], &[]),
            sequence("client", &["client"], &["after_hours"]),
            sequence("after-hours", &["lead"], &["after_hours", "holiday"]),
        ];
        let picked = |of: &[Sequence], state| pick(of, "lead", state).map(|(at, _)| of[at].id.clone());
        assert_eq!(picked(&sequences, State::Open).as_deref(), Some("lead"));
        assert_eq!(picked(&sequences, State::Holiday).as_deref(), Some("after-hours"));
        assert_eq!(picked(&sequences[..1], State::Open).as_deref(), Some("any"));
        assert_eq!(picked(&sequences[2..3], State::AfterHours), None);
    }
}

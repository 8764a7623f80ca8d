//! What the rules do about the call of a test, and whether that is what it asks for.

use std::collections::BTreeMap;

use super::{Given, Made, Trial, Wish, listed};
use crate::call;
use crate::event::{
    CallKey, CallPhase, CallSeen, Confidence, Decision, Direction, Event, Message, MessageState, Outcome,
    Receipt, Review, Task, Verdict,
};
use crate::outreach::Followup;
use crate::outreach::followup::Events;
use crate::phone::{Dialplan, Party};
use crate::settings::Settings;
use crate::time::{Span, Timestamp};

/// What a call caused.
#[derive(Debug, Default)]
pub(super) struct Caused {
    decision: Option<Decision>,
    /// By step, each in its last state.
    messages: BTreeMap<String, Message>,
    tasks: Vec<(String, Task)>,
    reviews: Vec<Review>,
}

/// Plays a test.
pub(super) fn caused(trial: &Trial, settings: &Settings) -> Caused {
    let settings = Settings { unverified: None, ..settings.clone() };
    let plan = settings.dialplan();
    let mut office = Office { followup: Followup::new(&settings), said: Events::new() };
    let mut calls: Vec<CallSeen> = Vec::new();
    let mut stopped = Vec::new();
    for (n, given) in (2..).zip(&trial.given) {
        match given {
            Given::Called(made) => calls.extend(phases(made, n, (&settings, &plan))),
            Given::CalledBack(party, at) => calls.extend(called_back((party, *at), &trial.call, n, &plan)),
            Given::Stopped(party, at) => stopped.push((*at, party)),
        }
    }
    let last = phases(&trial.call, CALL.hash, (&settings, &plan));
    let until = last.last().map_or(trial.call.at, |seen| seen.at) + HORIZON;
    calls.extend(last);
    calls.sort_by_key(|seen| seen.at);
    for seen in &calls {
        office.until(seen.at);
        let is_due = |(at, _): &mut (Timestamp, &Party)| *at <= seen.at;
        stopped.extract_if(.., is_due).for_each(|(_, party)| office.followup.opt_out(party));
        office.followup.call_seen(seen, &mut office.said);
    }
    office.until(until);
    Caused::of(&office.said)
}

/// A follow-up whose gateway accepts at once.
struct Office {
    followup: Followup,
    said: Events,
}

impl Office {
    fn until(&mut self, at: Timestamp) {
        while let Some(due) = self.followup.deadline().filter(|due| *due <= at) {
            let before = self.said.len();
            self.followup.expire(due, &mut self.said);
            self.accept(before, due);
        }
    }

    fn accept(&mut self, since: usize, at: Timestamp) {
        let submitted = self.said.iter().skip(since).filter_map(|(_, event)| match event {
            Event::Message(message) if message.is_to_be_submitted() => Some(message.key.clone()),
            _ => None,
        });
        for key in submitted.collect::<Vec<_>>() {
            let receipt = Receipt { gateway_ref: Some(key.clone()), key, state: MessageState::Accepted };
            self.followup.receipt(at, &receipt, &mut self.said);
        }
    }
}

/// A call as it is seen to begin, to be answered if it was, and to end.
fn phases(made: &Made, id: u64, (settings, plan): (&Settings, &Dialplan)) -> Vec<CallSeen> {
    let answered = is_talk(made.outcome);
    let ended = made.at + made.lasts;
    let verdict = Verdict {
        outcome: made.outcome,
        missed: call::missed(made.outcome, Direction::Inbound, &settings.pbx.judge),
        confidence: if UNSURE.contains(&made.outcome) { Confidence::Low } else { Confidence::High },
        ambiguous: false,
        lossy: false,
        rang_for: if answered { Span::ZERO } else { made.lasts },
        talked_for: if answered { made.lasts } else { Span::ZERO },
        message: None,
    };
    let seen = |at, phase| CallSeen {
        call: CallKey { hash: id, nth: 1 },
        phase,
        at,
        began: made.at,
        caller: made.from.clone(),
        caller_name: None,
        withheld: made.from.is_none(),
        called: plan.read(made.to.as_bytes()),
        called_user: Some(made.to.as_str().into()),
        direction: Direction::Inbound,
    };
    let mut phases = vec![seen(made.at, CallPhase::Started)];
    phases.extend(answered.then(|| seen(made.at, CallPhase::Answered)));
    phases.push(seen(ended, CallPhase::Ended(verdict)));
    phases
}

/// A call of the business's own to `party`, which was answered.
fn called_back((party, at): (&Party, Timestamp), call: &Made, id: u64, plan: &Dialplan) -> Vec<CallSeen> {
    let made = Made {
        from: plan.read(call.to.as_bytes()),
        to: party.shown(),
        at,
        outcome: Outcome::Answered,
        lasts: super::given::LASTS,
    };
    let outbound = |seen| CallSeen { direction: Direction::Outbound, called: Some(party.clone()), ..seen };
    phases(&made, id, (&Settings::default(), plan)).into_iter().map(outbound).collect()
}

fn is_talk(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Answered | Outcome::AnsweredShort | Outcome::OffnetAnswered)
}

impl Caused {
    fn of(said: &Events) -> Caused {
        let mut caused = Caused::default();
        let own = format!("{CALL}/");
        let step = |key: &str| key.starts_with(&own).then(|| last_part(key));
        for (_, event) in said {
            match event {
                Event::Decision(decision) if decision.call == CALL => {
                    caused.decision = Some(decision.clone())
                }
                Event::Review(review) if review.call == CALL => caused.reviews.push(review.clone()),
                Event::Message(message) => {
                    caused.messages.extend(step(&message.key).map(|step| (step, Message::clone(message))));
                }
                Event::Task(task) => caused.tasks.extend(step(&task.key).map(|step| (step, task.clone()))),
                _ => {}
            }
        }
        caused
    }

    /// What came instead of what is wished; none if the wish came true.
    pub fn contradicts(&self, wish: &Wish) -> Option<String> {
        let decision = |of: fn(&Decision) -> Option<String>| {
            self.decision
                .as_ref()
                .map_or_else(|| "no decision".to_owned(), |it| of(it).unwrap_or(NONE.to_owned()))
        };
        let (wanted, got) = match wish {
            Wish::Class(class) => (class.clone(), decision(|it| it.class.clone().map(Into::into))),
            Wish::State(state) => (state.clone(), decision(|it| it.state.clone().map(Into::into))),
            Wish::Reason(reason) => (reason.clone(), decision(|it| it.reason.clone().map(Into::into))),
            Wish::Review(reason) => (reason.clone(), self.review()),
            Wish::Owner(owner) => (owner.clone(), self.owners()),
            Wish::Tasks(steps) => (listed(steps), self.made_tasks()),
            Wish::Sends(steps) => return self.sent_others(steps),
            Wish::Skipped(step, why) => (why.clone(), self.stayed(step)),
        };
        (wanted != got).then_some(got)
    }

    fn review(&self) -> String {
        self.reviews.first().map_or_else(|| NONE.to_owned(), |review| review.reason.to_string())
    }

    fn owners(&self) -> String {
        let mut owners: Vec<String> = self
            .tasks
            .iter()
            .map(|(_, task)| task.owner.clone().unwrap_or_else(|| "nobody".to_owned()))
            .collect();
        owners.sort();
        owners.dedup();
        if self.tasks.is_empty() { "no task".to_owned() } else { owners.join(", ") }
    }

    fn made_tasks(&self) -> String {
        let mut steps: Vec<String> = self.tasks.iter().map(|(step, _)| step.clone()).collect();
        steps.sort();
        listed(&steps)
    }

    /// Which steps sent a text, and of the others what became, if they aren't those that should have.
    fn sent_others(&self, wanted: &[String]) -> Option<String> {
        let has_left = |message: &Message| message.sent.is_some() && message.why.is_none();
        let (sent, stayed): (Vec<_>, Vec<_>) =
            self.messages.iter().partition(|(_, message)| has_left(message));
        let sent: Vec<String> = sent.into_iter().map(|(step, _)| step.clone()).collect();
        if sent == wanted {
            return None;
        }
        let mut told = listed(&sent);
        for (step, message) in stayed {
            told +=
                &format!("; {step} {} ({})", message.state.word(), message.why.as_deref().unwrap_or(NONE));
        }
        let reason = self.decision.as_ref().and_then(|decision| decision.reason.as_deref());
        Some(told + &reason.map(|reason| format!("; reason {reason}")).unwrap_or_default())
    }

    /// Why a step sent nothing.
    fn stayed(&self, step: &str) -> String {
        match self.messages.get(step) {
            Some(message) => message.why.as_deref().unwrap_or(message.state.word()).to_owned(),
            None => "no text of it".to_owned(),
        }
    }
}

/// The step of a key `call/sequence/step`.
fn last_part(key: &str) -> String {
    key.rsplit('/').next().unwrap_or_default().to_owned()
}

/// The call of the test itself.
const CALL: CallKey = CallKey { hash: 1, nth: 1 };
/// A test looks so far ahead.
const HORIZON: Span = Span::from_secs(72 * 3_600);
const UNSURE: [Outcome; 3] = [Outcome::Unknown, Outcome::Incomplete, Outcome::AnsweredInferred];
const NONE: &str = "none";

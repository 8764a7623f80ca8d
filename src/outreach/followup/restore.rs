//! The follow-up as it goes on after a restart, from what a store kept.
//!
//! | a text was | it is |
//! |---|---|
//! | planned, deferred | due at its time, or now if that has passed; its gates judge whether it is too late |
//! | claimed, submitted | looked up at its gateway: accepted, decided anew, or unknown |
//! | anything else | done |
//!
//! A text whose sequence is no longer in the configuration is skipped; where it was claimed nobody can tell, and a
//! person is told. Of texts before the kept cases the caps know nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::resend::is_again;
use super::{Events, Followup, KEPT, QUIET};
use crate::event::{CallKey, CallRecord, CallSeen, Decision, Event, KeptCase, Message, MessageState, State};
use crate::outreach::agenda::{CaseNo, Due};
use crate::outreach::case::{Case, Plan, Progress, Stage};
use crate::outreach::compose;
use crate::phone::Party;
use crate::rules::Why;
use crate::settings::{Action, Settings};
use crate::time::Timestamp;

/// What a store kept, by what it is asked for.
struct Kept<'a> {
    calls: BTreeMap<CallKey, &'a CallRecord>,
    /// The decision that began each case's sequence.
    plans: BTreeMap<&'a str, &'a Decision>,
    messages: BTreeMap<&'a str, Vec<&'a Message>>,
    tasks: BTreeSet<&'a str>,
    with_task: BTreeSet<&'a str>,
    /// The last case of each caller.
    last: BTreeMap<&'a Party, &'a str>,
    now: Timestamp,
    /// No text of before leaves earlier: the clock may yet be set.
    settled: Timestamp,
}

impl Followup {
    /// Goes on from `state` at `now`. From here on texts are claimed before they leave.
    pub fn restore(settings: &Settings, state: &State, now: Timestamp, out: &mut Events) -> Followup {
        let mut followup = Followup::new(settings);
        followup.live = Some(now);
        followup.opted_out = state.opted_out.clone();
        let kept = Kept::of(state, now);
        followup.settled = kept.settled;
        for case in &state.cases {
            followup.restore_case(case, &kept, out);
        }
        followup.restore_resent(state);
        for message in &state.messages {
            followup.count_again(message, now);
        }
        followup
    }

    /// The texts of which nobody knows whether their gateway has them.
    pub fn unsure(&self) -> Vec<Message> {
        self.cases
            .messages()
            .chain(self.resent.messages())
            .filter(|message| message.is_to_be_submitted())
            .cloned()
            .collect()
    }

    fn restore_case(&mut self, case: &KeptCase, kept: &Kept<'_>, out: &mut Events) {
        let no = self.cases.open(Case {
            id: case.case.clone(),
            party: case.caller.clone(),
            open: case.closed.is_none(),
            last: case.last,
            ends: None,
            has_task: kept.with_task.contains(case.case.as_str()),
            plan: None,
        });
        match case.closed {
            None => self.ends(no, (case.last + QUIET).max(kept.now), Due::Quiet(no)),
            Some(closed) => self.ends(no, (closed + KEPT).max(kept.now), Due::Forget(no)),
        }
        let plan = kept.plan(&self.settings, case).map(|plan| self.restore_steps(no, case, plan, kept));
        let known = |message: &Message| {
            let mut steps = plan.iter().flat_map(|plan| &plan.steps);
            steps.any(|step| step.message.as_ref().is_some_and(|known| known.key == message.key))
        };
        let messages = kept.messages.get(case.case.as_str()).into_iter().flatten();
        let orphans: Vec<Message> = messages
            .filter(|message| message.is_pending() && !known(message) && !is_again(&message.key))
            .map(|m| (*m).clone())
            .collect();
        if let Some(case) = self.cases.get_mut(no) {
            case.plan = plan;
        }
        for orphan in orphans {
            self.give_up(no, orphan, kept, out);
        }
    }

    fn restore_steps(&mut self, no: CaseNo, case: &KeptCase, mut plan: Plan, kept: &Kept<'_>) -> Plan {
        let ended = kept.calls.get(&plan.call).map_or(case.opened, |call| call.ended.unwrap_or(call.at));
        let resolved = kept.is_resolved(case);
        for at in 0..plan.sequence().map_or(0, |sequence| sequence.steps.len()) {
            let Some(step) = plan.step(at) else { continue };
            let key = compose::key(&plan, step);
            let message = kept.message(&case.case, &key).cloned().map(Box::new);
            let due = message.as_ref().map_or(ended + step.after, |message| message.due);
            let waits = match &message {
                Some(message) => matches!(message.state, MessageState::Planned | MessageState::Deferred),
                None => {
                    let is_task = step.enabled && matches!(step.action, Action::Task { .. });
                    is_task && !resolved && !kept.tasks.contains(key.as_str())
                }
            };
            if message.is_some() {
                self.cases.name_message(key, no, at);
            }
            let stage = match waits {
                true => Stage::Waiting(self.agenda.add(due.max(kept.settled), Due::Step(no, at))),
                false => Stage::Done,
            };
            plan.steps.push(Progress { due, stage, message });
        }
        plan
    }

    /// A text that no step of the configuration stands for any more.
    fn give_up(&mut self, no: CaseNo, mut message: Message, kept: &Kept<'_>, out: &mut Events) {
        let why = if message.is_to_be_submitted() {
            message.state = MessageState::Unknown;
            Why::GatewayUnknown
        } else {
            message.state = MessageState::Skipped;
            message.why = Some(Why::NoSequence.into());
            Why::NoSequence
        };
        let call = message.key.split('/').next().and_then(|key| key.parse::<CallKey>().ok());
        let case = message.case.clone();
        out.push((kept.now, Event::Message(Box::new(message))));
        let record = call.and_then(|call| kept.calls.get(&call));
        let Some(open) = self.cases.get_mut(no).filter(|case| !case.has_task) else { return };
        if let Some(record) = record {
            open.has_task = true;
            let line = record.line.as_ref().and_then(|id| self.settings.lines.iter().find(|l| l.id == *id));
            let values = compose::values(&self.settings, line, &CallSeen::of(record), &case);
            let owner = line.and_then(|line| line.owner.clone());
            let task = compose::bare_task((record.call, kept.now), why, owner, &values);
            out.push((kept.now, Event::Task(task)));
        }
    }

    /// Counts a text that left for its number's cap.
    fn count_again(&mut self, message: &Message, now: Timestamp) {
        let left = message.sent.filter(|_| message.attempts > 0).zip(message.to.number());
        let Some(((sent, to), (_, window))) = left.zip(self.settings.caps.per_number) else { return };
        if sent + window > now {
            let count = self.texted.entry(to).or_default();
            *count = count.saturating_add(1);
            self.agenda.add(sent + window, Due::Uncount(to));
        }
    }
}

impl<'a> Kept<'a> {
    fn of(state: &'a State, now: Timestamp) -> Kept<'a> {
        let began = |decision: &&Decision| decision.sequence.is_some() && decision.reason.is_none();
        let mut messages: BTreeMap<&str, Vec<&Message>> = BTreeMap::new();
        for message in &state.messages {
            messages.entry(&message.case).or_default().push(message);
        }
        let caller = |case: &'a KeptCase| Some((case.caller.as_ref()?, case.case.as_str()));
        Kept {
            calls: state.calls.iter().map(|call| (call.call, call)).collect(),
            plans: state.decisions.iter().filter(began).map(|d| (d.case.as_str(), d)).collect(),
            messages,
            tasks: state.tasks.iter().map(|task| task.key.as_str()).collect(),
            with_task: state.tasks.iter().map(|task| task.case.as_str()).collect(),
            last: state.cases.iter().filter_map(caller).collect(),
            now,
            settled: state.settles().map_or(now, |settles| settles.max(now)),
        }
    }

    /// The sequence that runs in a case, without its steps; none if the configuration has it no more.
    fn plan(&self, settings: &Arc<Settings>, case: &KeptCase) -> Option<Plan> {
        let decision = self.plans.get(case.case.as_str())?;
        let record = self.calls.get(&decision.call)?;
        let line = settings.lines.iter().position(|line| Some(&line.id) == decision.line.as_ref())?;
        let sequence = settings.sequences.iter().position(|s| Some(&s.id) == decision.sequence.as_ref())?;
        let values = compose::values(settings, settings.lines.get(line), &CallSeen::of(record), &case.case);
        let settings = Arc::clone(settings);
        Some(Plan { settings, line, sequence, call: decision.call, values, steps: Vec::new() })
    }

    fn message(&self, case: &str, key: &str) -> Option<&'a Message> {
        self.messages.get(case)?.iter().find(|message| message.key == key).copied()
    }

    /// Whether what was planned in a case was taken back: somebody spoke with the caller, or a later case began.
    fn is_resolved(&self, case: &KeptCase) -> bool {
        let cancelled = |message: &&Message| {
            message.state == MessageState::Cancelled && message.why.as_deref() != Some(Why::ByHand.code())
        };
        let messages = self.messages.get(case.case.as_str());
        let by_text = messages.is_some_and(|list| list.iter().any(cancelled));
        let before_quiet = case.closed.is_some_and(|closed| closed.since(case.last) < QUIET);
        let later =
            case.caller.as_ref().is_some_and(|caller| self.last.get(caller) != Some(&case.case.as_str()));
        by_text || before_quiet || later
    }
}

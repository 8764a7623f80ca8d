//! The follow-up of missed calls: calls and receipts in, events out, nothing else touched.
//!
//! | a closed call is | with no open case | with an open case |
//! |---|---|---|
//! | missed, certain | opens one, starts a sequence | absorbed if a sequence runs, else starts one |
//! | missed, withheld | a case of its own, a review | - |
//! | uncertain | a review; a case if it was missed | a review |
//! | answered, either way | - | closes it, cancels what is still to come |
//!
//! A case without a call or text for 24 hours closes as `quiet`; what its sequence still plans stays planned
//! until somebody speaks with the caller or a later miss opens a new case.

mod clock;
mod operator;
mod reply;
mod resend;
mod restore;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::agenda::{Agenda, CaseNo, Due};
use super::case::{Case, Cases, Stage};
use super::compose;
use super::presence::{self, Presence};
use crate::event::{
    Answer, CallPhase, CallSeen, CaseClosed, CaseOpened, Decision, Event, Message, MessageState, OptOuts,
    Receipt, Review, Verdict,
};
use crate::limits;
use crate::phone::Number;
use crate::rules::Why;
use crate::rules::decide::{self, CLASS, End, Route, Standing};
use crate::rules::gates::Trail;
use crate::settings::Settings;
use crate::time::{Span, Timestamp};
use resend::Resent;

/// What happened, each with its time, in order.
pub type Events = Vec<(Timestamp, Event)>;

/// The cases of a business, and what is due in them.
///
/// Every deadline up to a call's time must have run (`expire`) before the call is told.
#[derive(Debug)]
pub struct Followup {
    settings: Arc<Settings>,
    presence: Presence,
    cases: Cases,
    agenda: Agenda,
    /// Texts to each number within the cap's window.
    texted: BTreeMap<Number, u32>,
    /// Texts sent again by hand.
    resent: Resent,
    /// Who must not be texted.
    opted_out: OptOuts,
    /// Texts are claimed before they leave, and what time it is in truth; none where nothing leaves.
    live: Option<Timestamp>,
    /// No text of an earlier run leaves before: the clock may yet be set.
    settled: Timestamp,
}

impl Followup {
    /// While the settings have no line, nothing new is planned.
    pub fn new(settings: &Settings) -> Followup {
        Followup {
            settings: Arc::new(settings.clone()),
            presence: Presence::default(),
            cases: Cases::default(),
            agenda: Agenda::default(),
            texted: BTreeMap::new(),
            resent: Resent::default(),
            opted_out: OptOuts::default(),
            live: None,
            settled: Timestamp::from_micros(i64::MIN),
        }
    }

    /// Takes a phase of a call.
    pub fn call_seen(&mut self, seen: &CallSeen, out: &mut Events) {
        let settings = Arc::clone(&self.settings);
        self.touch(seen);
        let off_the_phone = match &seen.phase {
            CallPhase::Started | CallPhase::Answered => self.presence.note(&settings, seen),
            CallPhase::Joined => self.presence.end(&settings, seen).0,
            CallPhase::Ended(verdict) => {
                let (off_the_phone, calls) = self.presence.end(&settings, seen);
                self.ended(seen, verdict, calls, out);
                off_the_phone
            }
        };
        for party in off_the_phone {
            self.release(&party, seen.at, out);
        }
    }

    /// When something is due next.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.agenda.first()
    }

    /// Runs every deadline up to and at `at`, each at its own time.
    pub fn expire(&mut self, at: Timestamp, out: &mut Events) {
        while let Some((now, due)) = self.agenda.take(at) {
            match due {
                Due::Step(no, step) => self.run_step(no, step, now, out),
                Due::Quiet(no) => self.maybe_quiet(no, now, out),
                Due::Forget(no) => self.maybe_forget(no, now),
                Due::Again(no) => self.run_again(no, now, out),
                Due::Uncount(number) => self.uncount(number),
            }
        }
    }

    /// Says what time it is in truth: a deadline that is met late, after a sleep, is judged by that.
    pub fn wake(&mut self, now: Timestamp) {
        self.live = self.live.map(|before| before.max(now));
    }

    /// Takes back a text that its gateway surely doesn't have; it is decided anew at `again`, or once the clock is settled.
    pub fn not_accepted(&mut self, at: Timestamp, key: &str, again: Timestamp, out: &mut Events) {
        let Some((no, step)) = self.cases.of_message(key) else {
            return self.not_accepted_again(at, key, again, out);
        };
        let Some(progress) = self.cases.get_mut(no).and_then(|case| case.progress(step)) else { return };
        let left = |message: &&mut Box<Message>| message.is_to_be_submitted();
        let Some(message) = progress.message.as_mut().filter(left) else { return };
        let in_doubt = message.why.take().is_some();
        message.state = MessageState::Planned;
        message.sent = None;
        out.push((at, Event::Message(message.clone())));
        let slot = self.agenda.add(again.max(self.settled), Due::Step(no, step));
        progress.stage = Stage::Waiting(slot);
        if in_doubt {
            self.agenda.remove(slot);
            self.in_doubt(|followup| followup.run_step(no, step, at, out));
        }
    }

    /// Takes a gateway's word on a text it was given. The furthest state told stands, whatever the order.
    pub fn receipt(&mut self, at: Timestamp, receipt: &Receipt, out: &mut Events) {
        let of = self.cases.of_message(&receipt.key);
        let message = match of {
            Some((no, step)) => {
                let progress = self.cases.get_mut(no).and_then(|case| case.progress(step));
                progress.and_then(|progress| progress.message.as_mut())
            }
            None => self.resent.get_mut(&receipt.key),
        };
        let Some(message) = message else { return };
        let further = rank(message.state).zip(rank(receipt.state)).is_some_and(|(now, told)| told > now);
        let named = message.attempts > 0 && message.gateway_ref.is_none() && receipt.gateway_ref.is_some();
        if further {
            message.state = receipt.state;
            message.why = None;
        }
        if named {
            message.gateway_ref.clone_from(&receipt.gateway_ref);
        }
        if further || named {
            out.push((at, Event::Message(message.clone())));
        }
        let why = match receipt.state {
            MessageState::Unknown if further => Why::GatewayUnknown,
            MessageState::Failed | MessageState::Undelivered | MessageState::Expired if further => {
                Why::GatewayFailed
            }
            _ => return,
        };
        match of {
            Some((no, _)) => self.ensure_task(no, why, at, out),
            None => self.tell_again(&receipt.key, why, at, out),
        }
    }

    fn ended(&mut self, seen: &CallSeen, verdict: &Verdict, calls: u32, out: &mut Events) {
        match decide::standing(seen.direction, verdict) {
            Standing::Nothing => {}
            Standing::Talked(why) => self.resolve(seen, verdict, why, out),
            Standing::Missed | Standing::Uncertain if self.settings.lines.is_empty() => {}
            Standing::Missed if self.running(seen).is_some() => self.absorb(seen, (verdict, calls), out),
            Standing::Missed | Standing::Uncertain => self.follow(seen, verdict, calls, out),
        }
    }

    /// The case of a missed or uncertain call, and what is decided in it.
    fn follow(&mut self, seen: &CallSeen, verdict: &Verdict, calls: u32, out: &mut Events) {
        let (no, found) = match self.open_case_of(seen) {
            Some(no) => (Some(no), "open"),
            None if verdict.missed => (Some(self.open(seen, out)), "opened"),
            None => (None, "none"),
        };
        let mut trail = Trail::default();
        trail.allow("case", Some(found.into()));
        let route = decide::route(&self.settings, seen, verdict, calls, trail);
        let case = no.and_then(|no| self.cases.get(no));
        let id = case.map_or_else(|| seen.call.to_string(), |case| case.id.clone());
        let told = case.is_some_and(|case| case.has_task);
        let (end, line) = (route.end, route.line);
        out.push((seen.at, Event::Decision(self.decision(seen, &id, route, told))));
        match (end, no) {
            (End::Review(why), _) => {
                let review = Review { case: id, call: seen.call, reason: why.into() };
                out.push((seen.at, Event::Review(review)));
            }
            (End::Task(why), Some(no)) if !told => self.task_only(no, seen, (why, line), out),
            (End::Plan { line, sequence }, Some(no)) => self.start(no, seen, (line, sequence), out),
            (End::Task(_) | End::Plan { .. }, _) => {}
        }
    }

    fn decision(&self, seen: &CallSeen, case: &str, route: Route, told: bool) -> Decision {
        let reason = match route.end {
            End::Review(why) => Some(why),
            End::Task(_) if told => Some(Why::Absorbed),
            End::Task(why) => Some(why),
            End::Plan { .. } => None,
        };
        let at = |list: Option<usize>| list.and_then(|at| self.settings.lines.get(at));
        let sequence = match route.end {
            End::Plan { sequence, .. } => self.settings.sequences.get(sequence).map(|s| s.id.clone()),
            End::Review(_) | End::Task(_) => None,
        };
        Decision {
            case: case.to_owned(),
            call: seen.call,
            class: reason.is_none().then(|| CLASS.into()),
            line: at(route.line).map(|line| line.id.clone()),
            state: route.state.map(|state| state.as_str().into()),
            sequence,
            reason: reason.map(Into::into),
            trail: route.trail.into_answers(),
        }
    }

    /// A further miss in a case that is being followed up: told, and nothing else.
    fn absorb(&mut self, seen: &CallSeen, (verdict, calls): (&Verdict, u32), out: &mut Events) {
        let Some(case) = self.running(seen).and_then(|no| self.cases.get(no)) else { return };
        let (line, state) = decide::place(&self.settings, seen, verdict, calls);
        let mut trail = Trail::default();
        trail.answer("case", Answer::Skip, Why::Absorbed);
        let decision = Decision {
            case: case.id.clone(),
            call: seen.call,
            class: None,
            line: line.and_then(|at| self.settings.lines.get(at)).map(|line| line.id.clone()),
            state: state.map(|state| state.as_str().into()),
            sequence: None,
            reason: Some(Why::Absorbed.into()),
            trail: trail.into_answers(),
        };
        out.push((seen.at, Event::Decision(decision)));
    }

    /// The task of a call that no sequence follows up.
    fn task_only(
        &mut self,
        no: CaseNo,
        seen: &CallSeen,
        (why, line): (Why, Option<usize>),
        out: &mut Events,
    ) {
        let Some(case) = self.cases.get_mut(no) else { return };
        let line = line.and_then(|at| self.settings.lines.get(at));
        let values = compose::values(&self.settings, line, seen, &case.id);
        let owner = line.and_then(|line| line.owner.clone());
        case.has_task = true;
        out.push((seen.at, Event::Task(compose::bare_task((seen.call, seen.at), why, owner, &values))));
    }

    fn open(&mut self, seen: &CallSeen, out: &mut Events) -> CaseNo {
        let party = presence::caller(seen).cloned();
        if let Some(earlier) = party.as_ref().and_then(|party| self.cases.of(party)) {
            self.cancel(earlier, Why::MissedAgain, seen.at, out);
        }
        let id = seen.call.to_string();
        out.push((seen.at, Event::CaseOpened(CaseOpened { case: id.clone(), caller: party.clone() })));
        let case = Case { id, party, open: true, last: seen.at, ends: None, has_task: false, plan: None };
        let no = self.cases.open(case);
        self.ends(no, seen.at + QUIET, Due::Quiet(no));
        self.make_room(seen.at, out);
        no
    }

    /// Somebody spoke with the caller: nothing of what was planned is needed any more.
    fn resolve(&mut self, seen: &CallSeen, verdict: &Verdict, why: Why, out: &mut Events) {
        let closed_by = if verdict.talked_for >= REACHED { Why::Reached } else { why };
        let parties = presence::outside(&self.settings, seen);
        for no in parties.iter().filter_map(|party| self.cases.of(party)).collect::<Vec<_>>() {
            self.cancel(no, why, seen.at, out);
            self.close(no, closed_by, seen.at, out);
        }
    }

    fn close(&mut self, no: CaseNo, why: Why, at: Timestamp, out: &mut Events) {
        let Some(case) = self.cases.get_mut(no).filter(|case| case.open) else { return };
        case.open = false;
        out.push((at, Event::CaseClosed(CaseClosed { case: case.id.clone(), why: why.into() })));
        self.ends(no, at + KEPT, Due::Forget(no));
    }

    /// Sets when a case goes quiet or is forgotten, in place of what was set before.
    fn ends(&mut self, no: CaseNo, at: Timestamp, due: Due) {
        let Some(case) = self.cases.get_mut(no) else { return };
        let before = case.ends.replace(self.agenda.add(at, due));
        before.into_iter().for_each(|slot| self.agenda.remove(slot));
    }

    fn maybe_quiet(&mut self, no: CaseNo, now: Timestamp, out: &mut Events) {
        let Some(case) = self.cases.get(no).filter(|case| case.open) else { return };
        let due = case.last + QUIET;
        if due > now {
            self.ends(no, due, Due::Quiet(no));
        } else {
            self.close(no, Why::Quiet, now, out);
        }
    }

    fn maybe_forget(&mut self, no: CaseNo, now: Timestamp) {
        let steps = self.cases.get(no).and_then(|case| case.plan.as_ref()).map(|plan| &plan.steps);
        if steps.is_some_and(|steps| steps.iter().any(|step| step.stage != Stage::Done)) {
            self.ends(no, now + KEPT, Due::Forget(no));
        } else {
            self.cases.forget(no);
        }
    }

    fn make_room(&mut self, at: Timestamp, out: &mut Events) {
        while self.cases.len() > limits::CASES {
            let Some(no) = self.cases.oldest() else { return };
            self.cancel(no, Why::Overload, at, out);
            self.close(no, Why::Overload, at, out);
            let ends = self.cases.get(no).and_then(|case| case.ends);
            ends.into_iter().for_each(|slot| self.agenda.remove(slot));
            self.cases.forget(no);
        }
    }

    /// A call of a number keeps its case from going quiet.
    fn touch(&mut self, seen: &CallSeen) {
        for party in presence::outside(&self.settings, seen) {
            let case = self.cases.of(&party).and_then(|no| self.cases.get_mut(no));
            if let Some(case) = case {
                case.last = case.last.max(seen.at);
            }
        }
    }

    fn open_case_of(&self, seen: &CallSeen) -> Option<CaseNo> {
        let no = self.cases.of(presence::caller(seen)?)?;
        self.cases.get(no).filter(|case| case.open).map(|_| no)
    }

    /// The caller's open case, if a sequence runs in it.
    fn running(&self, seen: &CallSeen) -> Option<CaseNo> {
        self.open_case_of(seen).filter(|no| self.cases.get(*no).is_some_and(|case| case.plan.is_some()))
    }
}

/// How far a text got; none for one that was never handed to a gateway.
fn rank(state: MessageState) -> Option<u8> {
    match state {
        MessageState::Planned => None,
        MessageState::Skipped | MessageState::Deferred | MessageState::Cancelled => None,
        MessageState::Claimed | MessageState::Submitted => Some(0),
        MessageState::Unknown => Some(1),
        MessageState::Accepted => Some(2),
        MessageState::Sent => Some(3),
        MessageState::Expired => Some(4),
        MessageState::Failed => Some(5),
        MessageState::Undelivered => Some(6),
        MessageState::Delivered => Some(7),
    }
}

/// A case closes after so long without a call or text.
const QUIET: Span = Span::from_secs(24 * 3_600);
/// Receipts may come so long after a case closed.
const KEPT: Span = Span::from_secs(72 * 3_600);
/// Talk of so long means that the caller was reached, where no audio tells.
const REACHED: Span = Span::from_secs(60);

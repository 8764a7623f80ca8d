//! The steps of a case: planned, asked at their time, sent, made, held, skipped or cancelled.
//!
//! A text is asked in this order: enabled, consent, exits, textable, cap, template, sender, late. No step
//! leaves while a call with its number rings or is up.

use std::sync::Arc;

use super::{Events, Followup};
use crate::event::{Answer, CallSeen, Event, Message, MessageState};
use crate::limits;
use crate::outreach::agenda::{CaseNo, Due};
use crate::outreach::case::{Case, Plan, Progress, Stage};
use crate::outreach::{compose, presence};
use crate::phone::{Number, Party};
use crate::rules::Why;
use crate::rules::gates::{self, Trail};
use crate::settings::Action;
use crate::time::Timestamp;

/// Why a step doesn't leave.
enum Stop {
    Skip(Why),
    Hold,
}

impl From<Why> for Stop {
    fn from(why: Why) -> Stop {
        Stop::Skip(why)
    }
}

impl Followup {
    /// Plans every step of a sequence for a missed call to a line.
    pub(super) fn start(
        &mut self,
        no: CaseNo,
        seen: &CallSeen,
        (line, sequence): (usize, usize),
        out: &mut Events,
    ) {
        let settings = Arc::clone(&self.settings);
        let Some(id) = self.cases.get(no).map(|case| case.id.clone()) else { return };
        let values = compose::values(&settings, settings.lines.get(line), seen, &id);
        let mut plan = Plan { settings, line, sequence, call: seen.call, values, steps: Vec::new() };
        let to = presence::caller(seen);
        for at in 0..plan.sequence().map_or(0, |sequence| sequence.steps.len()) {
            let progress = self.planned(&plan, (no, at), to, (&id, seen.at));
            let planned = progress.message.iter().map(|message| (seen.at, Event::Message(message.clone())));
            out.extend(planned);
            plan.steps.push(progress);
        }
        if let Some(case) = self.cases.get_mut(no) {
            case.plan = Some(plan);
        }
        if to.is_none() {
            self.ensure_task(no, Why::NoNumber, seen.at, out);
        }
    }

    fn planned(
        &mut self,
        plan: &Plan,
        (no, at): (CaseNo, usize),
        to: Option<&Party>,
        (case, ended): (&str, Timestamp),
    ) -> Progress {
        let step = plan.step(at);
        let due = step.map_or(ended, |step| ended + step.after);
        let message = to.and_then(|to| compose::message(plan, at, (to, due), case)).map(Box::new);
        if let Some(message) = &message {
            self.cases.name_message(message.key.clone(), no, at);
        }
        let is_task = step.is_some_and(|step| step.enabled && matches!(step.action, Action::Task { .. }));
        let acts = message.is_some() || is_task;
        let stage = if acts { Stage::Waiting(self.agenda.add(due, Due::Step(no, at))) } else { Stage::Done };
        Progress { due, stage, message }
    }

    /// Decides a step whose time has come, or whose call has ended.
    pub(super) fn run_step(&mut self, no: CaseNo, at: usize, now: Timestamp, out: &mut Events) {
        let Some(case) = self.cases.get(no) else { return };
        let Some(progress) = case.plan.as_ref().and_then(|plan| plan.steps.get(at)) else { return };
        if progress.stage == Stage::Done {
            return;
        }
        if progress.message.is_some() {
            self.run_text(no, at, now, out);
        } else if self.on_the_phone(case) {
            self.set_stage(no, at, Stage::Held);
        } else {
            self.make_task(no, at, now, out);
        }
    }

    /// Decides anew what waited for a party's calls to end, in the order it was due.
    pub(super) fn release(&mut self, party: &Party, now: Timestamp, out: &mut Events) {
        let Some(no) = self.cases.of(party) else { return };
        let Some(plan) = self.cases.get(no).and_then(|case| case.plan.as_ref()) else { return };
        let steps = plan.steps.iter().enumerate();
        let mut held: Vec<_> =
            steps.filter(|(_, step)| step.stage == Stage::Held).map(|(at, step)| (step.due, at)).collect();
        held.sort_unstable();
        for (_, at) in held {
            self.run_step(no, at, now, out);
        }
    }

    /// Takes back whatever a case has not done yet.
    pub(super) fn cancel(&mut self, no: CaseNo, why: Why, at: Timestamp, out: &mut Events) {
        let Some(plan) = self.cases.get_mut(no).and_then(|case| case.plan.as_mut()) else { return };
        for step in plan.steps.iter_mut().filter(|step| step.stage != Stage::Done) {
            if let Stage::Waiting(slot) = step.stage {
                self.agenda.remove(slot);
            }
            step.stage = Stage::Done;
            if let Some(message) = &mut step.message {
                message.state = MessageState::Cancelled;
                message.why = Some(why.into());
                out.push((at, Event::Message(message.clone())));
            }
        }
    }

    /// Takes back one text that waits.
    pub(super) fn cancel_step(
        &mut self,
        no: CaseNo,
        at: usize,
        (why, now): (Why, Timestamp),
        out: &mut Events,
    ) {
        let Some(step) = self.cases.get_mut(no).and_then(|case| case.progress(at)) else { return };
        let Some(message) = step.message.as_mut().filter(|_| step.stage != Stage::Done) else { return };
        if let Stage::Waiting(slot) = step.stage {
            self.agenda.remove(slot);
        }
        step.stage = Stage::Done;
        stop(message, MessageState::Cancelled, why);
        out.push((now, Event::Message(message.clone())));
    }

    /// Makes sure that people know of a call whose text isn't sent: one task a case is enough.
    pub(super) fn ensure_task(&mut self, no: CaseNo, why: Why, at: Timestamp, out: &mut Events) {
        let Some(case) = self.cases.get_mut(no) else { return };
        let Some(plan) = case.plan.as_ref().filter(|plan| !case.has_task && !plan.brings_task()) else {
            return;
        };
        let owner = plan.line().and_then(|line| line.owner.clone());
        let task = compose::bare_task((plan.call, at), why, owner, &plan.values);
        case.has_task = true;
        out.push((at, Event::Task(task)));
    }

    /// One text less counts for a number's cap.
    pub(super) fn uncount(&mut self, number: Number) {
        if let Some(count) = self.texted.get_mut(&number) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.texted.remove(&number);
            }
        }
    }

    fn run_text(&mut self, no: CaseNo, at: usize, now: Timestamp, out: &mut Events) {
        let mut trail = Trail::default();
        let asked = self.cases.get(no).map_or(Ok(()), |case| self.ask(case, at, now, &mut trail));
        let Some(case) = self.cases.get_mut(no) else { return };
        let Some(progress) = case.progress(at) else { return };
        let Some(message) = &mut progress.message else { return };
        message.trail = trail.into_answers();
        progress.stage = Stage::Done;
        match &asked {
            Ok(()) => submit(message, now, self.live.is_some()),
            Err(Stop::Skip(why)) => stop(message, MessageState::Skipped, *why),
            Err(Stop::Hold) => {
                progress.stage = Stage::Held;
                stop(message, MessageState::Deferred, Why::CallInProgress);
            }
        }
        let first = message.attempts == 1;
        let to = message.to.number().filter(|_| first);
        out.push((now, Event::Message(message.clone())));
        match asked {
            Ok(()) => {
                case.last = case.last.max(now);
                to.into_iter().for_each(|to| self.count(to, now));
            }
            Err(Stop::Skip(Why::Disabled) | Stop::Hold) => {}
            Err(Stop::Skip(why)) => self.ensure_task(no, why, now, out),
        }
    }

    /// The gates of a text, in their fixed order.
    fn ask(&self, case: &Case, at: usize, now: Timestamp, trail: &mut Trail) -> Result<(), Stop> {
        let Some(plan) = &case.plan else { return Ok(()) };
        let (Some(step), Some(progress)) = (plan.step(at), plan.steps.get(at)) else { return Ok(()) };
        let Some(message) = &progress.message else { return Ok(()) };
        let settings = &self.settings;
        trail.ask("enabled", only_if(step.enabled, Why::Disabled))?;
        trail.ask("consent", gates::consent(&settings.consent))?;
        trail.ask_profile(settings)?;
        if self.is_in_doubt() {
            // Whoever is on the phone: it doesn't leave after the call either.
        } else if self.on_the_phone(case) {
            trail.answer("exits", Answer::Defer, Why::CallInProgress);
            return Err(Stop::Hold);
        } else {
            trail.allow("exits", None);
        }
        if !self.opted_out.is_empty() && self.opted_out.holds(&message.to) {
            trail.answer("stop", Answer::Skip, Why::OptedOut);
            return Err(Stop::Skip(Why::OptedOut));
        }
        let number = message.to.number().ok_or(Why::NoNumber);
        let textable = number.and_then(|number| gates::textable(settings, number).map(|()| number));
        trail.ask("textable", textable.map(drop))?;
        let full = if self.texted.len() < limits::NUMBERS_TEXTED { 0 } else { u32::MAX };
        let texted = textable.ok().and_then(|number| self.texted.get(&number)).copied().unwrap_or(full);
        let others = texted.saturating_sub(u32::from(message.attempts > 0));
        trail.ask("cap", gates::cap(settings.caps.per_number, others))?;
        trail.ask("template", only_if(!message.body.is_empty(), Why::TemplateError))?;
        trail.ask("sender", only_if(message.gateway.is_some(), Why::NoSender))?;
        trail.ask("late", self.truly(now).and_then(|now| gates::late(step, progress.due, now)))?;
        Ok(())
    }

    fn make_task(&mut self, no: CaseNo, at: usize, now: Timestamp, out: &mut Events) {
        self.set_stage(no, at, Stage::Done);
        let Some(case) = self.cases.get_mut(no) else { return };
        let task = case.plan.as_ref().and_then(|plan| compose::task(plan, at, &case.id, now));
        case.has_task |= task.is_some();
        out.extend(task.map(|task| (now, Event::Task(task))));
    }

    fn set_stage(&mut self, no: CaseNo, at: usize, stage: Stage) {
        if let Some(progress) = self.cases.get_mut(no).and_then(|case| case.progress(at)) {
            progress.stage = stage;
        }
    }

    fn on_the_phone(&self, case: &Case) -> bool {
        case.party.as_ref().is_some_and(|party| self.presence.is_up(party))
    }

    pub(super) fn count(&mut self, to: Number, now: Timestamp) {
        if let Some((_, window)) = self.settings.caps.per_number {
            let count = self.texted.entry(to).or_default();
            *count = count.saturating_add(1);
            self.agenda.add(now + window, Due::Uncount(to));
        }
    }
}

pub(super) fn submit(message: &mut Message, now: Timestamp, claims: bool) {
    message.state = if claims { MessageState::Claimed } else { MessageState::Submitted };
    message.why = None;
    message.sent = Some(now);
    message.attempts = message.attempts.saturating_add(1);
}

pub(super) fn stop(message: &mut Message, state: MessageState, why: Why) {
    message.state = state;
    message.why = Some(why.into());
}

fn only_if(holds: bool, why: Why) -> Result<(), Why> {
    if holds { Ok(()) } else { Err(why) }
}

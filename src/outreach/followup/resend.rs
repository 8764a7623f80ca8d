//! Texts that a person has sent again, each under a key of its own, `resend/<key>/<n>`, and beside all sequences.
//!
//! | asked | else |
//! |---|---|
//! | consent, profile, stop, textable, template, sender | skipped for good |
//! | a call with the number rings or is up | skipped: whoever asked sees it, and asks again |
//! | its gateway didn't take it, ten minutes ago | skipped as stale |
//!
//! A person who asks may exceed the cap of a number; the text counts for it all the same. One that can't leave makes no
//! task, but for an answer that comes later than the person waits.

use std::collections::BTreeMap;

use super::{Events, Followup};
use crate::event::{Event, Message, MessageState, State, Task};
use crate::limits;
use crate::outreach::agenda::{Due, Slot, moved};
use crate::phone::Party;
use crate::rules::Why;
use crate::rules::gates::{self, Trail};
use crate::time::{Span, Timestamp};

/// Texts sent again, in the order they were asked for.
#[derive(Debug, Default)]
pub(super) struct Resent {
    texts: BTreeMap<u64, Again>,
    asked: u64,
}

#[derive(Debug)]
struct Again {
    message: Box<Message>,
    /// It waits to be tried again.
    waits: Option<Slot>,
}

impl Resent {
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.texts.values().map(|again| &*again.message)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Box<Message>> {
        self.texts.values_mut().map(|again| &mut again.message).find(|message| message.key == key)
    }

    pub(super) fn messages_mut(&mut self) -> impl Iterator<Item = &mut Box<Message>> {
        self.texts.values_mut().map(|again| &mut again.message)
    }

    pub(super) fn redate(&mut self, by: Span) {
        for again in self.texts.values_mut() {
            again.message.redate(by);
            again.waits = again.waits.map(|slot| moved(slot, by));
        }
    }

    /// Those that wait, each with its place in the agenda.
    pub(super) fn waiting(&self) -> Vec<(Slot, u64)> {
        self.texts.iter().filter_map(|(no, again)| Some((again.waits?, *no))).collect()
    }

    fn no(&self, key: &str) -> Option<u64> {
        self.texts.iter().find(|(_, again)| again.message.key == key).map(|(no, _)| *no)
    }

    fn add(&mut self, message: Box<Message>) -> Option<u64> {
        if self.texts.len() >= limits::RESENT {
            let idle = self.texts.iter().find(|(_, again)| !again.message.is_pending());
            let idle = idle.map(|(no, _)| *no)?;
            self.texts.remove(&idle);
        }
        self.asked += 1;
        self.texts.insert(self.asked, Again { message, waits: None });
        Some(self.asked)
    }
}

/// Whether a text is one that was sent again.
pub(super) fn is_again(key: &str) -> bool {
    key.starts_with("resend/")
}

impl Followup {
    /// Sends a text again, if the gates let it; else says why not.
    pub fn resend(&mut self, text: Box<Message>, now: Timestamp, out: &mut Events) {
        if self.resent.no(&text.key).is_some() || !is_again(&text.key) {
            return;
        }
        let fresh = Message { state: MessageState::Planned, due: now, sent: None, attempts: 0, ..*text };
        if let Some(no) = self.resent.add(Box::new(fresh)) {
            self.run_again(no, now, out);
        }
    }

    /// Takes up again what an earlier run was asked for.
    pub(super) fn restore_resent(&mut self, state: &State) {
        for message in state.messages.iter().filter(|message| is_again(&message.key)) {
            let waits = matches!(message.state, MessageState::Planned | MessageState::Deferred);
            let no = self.resent.add(Box::new(message.clone()));
            if let Some(no) = no.filter(|_| waits) {
                self.wait_again(no, self.settled);
            }
        }
    }

    /// Decides about a text that is to be sent again.
    pub(super) fn run_again(&mut self, no: u64, now: Timestamp, out: &mut Events) {
        let mut trail = Trail::default();
        let Some(again) = self.resent.texts.get(&no) else { return };
        let asked = self.ask_again(&again.message, now, &mut trail);
        let claims = self.live.is_some();
        let Some(Again { message, waits }) = self.resent.texts.get_mut(&no) else { return };
        let waited = waits.take().is_some() || message.attempts > 0;
        message.trail = trail.into_answers();
        match asked {
            Ok(()) => super::steps::submit(message, now, claims),
            Err(why) => super::steps::stop(message, MessageState::Skipped, why),
        }
        let to = message.to.number().filter(|_| asked.is_ok() && message.attempts == 1);
        out.push((now, Event::Message(message.clone())));
        let key = message.key.clone();
        to.into_iter().for_each(|to| self.count(to, now));
        if let (Err(why), true) = (asked, waited) {
            self.tell_again(&key, why, now, out);
        }
    }

    /// A gateway surely doesn't have it; it is decided anew at `again`, or once the clock is settled.
    pub(super) fn not_accepted_again(
        &mut self,
        at: Timestamp,
        key: &str,
        again: Timestamp,
        out: &mut Events,
    ) {
        let Some(no) = self.resent.no(key) else { return };
        let Some(text) = self.resent.texts.get_mut(&no) else { return };
        if !text.message.is_to_be_submitted() {
            return;
        }
        let in_doubt = text.message.why.take().is_some();
        text.message.state = MessageState::Planned;
        text.message.sent = None;
        out.push((at, Event::Message(text.message.clone())));
        match in_doubt {
            true => self.in_doubt(|followup| followup.run_again(no, at, out)),
            false => self.wait_again(no, again.max(self.settled)),
        }
    }

    /// A person is told of a text sent again that didn't arrive.
    pub(super) fn tell_again(&self, key: &str, why: Why, at: Timestamp, out: &mut Events) {
        let Some(message) = self.resent.messages().find(|message| message.key == key) else { return };
        let to = message.to.national();
        let task = Task {
            key: format!("{key}/{}", why.code()),
            case: message.case.clone(),
            at,
            owner: None,
            due: None,
            title: format!("Call back {to}"),
            why: Some(why.into()),
        };
        out.push((at, Event::Task(task)));
    }

    /// Takes back a text that waits, whoever planned it.
    pub fn cancel_text(&mut self, key: &str, at: Timestamp, out: &mut Events) {
        if let Some((no, step)) = self.cases.of_message(key) {
            return self.cancel_step(no, step, (Why::ByHand, at), out);
        }
        let Some(no) = self.resent.no(key) else { return };
        let Some(Again { message, waits }) = self.resent.texts.get_mut(&no) else { return };
        let Some(slot) = waits.take() else { return };
        self.agenda.remove(slot);
        super::steps::stop(message, MessageState::Cancelled, Why::ByHand);
        out.push((at, Event::Message(message.clone())));
    }

    /// Forgets what was sent again to a party.
    pub(super) fn erase_resent(&mut self, party: &Party, at: Timestamp, out: &mut Events) {
        let of: Vec<String> =
            self.resent.messages().filter(|message| message.to == *party).map(|m| m.key.clone()).collect();
        for key in of {
            self.cancel_text(&key, at, out);
            self.resent.no(&key).into_iter().for_each(|no| drop(self.resent.texts.remove(&no)));
        }
    }

    fn wait_again(&mut self, no: u64, at: Timestamp) {
        let slot = self.agenda.add(at, Due::Again(no));
        if let Some(again) = self.resent.texts.get_mut(&no) {
            again.waits = Some(slot);
        }
    }

    fn ask_again(&self, message: &Message, now: Timestamp, trail: &mut Trail) -> Result<(), Why> {
        let settings = &self.settings;
        trail.ask("consent", gates::consent(&settings.consent))?;
        trail.ask_profile(settings)?;
        let up = self.presence.is_up(&message.to);
        trail.ask("exits", if up { Err(Why::CallInProgress) } else { Ok(()) })?;
        let out = !self.opted_out.is_empty() && self.opted_out.holds(&message.to);
        trail.ask("stop", if out { Err(Why::OptedOut) } else { Ok(()) })?;
        let number = message.to.number().ok_or(Why::NoNumber);
        trail.ask("textable", number.and_then(|number| gates::textable(settings, number)))?;
        trail.ask("template", if message.body.is_empty() { Err(Why::TemplateError) } else { Ok(()) })?;
        trail.ask("sender", if message.gateway.is_none() { Err(Why::NoSender) } else { Ok(()) })?;
        let is_fresh = |now: Timestamp| if now.since(message.due) > FRESH { Err(Why::Stale) } else { Ok(()) };
        trail.ask("late", self.truly(now).and_then(is_fresh))
    }
}

/// A person who asked for a text has gone home after this.
const FRESH: Span = Span::from_secs(600);

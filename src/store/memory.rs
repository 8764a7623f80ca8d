//! A store in memory, for tests: it keeps the journal, and works out at each load what follows from it.

use std::collections::{BTreeMap, BTreeSet};

use super::error::StoreError;
use super::open::Damage;
use super::{Batch, Erased, OptOut, Retained, Store};
use crate::event::{
    CallKey, CallRecord, Event, JournalEntry, KeptCase, Message, OpenCall, OptOuts, Recording, State,
};
use crate::phone::Party;
use crate::time::{Span, Timestamp};

/// A store in memory.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    entries: BTreeMap<u64, JournalEntry>,
    open_calls: BTreeMap<(CallKey, Timestamp, String, String), OpenCall>,
    opted_out: OptOuts,
    meta: BTreeMap<String, String>,
    hold: Option<String>,
}

impl Memory {
    /// An empty one.
    pub fn new() -> Memory {
        Memory::default()
    }

    /// The entries, in their order.
    pub fn entries(&self) -> impl Iterator<Item = &JournalEntry> {
        self.entries.values()
    }

    fn put(&mut self, batch: &Batch) {
        self.entries.extend(batch.entries.iter().map(|entry| (entry.n, entry.clone())));
        for leg in &batch.open_calls {
            self.open_calls.retain(|_, known| {
                (known.call, &known.call_id, &known.from_tag) != (leg.call, &leg.call_id, &leg.from_tag)
            });
            let key = (leg.call, leg.at, leg.call_id.clone(), leg.from_tag.clone());
            self.open_calls.insert(key, leg.clone());
        }
        self.open_calls.retain(|(call, ..), _| !batch.over.contains(call));
        for opt_out in &batch.opt_outs {
            match opt_out {
                OptOut::Out(party) => self.opted_out.insert(party),
                OptOut::In(party) => self.opted_out.remove(party),
            }
        }
        self.meta.extend(batch.meta.iter().cloned());
    }

    fn taken(&self, batch: &Batch) -> Option<u64> {
        let other = |entry: &&JournalEntry| self.entries.get(&entry.n).is_some_and(|there| there != *entry);
        batch.entries.iter().find(other).map(|entry| entry.n)
    }
}

impl Store for Memory {
    fn load(&mut self) -> Result<State, StoreError> {
        let last = self.entries.last_key_value();
        let last_at = last.map(|(_, entry)| entry.at);
        let mut state = State {
            next: last.map_or(1, |(n, _)| n + 1),
            last_at,
            open_calls: self.open_calls.values().cloned().collect(),
            opted_out: self.opted_out.clone(),
            meta: self.meta.clone(),
            hold: self.hold.clone(),
            ..State::default()
        };
        Fold::of(self.entries.values()).fill(&mut state);
        Ok(state)
    }

    fn commit(&mut self, batches: &[Batch]) -> Result<u64, StoreError> {
        if let Some(n) = batches.iter().find_map(|batch| self.taken(batch)) {
            return Err(StoreError::Taken { n });
        }
        batches.iter().for_each(|batch| self.put(batch));
        Ok(self.entries.last_key_value().map_or(0, |(n, _)| *n))
    }

    fn erase(&mut self, party: &Party) -> Result<Erased, StoreError> {
        let before = self.entries.len();
        let recording = |entry: &JournalEntry| match &entry.event {
            Event::Call(call) => Some(Recording::file(call.call)),
            _ => None,
        };
        let gone = self.entries.values().filter(|entry| names(&entry.event, party));
        let recordings = gone.filter_map(recording).collect();
        self.entries.retain(|_, entry| !names(&entry.event, party));
        Ok(Erased { rows: (before - self.entries.len()) as u64, left: Vec::new(), recordings })
    }

    fn retain(&mut self, before: Timestamp) -> Result<Retained, StoreError> {
        let all = self.entries.len();
        let newest = self.entries.last_key_value().map(|(n, _)| *n);
        let stays = Fold::of(self.entries.values()).open_cases();
        self.entries.retain(|_, entry| {
            entry.at >= before
                || Some(entry.n) == newest
                || case_of(&entry.event).is_some_and(|it| stays.contains(it))
        });
        Ok(Retained { entries: (all - self.entries.len()) as u64, more: false })
    }

    fn release(&mut self) -> Result<(), StoreError> {
        self.hold = None;
        Ok(())
    }

    fn renew(&mut self, what: &str) -> Result<Damage, StoreError> {
        let damage = Damage { what: what.to_owned(), ..Damage::default() };
        *self = Memory { hold: Some(damage.to_string()), ..Memory::default() };
        Ok(damage)
    }
}

fn names(event: &Event, party: &Party) -> bool {
    match event {
        Event::Call(call) => call.caller.as_ref() == Some(party) || call.called.as_ref() == Some(party),
        Event::CaseOpened(case) => case.caller.as_ref() == Some(party),
        Event::Message(message) => message.to == *party,
        Event::Reply(reply) => reply.from == *party,
        _ => false,
    }
}

fn case_of(event: &Event) -> Option<&str> {
    match event {
        Event::Call(_) | Event::ClockGap(_) | Event::Reply(_) => None,
        Event::ReviewDecided(decided) => Some(&decided.case),
        Event::CaseOpened(case) => Some(&case.case),
        Event::CaseClosed(case) => Some(&case.case),
        Event::Decision(decision) => Some(&decision.case),
        Event::Message(message) => Some(&message.case),
        Event::Task(task) => Some(&task.case),
        Event::Review(review) => Some(&review.case),
        Event::TaskDone(done) => Some(&done.case),
    }
}

/// What follows from a journal, worked out from its beginning.
#[derive(Default)]
struct Fold<'a> {
    cases: Vec<KeptCase>,
    calls: BTreeMap<CallKey, (u64, &'a CallRecord)>,
    messages: BTreeMap<&'a str, (u64, &'a Message)>,
    entries: Vec<&'a JournalEntry>,
    gaps: Vec<(u64, Span)>,
}

impl<'a> Fold<'a> {
    fn of(entries: impl Iterator<Item = &'a JournalEntry>) -> Fold<'a> {
        let mut fold = Fold::default();
        for entry in entries {
            fold.take(entry);
        }
        fold
    }

    fn take(&mut self, entry: &'a JournalEntry) {
        let at = entry.at;
        self.entries.push(entry);
        match &entry.event {
            Event::Call(call) => {
                self.calls.insert(call.call, (entry.n, call));
                let with = |case: &&mut KeptCase| {
                    let caller = case.caller.as_ref();
                    let is_in =
                        caller.is_some() && [call.caller.as_ref(), call.called.as_ref()].contains(&caller);
                    case.closed.is_none() && is_in
                };
                self.cases.iter_mut().filter(with).for_each(|case| case.last = case.last.max(at));
            }
            Event::CaseOpened(opened) => self.cases.push(KeptCase {
                case: opened.case.clone(),
                caller: opened.caller.clone(),
                opened: at,
                last: at,
                closed: None,
            }),
            Event::CaseClosed(closed) => {
                self.case(&closed.case).for_each(|case| case.closed = Some(at));
            }
            Event::Message(message) => {
                self.messages.insert(&message.key, (entry.n, message));
                if let Some(sent) = message.sent {
                    let open = self.case(&message.case).filter(|case| case.closed.is_none());
                    open.for_each(|case| case.last = case.last.max(sent));
                }
            }
            Event::ClockGap(gap) => {
                self.gaps.push((entry.n, gap.by()));
                for case in &mut self.cases {
                    case.opened = case.opened + gap.by();
                    case.last = case.last + gap.by();
                    case.closed = case.closed.map(|at| at + gap.by());
                }
            }
            Event::Reply(reply) => {
                let of =
                    |case: &&mut KeptCase| case.closed.is_none() && case.caller.as_ref() == Some(&reply.from);
                self.cases.iter_mut().filter(of).for_each(|case| case.last = case.last.max(at));
            }
            Event::Decision(_)
            | Event::Task(_)
            | Event::Review(_)
            | Event::TaskDone(_)
            | Event::ReviewDecided(_) => {}
        }
    }

    fn case<'b>(&'b mut self, id: &'b str) -> impl Iterator<Item = &'b mut KeptCase> {
        self.cases.iter_mut().filter(move |case| case.case == id)
    }

    /// How far the clock was set after an entry.
    fn gap_after(&self, n: u64) -> Span {
        let later = self.gaps.iter().filter(|(at, _)| *at > n);
        later.fold(Span::ZERO, |sum, (_, by)| sum + *by)
    }

    /// Cases that are open or have a text pending.
    fn open_cases(&self) -> BTreeSet<String> {
        let pending = self.messages.values().filter(|(_, message)| message.is_pending());
        let open = self.cases.iter().filter(|case| case.closed.is_none()).map(|case| case.case.clone());
        open.chain(pending.map(|(_, message)| message.case.clone())).collect()
    }

    fn fill(&self, state: &mut State) {
        let since = state.last_at.map(|at| at - State::KEPT);
        let open = self.open_cases();
        let is_kept = |case: &&KeptCase| {
            open.contains(&case.case) || case.closed.zip(since).is_some_and(|(c, s)| c >= s)
        };
        state.cases = self.cases.iter().filter(is_kept).cloned().collect();
        let kept: BTreeSet<&str> = state.cases.iter().map(|case| case.case.as_str()).collect();
        let mut calls = BTreeMap::new();
        for entry in &self.entries {
            if !case_of(&entry.event).is_some_and(|case| kept.contains(case)) {
                continue;
            }
            match &entry.event {
                Event::Decision(decision) => {
                    state.decisions.push(decision.clone());
                    calls.extend(self.calls.get(&decision.call).map(|(n, call)| (*n, *call)));
                }
                Event::Message(message)
                    if self.messages.get(&*message.key).is_some_and(|(n, _)| *n == entry.n) =>
                {
                    let mut message = (**message).clone();
                    message.redate(self.gap_after(entry.n));
                    state.messages.push(message);
                }
                Event::Task(task) => state.tasks.push(task.clone()),
                _ => {}
            }
        }
        let dated = |(n, call): (u64, &CallRecord)| {
            let mut event = Event::Call(Box::new(call.clone()));
            event.redate(self.gap_after(n));
            match event {
                Event::Call(call) => Some(*call),
                _ => None,
            }
        };
        state.calls = calls.into_iter().filter_map(dated).collect();
    }
}

//! A case: everything with one caller number until it is resolved or a day has passed quietly.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::agenda::{CaseNo, Slot, moved};
use super::template::Values;
use crate::event::{CallKey, Message};
use crate::phone::Party;
use crate::settings::{Action, Line, Sequence, Settings, Step};
use crate::time::{Span, Timestamp};

/// One case.
#[derive(Debug)]
pub(super) struct Case {
    /// The id of the call that opened it.
    pub(super) id: String,
    /// The caller; none if nobody can be told apart.
    pub(super) party: Option<Party>,
    /// Neither resolved nor quiet for a day.
    pub(super) open: bool,
    /// The last call or text.
    pub(super) last: Timestamp,
    /// When it goes quiet, or once closed, is forgotten.
    pub(super) ends: Option<Slot>,
    /// A task was made.
    pub(super) has_task: bool,
    /// The sequence that runs; one case runs no second.
    pub(super) plan: Option<Plan>,
}

/// A sequence as it runs for a case, with the settings it started with.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) settings: Arc<Settings>,
    pub(super) line: usize,
    pub(super) sequence: usize,
    /// The missed call.
    pub(super) call: CallKey,
    pub(super) values: Values,
    /// One for each step of the sequence, in its order.
    pub(super) steps: Vec<Progress>,
}

/// How far one step got.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) due: Timestamp,
    pub(super) stage: Stage,
    /// The text it sends, if it sends one.
    pub(super) message: Option<Box<Message>>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has a deadline.
    Waiting(Slot),
    /// It waits for the end of a call.
    Held,
    /// Sent, made, skipped or cancelled.
    Done,
}

impl Plan {
    pub(super) fn line(&self) -> Option<&Line> {
        self.settings.lines.get(self.line)
    }

    pub(super) fn sequence(&self) -> Option<&Sequence> {
        self.settings.sequences.get(self.sequence)
    }

    pub(super) fn step(&self, at: usize) -> Option<&Step> {
        self.sequence()?.steps.get(at)
    }

    /// Whether a task of the sequence is still to come.
    pub(super) fn brings_task(&self) -> bool {
        let pending = |at: usize| self.steps.get(at).is_some_and(|step| step.stage != Stage::Done);
        let is_task = |step: &Step| step.enabled && matches!(step.action, Action::Task { .. });
        self.sequence()
            .is_some_and(|s| s.steps.iter().enumerate().any(|(at, step)| is_task(step) && pending(at)))
    }
}

impl Case {
    fn redate(&mut self, by: Span) {
        self.last = self.last + by;
        self.ends = self.ends.map(|slot| moved(slot, by));
        for step in self.plan.iter_mut().flat_map(|plan| &mut plan.steps) {
            step.due = step.due + by;
            if let Stage::Waiting(slot) = step.stage {
                step.stage = Stage::Waiting(moved(slot, by));
            }
            step.message.iter_mut().for_each(|message| message.redate(by));
        }
    }

    pub(super) fn progress(&mut self, at: usize) -> Option<&mut Progress> {
        self.plan.as_mut()?.steps.get_mut(at)
    }
}

/// All cases that are kept.
#[derive(Debug, Default)]
pub(super) struct Cases {
    cases: BTreeMap<CaseNo, Case>,
    /// The last case of each caller.
    by_party: BTreeMap<Party, CaseNo>,
    /// The case and step of each text.
    by_key: BTreeMap<String, (CaseNo, usize)>,
    opened: CaseNo,
}

impl Cases {
    pub(super) fn open(&mut self, case: Case) -> CaseNo {
        self.opened += 1;
        if let Some(party) = &case.party {
            self.by_party.insert(party.clone(), self.opened);
        }
        self.cases.insert(self.opened, case);
        self.opened
    }

    pub(super) fn get(&self, no: CaseNo) -> Option<&Case> {
        self.cases.get(&no)
    }

    pub(super) fn get_mut(&mut self, no: CaseNo) -> Option<&mut Case> {
        self.cases.get_mut(&no)
    }

    /// The last case of a caller, open or not.
    pub(super) fn of(&self, party: &Party) -> Option<CaseNo> {
        self.by_party.get(party).copied()
    }

    /// All cases of a caller that are kept.
    pub(super) fn all_of(&self, party: &Party) -> Vec<CaseNo> {
        let of = |case: &Case| case.party.as_ref() == Some(party);
        self.cases.iter().filter(|(_, case)| of(case)).map(|(no, _)| *no).collect()
    }

    pub(super) fn name_message(&mut self, key: String, no: CaseNo, step: usize) {
        self.by_key.insert(key, (no, step));
    }

    pub(super) fn of_message(&self, key: &str) -> Option<(CaseNo, usize)> {
        self.by_key.get(key).copied()
    }

    /// Dates all of them as if the clock had been put forward by so much before.
    pub(super) fn redate(&mut self, by: Span) {
        self.cases.values_mut().for_each(|case| case.redate(by));
    }

    /// Every text that waits for its time or the end of a call, in the order of their times. Where one waits for a call, its
    /// place is in no queue.
    pub(super) fn waiting(&self) -> Vec<(Slot, CaseNo, usize)> {
        let steps = |(no, case): (&CaseNo, &Case)| {
            let steps = case.plan.iter().flat_map(|plan| plan.steps.iter().enumerate());
            let waits = |(at, step): (usize, &Progress)| match step.stage {
                _ if step.message.is_none() => None,
                Stage::Waiting(slot) => Some((slot, *no, at)),
                Stage::Held => Some(((step.due, 0), *no, at)),
                Stage::Done => None,
            };
            steps.filter_map(waits).collect::<Vec<_>>()
        };
        let mut waiting: Vec<_> = self.cases.iter().flat_map(steps).collect();
        waiting.sort_unstable();
        waiting
    }

    /// All texts of sequences that are known, by case and step.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        let steps = self.cases.values().filter_map(|case| case.plan.as_ref()).flat_map(|plan| &plan.steps);
        steps.filter_map(|step| step.message.as_deref())
    }

    /// The same, to be changed.
    pub(super) fn messages_mut(&mut self) -> impl Iterator<Item = &mut Box<Message>> {
        let plans = self.cases.values_mut().filter_map(|case| case.plan.as_mut());
        plans.flat_map(|plan| &mut plan.steps).filter_map(|step| step.message.as_mut())
    }

    pub(super) fn forget(&mut self, no: CaseNo) {
        let Some(case) = self.cases.remove(&no) else { return };
        if let Some(party) = case.party.filter(|party| self.by_party.get(party) == Some(&no)) {
            self.by_party.remove(&party);
        }
        for message in case.plan.into_iter().flat_map(|plan| plan.steps).filter_map(|step| step.message) {
            self.by_key.remove(&message.key);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.cases.len()
    }

    pub(super) fn oldest(&self) -> Option<CaseNo> {
        self.cases.first_key_value().map(|(no, _)| *no)
    }
}

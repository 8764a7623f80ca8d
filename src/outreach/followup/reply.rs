//! What callers answer: a word that opts out holds from here on; whatever else they write is for a person to read.

use super::{Events, Followup};
use crate::event::{Event, Reply, Task};
use crate::time::Timestamp;

impl Followup {
    /// Takes a reply.
    pub fn reply(&mut self, reply: &Reply, at: Timestamp, out: &mut Events) {
        let case = self.cases.of(&reply.from).and_then(|no| self.cases.get_mut(no));
        let (mut id, mut owner) = (format!("reply/{}", reply.id), None);
        if let Some(case) = case {
            case.last = case.last.max(at);
            id.clone_from(&case.id);
            owner = case.plan.as_ref().and_then(|plan| plan.line()).and_then(|line| line.owner.clone());
        }
        if reply.opts_out {
            return self.opt_out(&reply.from);
        }
        let title = format!("Read the reply of {}: {}", reply.from.national(), short(&reply.body));
        let key = format!("reply/{}", reply.id);
        out.push((at, Event::Task(Task { key, case: id, at, owner, due: None, title, why: None })));
    }
}

/// As much of a text as a title has room for, on one line.
fn short(body: &str) -> String {
    let words = body.split_whitespace().collect::<Vec<_>>().join(" ");
    let whole: String = words.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if whole.len() < words.len() { whole + " …" } else { whole }
}

const LONGEST: usize = 100;

//! What people change while it runs: the configuration, who must not be texted, who is forgotten.

use std::sync::Arc;

use super::{Events, Followup};
use crate::phone::Party;
use crate::rules::Why;
use crate::settings::Settings;
use crate::time::Timestamp;

impl Followup {
    /// Goes on with another configuration. A sequence that runs keeps the one it began with; consent, opt-outs and caps
    /// are always asked of the newest.
    pub fn reconfigure(&mut self, settings: &Settings) {
        self.settings = Arc::new(settings.clone());
    }

    /// No texts to this party from here on; what is planned is skipped at its time, and becomes a task.
    pub fn opt_out(&mut self, party: &Party) {
        self.opted_out.insert(party);
    }

    /// This party wants texts again.
    pub fn opt_in(&mut self, party: &Party) {
        self.opted_out.remove(party);
    }

    /// Forgets a party's cases; what was planned in them is cancelled. That it opted out still holds.
    pub fn erase(&mut self, party: &Party, at: Timestamp, out: &mut Events) {
        self.erase_resent(party, at, out);
        for no in self.cases.all_of(party) {
            self.cancel(no, Why::Erased, at, out);
            self.close(no, Why::Erased, at, out);
            let ends = self.cases.get(no).and_then(|case| case.ends);
            ends.into_iter().for_each(|slot| self.agenda.remove(slot));
            self.cases.forget(no);
        }
    }

    /// How many cases are kept, and how many deadlines they have.
    pub fn load(&self) -> (usize, usize) {
        (self.cases.len(), self.agenda.len())
    }
}

//! `[[test]]`: what the rules of a file are to do about a call, tried on the follow-up itself.
//!
//! `given` reads facts and times, `reading` a test with its places, `run` plays it: in empty state, with a gateway that
//! accepts at once, for 72 hours. The PBX's profile has no say in it: outcomes are given.

mod given;
mod reading;
mod run;
#[cfg(test)]
mod tests;

use crate::event::Outcome;
use crate::phone::Party;
use crate::time::{Span, Timestamp};

use super::Problem;

/// A test of a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Its name.
    pub name: String,
    /// What happened before, in the order of time.
    given: Vec<Given>,
    call: Made,
    expect: Vec<(Place, Wish)>,
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    path: String,
    line: usize,
}

/// Something that happened before.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Given {
    /// A call from outside.
    Called(Made),
    /// The business called this party at this time, and spoke with it.
    CalledBack(Party, Timestamp),
    /// This party said STOP at this time.
    Stopped(Party, Timestamp),
}

/// A call from outside that nobody made.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Made {
    /// None: the number is withheld.
    from: Option<Party>,
    /// As the trunk sends it.
    to: String,
    at: Timestamp,
    outcome: Outcome,
    /// Ringing if nobody answered, talk if somebody did.
    lasts: Span,
}

/// What a call is to cause.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Class(String),
    State(String),
    /// Who gets its tasks.
    Owner(String),
    /// The steps that send a text, and no others.
    Sends(Vec<String>),
    /// A step that sends nothing, and why.
    Skipped(String, String),
    /// The steps that make a task, and no others.
    Tasks(Vec<String>),
    /// The reason a person sees it for.
    Review(String),
    /// Why nothing is planned.
    Reason(String),
}

/// What the tests of a configuration show to be wrong, each with what was expected, what came, and where it stands.
pub fn failures(loaded: &super::Loaded) -> Vec<Problem> {
    loaded.trials.iter().flat_map(|trial| trial.failures(&loaded.settings)).collect()
}

impl Trial {
    fn failures(&self, settings: &crate::settings::Settings) -> Vec<Problem> {
        let caused = run::caused(self, settings);
        let judged = |(place, wish): &(Place, Wish)| {
            let got = caused.contradicts(wish)?;
            let text = format!("test \"{}\" fails: expected {wish}, got {got}", self.name);
            let text = text.replace(char::is_control, " ");
            Some(Problem { path: place.path.clone(), line: place.line, warning: false, text })
        };
        self.expect.iter().filter_map(judged).collect()
    }
}

impl Given {
    fn at(&self) -> Timestamp {
        match self {
            Given::Called(call) => call.at,
            Given::CalledBack(_, at) | Given::Stopped(_, at) => *at,
        }
    }
}

impl std::fmt::Display for Wish {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Wish::Class(class) => write!(f, "class {class}"),
            Wish::State(state) => write!(f, "state {state}"),
            Wish::Owner(owner) => write!(f, "owner {owner}"),
            Wish::Sends(steps) => write!(f, "sends {}", listed(steps)),
            Wish::Skipped(step, why) => write!(f, "{step} skipped ({why})"),
            Wish::Tasks(steps) => write!(f, "tasks {}", listed(steps)),
            Wish::Review(reason) => write!(f, "review {reason}"),
            Wish::Reason(reason) => write!(f, "reason {reason}"),
        }
    }
}

fn listed(steps: &[String]) -> String {
    if steps.is_empty() { "none".to_owned() } else { steps.join(", ") }
}

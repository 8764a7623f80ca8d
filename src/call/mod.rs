//! From SIP messages to one verdict per caller.
//!
//! ```text
//! message ── Keys ──> Leg (Call-ID + From-tag) ── progress ──> Hop (one INVITE transaction at one hop)
//!                      │ join: which OpenCall
//!                      └─ outcome::judge, when `OpenCall::plan` says it is time ──> CallRecord
//! ```
//! `Calls` owns them all and is the only thing the engine talks to. Only a call has an outcome; a leg
//! never does.

mod calls;
mod claims;
mod connected;
mod correlate;
mod coverage;
mod diverted;
mod habits;
mod hash;
mod held;
mod home;
mod identity;
mod idle;
mod invite;
mod join;
mod ladder;
mod leg;
mod listening;
mod mailbox;
mod make;
mod office;
mod open;
mod outcome;
mod pickup;
mod progress;
mod recent;
mod relayed;
mod resumed;
mod role;
mod timers;
mod tracked;
mod transaction;
mod waiting;

pub use calls::{Calls, Counters, Told, ends};
pub use listening::{Ears, Sound};
pub use office::is_scanner;
pub use outcome::missed;

//! What is done about missed calls: cases, planned steps, texts, tasks and review items.
//!
//! `Followup` is the state machine; `template` and `segments` make and measure its texts. It takes facts and
//! gives events, each with its time; what hands a text to a gateway is elsewhere.

mod agenda;
mod case;
mod compose;
pub mod followup;
mod presence;
pub mod segments;
pub mod template;

pub use compose::is_known;
pub use followup::Followup;

//! A step of the clock on the wall, and what was dated before it, told in the time after it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Event;
use crate::time::Span;

/// Somebody or a time server set the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockGap {
    /// How far it was put forward, in microseconds; below zero: back.
    pub by_us: i64,
    /// Nobody knows how much time passed since texts were planned: the machine started with a clock that was wrong.
    pub unsure: bool,
}

impl ClockGap {
    /// How far it was put forward.
    pub fn by(&self) -> Span {
        Span::from_micros(self.by_us)
    }
}

impl Event {
    /// Dates what an engine goes on from as if the clock had been set before it.
    pub fn redate(&mut self, by: Span) {
        match self {
            Event::Call(call) => {
                call.at = call.at + by;
                call.ended = call.ended.map(|at| at + by);
            }
            Event::Message(message) => message.redate(by),
            _ => {}
        }
    }
}

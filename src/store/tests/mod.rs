//! The store's promises, each with its test. What needs a process killed is in `tests/it/store.rs`, what needs a
//! disk filled or its power cut in `tests/prove store`.

mod damage;
mod opening;
mod privacy;
mod round_trip;
pub(super) mod samples;
mod waiting;

//! The store's promises, each with its test. What needs a process killed or a disk filled for real is in
//! `tests/checks/store.sh`.

mod round_trip;
mod samples;
mod waiting;

//! The office's rules: which line was called, what its calendar says, what may be done about a missed call.
//!
//! Every function here is a pure question about settings and facts; what was decided before, and what is
//! still to come, is kept by `outreach`. No word of SIP appears in either.

pub mod calendar;
pub mod decide;
pub mod gates;
pub mod holiday;
pub mod line;
pub mod stop;
pub mod why;

pub use why::Why;

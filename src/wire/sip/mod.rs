//! SIP messages (RFC 3261) as they come from a wire: read lazily, borrowed, without allocating.
//!
//! [`Message::parse`] makes one pass over the head for what says where a message belongs, and leaves the rest
//! to the accessors. It reads what real PBXs send (folded lines, compact names, bare LF, several values
//! in a line, bytes that are no UTF-8) and tells what was wrong as [`Faults`]; only bytes that hold no message
//! are refused. It does not track transactions, decide what a call is, or build messages.

mod address;
mod body;
mod check;
mod fault;
mod field;
mod index;
mod lines;
mod message;
mod method;
mod name;
mod passport;
#[cfg(test)]
mod random;
mod reason;
mod scan;
mod start;
mod uri;
mod via;

pub use address::{NameAddr, tag_of};
pub use body::Part;
pub use fault::Faults;
pub use lines::{Bad, content_length, head_end, looks_like_start};
pub use message::{CSeq, Message};
pub use method::Method;
pub use name::HeaderName;
pub use passport::Passport;
pub use reason::{Reason, reasons};
pub use start::{Refusal, StartLine};
pub use uri::{Uri, unescape};
pub use via::Via;

//! ringback: missed calls from SIP signalling, and the follow-up an office decided on.
//!
//! ```text
//! source ─> Packet ─> flow ─> Datagram ─> wire::sip ─> call: transaction, leg, call, outcome
//!                      └─> media (RTP)                              │
//!                                                         CallSeen, JournalEntry
//!                                                                   │
//!                        replay <── engine: Journal, Submit <── rules ─> outreach: Message, Task
//!                           └─> Receipt ──^           daemon: taps in, store and gateway out
//! ```
//!
//! | module | what it holds | layer |
//! |---|---|---|
//! | [`time`], [`phone`], [`event`], [`settings`] | time, numbers, shared facts, what a configuration means | L0 |
//! | [`wire`] | bytes to values, stateless: pcap, pcapng, frames, HEP, SIP, SDP, WebSocket, RTP, G.711, G.722 | L1 |
//! | [`flow`] | fragments, TCP, SIP framing: packets to datagrams | L2 |
//! | [`call`] | legs joined to calls, and the outcome of each | L2 |
//! | [`media`] | RTP streams; by ear, whether a recorder or a person answered | L2 |
//! | [`rules`] | calendar, line, gates, decision; no SIP word in it | L3 |
//! | [`outreach`] | cases, steps, templates, segments; no SIP word in it | L3 |
//! | [`engine`] | inputs to outputs over all of the above, one deadline queue | L4 |
//! | [`learn`] | what captures tell of a site without a configuration: roles, habits, questions | L4 |
//! | [`source`] | captures and taps as packets, merged by time | L5, I/O |
//! | [`clock`] | the only reader of the machine's clocks | L5, I/O |
//! | [`gateway`] | what carries texts: the file gateway | L5, I/O |
//! | [`tape`] | what a run was given, on disk, so that it can be run again | L5, I/O |
//! | [`store`] | the journal and what follows from it, on disk; one thread that writes | L5, I/O |
//! | [`voicemail`] | messages on disk | L5, I/O |
//! | [`config`], [`replay`], [`daemon`], [`cli`] | files to settings; captures, or taps, through the engine; the commands | L6, I/O |
//!
//! What always holds:
//!
//! - A module uses only modules of lower layers; inside L2 only flow feeds call, and nothing else goes sideways.
//! - L0 to L4 are pure: no I/O, clock, environment, threads or async; randomness only from the seed given.
//! - Same inputs, same settings, same seed: same outputs, byte for byte. Maps keyed by network bytes have a
//!   keyed hasher and are never iterated.
//! - Network bytes never panic and never grow memory without a bound; malformed input is a count, not an error.
//! - Engine time never goes back, and before an input at T every deadline up to T has run at its own time.
//! - Only a call has an outcome; a leg never does. What can't be known is `unknown`, and is never texted.
//! - At most one message of class `response` leaves in a case, and none while a call with that number rings
//!   or is up.

pub mod call;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod engine;
pub mod event;
pub mod flow;
pub mod gateway;
pub mod learn;
pub mod limits;
pub mod media;
pub mod outreach;
pub mod phone;
pub mod replay;
pub mod rules;
pub mod settings;
pub mod source;
pub mod store;
pub mod tape;
pub mod time;
pub mod voicemail;
pub mod wire;

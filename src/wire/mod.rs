//! Bytes to values and back, without state: capture records, link layers, HEP, SIP and SDP, RTP and its codecs.
//!
//! Everything here reads what strangers sent. No function panics, copies more than it is asked to keep,
//! or takes more than linear time; what is wrong with the input is told as a value.

mod addr;
pub mod facts;
mod find;
pub mod frame;
pub mod g711;
pub mod g722;
pub mod hep;
pub mod packet;
pub mod pcap;
pub mod pcapng;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod stream;
pub mod waiting;
pub mod ws;

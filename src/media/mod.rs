//! What RTP tells. So far: how many streams there are. A packet nobody wants is let go after one look-up.

mod streams;

pub use streams::Streams;

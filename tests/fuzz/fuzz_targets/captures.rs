//! Any bytes as a capture: they end without a panic, and no packet is longer than a packet may be.
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use ringback::limits;
use ringback::source::{Capture, PacketSource};
use ringback::wire::packet::{Body, TapId};

fuzz_target!(|data: &[u8]| {
    let Ok(mut capture) = Capture::open(Box::new(Cursor::new(data.to_vec())), TapId(0), "fuzz") else {
        return;
    };
    let mut damaged = false;
    let mut last = 0;
    while let Some(next) = capture.next() {
        assert!(!damaged, "nothing follows damage");
        match next {
            Ok(packet) => {
                last += 1;
                assert_eq!(packet.frame.n, last);
                let Body::Frame { bytes, wire_len, .. } = packet.body else { panic!("not a frame") };
                assert!(bytes.len() <= limits::PACKET as usize && bytes.len() <= wire_len as usize);
            }
            Err(_) => damaged = true,
        }
    }
});

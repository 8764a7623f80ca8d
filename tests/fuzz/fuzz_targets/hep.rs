//! Any bytes as a HEP3 message: no panic, and what it says of itself lies within it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringback::limits;
use ringback::wire::hep::{self, Payload};

fuzz_target!(|data: &[u8]| {
    if let Some(len) = data.first_chunk().and_then(hep::stated_len) {
        assert!((12..=65_535).contains(&len));
    }
    let Ok(hep) = hep::decode(data) else { return };
    assert!(hep::has_magic(data) && hep.src.is_ipv4() == hep.dst.is_ipv4());
    match hep.payload {
        Payload::Plain(plain) => assert!(plain.len() + 6 <= data.len()),
        Payload::Compressed(packed) => {
            let plain = hep::inflate(packed);
            assert!(
                plain.is_ok_and(|plain| plain.len() <= limits::HEP_INFLATED) || hep::inflate(packed).is_err()
            );
        }
    }
});

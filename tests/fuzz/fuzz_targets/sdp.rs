//! Any bytes as a session description: nothing is refused, nothing panics, and the limits hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringback::wire::sdp::{MAX_FORMATS, MAX_MEDIA, Sdp};

fuzz_target!(|data: &[u8]| {
    let sdp = Sdp::parse(data);
    let _ = (sdp.session_connection(), sdp.origin(), sdp.name());
    assert!(sdp.media().count() <= MAX_MEDIA);
    assert!(sdp.audio().is_none_or(|audio| audio.kind.eq_ignore_ascii_case(b"audio")));
    for media in sdp.media() {
        assert!(media.formats().count() <= MAX_FORMATS);
        assert!(media.attributes(b"rtpmap").chain(media.crypto()).all(|value| value.len() <= data.len()));
        let _ = (media.addr(), media.direction(), media.ptime(), media.rtcp_port(), media.rtpmap(101));
    }
});

//! Any bytes as a session description: nothing is refused, nothing panics, and the limits hold.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringback::limits;
use ringback::wire::sdp::Sdp;

fuzz_target!(|data: &[u8]| {
    let sdp = Sdp::parse(data);
    let _ = (sdp.session_connection(), sdp.origin(), sdp.name());
    assert!(sdp.media().count() <= limits::SDP_MEDIA);
    assert!(sdp.audio().is_none_or(|audio| audio.kind.eq_ignore_ascii_case(b"audio")));
    for media in sdp.media() {
        assert!(media.formats().count() <= limits::SDP_FORMATS);
        assert!(media.attributes(b"rtpmap").chain(media.crypto()).all(|value| value.len() <= data.len()));
        let _ = (media.addr(), media.direction(), media.ptime(), media.rtcp_port(), media.rtpmap(101));
    }
});

//! Which of the packets that came too late to be judged by are a loss.
//!
//! A loss makes what is judged meanwhile uncertain, so what surely tells of no call is none: who sends an agent's listener
//! old noise would otherwise keep everybody from being texted.

use crate::wire::packet::{Body, Packet};
use crate::wire::sip::{Message, Method};
use crate::wire::waiting::Waiting;

/// Whether a packet may have told something of a call: a notice of a mailbox tells that it took a message. A frame may,
/// whatever it is: it would have to be put together first.
pub fn is_loss(packet: &Packet<'_>) -> bool {
    match packet.body {
        Body::Frame { .. } => true,
        Body::Datagram(datagram) => Message::parse(datagram.payload)
            .is_ok_and(|message| tells_of_calls(message.method()) || Waiting::of(&message).is_some()),
    }
}

fn tells_of_calls(method: Method) -> bool {
    !matches!(
        method,
        Method::Options
            | Method::Register
            | Method::Subscribe
            | Method::Notify
            | Method::Publish
            | Method::Message
            | Method::Other
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use crate::wire::packet::{Datagram, FrameRef, LinkType, Transport};

    fn datagram(payload: &[u8]) -> bool {
        let [src, dst] = ["192.0.2.1:5060", "192.0.2.2:5060"].map(|at| at.parse().expect("an address"));
        let datagram = Datagram {
            at: Timestamp::default(),
            src,
            dst,
            transport: Transport::Udp,
            payload,
            frame: FrameRef::default(),
            cut: false,
            correlation: b"",
        };
        let packet =
            Packet { at: Timestamp::default(), frame: FrameRef::default(), body: Body::Datagram(datagram) };
        is_loss(&packet)
    }

    #[test]
    fn what_tells_of_a_call_is_a_loss() {
        for cseq in ["INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "INFO", "REFER"] {
            let answer = format!("SIP/2.0 200 OK\r\nCall-ID: a\r\nCSeq: 1 {cseq}\r\n\r\n");
            assert!(datagram(answer.as_bytes()), "{cseq}");
        }
        assert!(datagram(b"INVITE sip:a@b SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n\r\n"));
        let notice = "NOTIFY sip:201@h SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 NOTIFY\r\nEvent: message-summary\r\n\
                      Content-Length: 23\r\n\r\nMessages-Waiting: yes\r\n";
        assert!(datagram(notice.as_bytes()), "a mailbox took a message");
        assert!(!datagram(notice.replace("message-summary", "presence").as_bytes()));
        let frame = Body::Frame { link: LinkType(1), bytes: b"x", wire_len: 1 };
        assert!(is_loss(&Packet { at: Timestamp::default(), frame: FrameRef::default(), body: frame }));
    }

    #[test]
    fn noise_and_what_tells_of_no_call_is_none() {
        assert!(!datagram(b"\0\x01\x02noise"));
        assert!(!datagram(b""));
        for method in ["OPTIONS", "REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE", "SCAN"] {
            let request = format!("{method} sip:a@b SIP/2.0\r\nCall-ID: a\r\nCSeq: 1 {method}\r\n\r\n");
            assert!(!datagram(request.as_bytes()), "{method}");
        }
    }
}

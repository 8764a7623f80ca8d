//! The call: an INVITE that rings and is cancelled, in real datagrams from one address of the loopback to another.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::thread::sleep;
use std::time::Duration;

use crate::clock::{Clock, SystemClock};

/// Who calls, and who is called: numbers that nobody has (555-0100 to 555-0199 are for fiction).
pub(super) const CALLER: &str = "+13125550142";
pub(super) const CALLED: &str = "+13125550111";
/// How many messages the call has.
pub(super) const MESSAGES: u64 = 7;

/// The two ends of the call.
pub(super) struct Call {
    trunk: UdpSocket,
    pbx: UdpSocket,
    id: String,
}

impl Call {
    /// Two sockets at ports that are free, on addresses that follow from a number: another selftest has others.
    pub fn new(number: u64) -> Result<Call, String> {
        let open = |at: Ipv4Addr| {
            let socket = UdpSocket::bind((at, 0)).map_err(|error| format!("{at}: {error}; is lo up?"))?;
            socket.set_read_timeout(Some(ARRIVES)).map_err(|error| error.to_string())?;
            Ok::<_, String>(socket)
        };
        let id = format!("selftest-{}-{number:016x}", std::process::id());
        let [one, two, ..] = number.to_le_bytes();
        let at = |net| Ipv4Addr::new(127, net, one, two | 1);
        Ok(Call { trunk: open(at(71))?, pbx: open(at(72))?, id })
    }

    /// Where the trunk and the PBX are.
    pub fn ends(&self) -> Result<(SocketAddrV4, SocketAddrV4), String> {
        let end = |socket: &UdpSocket| match socket.local_addr() {
            Ok(SocketAddr::V4(at)) => Ok(at),
            Ok(other) => Err(format!("{other} is no address of IPv4")),
            Err(error) => Err(error.to_string()),
        };
        Ok((end(&self.trunk)?, end(&self.pbx)?))
    }

    /// Makes it; each message also goes to the HEP listener at `hep`, if there is one.
    pub fn make(&self, hep: Option<SocketAddr>) -> Result<String, String> {
        let (trunk, pbx) = self.ends()?;
        for (n, (from_trunk, text)) in self.messages(trunk, pbx).into_iter().enumerate() {
            let (from, to, (src, dst)) = match from_trunk {
                true => (&self.trunk, &self.pbx, (trunk, pbx)),
                false => (&self.pbx, &self.trunk, (pbx, trunk)),
            };
            let lost = |error: std::io::Error| format!("message {} from {src} to {dst}: {error}", n + 1);
            from.send_to(text.as_bytes(), dst).map_err(lost)?;
            let mut arrived = [0; 2_048];
            let (length, _) = to.recv_from(&mut arrived).map_err(lost)?;
            if arrived.get(..length) != Some(text.as_bytes()) {
                return Err(format!("message {} came to {dst} as another", n + 1));
            }
            if let Some(listener) = hep {
                self.trunk.send_to(&wrapped((src, dst), text.as_bytes()), listener).map_err(lost)?;
            }
            sleep(BETWEEN);
        }
        let by = if hep.is_some() { ", and as HEP" } else { "" };
        Ok(format!("a caller rang and gave up: {MESSAGES} datagrams from {trunk} to {pbx} and back{by}"))
    }

    /// Each message, and whether it is the trunk's.
    fn messages(&self, trunk: SocketAddrV4, pbx: SocketAddrV4) -> [(bool, String); 7] {
        let target = format!("sip:{CALLED}@{pbx}");
        let message = |first: &str, method: &str, tag: &str| {
            format!(
                "{first}\r\nVia: SIP/2.0/UDP {trunk};branch=z9hG4bK{id}\r\nMax-Forwards: 70\r\n\
                 From: <sip:{CALLER}@{trunk}>;tag=caller\r\nTo: <{target}>{tag}\r\nCall-ID: {id}\r\nCSeq: 1 {method}\r\n\
                 Contact: <sip:{CALLER}@{trunk}>\r\nContent-Length: 0\r\n\r\n",
                id = self.id
            )
        };
        let request = |method: &str, tag| (true, message(&format!("{method} {target} SIP/2.0"), method, tag));
        let response =
            |status: &str, method, tag| (false, message(&format!("SIP/2.0 {status}"), method, tag));
        [
            request("INVITE", ""),
            response("100 Trying", "INVITE", ""),
            response("180 Ringing", "INVITE", TAG),
            request("CANCEL", ""),
            response("200 OK", "CANCEL", TAG),
            response("487 Request Terminated", "INVITE", TAG),
            request("ACK", TAG),
        ]
    }
}

/// A message as a HEP agent would send it (HEP3, revision 37).
fn wrapped((src, dst): (SocketAddrV4, SocketAddrV4), text: &[u8]) -> Vec<u8> {
    let now = SystemClock.now().as_micros();
    let part = |value: i64| u32::try_from(value).unwrap_or(u32::MAX).to_be_bytes();
    let chunks: [(u16, &[u8]); 11] = [
        (1, &[2]),
        (2, &[17]),
        (3, &src.ip().octets()),
        (4, &dst.ip().octets()),
        (7, &src.port().to_be_bytes()),
        (8, &dst.port().to_be_bytes()),
        (9, &part(now.div_euclid(1_000_000))),
        (10, &part(now.rem_euclid(1_000_000))),
        (11, &[1]),
        (12, &[0, 0, 0, 1]),
        (15, text),
    ];
    let size = |bytes: usize| u16::try_from(bytes + 6).unwrap_or(u16::MAX).to_be_bytes();
    let mut body = Vec::new();
    for (kind, value) in chunks {
        body.extend([0, 0]);
        body.extend(kind.to_be_bytes());
        body.extend(size(value.len()));
        body.extend(value);
    }
    [b"HEP3".as_slice(), &size(body.len()), &body].concat()
}

const TAG: &str = ";tag=pbx";
const BETWEEN: Duration = Duration::from_millis(40);
const ARRIVES: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::hep::{self, Payload};

    #[test]
    fn a_message_in_hep_is_the_message() {
        let (src, dst) = (
            SocketAddrV4::new([127, 71, 1, 1].into(), 5_060),
            SocketAddrV4::new([127, 72, 1, 1].into(), 5_061),
        );
        let bytes = wrapped((src, dst), b"INVITE sip:a SIP/2.0\r\n\r\n");
        let read = hep::decode(&bytes).expect("HEP");
        assert_eq!((read.src, read.dst, read.kind, read.odd), (src.into(), dst.into(), hep::SIP, false));
        assert_eq!(read.payload, Payload::Plain(b"INVITE sip:a SIP/2.0\r\n\r\n"));
    }

    #[test]
    fn a_call_goes_over_the_loopback() {
        let told = Call::new(0x0502).and_then(|call| call.make(None)).expect("made");
        assert!(told.contains("7 datagrams from 127.71.2.5:"), "{told}");
    }
}

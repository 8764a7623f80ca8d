//! SIP messages of one leg on one hop, with the headers a carrier and a PBX send (about 1 KB an INVITE).

use std::fmt::Write;

use crate::frame::{Host, datagram};

/// Messages with their times, in microseconds UTC.
pub type Messages = Vec<(i64, Vec<u8>)>;

/// One Call-ID and From-tag between two hosts.
#[derive(Clone)]
pub struct Leg {
    /// The side that sent the INVITE.
    pub a: Host,
    /// The side that got it.
    pub b: Host,
    /// Call-ID.
    pub call_id: String,
    /// From-tag.
    pub from_tag: String,
    /// To-tag the called side answers with.
    pub to_tag: String,
    /// User part of From.
    pub caller: String,
    /// User part of To.
    pub called: String,
    /// Request-URI.
    pub ruri: String,
    /// Headers of the INVITE alone, each with its CRLF.
    pub extra: String,
    /// Via lines of the hops before this one, each with its CRLF.
    pub below: String,
    /// CSeq of the INVITE.
    pub cseq: u32,
}

impl Leg {
    /// A leg whose tags and Call-ID follow from `key`.
    pub fn new(key: u64, ends: (Host, Host), caller: &str, called: &str) -> Leg {
        let (a, b) = ends;
        let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Leg {
            a,
            b,
            call_id: format!("{mixed:016x}-{key:x}@{a}"),
            from_tag: format!("f{:010x}", mixed >> 20),
            to_tag: format!("t{:010x}", mixed.rotate_left(29) >> 24),
            caller: caller.to_owned(),
            called: called.to_owned(),
            ruri: format!("sip:{called}@{b}"),
            extra: String::new(),
            below: String::new(),
            cseq: 1,
        }
    }

    /// The Via line of the INVITE's transaction, or of another one of this leg.
    pub fn via(&self, salt: &str) -> String {
        let host = u32::from_be_bytes(self.b.0);
        format!(
            "Via: SIP/2.0/UDP {}:5060;rport;branch=z9hG4bK{}{host:x}{}{salt}\r\n",
            self.a, self.from_tag, self.cseq
        )
    }

    fn dialog(&self, to_tag: Option<&str>, cseq: u32, method: &str) -> String {
        let Leg { caller, called, a, b, from_tag, call_id, .. } = self;
        let tag = to_tag.map(|t| format!(";tag={t}")).unwrap_or_default();
        format!(
            "From: \"Caller {caller}\" <sip:{caller}@{a}>;tag={from_tag}\r\nTo: <sip:{called}@{b}>{tag}\r\n\
             Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
        )
    }

    fn request(&self, at: i64, method: &str, to_tag: Option<&str>, salt: &str) -> (i64, Vec<u8>) {
        let below = if method == "CANCEL" { "" } else { self.below.as_str() };
        let text = format!(
            "{method} {} SIP/2.0\r\n{}{below}Max-Forwards: 70\r\n{}User-Agent: Larkfield SBC 4.2\r\nContent-Length: 0\r\n\r\n",
            self.ruri,
            self.via(salt),
            self.dialog(to_tag, self.cseq, method),
        );
        (at, datagram((self.a, 5060), (self.b, 5060), text.as_bytes()))
    }

    /// INVITE with SDP.
    pub fn invite(&self, at: i64) -> (i64, Vec<u8>) {
        let body = sdp(self.a, self.media_port(0));
        let mut text =
            format!("INVITE {} SIP/2.0\r\n{}{}Max-Forwards: 70\r\n", self.ruri, self.via(""), self.below);
        text += &self.dialog(None, self.cseq, "INVITE");
        let _ = write!(
            text,
            "Contact: <sip:{caller}@{a}:5060;transport=udp>\r\nUser-Agent: Larkfield SBC 4.2\r\n\
             Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, MESSAGE, SUBSCRIBE, NOTIFY, PRACK, UPDATE, REFER\r\n\
             Supported: timer, path, replaces, 100rel\r\nSession-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n\
             P-Asserted-Identity: \"Caller {caller}\" <sip:{caller}@{a}>\r\n{}\
             Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            self.extra,
            body.len(),
            caller = self.caller,
            a = self.a,
        );
        (at, datagram((self.a, 5060), (self.b, 5060), text.as_bytes()))
    }

    /// ACK: of a 2xx in a transaction of its own, else in the INVITE's.
    pub fn ack(&self, at: i64, of_2xx: bool) -> (i64, Vec<u8>) {
        self.request(at, "ACK", Some(&self.to_tag), if of_2xx { "a" } else { "" })
    }

    /// CANCEL, with its Reason if there is one.
    pub fn cancel(&self, at: i64, reason: &str) -> (i64, Vec<u8>) {
        let text = format!(
            "CANCEL {} SIP/2.0\r\n{}Max-Forwards: 70\r\n{}{reason}User-Agent: Larkfield SBC 4.2\r\nContent-Length: 0\r\n\r\n",
            self.ruri,
            self.via(""),
            self.dialog(None, self.cseq, "CANCEL"),
        );
        (at, datagram((self.a, 5060), (self.b, 5060), text.as_bytes()))
    }

    /// A response to `method`.
    pub fn reply(&self, at: i64, status: u16, method: &str, extra: &str) -> (i64, Vec<u8>) {
        let answered = method == "INVITE" && (status == 200 || status == 183);
        let body = if answered { sdp(self.b, self.media_port(1)) } else { String::new() };
        let tag = (status != 100).then_some(self.to_tag.as_str());
        let salt = if method == "BYE" { "b" } else { "" };
        let below = if method == "CANCEL" { "" } else { self.below.as_str() };
        let mut text = format!("SIP/2.0 {status} {}\r\n{}{below}", phrase(status), self.via(salt));
        text += &self.dialog(tag, self.cseq + u32::from(method == "BYE"), method);
        if method == "INVITE" && (101..300).contains(&status) {
            let _ = write!(text, "Contact: <sip:{}@{}:5060>\r\n", self.called, self.b);
        }
        text += "Server: Office PBX 18.2\r\nAllow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO\r\n";
        text += extra;
        if answered {
            text += "Content-Type: application/sdp\r\n";
        }
        let _ = write!(text, "Content-Length: {}\r\n\r\n{body}", body.len());
        (at, datagram((self.b, 5060), (self.a, 5060), text.as_bytes()))
    }

    /// BYE of the caller's side and its 200.
    pub fn bye(&self, at: i64) -> [(i64, Vec<u8>); 2] {
        let text = format!(
            "BYE sip:{}@{}:5060 SIP/2.0\r\n{}Max-Forwards: 70\r\n{}User-Agent: Larkfield SBC 4.2\r\nContent-Length: 0\r\n\r\n",
            self.called,
            self.b,
            self.via("b"),
            self.dialog(Some(&self.to_tag), self.cseq + 1, "BYE"),
        );
        let bye = (at, datagram((self.a, 5060), (self.b, 5060), text.as_bytes()));
        [bye, self.reply(at + 9_000, 200, "BYE", "")]
    }

    /// BYE of the called side and its 200.
    pub fn bye_by_called(&self, at: i64) -> [(i64, Vec<u8>); 2] {
        let back = Leg {
            a: self.b,
            b: self.a,
            call_id: self.call_id.clone(),
            from_tag: self.to_tag.clone(),
            to_tag: self.from_tag.clone(),
            caller: self.called.clone(),
            called: self.caller.clone(),
            ruri: String::new(),
            extra: String::new(),
            below: String::new(),
            cseq: 100,
        };
        back.bye(at)
    }

    /// INVITE, 100 and 180.
    pub fn ring(&self, at: i64, after: i64) -> [(i64, Vec<u8>); 3] {
        [
            self.invite(at),
            self.reply(at + 7_000, 100, "INVITE", ""),
            self.reply(at + after, 180, "INVITE", ""),
        ]
    }

    /// A final response that isn't 2xx, and its ACK.
    pub fn refuse(&self, at: i64, status: u16, extra: &str) -> [(i64, Vec<u8>); 2] {
        [self.reply(at, status, "INVITE", extra), self.ack(at + 14_000, false)]
    }

    /// 200 and its ACK.
    pub fn answer(&self, at: i64) -> [(i64, Vec<u8>); 2] {
        [self.reply(at, 200, "INVITE", ""), self.ack(at + 18_000, true)]
    }

    /// CANCEL, its 200, 487, ACK.
    pub fn give_up(&self, at: i64, reason: &str) -> [(i64, Vec<u8>); 4] {
        let [refused, ack] = self.refuse(at + 11_000, 487, "");
        [self.cancel(at, reason), self.reply(at + 8_000, 200, "CANCEL", ""), refused, ack]
    }

    /// The media port of the caller's (0) or called (1) side.
    pub fn media_port(&self, side: usize) -> u16 {
        let tag = if side == 0 { &self.from_tag } else { &self.to_tag };
        let digits = u16::from_str_radix(&tag[tag.len() - 4..], 16).unwrap_or(0);
        10_000 + (digits % 20_000) * 2
    }
}

fn sdp(host: Host, port: u16) -> String {
    format!(
        "v=0\r\no=- {port}20261120 1 IN IP4 {host}\r\ns=call\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 8 101\r\n\
         a=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\n"
    )
}

fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        183 => "Session Progress",
        200 => "OK",
        302 => "Moved Temporarily",
        404 => "Not Found",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        480 => "Temporarily Unavailable",
        486 => "Busy Here",
        487 => "Request Terminated",
        503 => "Service Unavailable",
        603 => "Decline",
        _ => "Response",
    }
}

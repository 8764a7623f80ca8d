//! What flow saw and what it dropped: part of `summary.json` and of the metrics.

use schemars::JsonSchema;
use serde::Serialize;

use crate::wire::frame::Family;
use crate::wire::packet::{LinkType, Transport};

/// Counts since the start; every frame and every drop is in at least one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Counters {
    /// Packets taken.
    pub packets: u64,
    /// Bytes of them that were captured.
    pub bytes: u64,
    /// Packets that a snap length cut short.
    pub cut: u64,
    /// Packets by link layer.
    pub links: Links,
    /// Link types that aren't read.
    pub unknown_link: u64,
    /// Frames without IP: ARP, spanning tree and the like.
    pub not_ip: u64,
    /// Headers that are too short or contradict themselves.
    pub malformed: u64,
    /// ICMP and ICMPv6; what they quote is never read.
    pub icmp: u64,
    /// IP packets found in tunnels.
    pub tunnelled: u64,
    /// Packets in more than eight tunnels.
    pub tunnels_too_deep: u64,
    /// IP fragments.
    pub fragments: u64,
    /// Fragments that changed nothing: repeated, or overlapping what was there.
    pub fragments_repeated: u64,
    /// Fragments that never became a whole packet, or couldn't belong to one.
    pub fragments_dropped: u64,
    /// Places in TCP streams where bytes are missing for good.
    pub tcp_gaps: u64,
    /// TCP streams that aren't SIP.
    pub tcp_given_up: u64,
    /// Of these, TLS: SIP may be in them, out of reach.
    pub tcp_tls: u64,
    /// TCP streams forgotten to stay within memory.
    pub tcp_evicted: u64,
    /// Stretches of a SIP stream that weren't messages.
    pub tcp_astray: u64,
    /// Messages on TCP over 64 KiB; their head goes on, marked cut.
    pub tcp_too_long: u64,
    /// WebSocket messages not read: compressed, over 64 KiB, or broken.
    pub ws_dropped: u64,
    /// HEP3 messages read.
    pub hep: u64,
    /// HEP messages refused, also those of HEP 1 and 2.
    pub hep_bad: u64,
    /// HEP3 messages with harmless oddities.
    pub hep_odd: u64,
    /// HEP3 messages that don't carry SIP.
    pub hep_not_sip: u64,
    /// What may be SIP, by the way it came.
    pub transports: Transports,
    /// RTP and RTCP packets.
    pub rtp: u64,
    /// Datagrams of nothing but line ends, and line ends between messages of a stream.
    pub keepalives: u64,
    /// All else: STUN, DTLS, other protocols above IP.
    pub other: u64,
}

/// Packets by link layer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[allow(missing_docs, reason = "the names are the link layers")]
pub struct Links {
    pub ethernet: u64,
    pub linux_sll: u64,
    pub linux_sll2: u64,
    pub loopback: u64,
    pub raw_ip: u64,
    pub ppp: u64,
    pub pppoe: u64,
    /// Datagrams that came without a frame: from a HEP listener.
    pub datagram: u64,
}

/// Messages by the way they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[allow(missing_docs, reason = "the names are the transports")]
pub struct Transports {
    pub udp: u64,
    pub tcp: u64,
    pub ws: u64,
}

impl Links {
    pub(super) fn count(&mut self, link: LinkType) {
        *match Family::of(link) {
            Some(Family::Ethernet) => &mut self.ethernet,
            Some(Family::Sll) => &mut self.linux_sll,
            Some(Family::Sll2) => &mut self.linux_sll2,
            Some(Family::Loopback) => &mut self.loopback,
            Some(Family::Raw) => &mut self.raw_ip,
            Some(Family::Ppp) => &mut self.ppp,
            Some(Family::Pppoe) => &mut self.pppoe,
            None => return,
        } += 1;
    }
}

impl Transports {
    pub(super) fn count(&mut self, transport: Transport) {
        *match transport {
            Transport::Udp => &mut self.udp,
            Transport::Tcp => &mut self.tcp,
            Transport::Ws => &mut self.ws,
        } += 1;
    }
}

//! Which packets the kernel lets through to us, as a program for its packet filter (classic BPF).
//!
//! | frame | passes |
//! |---|---|
//! | IPv4, IPv6 | see below; behind one VLAN tag in the frame, too (the kernel takes off the outermost itself) |
//! | more tags, MPLS, PPPoE, 802.3, VN-Tag | always |
//! | other Ethernet types (ARP, LLDP) | never |
//! | fragments, first or not; IPv6 with extension headers | always |
//! | IP in IP, GRE, MPLS in IP; UDP to 4789, 8472 (VXLAN), 2152 (GTP) | always |
//! | UDP that begins with a printable character or a line end: SIP, HEP | always, but of QUIC and DNS |
//! | UDP whose first two bits say version 2: RTP | if wanted |
//! | other UDP | never |
//! | TCP | always, but of ports that never carry readable SIP: [`SILENT`] |
//! | ICMP and other protocols | never |
//!
//! Any port may carry SIP, so ports say only what is none. Plain HTTP passes, since WebSockets begin in it.

use super::live::Wanted;

/// One instruction of the packet filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Instruction {
    pub code: u16,
    /// How many instructions to pass over if a condition holds.
    pub yes: u8,
    /// And if it doesn't.
    pub no: u8,
    pub k: u32,
}

/// What a packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// An Ethernet header.
    Ethernet,
    /// An IP header.
    Ip,
}

/// TCP ports of file shares, databases, printers, remote desktops and encrypted web pages and mail.
const SILENT: [u32; 12] = [22, 139, 443, 445, 993, 995, 1_433, 2_049, 3_306, 3_389, 5_432, 9_100];

/// UDP ports whose payloads begin with any byte: DNS and QUIC.
const MOTLEY: [u32; 2] = [53, 443];

/// UDP ports of tunnels.
const TUNNELS: [u32; 3] = [4_789, 8_472, 2_152];

/// The program for what is wanted. More ports than [`MOST_PORTS`] are all RTP.
pub(super) fn program(framing: Framing, wanted: &Wanted) -> Vec<Instruction> {
    let mut code = Code::default();
    match framing {
        Framing::Ethernet => code.ethernet(),
        Framing::Ip => code.ip(),
    }
    code.v4();
    code.v6();
    code.others();
    code.udp(wanted);
    code.tcp();
    // Only a program with jumps too long for the kernel has none; then all is let through.
    code.finish().unwrap_or_else(|| vec![Instruction { code: RETURN, yes: 0, no: 0, k: WHOLE }])
}

/// Where a jump leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum To {
    Next,
    V4,
    V6,
    Tagged,
    Udp,
    Tcp,
    Others,
    Rtp,
    Pass,
    Drop,
}

/// A program whose jumps lead to names yet.
#[derive(Default)]
struct Code {
    steps: Vec<(u16, u32, To, To)>,
    names: Vec<(To, usize)>,
}

impl Code {
    fn ethernet(&mut self) {
        self.load(HALF_AT, 12);
        self.step(LOAD_X, 14);
        self.by_type();
        for tag in [0x8100, 0x88a8, 0x9100, 0x9200] {
            self.equal(tag, To::Tagged);
        }
        for other in [0x8847, 0x8848, 0x8864, 0x8926, 0x6558, 0x880b] {
            self.equal(other, To::Pass);
        }
        self.jump(GREATER, 1_500, To::Drop, To::Pass);
        self.name(To::Tagged);
        self.load(HALF_AT, 16);
        self.step(LOAD_X, 18);
        self.by_type();
        self.always(To::Pass);
    }

    fn by_type(&mut self) {
        self.equal(0x0800, To::V4);
        self.equal(0x86dd, To::V6);
    }

    fn ip(&mut self) {
        self.load(BYTE_AT, 0);
        self.step(LOAD_X, 0);
        self.step(SHIFT_RIGHT, 4);
        self.equal(4, To::V4);
        self.jump(EQUAL, 6, To::V6, To::Drop);
    }

    /// X is where the IP header begins; after it, where what it carries does.
    fn v4(&mut self) {
        self.name(To::V4);
        self.load(HALF_X, 6);
        self.jump(ANY_BIT, 0x3fff, To::Pass, To::Next);
        self.load(BYTE_X, 9);
        self.step(STORE, 0);
        self.load(BYTE_X, 0);
        self.step(AND, 0x0f);
        self.step(SHIFT_LEFT, 2);
        self.by_protocol();
    }

    fn v6(&mut self) {
        self.name(To::V6);
        self.load(BYTE_X, 6);
        self.step(STORE, 0);
        self.step(LOAD, 40);
        self.by_protocol();
    }

    /// Adds A to X and goes on by protocol.
    fn by_protocol(&mut self) {
        self.step(ADD_X, 0);
        self.step(TO_X, 0);
        self.step(RECALL, 0);
        self.equal(17, To::Udp);
        self.equal(6, To::Tcp);
        self.always(To::Others);
    }

    /// Tunnels and IPv6 extension headers. Of IPv4, hop-by-hop (0) is no protocol, and the rest are rare.
    fn others(&mut self) {
        self.name(To::Others);
        for proto in [4, 41, 47, 137, 0, 43, 44, 51, 60, 135, 139, 140] {
            self.equal(proto, To::Pass);
        }
        self.always(To::Drop);
    }

    fn udp(&mut self, wanted: &Wanted) {
        self.name(To::Udp);
        self.load(HALF_X, 2);
        TUNNELS.iter().for_each(|port| self.equal(*port, To::Pass));
        MOTLEY.iter().for_each(|port| self.equal(*port, To::Drop));
        self.load(HALF_X, 0);
        MOTLEY.iter().for_each(|port| self.equal(*port, To::Drop));
        self.load(BYTE_X, 8);
        self.equal(u32::from(b'\r'), To::Pass);
        self.equal(u32::from(b'\n'), To::Pass);
        self.jump(GREATER, u32::from(b'~'), To::Rtp, To::Next);
        self.jump(GREATER, u32::from(b' '), To::Pass, To::Drop);
        self.name(To::Rtp);
        self.step(AND, 0xc0);
        self.jump(EQUAL, 0x80, To::Next, To::Drop);
        match wanted {
            Wanted::None => self.always(To::Drop),
            Wanted::Ports(ports) if ports.len() <= MOST_PORTS => {
                self.load(HALF_X, 2);
                ports.iter().for_each(|port| self.equal(u32::from(*port), To::Pass));
                self.always(To::Drop);
            }
            Wanted::Ports(_) | Wanted::All => self.always(To::Pass),
        }
    }

    fn tcp(&mut self) {
        self.name(To::Tcp);
        for at in [0, 2] {
            self.load(HALF_X, at);
            SILENT.iter().for_each(|port| self.equal(*port, To::Drop));
        }
    }

    /// Puts the ends below and gives every jump its length.
    fn finish(mut self) -> Option<Vec<Instruction>> {
        self.name(To::Pass);
        self.step(RETURN, WHOLE);
        self.name(To::Drop);
        self.step(RETURN, 0);
        let Code { steps, names } = self;
        let length = |from: usize, to: To| match to {
            To::Next => Some(0),
            to => names.iter().find(|(name, _)| *name == to)?.1.checked_sub(from + 1),
        };
        let fixed = steps.iter().enumerate().map(|(at, (code, k, yes, no))| {
            let (yes, no) = (length(at, *yes)?, length(at, *no)?);
            if *code == ALWAYS {
                return Some(Instruction { code: *code, yes: 0, no: 0, k: u32::try_from(yes).ok()? });
            }
            Some(Instruction { code: *code, yes: u8::try_from(yes).ok()?, no: u8::try_from(no).ok()?, k: *k })
        });
        fixed.collect()
    }

    fn name(&mut self, name: To) {
        self.names.push((name, self.steps.len()));
    }

    fn step(&mut self, code: u16, k: u32) {
        self.steps.push((code, k, To::Next, To::Next));
    }

    fn load(&mut self, how: u16, at: u32) {
        self.step(how, at);
    }

    fn jump(&mut self, condition: u16, k: u32, yes: To, no: To) {
        self.steps.push((condition, k, yes, no));
    }

    fn equal(&mut self, k: u32, to: To) {
        self.jump(EQUAL, k, to, To::Next);
    }

    fn always(&mut self, to: To) {
        self.jump(ALWAYS, 0, to, To::Next);
    }
}

/// So many ports are told apart; a jump over more would be too long.
pub(super) const MOST_PORTS: usize = 100;

/// Packets are captured whole.
const WHOLE: u32 = 0x0004_0000;

// Instructions (Linux bpf_common.h); a load beyond the packet's end drops it.
const LOAD: u16 = 0x00;
const HALF_AT: u16 = 0x28;
const BYTE_AT: u16 = 0x30;
const HALF_X: u16 = 0x48;
const BYTE_X: u16 = 0x50;
const LOAD_X: u16 = 0x01;
const STORE: u16 = 0x02;
const RECALL: u16 = 0x60;
const TO_X: u16 = 0x07;
const ADD_X: u16 = 0x0c;
const AND: u16 = 0x54;
const SHIFT_LEFT: u16 = 0x64;
const SHIFT_RIGHT: u16 = 0x74;
const ALWAYS: u16 = 0x05;
const EQUAL: u16 = 0x15;
const GREATER: u16 = 0x25;
const ANY_BIT: u16 = 0x45;
const RETURN: u16 = 0x06;

#[cfg(test)]
mod tests;

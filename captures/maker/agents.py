"""HEP agents as they are: clocks that disagree, payloads packed in every way, chunks of any vendor's in any order.

Each frame is a UDP datagram to a collector at port 9060, so that what is in it can be sent to a listener as it is.
"""

import struct

from . import wire
from .office import *

COLLECTOR = "10.9.9.2"
HOUR, BEHIND = 3_600_000_000, -40_000_000


class Agent:
    """A capture agent: the address it sends from, its number, and how many microseconds its clock is ahead."""

    def __init__(self, ip, number, ahead=0):
        self.ip, self.number, self.ahead = ip, number, ahead

    def send(self, trace, when, message):
        """One HEP message, which comes to the collector 900 microseconds after what it tells of."""
        packet = wire.udp(self.ip, 38111, COLLECTOR, 9060, message)
        trace.frame(when + 900, wire.ip(self.ip, COLLECTOR, 17, packet), self.ip, COLLECTOR)

    def chunks(self, when, src, dst):
        """What every message says of its payload: addresses, ports, time, kind, agent."""
        when += self.ahead
        ends = chunk(1, b"\x02") + chunk(2, b"\x11") + chunk(3, wire.packed(src.ip)) + chunk(4, wire.packed(dst.ip))
        ends += chunk(7, struct.pack("!H", src.port)) + chunk(8, struct.pack("!H", dst.port))
        time = chunk(9, struct.pack("!I", when // 1_000_000)) + chunk(10, struct.pack("!I", when % 1_000_000))
        return ends + time + chunk(11, b"\x01") + chunk(12, struct.pack("!I", self.number))


def chunk(kind, value, vendor=0):
    return struct.pack("!HHH", vendor, kind, 6 + len(value)) + value


def hep(body):
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


def folded(count):
    """A zlib stream that unfolds to `count` (one more than a multiple of 258) bytes of the letter A, as short as can be."""
    bits = [1, 1, 0] + [int(b) for b in f"{0x30 + ord('A'):08b}"]
    bits += ([int(b) for b in "11000101"] + [0] * 5) * (count // 258) + [0] * 7
    bits += [0] * (-len(bits) % 8)
    data = bytes(sum(bit << n for n, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))
    low, high = 1, 0
    for _ in range(count):
        low = (low + ord("A")) % 65521
        high = (high + low) % 65521
    return b"\x78\x01" + data + struct.pack("!HH", high, low)


@scenario("hep-agents-disagree-on-time", OFFICE)
def skewed(s):
    """Two HEP agents: the trunk's side by one whose clock is an hour ahead, the phones' by one that is 40 s behind

    The agent of the phones' side sets its clock while the second call is up, and a third one gives no sensible time at
    all. By the agents' own times the phone would ring an hour before the caller calls, and stop before it rings.

    Verdict: `abandoned`, missed, after 3.79 s of ringing and with one text, and `answered` by a person, each one call of
    two legs: what agents whose clocks are off saw is dated when it comes.
    """
    trunk, phones = Agent("10.9.9.3", 31, HOUR), Agent("10.9.9.4", 32, BEHIND)
    odd = Agent("10.9.9.5", 33)

    def carrier(trace, when, src, dst, data):
        if b"CSeq: 101 BYE" in data and TRUNK in (src, dst):
            odd.send(trace, when, hep(odd.chunks(when, src, dst).replace(chunk(10, struct.pack("!I", when % 1_000_000)),
                                                                          chunk(10, b"\xff\xff\xff\xff")) + chunk(15, data)))
            return
        agent = trunk if TRUNK in (src, dst) else phones
        agent.send(trace, when, hep(agent.chunks(when, src, dst) + chunk(15, data)))
    s.trace.carrier = carrier
    missed = s.inbound("+13125550160").ring(0, after=260)
    rung = s.phone("+13125550160", PHONE_201, "201").ring(40)
    call = s.inbound("+13125550161").ring(1_000, after=260)
    phone = s.phone("+13125550161", PHONE_202, "202").ring(1_040).answer(2_000)
    call.answer(2_022)
    missed.give_up(4_000)
    rung.give_up(4_020)
    phones.ahead = 0
    phone.bye(8_000, by="callee")
    call.bye(8_020, by="callee")
    s.expect(missed, "abandoned", True, joined=(rung,), task=True)
    s.expect(call, "answered", False, joined=(phone,), answered_by="human")
    s.texts = ["+13125550160"]


@scenario("hep-packed-and-strange-chunks", OFFICE)
def strange(s):
    """HEP whose payloads are packed by zlib or gzip, among chunks of vendors nobody knows, in any order, empty or doubled

    Of the first call every message is packed, by turns with zlib and gzip. Of the second, chunks come backwards, so
    that the payload is first and the addresses last, with a stranger's chunks before each: numbers that mean an
    address, a payload or a packed one in vendor 0, under another vendor; types that no revision knows; empty chunks; a
    second payload, of which the first counts. Between them come reports and log lines that are no SIP, a payload
    packed to nonsense, one that would unfold to 70,000 bytes, and one whose chunk runs past its end.

    Verdict: `busy` and `abandoned`, both missed, a text each. The three that contradict themselves are refused, the
    others passed over.
    """
    agent = Agent("10.9.9.6", 2_001)

    def packed(trace, when, src, dst, data):
        pack = wire.gzipped if len(trace.packets) % 2 else wire.stored_zlib
        agent.send(trace, when, hep(agent.chunks(when, src, dst) + chunk(16, pack(data))))

    def backwards(trace, when, src, dst, data):
        rest, own = agent.chunks(when, src, dst), []
        while rest:
            length = int.from_bytes(rest[4:6], "big")
            own, rest = own + [rest[:length]], rest[length:]
        strangers = [chunk(3, b"\x0a\x09\x09\x63", 0x7A7A), chunk(15, b"not the payload", 0x7A7A), chunk(16, b"\x78\x01", 4),
                     chunk(4_711, b"whoever"), chunk(20, b""), chunk(19, b"edge"), chunk(17, b"lakeside-2"), chunk(11, b"\x05", 2)]
        listed = [chunk(15, data), *reversed(own), chunk(15, b"the second payload")]
        agent.send(trace, when, hep(b"".join(part for pair in zip(listed, strangers + [b""] * 8) for part in pair)))

    s.trace.carrier = packed
    busy = s.inbound("+13125550162").ring(0).refuse(1_000, 486)
    s.trace.carrier = backwards
    missed = s.inbound("+13125550163").ring(1_200).give_up(3_200)
    body = lambda kind, *chunks: agent.chunks(s.trace.start, TRUNK, PBX).replace(chunk(11, b"\x01"), chunk(11, bytes([kind]))) + b"".join(chunks)
    invite = b"INVITE sip:+13125550111@192.168.10.5 SIP/2.0\r\n"
    torn = hep(body(1, chunk(15, invite)))
    for at, message in ((500, hep(body(5, chunk(15, b'{"ssrc":7}')))), (700, hep(body(100, chunk(15, b"a line of a log")))),
                        (1_300, hep(body(1, chunk(16, b"\x78\x01 packed by nobody")))), (1_500, hep(body(1, chunk(16, folded(258 * 272 + 1))))),
                        (1_700, torn[:-len(invite) - 2] + struct.pack("!H", 60_000) + invite)):
        agent.send(s.trace, s.trace.start + at * 1000, message)
    s.expect(busy, "busy", True, task=True)
    s.expect(missed, "abandoned", True, task=True)
    s.texts = ["+13125550162", "+13125550163"]

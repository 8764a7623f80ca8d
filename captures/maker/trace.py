"""A tap: takes SIP messages with their times and gives the packets that a capture of them holds.

`Trace.link` says how an IP packet becomes a frame; `Trace.carrier` how a message becomes IP packets.
"""

import hashlib
import struct
from datetime import datetime, timedelta, timezone

from . import wire
from .audio import encoded

SYN, ACK, PSH_ACK, SYN_ACK = 0x02, 0x10, 0x18, 0x12


class Trace:
    def __init__(self, seed, start):
        """`start`: `2026-11-20T10:00:00-06:00`."""
        self.seed = seed
        moment = datetime.fromisoformat(start).astimezone(timezone.utc)
        epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
        self.start = (moment - epoch) // timedelta(microseconds=1)
        self.packets = []
        self.link = lambda packet, src, dst, n: wire.ethernet(packet, src, dst)
        self.carrier = datagram

    def moment(self, at):
        """Microseconds UTC of a message sent `at` milliseconds into the scenario, never on a round one."""
        return self.start + at * 1000 + len(self.packets) * 137 % 911

    def carry(self, at, src, dst, data):
        self.carrier(self, self.moment(at), src, dst, data)

    def frame(self, when, packet, src, dst):
        self.packets.append((when, self.link(packet, src, dst, len(self.packets))))

    def ordered(self):
        return sorted(self.packets, key=lambda p: p[0])

    def pcap(self, **how):
        return wire.pcap(self.ordered(), **how)

    def rtp(self, at, src, dst, ports, packets, payload_type=0, seed=1):
        """`packets` RTP packets of 20 ms of G.711 silence."""
        body = b"\xff" * 160 if payload_type == 0 else b"\xd5" * 160
        for n in range(packets):
            head = struct.pack("!BBHII", 0x80, payload_type, (seed * 977 + n) & 0xFFFF, seed * 31337 + n * 160, seed)
            data = wire.udp(src.ip, ports[0], dst.ip, ports[1], head + body)
            when = self.start + (at + n * 20) * 1000
            self.frame(when, wire.ip(src.ip, dst.ip, 17, data, n), src.ip, dst.ip)

    def voice(self, at, leg, from_a, samples, payload_type=0):
        """What one end of a leg says, from `at` on, in packets of 20 ms that arrive up to 3 ms late."""
        ends = (leg.a, leg.b) if from_a else (leg.b, leg.a)
        (src, sport), (dst, dport) = (leg.hears_at(end) for end in ends)
        ssrc = int(hashlib.sha1(f"{leg.call_id} {src} {sport} {at}".encode()).hexdigest()[:8], 16)
        sound = encoded(samples, payload_type)
        for n in range(len(sound) // 160):
            marker = 0x80 if n == 0 else 0
            head = struct.pack("!BBHII", 0x80, payload_type | marker, (ssrc + n) & 0xFFFF, (ssrc * 7 + n * 160) & 0xFFFFFFFF, ssrc)
            data = wire.udp(src, sport, dst, dport, head + sound[n * 160 : n * 160 + 160])
            when = self.start + (at + n * 20) * 1000 + (n * 7919 + ssrc) % 3000
            self.frame(when, wire.ip(src, dst, 17, data, n & 0xFFFF), src, dst)

    def digits(self, at, leg, pressed, payload_type=101):
        """Keys that the caller presses, 600 ms apart (RFC 4733): each four times under way and three times ended."""
        (src, sport), (dst, dport) = leg.hears_at(leg.a), leg.hears_at(leg.b)
        for key, digit in enumerate(pressed):
            event = "0123456789*#".index(digit)
            for n in range(7):
                ended = n >= 4
                head = struct.pack("!BBHII", 0x80, payload_type | (0x80 if n == 0 else 0), 9000 + key * 7 + n, 48_000 + key * 4800, 0x5EED)
                data = head + struct.pack("!BBH", event, 0x80 * ended | 10, 160 * min(n + 1, 5))
                packet = wire.udp(src, sport, dst, dport, data)
                self.frame(self.start + (at + key * 600 + n * 20) * 1000, wire.ip(src, dst, 17, packet, 7 + n), src, dst)


def datagram(trace, when, src, dst, data):
    """SIP over UDP, one datagram."""
    packet = wire.udp(src.ip, src.port, dst.ip, dst.port, data)
    trace.frame(when, wire.ip(src.ip, dst.ip, 17, packet, ident(trace)), src.ip, dst.ip)


def fragmented(size):
    """SIP over UDP in IP fragments of `size` bytes (a multiple of 8); every second datagram's arrive backwards."""
    def carrier(trace, when, src, dst, data):
        packet = wire.udp(src.ip, src.port, dst.ip, dst.port, data)
        number = ident(trace)
        if len(packet) <= size:
            parts = [wire.ip(src.ip, dst.ip, 17, packet, number)]
        else:
            parts = wire.fragments(src.ip, dst.ip, 17, packet, number, size)
        for n, part in enumerate(reversed(parts) if number % 2 else parts):
            trace.frame(when + n * 30, part, src.ip, dst.ip)
    return carrier


def ident(trace):
    return 0x3000 + len(trace.packets) * 7


class Streams:
    """SIP over TCP: connections with handshake, data in pieces, and sequence numbers that wrap.

    `pieces(data)` cuts what is sent into segments, `wrap(data, from_client)` frames it, `hello(src, dst)` gives
    what the two sides say first.
    """

    def __init__(self, pieces, wrap=lambda data, from_client: data, hello=None):
        self.pieces, self.wrap, self.hello = pieces, wrap, hello
        self.clients = {}
        self.next = {}

    def __call__(self, trace, when, src, dst, data):
        pair = frozenset((src, dst))
        if pair not in self.clients:
            self.clients[pair] = src
            self.open(trace, when - 9000, src, dst)
        wrapped = self.wrap(data, self.clients[pair] == src)
        for n, part in enumerate(self.pieces(wrapped)):
            self.segment(trace, when + n * 40, src, dst, PSH_ACK, part)

    def open(self, trace, when, src, dst):
        self.next[src, dst], self.next[dst, src] = 0xFFFFFE00, 0x10000000
        self.segment(trace, when, src, dst, SYN)
        self.segment(trace, when + 200, dst, src, SYN_ACK)
        self.segment(trace, when + 400, src, dst, ACK)
        if self.hello:
            ask, answer = self.hello(src, dst)
            self.segment(trace, when + 900, src, dst, PSH_ACK, ask)
            self.segment(trace, when + 1500, dst, src, PSH_ACK, answer)

    def segment(self, trace, when, src, dst, flags, data=b""):
        ack = 0 if flags == SYN else self.next[dst, src]
        packet = wire.tcp(src.ip, src.port, dst.ip, dst.port, self.next[src, dst], ack, flags, data)
        trace.frame(when, wire.ip(src.ip, dst.ip, 6, packet, ident(trace)), src.ip, dst.ip)
        advance = len(data) + (flags & SYN != 0)
        self.next[src, dst] = (self.next[src, dst] + advance) & 0xFFFFFFFF

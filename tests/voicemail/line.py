"""RTP of one side of a call as a network brings it: lost, doubled, late, out of order, from another source, in other pieces."""

import random
import struct
from dataclasses import dataclass

from maker import wire

KINDS = {"PCMU": 0, "PCMA": 8, "G722": 9}
EVENT, COMFORT_NOISE, DYNAMIC = 101, 13, 96


@dataclass(frozen=True)
class Network:
    """What is odd about a stream; times in seconds since the answer."""
    codec: str = "PCMU"
    sequence: int = 1000
    timestamp: int = 160_000
    loss: float = 0.0
    doubled: float = 0.0
    swapped: float = 0.0
    jitter_ms: float = 2.0
    #: nothing is sent while it is silent, but one packet of comfort noise
    saves: bool = False
    #: another SSRC, sequence and timestamp from then on
    source_changes: tuple = ()
    #: (from when on, packets of so many ms)
    pieces: tuple = ((0.0, 20),)
    #: (from, to): nothing is sent; the media clock runs on, or stands still
    held: tuple = ()
    clock_stands_on_hold: bool = False
    #: (when, key): an event of 160 ms stands for the sound
    keys: tuple = ()
    #: SRTP
    encrypted: bool = False
    #: packets of that payload type, which nobody named, in between
    strangers: bool = False


class Line:
    """One direction: `ends` are (address, port) of who sends and who receives, `start` is the answer in microseconds."""

    def __init__(self, trace, network, seed, ends, start):
        self.trace, self.network, self.ends, self.start = trace, network, ends, start
        self.rng = random.Random(seed)
        self.ssrc, self.sequence, self.shift = self.rng.getrandbits(32), network.sequence, 0
        self.frames = []
        #: what arrived, as (from, to) in samples at 8000 a second
        self.arrived = []

    def send(self, data, is_quiet):
        """All of a side's sound, 8000 bytes a second; `is_quiet(byte)` says where nothing is said."""
        at, begun, changes, saving = 0, None, list(self.network.source_changes), False
        while at < len(data):
            now = at / 8000
            size = 8 * [ms for since, ms in self.network.pieces if since <= now][-1]
            if changes and now >= changes[0]:
                changes.pop(0)
                self.ssrc, self.sequence, self.shift = (self.rng.getrandbits(n) for n in (32, 16, 32))
            key = next((k for k in self.network.keys if k[0] <= now < k[0] + 0.16), None)
            quiet = self.network.saves and all(is_quiet(n) for n in range(at, at + size, 16))
            if any(a <= now < b for a, b in self.network.held):
                self.shift -= size if self.network.clock_stands_on_hold else 0
            elif key:
                begun = at if begun is None else begun
                event = struct.pack("!BBH", "0123456789*#".index(key[1]), (at - begun >= 960) << 7 | 10, at - begun + size)
                self.packet(at, EVENT, event, stamp=begun)
            elif quiet:
                if not saving:
                    self.packet(at, COMFORT_NOISE, b"\x40")
            else:
                sound = self.rng.randbytes(size + 10) if self.network.encrypted else data[at : at + size]
                self.packet(at, KINDS[self.network.codec], sound, size)
                if self.network.strangers and at % 800 == 0:
                    self.packet(at, DYNAMIC, self.rng.randbytes(size))
            saving, begun = quiet, begun if key else None
            at += size
        self.arrive()

    def packet(self, at, kind, payload, size=0, stamp=None):
        sequence, self.sequence = self.sequence, (self.sequence + 1) & 0xFFFF
        if self.rng.random() < self.network.loss:
            return
        if size:
            self.arrived.append((at, at + size))
        stamp = (self.network.timestamp + self.shift + (at if stamp is None else stamp)) & 0xFFFFFFFF
        head = struct.pack("!BBHII", 0x80, kind, sequence, stamp, self.ssrc)
        when = self.start + at * 125 + int(self.rng.random() * self.network.jitter_ms * 1000)
        self.frames.append([when, head + payload])
        if self.rng.random() < self.network.doubled:
            self.frames.append([when + 3_000, head + payload])

    def arrive(self):
        """Puts the packets on the tap, some a place too late."""
        for n in range(len(self.frames) - 2):
            if self.rng.random() < self.network.swapped:
                self.frames[n][0] = self.frames[n + 2][0] + 100
        (src, sport), (dst, dport) = self.ends
        for n, (when, data) in enumerate(self.frames):
            packet = wire.ip(src, dst, 17, wire.udp(src, sport, dst, dport, data), n & 0xFFFF)
            self.trace.frame(when, packet, src, dst)

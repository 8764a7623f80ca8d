"""`ringback run` under junk: 5,000 datagrams a second that mean nothing, on a tapped interface and a HEP listener, beside real calls.

    junk.py [--quick] [--seconds 70] [--rate 5000] [--seed 1]

Noise, broken and cut SIP, scans, numbers dialled in vain, answers to nothing, fragments without their rest, RTP, and HEP that is
none, old, or none of SIP. Every real call has to be judged and texted once. Memory may not grow in the last 30 seconds: what comes
first is kept for half a minute. Beside lines about real calls the log may have ten a second. Needs root, or sudo.
"""

import argparse
import itertools
import os
import random
import re
import socket
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import ringback
from daemon import PATIENCE, Stream, Watched, alone, configured, figure, hep, journal, network, packet, page, sender, taps
from ringback import ROOT

METRICS = '[metrics]\nlisten = "127.0.0.1:9464"\n'
MAX_LINES, MAX_GROWTH_MB = 10, 4
TRIALS = itertools.count()
STRANGER, PBX, TRUNK = "198.51.100.66", "192.168.10.5", "203.0.113.20"


def said(chance, first, *more):
    """A message of nobody's."""
    mark = f"{chance.getrandbits(64):x}"
    method = first.split()[0] if " sip:" in first else "OPTIONS" if "200" in first else "INVITE"
    lines = (first, f"Via: SIP/2.0/UDP {STRANGER}:5060;branch=z9hG4bK{mark}", f"From: <sip:100@{STRANGER}>;tag={mark}", f"To: <sip:100@{PBX}>",
             f"Call-ID: {mark}@{STRANGER}", f"CSeq: 1 {method}", *more, "Content-Length: 0", "", "")
    return "\r\n".join(lines).encode()


def dialled(first):
    """A message of a stranger's try to call out, and the next time one of its refusal."""
    return said(random.Random(next(TRIALS) // 2), first)


def fragment(chance):
    """The first piece of a datagram whose rest never comes."""
    frame = bytearray(packet(STRANGER, PBX, chance.randbytes(700)))
    frame[18:20], frame[20:22], frame[24:26] = chance.randbytes(2), struct.pack("!H", 0x2000), b"\0\0"
    words = struct.unpack("!10H", frame[14:34])
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    frame[24:26] = struct.pack("!H", ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF)
    return bytes(frame)


def rtp(chance):
    return struct.pack("!BBHII", 0x80, 0, chance.getrandbits(16), chance.getrandbits(32), chance.getrandbits(32)) + chance.randbytes(160)


# On the wire, each as a frame.
FRAMES = {
    "noise": lambda chance: packet(STRANGER, PBX, chance.randbytes(chance.randrange(1, 1200))),
    "nothing": lambda chance: packet(STRANGER, PBX, b""),
    "broken": lambda chance: packet(STRANGER, PBX, b"INVITE sip:" + chance.randbytes(400) + b" SIP/2.0\r\n" + chance.randbytes(200)),
    "cut": lambda chance: packet(TRUNK, PBX, (whole := said(chance, "INVITE sip:100@192.168.10.5 SIP/2.0"))[:chance.randrange(20, len(whole) // 2)]),
    "scan": lambda chance: packet(STRANGER, PBX, said(chance, "OPTIONS sip:100@192.168.10.5 SIP/2.0")),
    "register": lambda chance: packet(STRANGER, PBX, said(chance, "REGISTER sip:192.168.10.5 SIP/2.0", "Expires: 3600")),
    "answer to nothing": lambda chance: packet(PBX, STRANGER, said(chance, "SIP/2.0 200 OK")),
    "dialled": lambda chance: packet(STRANGER, PBX, dialled("INVITE sip:900441234@192.168.10.5 SIP/2.0")),
    "and refused": lambda chance: packet(PBX, STRANGER, dialled("SIP/2.0 403 Forbidden")),
    "no SIP": lambda chance: packet(TRUNK, PBX, said(chance, "INVITE sip:100@192.168.10.5 SIP/9.7")),
    "fragment": fragment,
    "RTP": lambda chance: packet(STRANGER, PBX, rtp(chance)),
}
# To the HEP listener, each as a datagram.
HEP = {
    "no HEP": lambda chance: chance.randbytes(chance.randrange(1, 1200)),
    "HEP of noise": lambda chance: hep(packet(STRANGER, PBX, chance.randbytes(300))),
    "HEP of a scan": lambda chance: hep(packet(STRANGER, PBX, said(chance, "OPTIONS sip:100@192.168.10.5 SIP/2.0"))),
    "cut HEP": lambda chance: hep(packet(STRANGER, PBX, said(chance, "OPTIONS sip:100@192.168.10.5 SIP/2.0")))[:-200],
    "HEP with a false length": lambda chance: b"HEP3\xff\xff" + chance.randbytes(300),
}


def made(count, chance):
    """So many pieces of junk, none like another, the kinds in turn; what it says of its time in HEP is old when it is sent."""
    kinds = [(True, make) for make in FRAMES.values()] + [(False, make) for make in HEP.values()]
    return [(is_frame, make(chance)) for n in range(count) for is_frame, make in [kinds[n % len(kinds)]]]


def pour(pieces, frame, datagram, rate, looks):
    """Sends junk at a rate; calls `looks` each second. The seconds it took."""
    begun, each = time.monotonic(), rate // 100
    for turn, first in enumerate(range(0, len(pieces), each)):
        if turn % 100 == 0:
            looks()
        time.sleep(max(0, begun + turn / 100 - time.monotonic()))
        for is_frame, piece in pieces[first:first + each]:
            (frame if is_frame else datagram)(piece)
    return time.monotonic() - begun


def lines_of_junk(log, stream):
    """How many lines there are in each second that are about no real call."""
    real, about = {stream.id(number) for number in stream.calls}, re.compile(r": (?:call|text|task) ([0-9a-f]{12})")
    return Counter(line[:19] for line in log.splitlines() if not ((found := about.search(line)) and found[1] in real))


def judged(folder, stream, watched):
    """What is wrong with how the real calls were judged and texted."""
    texts = Counter(text["to"] for text in watched.outbox())
    bodies, _ = journal(folder)
    # Who dials in vain is a call, rejected; nobody has to do anything about it.
    calls = {body["data"]["call"]: body["data"]["outcome"] for body in bodies if body["event"] == "call" and body["data"]["outcome"] != "rejected"}
    lost = [number for number in stream.calls if calls.get(stream.id(number)) != "busy"]
    untexted = [number for number in stream.calls if texts["+1" + number] != 1]
    others = len(calls) - len(stream.calls)
    return ([f"{len(lost)} real calls are lost: {lost[:5]}"] if lost else []) + (
        [f"{len(untexted)} callers weren't texted once: {untexted[:5]}"] if untexted else []) + (
        [f"{others} calls were made up"] if others else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=int, default=70)
    parser.add_argument("--rate", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    alone(__file__)
    network()
    seconds, tally, memory = 6 if args.quick else args.seconds, ringback.Tally("junk"), []
    pieces = made(seconds * args.rate, random.Random(args.seed))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        config = configured(folder, ROOT / "captures/caller-cancels/ringback.toml", taps("veth") + taps("hep") + METRICS)
        watched, stream = Watched(config), Stream(sender("veth"), 0.2)
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            stream.start()
            took = pour(pieces, sender("veth"), lambda piece: udp.sendto(piece, ("127.0.0.1", 9060)), args.rate,
                        lambda: memory.append(watched.memory("VmRSS")))
            memory.append(watched.memory("VmRSS"))
            cores = watched.cores()
            stream.going = False
            stream.join()
            until = time.monotonic() + PATIENCE
            while len(watched.outbox()) < len(stream.calls) and time.monotonic() < until:
                time.sleep(0.1)
            text = page("/metrics")[1]
            watched.stop()
        finally:
            watched.process.kill()
        log = (folder / "log").read_text()
        faults = judged(folder, stream, watched)
    drops = sum(int(figure(text, f'ringback_tap_drops_total{{tap="{tap}"}}')) for tap in ("vb", "127.0.0.1:9060"))
    most = max(lines_of_junk(log, stream).values())
    warm = memory[max(-31, -len(memory))]
    print(f"{len(pieces)} junk datagrams, {len(pieces) / took:,.0f} a second for {took:.0f} s, beside {len(stream.calls)} calls: {drops} packets lost; memory {memory[0]:.1f} MB at first, "
          f"{warm:.1f} MB 30 s before the end, {memory[-1]:.1f} MB then; {cores:.2f} cores; at most {most} lines a second about it")
    tally.check("calls", faults)
    tally.check("rate", [f"only {len(pieces) / took:,.0f} a second were sent"] if took > seconds * 1.1 else [])
    tally.check("log", [f"{most} lines in a second"] if most > MAX_LINES else [])
    grown = memory[-1] - warm
    tally.check("memory", [f"grew by {grown:.1f} MB"] if grown > MAX_GROWTH_MB and not args.quick else [])
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())

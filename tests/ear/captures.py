#!/usr/bin/env python3
"""Makes trunk-only captures with sound, and the truth of each: NAME.pcap, NAME.truth.json.

    captures.py --out DIR [--cast tuning|tuning-too|held-out] [--takes N] [--kind NAME] [--seed N]

Needs espeak-ng, sox and ffmpeg (tests/install ear). Nothing of it is kept in the tree. Same arguments and same versions
of the three: same captures. Of every leg there is INVITE, 180, 200, ACK, BYE and the RTP of both sides.
"""

import argparse
import dataclasses
import json
import random
import struct
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "captures")]
sys.dont_write_bytecode = True

from maker import wire  # noqa: E402
from maker.office import ADS, PBX, TRUNK  # noqa: E402
from maker.sip import Leg  # noqa: E402
from maker.trace import Trace  # noqa: E402
import scenes  # noqa: E402
from studio import Studio, encoded, mixed  # noqa: E402

CASTS = {"tuning": scenes.TUNING, "tuning-too": scenes.TUNING_TOO, "held-out": scenes.HELD_OUT}
PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8, "G722": 9}
KEYS = "0123456789*#"
LOSSES = (0.0, 0.01, 0.05)
ROLES = {"trunk_peers": [TRUNK.ip], "pbx_hosts": [PBX.ip], "phone_nets": [], "voicemail_hosts": [], "voicemail_pilots": []}
RING_MS = 8000


def takes(cast, count):
    """(kind, greeting, beep, codec, loss, seed): every greeting with every beep and loss, the kinds and codecs in turn."""
    rng = random.Random(cast.seed)
    grid = [(g, b, loss) for g in range(len(cast.greetings)) for b in range(len(cast.beeps)) for loss in LOSSES]
    for round_ in range(count):
        for kinds in (scenes.MESSAGE, scenes.HANGUP + scenes.UNDECIDABLE, scenes.ANSWERED):
            order = list(kinds)
            rng.shuffle(order)
            for n, (greeting, beep, loss) in enumerate(grid):
                codec = ("PCMU", "PCMA", "G722")[(n + greeting + round_) % 3]
                yield order[n % len(order)], greeting, beep, codec, loss, rng.randrange(1 << 30)


def accept(kind):
    if kind in scenes.MESSAGE:
        return ["voicemail_message"], "audio"
    if kind in scenes.HANGUP:
        return ["voicemail_hangup"], "audio"
    if kind in scenes.UNDECIDABLE:
        return ["voicemail_hangup", "unknown"], "no"
    return ["answered", "answered_short"], "audio"


class Wire:
    """RTP of one direction: places payloads of 20 ms on the trace, with loss, jitter, a few twice or late."""

    def __init__(self, trace, rng, loss, ends, ports, start):
        self.trace, self.rng, self.loss, self.ends, self.ports, self.start = trace, rng, loss, ends, ports, start
        self.ssrc, self.stamp = rng.getrandbits(32), rng.getrandbits(32)
        self.sequence = rng.getrandbits(16)

    def send(self, n, payload, kind, marker=0, stamp=None):
        sequence, self.sequence = self.sequence, (self.sequence + 1) & 0xFFFF
        if self.rng.random() < self.loss:
            return
        stamp = (self.stamp + (n if stamp is None else stamp) * 160) & 0xFFFFFFFF
        head = struct.pack("!BBHII", 0x80, marker << 7 | kind, sequence, stamp, self.ssrc)
        late = self.rng.choice((0, 0, 0, 0, 0, 0, 0, 0, 0, 45_000)) if self.rng.random() < 0.1 else 0
        when = self.start + n * 20_000 + int(self.rng.expovariate(1 / 3000)) + late
        data = wire.udp(self.ends[0].ip, self.ports[0], self.ends[1].ip, self.ports[1], head + payload)
        packet = wire.ip(self.ends[0].ip, self.ends[1].ip, 17, data, n & 0xFFFF)
        for copy in range(2 if self.rng.random() < 0.003 else 1):
            self.trace.frame(when + copy * 400, packet, self.ends[0].ip, self.ends[1].ip)


def port(leg, end):
    return int(leg.sdp(end).split("m=audio ")[1].split()[0])


def capture(name, number, scene, codec, loss, rng):
    trace = Trace(name, "2026-11-20T10:00:00-06:00")
    kind = PAYLOAD_TYPES[codec]
    leg = Leg(trace, TRUNK, PBX, f"+1312555{1000 + number % 9000:04}", ADS,
              codecs=((kind, f"{codec}/8000"), (101, "telephone-event/8000")))
    leg.ring(0).answer(RING_MS)
    answer = trace.packets[-2][0]
    ports = port(leg, TRUNK), port(leg, PBX)
    under = scenes.noises(scene, number)
    pbx = Wire(trace, rng, loss, (PBX, TRUNK), (ports[1], ports[0]), answer + 3_000)
    caller = Wire(trace, rng, loss, (TRUNK, PBX), ports, answer + 9_000)
    voice(pbx, scene.pbx, scene.pbx_stops or scene.end, under[0], codec, kind)
    voice(caller, scene.caller, scene.end, under[1], codec, kind, scene.caller_vad, scene.digits)
    leg.bye(RING_MS + int(scene.end * 1000), by="caller" if scene.hangs_up == "caller" else "called")
    bye = next(p[0] for p in reversed(trace.packets) if b"BYE sip:" in p[1])
    return trace, leg, (bye - answer) / 1e6


def voice(line, track, end, under, codec, kind, vad=False, digits=()):
    samples = track.until(end)
    if under is not None:
        samples = mixed(samples, under)
    data = encoded(samples, codec)
    pressed = {int(at * 50): digit for at, digit in digits}
    quiet = [not any(samples[n * 320 : n * 320 + 320 : 7]) for n in range(int(end * 50))]
    digit, begun = None, 0
    for n in range(int(end * 50)):
        if n in pressed:
            digit, begun = pressed[n], n
        if digit is not None:
            ending = n - begun >= 6
            event = struct.pack("!BBH", KEYS.index(digit), ending << 7 | 10, (n - begun + 1) * 160)
            line.send(n, event, 101, int(n == begun), begun)
            digit = None if n - begun >= 8 else digit
        elif not (vad and quiet[n]):
            line.send(n, data[n * 160 : n * 160 + 160], kind, int(n == 0))


def truth(name, scene, kind, leg, lasted):
    words, decidable = accept(kind)
    missed = words[0].startswith("voicemail")
    message = None
    if kind in scenes.MESSAGE:
        spoken = [s for s in scene.caller.spoken if s[1] > scene.tone_end]
        said = [max(spoken[0][0], scene.tone_end), spoken[-1][1]]
        message = {"start_s": round(scene.tone_end + 0.003, 3), "end_s": round(lasted, 3), "speech_s": [round(s, 3) for s in said]}
    call = {"call_id": leg.call_id, "caller": leg.caller, "called": ADS, "direction": "inbound", "disposition": kind.__name__,
            "accept": words, "decidable": decidable, "missed": missed, "message": message}
    return {"capture": f"{name}.pcap", "roles": ROLES, "calls": [call]}


def make(out, cast_name, count, only=None, seed=None, each=1):
    """Each so-manieth of the takes, or of them those of one kind."""
    cast = CASTS[cast_name]
    cast = cast if seed is None else dataclasses.replace(cast, seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    speech = out.parent / "speech"
    speech.mkdir(exist_ok=True)
    studio = Studio(speech)
    made = []
    for number, (kind, greeting, beep, codec, loss, seed) in enumerate(takes(cast, count)):
        if number % each or (only and kind.__name__ != only):
            continue
        rng = random.Random(seed)
        name = f"{number:04}-{kind.__name__.replace('_', '-')}-g{greeting}-b{beep}-{codec.lower()}-{int(loss * 100)}"
        play = scenes.Play(studio, cast, rng, cast.greetings[greeting], cast.beeps[beep])
        scene = kind(play)
        trace, leg, lasted = capture(name, number, scene, codec, loss, rng)
        (out / f"{name}.pcap").write_bytes(trace.pcap())
        (out / f"{name}.truth.json").write_text(json.dumps(truth(name, scene, kind, leg, lasted), indent=1) + "\n")
        made.append(name)
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--cast", choices=CASTS, default="held-out")
    parser.add_argument("--takes", type=int, default=1)
    parser.add_argument("--kind")
    parser.add_argument("--seed", type=int)
    args = parser.parse_args()
    print(f"{len(make(args.out, args.cast, args.takes, args.kind, args.seed))} captures in {args.out}")

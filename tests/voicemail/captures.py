#!/usr/bin/env python3
"""Makes calls that leave a message, or none, and the truth of each: NAME.pcap, NAME.truth.json, NAME.wav (what the caller
said, from the answer on).

    captures.py --out DIR

Needs espeak-ng, sox and ffmpeg (tests/install ear). Nothing of it is kept in the tree.
"""

import argparse
import json
import sys
import wave
from array import array
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "ear"), str(HERE.parents[1] / "captures")]
sys.dont_write_bytecode = True

from line import KINDS, Line, Network  # noqa: E402
from maker.office import ADS, MAIN, PBX, PILOT, ROLES, TRUNK, VOICEMAIL  # noqa: E402
from maker.sip import End, Leg  # noqa: E402
from maker.trace import Trace  # noqa: E402
from studio import RATE, Studio, Track, encoded, raw, run, tone  # noqa: E402

GREETING = "You have reached Prairie Dental. Please leave a message after the tone."
MESSAGE = ("Hello, this is Maria Reyes. My number is five five five, zero one four two. The furnace is out again, and it is "
           "getting cold in here. Could somebody come today, or tomorrow before noon? Thank you, goodbye.")
SECOND_PBX = End("192.168.10.7", "Kestrel Messaging Gateway 3.1")
TRUNK_ONLY = ROLES.replace('phone_nets = ["192.168.20.0/24"]\nvoicemail_hosts = ["192.168.10.6"]\nvoicemail_pilots = ["6000"]\n', "")
TWO_PBXS = ROLES.replace('["192.168.10.5"]', '["192.168.10.5", "192.168.10.7"]')
NOT_RECORDED = '[[line]]\nid = "ads"\ndid = "*"\ncalendar = "always"\nrecording = "{}"\n[calendar.always]\nopen = {{ mon-sun = ["00:00-24:00"] }}\n'
ANSWER_MS = 8000
CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz\r\n"

NETWORKS = {
    "pcmu": Network(),
    "pcma": Network(codec="PCMA"),
    "g722": Network(codec="G722"),
    "sequence-wraps": Network(sequence=65536 - 450),
    "timestamp-wraps": Network(timestamp=0x1_0000_0000 - 72_000),
    "both-wrap": Network(sequence=65536 - 450, timestamp=0x1_0000_0000 - 72_000, codec="PCMA"),
    "loss": Network(loss=0.05),
    "reorder": Network(swapped=0.05),
    "jitter": Network(jitter_ms=55),
    "duplicates": Network(doubled=0.08),
    "comfort-noise": Network(saves=True),
    "comfort-noise-pcma": Network(saves=True, codec="PCMA", loss=0.02),
    "source-changes": Network(source_changes=(9.0,)),
    "source-changes-often": Network(source_changes=(7.0, 9.5, 12.0), loss=0.01),
    "pieces-change": Network(pieces=((0.0, 20), (7.0, 30), (9.0, 10), (11.0, 60))),
    "keys": Network(keys=((9.0, "5"), (9.6, "#"))),
    "hold": Network(held=((9.0, 13.0),)),
    "hold-with-the-clock-stopped": Network(held=((9.0, 13.0),), clock_stands_on_hold=True),
    "strange-payload-types": Network(strangers=True),
    "all-at-once": Network(codec="PCMA", sequence=65536 - 450, timestamp=0x1_0000_0000 - 72_000, loss=0.03, swapped=0.03,
                           doubled=0.03, jitter_ms=30, saves=True, source_changes=(10.0,)),
}


class Scene:
    """What both sides say, in seconds since the answer."""

    def __init__(self, studio, message=True, talks=False, hold=()):
        self.pbx, self.caller = Track(), Track()
        end = self.pbx.put(0.4, studio.say("en-us+m6", GREETING))
        self.tone_end = self.pbx.put(end + 0.3, tone([1000], 0.4, -14))
        self.end = self.tone_end + 2
        if message:
            at = self.tone_end + 0.8
            said = studio.say("en-us+f2", MESSAGE)
            cut = int((hold[0][0] - at) * RATE) if hold else len(said)
            spoken = self.caller.put(at, said[:cut])
            if hold:
                spoken = self.caller.put(hold[0][1], said[cut:])
            self.end = spoken + 1.2
        if talks:
            at = 0.3
            self.pbx, self.caller = Track(), Track()
            for text, reply in (("Prairie Dental, this is Karen. How can I help you?", MESSAGE[:75]),
                                ("Let me have a look. What was the name again?", "It is Maria Reyes, from the lake."),
                                ("That was settled on Monday, Maria.", "Oh, good. Thank you very much. Bye.")):
                at = self.pbx.put(at, studio.say("en-us+m6", text)) + 0.3
                at = self.caller.put(at, studio.say("en-us+f2", reply)) + 0.3
            self.end = at + 0.5


class Call:
    """A trunk leg, and others that carry the same sound."""

    def __init__(self, name, scene, network, onward=(), hold=(), caller="+13125551700", hears_nothing=False):
        self.hears_nothing = hears_nothing
        self.trace = Trace(name, "2026-11-20T10:00:00-06:00")
        kind = KINDS[network.codec]
        codecs = ((kind, f"{network.codec}/8000"), (101, "telephone-event/8000"))
        called = MAIN if onward else ADS
        ends = [TRUNK, PBX, *onward]
        self.legs = []
        for n, (a, b) in enumerate(zip(ends, ends[1:])):
            headers = (f"Diversion: <sip:{MAIN}@{PBX.host}>;reason=no-answer;counter=1",) if n else ()
            to = PILOT if n else called
            leg = Leg(self.trace, a, b, caller, to, codecs=codecs, headers=headers)
            if network.encrypted:
                leg.sdp = lambda end, plain=leg.sdp: plain(end).replace("RTP/AVP", "RTP/SAVP") + CRYPTO
            leg.ring(n * 40)
            self.legs.append(leg)
        for n, leg in reversed(list(enumerate(self.legs))):
            leg.answer(ANSWER_MS - n * 8)
        first = self.legs[0]
        self.answer = next(when for when, data in self.trace.packets if b"SIP/2.0 200" in data and first.call_id.encode() in data)
        for since, until in hold:
            first.offer_again(ANSWER_MS + int(since * 1000) - 60, change=lambda sdp: sdp.replace("sendrecv", "sendonly"))
            first.offer_again(ANSWER_MS + int(until * 1000) - 60)
        self.speak(scene, network)
        for n, leg in enumerate(self.legs):
            leg.bye(ANSWER_MS + int(scene.end * 1000) + n * 9)
        bye = next(when for when, data in self.trace.packets if b"BYE sip:" in data and first.call_id.encode() in data)
        self.lasted = (bye - self.answer) / 1e6

    def speak(self, scene, network):
        said, heard = scene.caller.until(scene.end), scene.pbx.until(scene.end)
        data = encoded(said, network.codec)
        quiet = lambda n: not any(said[n * 2 : n * 2 + 2])
        for n, leg in enumerate(self.legs):
            there = leg.hears_at(leg.a), leg.hears_at(leg.b)
            start = self.answer + 4_000 + n * 1_000
            line = Line(self.trace, network, 7, there, start)
            line.send(data, quiet)
            self.line = line if n == 0 else self.line
            back = Network(codec=network.codec, encrypted=network.encrypted)
            if not self.hears_nothing:
                Line(self.trace, back, 8, there[::-1], start).send(encoded(heard, network.codec), lambda n: False)


def narrow(scene):
    """What the caller says, from the answer on, at 8000 a second."""
    said = scene.caller.until(scene.end).tobytes()
    return array("h", run(["sox", "-q", "-D", *raw(RATE), "-", *raw(8000), "-"], said))


def written(out, name, call, scene, network, config, message=True):
    (out / f"{name}.pcap").write_bytes(call.trace.pcap())
    with wave.open(str(out / f"{name}.wav"), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(narrow(scene).tobytes())
    truth = {"capture": f"{name}.pcap", "config": config, "codec": network.codec, "call_id": call.legs[0].call_id,
             "message": {"start_s": 0 if call.hears_nothing else scene.tone_end + 0.004, "end_s": call.lasted} if message else None,
             "rule": "ear.encrypted" if network.encrypted else None, "arrived": call.line.arrived, "breaks_s": [*network.source_changes, *(b for _, b in network.held)],
             "silent_s": [[at + 0.02, at + 0.14] for at, _ in network.keys]}
    (out / f"{name}.truth.json").write_text(json.dumps(truth) + "\n")


def make(out):
    """Makes all of them; tells their names."""
    out.mkdir(parents=True, exist_ok=True)
    studio = Studio(out)
    leaves, told, talk = Scene(studio), [], Scene(studio, talks=True)

    def one(name, scene=leaves, network=Network(), config=TRUNK_ONLY, message=True, **how):
        written(out, name, Call(name, scene, network, **how), scene, network, config, message)
        told.append(name)

    for name, network in NETWORKS.items():
        scene = Scene(studio, hold=network.held) if network.held else leaves
        one(name, scene, network, hold=network.held)
    one("two-legs", config=ROLES, onward=(VOICEMAIL,))
    one("three-legs", config=TWO_PBXS, onward=(SECOND_PBX, VOICEMAIL))
    one("one-way", config=ROLES, onward=(VOICEMAIL,), hears_nothing=True)
    one("encrypted", network=Network(encrypted=True), config=ROLES, onward=(VOICEMAIL,), message=False)
    one("hangup", Scene(studio, message=False), message=False)
    one("conversation", talk, message=False)
    for word in ("off", "headers_only"):
        one(f"line-{word.replace('_', '-')}", config=TRUNK_ONLY + NOT_RECORDED.format(word), message=False)
    one("record-false", config=TRUNK_ONLY + "[voicemail]\nrecord = false\n", message=False)
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    print(f"{len(make(parser.parse_args().out))} captures")

"""RTP that the PBX hands on from leg to leg: where nothing else ties them together, and where it ties nothing either."""

import struct

from . import audio, wire
from .audible import deposit
from .audio import conversation, encoded, tone
from .joins import HIDDEN
from .office import *
from .sip import End

MOBILE = "+13125550161"
RECORDER = End("192.168.10.30", "Recorder 7.1")


def carried(s, at, hops, samples, ssrc):
    """One stream on several legs, `(leg, from its caller's side)` each, a millisecond after the other: SSRC, numbers and
    payload the same on all."""
    sound = encoded(samples, 0)
    for n in range(len(sound) // 160):
        head = struct.pack("!BBHII", 0x80, 0, (ssrc + n) & 0xFFFF, n * 160, ssrc)
        for k, (leg, from_a) in enumerate(hops):
            ends = (leg.a, leg.b) if from_a else (leg.b, leg.a)
            (src, sport), (dst, dport) = (leg.hears_at(end) for end in ends)
            packet = wire.udp(src, sport, dst, dport, head + sound[n * 160 : n * 160 + 160])
            when = s.trace.start + (at + n * 20 + k) * 1000
            s.trace.frame(when, wire.ip(src, dst, 17, packet, n & 0xFFFF), src, dst)


def hidden_call(s, at):
    return s.inbound("anonymous", headers=("Privacy: id",), **HIDDEN).invite(at).reply(at + 6, 100)


def relayed(s, at, call, part, caller, office, number):
    """Both sides of a call that the PBX hands on to another leg."""
    carried(s, at, ((call, True), (part, True)), caller, number)
    carried(s, at + 3, ((part, False), (call, False)), office, number + 1)


@scenario("joined-by-ssrc", OFFICE)
def by_ssrc(s):
    """Two anonymous callers at once, a phone and the voicemail, with nothing in common but what is heard: RTP is handed on unchanged

    The first caller's voice has one SSRC on the trunk and on 202's leg, the second's on the trunk and on the voicemail's;
    the PBX opened them in the other order. Then a caller is passed on to a mobile under the office's own number.

    Verdict: `answered` by a person; `voicemail_message`, missed; `offnet_answered`. None is ambiguous.
    """
    calls = [hidden_call(s, n * 10) for n in (0, 1)]
    pilot = s.leg(PBX, VOICEMAIL, "anonymous", PILOT, headers=("Privacy: id",), **HIDDEN).invite(40).reply(48, 100)
    phone = s.phone("anonymous", PHONE_202, "202", **HIDDEN).ring(44)
    pilot.answer(260)
    calls[1].answer(280)
    caller, machine, begins, ends = deposit(1_400, tone(1000, 300), 2_600)
    relayed(s, 330, calls[1], pilot, caller, machine, 0x51A70000)
    calls[1].bye(330 + len(caller) * 1000 // audio.RATE)
    pilot.bye(342 + len(caller) * 1000 // audio.RATE)
    calls[0].reply(250, 180)
    phone.answer(3_000)
    calls[0].answer(3_020)
    office, spoken = conversation(2_400, turn=800)
    relayed(s, 3_070, calls[0], phone, spoken, office, 0x60B10000)
    calls[0].bye(9_000)
    phone.bye(9_012)
    s.expect(calls[0], "answered", False, withheld=True, joined=(phone,), answered_by="human", ambiguous=False)
    s.expect(calls[1], "voicemail_message", True, withheld=True, joined=(pilot,), answered_by="voicemail", ambiguous=False,
             message=[begins + 50, ends + 50], task=True)
    call = s.inbound("+13125550371", MAIN).ring(30_000)
    out = s.leg(PBX, TRUNK, MAIN, MOBILE).ring(30_040)
    out.answer(34_000)
    call.answer(34_030)
    office, spoken = conversation(1_600, turn=800)
    relayed(s, 34_080, call, out, spoken, office, 0x70C20000)
    call.bye(60_000)
    out.bye(60_012)
    s.expect(call, "offnet_answered", False, called=MAIN, joined=(out,))


@scenario("ssrc-that-joins-nothing")
def no_ssrc(s):
    """One SSRC on legs that aren't one call's: a PBX that gives every stream the same, and a stream that three legs carry

    Two anonymous callers are answered at 201 and 202, and what each leg carries has the same SSRC and another sound. Then a
    caller's voice is sent to a mobile and to a recorder, both under the office's own number.

    Verdict: twice `answered` and ambiguous: nothing says who talks to whom. Then three calls: an SSRC joins two legs, and never
    one of three.
    """
    calls = [hidden_call(s, n * 10) for n in (0, 1)]
    ends = ((PHONE_201, "201"), (PHONE_202, "202"))
    phones = [s.phone("anonymous", p, e, **HIDDEN).ring(40 + n * 4) for n, (p, e) in enumerate(ends)]
    for n in (0, 1):
        phones[n].answer(3_000 + n * 1_000)
        calls[n].answer(3_020 + n * 1_000)
    for n, leg in enumerate((*calls, *phones)):
        for from_a in (True, False):
            carried(s, 4_100 + n, ((leg, from_a),), audio.speech("caller", 1_200, n * 2 + from_a), 0x1234)
    for n in (0, 1):
        calls[n].bye(12_000 + n * 1_000)
        phones[n].bye(12_012 + n * 1_000)
        s.expect(calls[n], "answered", False, withheld=True, ambiguous=True)
    call = s.inbound("+13125550372", MAIN).ring(30_000)
    out = s.leg(PBX, TRUNK, MAIN, MOBILE).ring(30_040)
    recorder = s.leg(PBX, RECORDER, "3125550100", "9999").invite(33_000).reply(33_010, 100).answer(33_060)
    out.answer(34_000)
    call.answer(34_030)
    carried(s, 34_080, ((call, True), (out, True), (recorder, True)), audio.speech("caller", 1_600, 3), 0x70C2)
    for n, leg in enumerate((call, out, recorder)):
        leg.bye(60_000 + n * 12)
    s.expect(call, "answered", False, called=MAIN)
    s.expect(out, "answered", False, called=MOBILE, direction="outbound")
    s.expect(recorder, "answered", False, called=None, direction=None, caller="*")

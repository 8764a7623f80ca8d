"""Calls that only their audio tells apart: what was said, and to whom, when the signalling shows a 200 and a BYE."""

from . import audio
from .audio import conversation, noise, silence, speech, tone
from .office import *

DIGITAL = ROLES.replace('phone_nets = ["192.168.20.0/24"]\nvoicemail_hosts = ["192.168.10.6"]\nvoicemail_pilots = ["6000"]\n', "")
RINGBACK = tone((440, 480), 2_000, 7000) + silence(4_000)


def heard(s, at, leg, caller, office, payload_type=0):
    """Both sides of what is heard from `at` on."""
    s.trace.voice(at, leg, True, caller, payload_type)
    s.trace.voice(at + 3, leg, False, office, payload_type)


def deposit(greeting, beep, message, after=900):
    """The caller's and the machine's side of a voicemail; when the caller begins, and when they end, in ms."""
    machine = silence(400) + speech("greeting", greeting) + silence(350) + beep
    begins = len(machine) * 1000 // audio.RATE + 700
    said = speech("caller", message, 3) if message else []
    caller = noise(begins, 12, 5) + said + noise(after, 12, 6)
    machine += silence((len(caller) - len(machine)) * 1000 // audio.RATE)
    return caller, machine, begins, begins + message


@scenario("lost-200-two-way-audio")
def lost_200(s):
    """The 200 and its ACK are lost to the tap; both sides are heard talking

    The mirror drops the answer. What is left of the first call: INVITE, 180, eleven seconds of speech in turns, BYE.
    Of the second even the BYE is lost.

    Verdict: never missed. Speech both ways for five seconds is a conversation, whatever messages are absent.
    """
    for at, caller, ended in ((0, "+13125550201", True), (60_000, "+13125550202", False)):
        call = s.inbound(caller).ring(at)
        office, other = conversation(7_200)
        heard(s, at + 6_060, call, other, office)
        if ended:
            call.bye(at + 13_600)
        s.expect(call, ("answered", "unknown", "incomplete") if not ended else ("answered", "unknown"), False)
    s.others = "not missed"


def trunk_only(s, caller, codecs=None, rang=15_000):
    call = s.inbound(caller, MAIN, **({"codecs": codecs} if codecs else {})).ring(0, after=260)
    call.answer(rang)
    return call, rang + 45


@scenario("embedded-answered-by-person", DIGITAL)
def embedded_person(s):
    """Digital sets, trunk only: the same signalling, but somebody answers and both talk in turns

    The receptionist opens with a sentence as long as a greeting (3.6 s); no tone; then turns of 2.4 s.

    Verdict: `answered`, never missed: two-way speech of five seconds forbids it.
    """
    call, at = trunk_only(s, "+13125550209")
    office, caller = conversation(9_600)
    heard(s, at, call, silence(3_600) + caller[: audio.count(9_600)], speech("clerk", 3_600, 9) + silence(2_400) + office[: audio.count(7_200)])
    call.bye(at + 13_200, by="called")
    s.expect(call, "answered", False, called=MAIN)


@scenario("announcement-in-early-media")
def announcement(s):
    """183 with SDP and an announcement, never a 200: the office is closed; then 480

    The PBX plays eight seconds of announcement before it answers anything (Reason: Q.850 cause 31).

    Verdict: `no_answer`, missed: nothing was answered, and no message could be left.
    """
    call = s.inbound("+13125550210").invite(0).reply(9, 100)
    call.reply(240, 183, sdp=True)
    s.trace.voice(300, call, False, silence(200) + speech("greeting", 7_600))
    call.refuse(8_400, 480, ('Reason: Q.850;cause=31;text="Normal, unspecified"',))
    s.expect(call, "no_answer", True)


@scenario("voicemail-in-early-media")
def early_voicemail(s):
    """A voicemail that never answers: greeting and beep in early media, the caller speaks, then CANCEL

    Some gateways let the caller's audio through before the 200. Nobody can hear the message afterwards but the machine.

    Verdict: missed; `abandoned`, as the signalling says, or a voicemail.
    """
    call = s.inbound("+13125550211").invite(0).reply(9, 100)
    call.reply(2_000, 183, sdp=True)
    caller, machine, _, _ = deposit(3_000, tone(1000, 400), 3_500)
    heard(s, 2_050, call, caller, machine)
    call.give_up(2_050 + len(caller) * 1000 // audio.RATE)
    s.expect(call, ("abandoned", "voicemail_message", "voicemail_hangup", "voicemail"), True)


@scenario("ringback-in-early-media-then-person")
def ringback_then_person(s):
    """Ringback tone in early media (440 and 480 Hz), then a person

    Verdict: `answered`: a tone before the 200 is no beep.
    """
    call = s.inbound("+13125550212").invite(0).reply(9, 100)
    call.reply(200, 183, sdp=True)
    s.trace.voice(220, call, False, RINGBACK + RINGBACK[: audio.count(1_600)])
    call.answer(7_900)
    office, caller = conversation(7_200)
    heard(s, 7_950, call, caller, office)
    call.bye(15_300)
    s.expect(call, "answered", False)


@scenario("mailbox-retrieval-with-digits")
def retrieval(s):
    """A member of the office dials the pilot's own number from outside, enters mailbox and PIN, and hears a message

    Prompt, seven keys (RFC 4733), then the machine speaks; the caller says nothing.

    Verdict: `mailbox_retrieval`, not missed, never recorded: it holds a PIN and other people's words.
    """
    call = s.leg(TRUNK, VOICEMAIL, "+13125550213", PILOT, headers=("P-Asserted-Identity: <sip:+13125550213@203.0.113.20>",))
    call.invite(0).reply(9, 100).answer(90)
    machine = speech("greeting", 2_400) + silence(5_000) + tone(1000, 300) + speech("clerk", 5_000, 4)
    heard(s, 140, call, noise(len(machine) * 1000 // audio.RATE, 10), machine)
    s.trace.digits(2_700, call, "2013579#")
    call.bye(140 + len(machine) * 1000 // audio.RATE)
    s.expect(call, "mailbox_retrieval", False, called=None, direction=None, recording=None)

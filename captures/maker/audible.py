"""Calls that only their audio tells apart: what was said, and to whom, when the signalling shows a 200 and a BYE."""

from . import audio
from .audio import conversation, noise, silence, speech, tone
from .office import *

DIGITAL = ROLES.replace('phone_nets = ["192.168.20.0/24"]\nvoicemail_hosts = ["192.168.10.6"]\nvoicemail_pilots = ["6000"]\n', "")
ALAW = ((8, "PCMA/8000"), (101, "telephone-event/8000"))
RINGBACK = tone((440, 480), 2_000, 7000) + silence(4_000)


def heard(s, at, leg, caller, office, payload_type=0):
    """Both sides of what is heard from `at` on."""
    s.trace.voice(at, leg, True, caller, payload_type)
    s.trace.voice(at + 3, leg, False, office, payload_type)


def deposit(greeting, beep, message, after=900):
    """The caller's and the machine's side of a voicemail; when the beep is over, and when the caller hangs up, in ms."""
    machine = silence(400) + speech("greeting", greeting) + silence(350) + beep
    begins = len(machine) * 1000 // audio.RATE
    said = speech("caller", message, 3) if message else []
    caller = noise(begins + 700, 12, 5) + said + noise(after, 12, 6)
    machine += silence((len(caller) - len(machine)) * 1000 // audio.RATE)
    return caller, machine, begins, len(caller) * 1000 // audio.RATE


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


@scenario("phone-200-lost-two-way-audio")
def phone_200_lost(s):
    """A phone answers, but its 200 and ACK are lost to the tap; the PBX cancels the other phone and answers the caller

    What is left looks to the message as if the PBX's own voicemail had answered: phones rang, none said 200, the caller
    got one. But the phone that was not cancelled talks with the PBX for nine seconds, and hangs up with a BYE.

    Verdict: `answered`, never missed.
    """
    caller = "+13125550203"
    call = s.inbound(caller).ring(0, after=260)
    first = s.phone(caller, PHONE_201, "201").ring(40)
    other = s.phone(caller, PHONE_202, "202").ring(42)
    call.answer(7_024)
    other.give_up(7_030)
    office, spoken = conversation(7_200)
    heard(s, 7_080, first, spoken, office)
    first.bye(16_600, by="called")
    call.bye(16_620, by="called")
    s.expect(call, ("answered", "unknown"), False, joined=(first, other))


def to_pilot(s, caller, greeting, message, direct=True):
    """A phone rings out; the PBX sends the caller to the voicemail server, whose media goes to the trunk directly."""
    call = s.inbound(caller, MAIN).ring(0, after=260)
    phone = s.phone(caller, PHONE_201, "201").ring(40)
    phone.give_up(12_000)
    pilot = s.leg(PBX, VOICEMAIL, caller, PILOT, headers=(
        f"Diversion: <sip:{MAIN}@{PBX.host}>;reason=no-answer;counter=1;privacy=off;screen=yes",))
    if direct:
        pilot.media = {PBX: call.hears_at(TRUNK)}
        call.media = {PBX: pilot.hears_at(VOICEMAIL)}
    call.reply(12_030, 181)
    pilot.invite(12_040).reply(12_050, 100).answer(12_120)
    call.answer(12_146)
    sides = deposit(greeting, tone(1000, 400), message)
    heard(s, 12_190, call, *sides[:2])
    end = 12_190 + len(sides[0]) * 1000 // audio.RATE
    call.bye(end)
    pilot.bye(end + 12)
    return call, (phone, pilot), sides


@scenario("diversion-to-pilot-message", OFFICE)
def pilot_message(s):
    """Not answered, forwarded to the voicemail server with Diversion; the caller leaves a message

    Greeting of 4.2 s, a beep of 1000 Hz for 0.4 s, then the caller speaks for 5 s. The voicemail server's media goes
    straight to the trunk.

    Verdict: `voicemail_message`, missed; `message` runs from the beep to the BYE.
    """
    call, joined, sides = to_pilot(s, "+13125550204", 4_200, 5_000)
    s.expect(call, "voicemail_message", True, called=MAIN, joined=joined, answered_by="voicemail", task=True,
             message=[sides[2] + 44, sides[3] + 44])
    s.texts = ["+13125550204"]


@scenario("diversion-to-pilot-hangup", OFFICE)
def pilot_hangup(s):
    """The same, but the caller hangs up in the greeting

    Verdict: `voicemail_hangup`, missed: nothing was said.
    """
    caller = "+13125550205"
    call = s.inbound(caller, MAIN).ring(0, after=260)
    phone = s.phone(caller, PHONE_201, "201").ring(40)
    phone.give_up(12_000)
    pilot = s.leg(PBX, VOICEMAIL, caller, PILOT, headers=(
        f"Diversion: <sip:{MAIN}@{PBX.host}>;reason=no-answer;counter=1;privacy=off;screen=yes",))
    pilot.media = {PBX: call.hears_at(TRUNK)}
    call.media = {PBX: pilot.hears_at(VOICEMAIL)}
    pilot.invite(12_040).reply(12_050, 100).answer(12_120)
    call.answer(12_146)
    heard(s, 12_190, call, noise(3_400, 12), (silence(400) + speech("greeting", 4_200))[: audio.count(3_400)])
    call.bye(15_600)
    pilot.bye(15_612)
    s.expect(call, "voicemail_hangup", True, called=MAIN, joined=(phone, pilot), answered_by="voicemail", task=True)
    s.texts = [caller]


def trunk_only(s, caller, codecs=None, rang=15_000):
    call = s.inbound(caller, MAIN, **({"codecs": codecs} if codecs else {})).ring(0, after=260)
    call.answer(rang)
    return call, rang + 45


@scenario("embedded-voicemail-message", DIGITAL)
def embedded_message(s):
    """Digital sets, embedded voicemail: one leg on the trunk, 180 for 15 s, 200, BYE; the audio holds a message

    Nothing in the signalling differs from an answered call. After the 200: greeting of 4 s, one tone of 440 Hz for 0.5 s,
    then only the caller speaks, for 6 s.

    Verdict: `voicemail_message`, missed.
    """
    call, at = trunk_only(s, "+13125550206")
    caller, machine, begins, ends = deposit(4_000, tone(440, 500), 6_000)
    heard(s, at, call, caller, machine)
    call.bye(at + len(caller) * 1000 // audio.RATE)
    s.expect(call, "voicemail_message", True, called=MAIN, answered_by="voicemail", message=[begins + 45, ends + 45])


@scenario("embedded-voicemail-message-alaw", DIGITAL)
def embedded_message_alaw(s):
    """The same in A-law, with a beep of 1400 Hz for a quarter of a second and a short greeting

    Verdict: `voicemail_message`, missed.
    """
    call, at = trunk_only(s, "+13125550207", ALAW, rang=20_000)
    caller, machine, begins, ends = deposit(3_200, tone(1400, 250), 4_000)
    heard(s, at, call, caller, machine, 8)
    call.bye(at + len(caller) * 1000 // audio.RATE)
    s.expect(call, "voicemail_message", True, called=MAIN, answered_by="voicemail", message=[begins + 45, ends + 45])


@scenario("embedded-voicemail-hangup", DIGITAL)
def embedded_hangup(s):
    """Digital sets, embedded voicemail: greeting, beep, a second of breathing, BYE

    Verdict: `voicemail_hangup`, missed: less than two seconds of speech after the tone.
    """
    call, at = trunk_only(s, "+13125550208")
    caller, machine, _, _ = deposit(4_000, tone(950, 400), 0, after=1_400)
    heard(s, at, call, caller, machine)
    call.bye(at + len(caller) * 1000 // audio.RATE)
    s.expect(call, "voicemail_hangup", True, called=MAIN, answered_by="voicemail")


@scenario("embedded-voicemail-media-moves", DIGITAL)
def embedded_moves(s):
    """The PBX moves its media to its voicemail card by re-INVITE while the greeting plays

    From then on both sides are heard at another address than the first offer and answer named; the caller's
    words are all sent to the new one.

    Verdict: `voicemail_message`, missed; not `voicemail_hangup`, for the caller is heard.
    """
    call, at = trunk_only(s, "+13125550212", ALAW, rang=9_000)
    caller, machine, begins, ends = deposit(2_600, tone(1000, 300), 2_800, after=500)
    moves = 1_000
    parts = [samples[part] for samples in (caller, machine) for part in (slice(audio.count(moves)), slice(audio.count(moves), None))]
    heard(s, at, call, parts[0], parts[2], 8)
    call.media = {PBX: ("192.168.10.7", 16_400)}
    call.offer_again(at + moves - 60, by_a=False)
    heard(s, at + moves, call, parts[1], parts[3], 8)
    call.bye(at + len(caller) * 1000 // audio.RATE)
    s.expect(call, "voicemail_message", True, called=MAIN, answered_by="voicemail", message=[begins + 45, ends + 45])


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


@scenario("fax-calling-tone")
def fax_cng(s):
    """A fax machine dials the office: CNG, 1100 Hz for half a second every three and a half, and nobody speaks CED

    The office's receptionist answers, hears the tone and hangs up after 9 s.

    Verdict: `fax`, not missed: nobody is waiting to be called back.
    """
    call, at = trunk_only(s, "+13125550214", rang=4_000)
    cng = tone(1100, 500) + silence(3_000)
    heard(s, at, call, (cng * 3)[: audio.count(9_000)], speech("clerk", 1_300, 2) + silence(7_700))
    call.bye(at + 9_000, by="called")
    s.expect(call, "fax", False, called=MAIN)


@scenario("fax-t38")
def fax_t38(s):
    """A fax to the office's fax server: answered with G.711, then a re-INVITE to T.38 (m=image)

    Verdict: `fax`, not missed, one call.
    """
    call = s.inbound("+13125550215", "+13125550133").ring(0)
    call.answer(2_100)
    number = call.hears_at(PBX)[1]

    def image(sdp):
        head = sdp.partition("m=audio")[0]
        return head + (f"m=image {number} udptl t38\r\na=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n"
                       "a=T38FaxRateManagement:transferredTCF\r\na=T38FaxMaxDatagram:400\r\na=T38FaxUdpEC:t38UDPRedundancy\r\n")
    s.trace.voice(2_200, call, False, tone(2100, 2_600, 8000))
    call.offer_again(4_600, by_a=False, change=image)
    call.bye(49_000, by="called", extra=('Reason: Q.850;cause=16;text="Normal call clearing"',))
    s.expect(call, "fax", False, called="+13125550133")

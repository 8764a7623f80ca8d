"""Calls that pass through several hands, of which one answered and one counts: a menu, a mobile, a machine, a person."""

from .audible import heard
from .audio import conversation
from .hunts import queue
from .office import *
from .vendors import *

MOBILE = "+13125550161"


def menu(s, caller):
    return s.inbound(caller, MAIN).invite(0).reply(9, 100).answer(80)


def abroad(s, caller, at, **more):
    """The PBX's leg to a mobile."""
    return s.leg(PBX, TRUNK, caller, MOBILE, headers=(f"Diversion: <sip:{MAIN}@{PBX.host}>;reason=follow-me",), **more).ring(at, after=2_100)


@scenario("digital-set-answers-beside-phones")
def digital_set(s):
    """SIP phones and digital sets ring together; a digital set answers: the PBX cancels the SIP phones and answers the trunk

    No CANCEL says "elsewhere". To the message this is an embedded voicemail; but both sides speak in turns for seven seconds.

    Verdict: `answered`, or `unknown`; never missed.
    """
    caller = "+13125550361"
    call = s.inbound(caller).ring(0, after=260)
    phones = [s.phone(caller, p, e) for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(phones):
        leg.ring(40 + n * 2)
    for n, leg in enumerate(phones):
        leg.give_up(7_000 + n * 3)
    call.answer(7_030)
    office, spoken = conversation(7_200)
    heard(s, 7_080, call, spoken, office)
    call.bye(14_500)
    s.expect(call, ("answered", "unknown"), False, joined=phones)


@scenario("ivr-then-mobile-answered")
def ivr_mobile(s):
    """A menu answers, and its key 2 leads to a mobile, which is answered

    Verdict: `offnet_answered`, not missed.
    """
    call = menu(s, "+13125550362")
    out = abroad(s, "+13125550362", 14_000)
    out.answer(22_000)
    call.bye(60_000)
    out.bye(60_012)
    s.expect(call, "offnet_answered", False, called=MAIN, joined=(out,))


@scenario("ivr-then-mobile-unanswered", OFFICE)
def ivr_mobile_unanswered(s):
    """A menu answers, and its key 2 leads to a mobile that nobody picks up; the caller hangs up

    Verdict: missed, `forwarded_unanswered` or `ivr_abandoned`: the menu's 200 reached nobody.
    """
    call = menu(s, "+13125550363")
    out = abroad(s, "+13125550363", 14_000)
    call.bye(39_000)
    out.give_up(39_012)
    s.expect(call, ("forwarded_unanswered", "ivr_abandoned"), True, called=MAIN, joined=(out,), task=True)
    s.texts = ["+13125550363"]


@scenario("mobile-answers-but-does-not-accept", OFFICE)
def not_accepted(s):
    """Follow-me with "press 1 to accept": the mobile's own voicemail answers at 9 s, nobody presses, the PBX hangs it up

    The desk phone rings on; at 20 s the PBX cancels it, and its voicemail answers the caller.

    Verdict: `voicemail`, missed: an answer that came eleven seconds before the caller's didn't cause it.
    """
    caller = "+13125550364"
    call = s.inbound(caller, MAIN).ring(0, after=260)
    desk = s.phone(caller, PHONE_201, "201", a=FREEPBX, **as_asterisk(s, "201")).ring(40)
    out = abroad(s, caller, 44)
    out.answer(9_000).bye(15_000)
    desk.give_up(20_000)
    call.answer(20_050).bye(44_000)
    s.expect(call, "voicemail", True, called=MAIN, joined=(desk, out), answered_by="voicemail", task=True)
    s.texts = [caller]


@scenario("mobile-does-not-accept-caller-gives-up", OFFICE)
def not_accepted_cancelled(s):
    """The same, but the caller gives up at 18 s, before any voicemail

    Verdict: `abandoned`, missed: the caller's own leg was never answered.
    """
    caller = "+13125550365"
    call = s.inbound(caller, MAIN).ring(0, after=260)
    out = abroad(s, caller, 44)
    out.answer(9_000).bye(15_000)
    call.give_up(18_000)
    s.expect(call, "abandoned", True, called=MAIN, joined=(out,), task=True)
    s.texts = [caller]


@scenario("voicemail-then-operator")
def operator(s):
    """The voicemail server answers; the caller presses 0, the PBX rings the reception, which answers

    Verdict: `answered` by a person: a phone answered after the machine had.
    """
    caller = "+13125550366"
    call = s.inbound(caller, MAIN).ring(0, after=260)
    phone = s.phone(caller, PHONE_201, "201").ring(40)
    phone.give_up(14_000)
    pilot = s.leg(PBX, VOICEMAIL, caller, PILOT, headers=(f"Diversion: <sip:{MAIN}@{PBX.host}>;reason=no-answer",))
    pilot.invite(14_040).reply(14_050, 100).answer(14_120)
    call.answer(14_146)
    reception = s.phone(caller, PHONE_203, "203").ring(21_000)
    reception.answer(25_000)
    pilot.bye(25_020)
    call.bye(70_000)
    reception.bye(70_012)
    s.expect(call, "answered", False, called=MAIN, joined=(phone, pilot, reception), answered_by="human")


@scenario("person-then-queue")
def person_queue(s):
    """The reception answers and puts the caller into a queue, where two agents are rung in vain until the caller hangs up

    Verdict: `answered`, not missed: the caller has spoken with somebody.
    """
    caller = "+13125550367"
    call = s.inbound(caller, MAIN).ring(0, after=260)
    first = s.phone(caller, PHONE_203, "203").ring(40).answer(5_000)
    call.answer(5_018)
    first.ask(20_000, "REFER", by_a=False, status=202, extra=(f"Refer-To: <sip:400@{PBX.host}>", f"Referred-By: <sip:203@{PBX.host}>"))
    first.bye(20_090, by="called")
    agents = [s.phone(caller, p, e) for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(agents):
        leg.ring(21_000 + n * 3)
    call.bye(41_000)
    for n, leg in enumerate(agents):
        leg.give_up(41_010 + n * 3)
    s.expect(call, "answered", False, called=MAIN, joined=(first, *agents), answered_by="human")


@scenario("elsewhere-but-voicemail-answers")
def elsewhere_voicemail(s):
    """The PBX's own voicemail answers, and the phones' CANCEL says "Call completed elsewhere", as some PBXs write on each

    Verdict: `unknown` or `voicemail`, never `answered`: the hint could be true, and the audio that would tell isn't there.
    """
    caller = "+13125550368"
    call = s.inbound(caller).ring(0, after=260)
    phones = [s.phone(caller, p, e) for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(phones):
        leg.ring(40 + n * 2)
    for n, leg in enumerate(phones):
        leg.give_up(20_000 + n * 3, ('Reason: SIP;cause=200;text="Call completed elsewhere"',))
    call.answer(20_046).bye(44_000)
    s.expect(call, ("unknown", "voicemail", "answered_inferred"), "*", joined=phones)


@scenario("agent-answers-when-the-caller-has-gone", OFFICE)
def too_late(s):
    """A queue: the caller hangs up while the second agent rings, who picks up 10 ms later; then the same with a menu

    The PBX ends the agent's leg at once.

    Verdict: `queue_abandoned` and `ivr_abandoned`, missed: nobody has spoken with the caller.
    """
    call, rounds = queue(s, "+13125550379", 2)
    for n, pair in enumerate(rounds):
        for k, leg in enumerate(pair):
            if n == 0:
                leg.give_up(9_000 + k * 3)
    call.bye(19_000)
    rounds[1][0].answer(19_010).bye(19_030)
    rounds[1][1].give_up(19_012)
    s.expect(call, "queue_abandoned", True, called=MAIN, joined=sum(rounds, []), answered_by="queue", task=True)
    menu = s.inbound("+13125550380", MAIN).invite(120_000).reply(120_009, 100).answer(120_080)
    phone = s.phone("+13125550380", PHONE_201, "201").ring(126_000).answer(135_030)
    menu.bye(135_000)
    phone.bye(135_050)
    s.expect(menu, "ivr_abandoned", True, called=MAIN, joined=(phone,), answered_by="ivr", task=True)
    s.texts = ["+13125550379", "+13125550380"]


@scenario("still-in-the-queue-at-the-end", OFFICE)
def still_up(s):
    """The capture ends while a caller waits in the queue, another in front of the voicemail

    Verdict: `answered`, by the queue and by the voicemail, confidence low, without an end: what becomes of them isn't known.
    """
    call, rounds = queue(s, "+13125550381", 2)
    for n, pair in enumerate(rounds):
        for k, leg in enumerate(pair):
            leg.give_up(9_000 + n * 8_000 + k * 3)
    waits = s.inbound("+13125550382", MAIN).ring(30_000, after=260)
    pilot = s.leg(PBX, VOICEMAIL, "+13125550382", PILOT, headers=(f"Diversion: <sip:{MAIN}@{PBX.host}>;reason=no-answer",))
    pilot.invite(42_000).reply(42_010, 100).answer(42_100)
    waits.answer(42_120)
    s.expect(call, "answered", False, called=MAIN, joined=sum(rounds, []), answered_by="queue", confidence="low")
    s.expect(waits, "answered", False, called=MAIN, joined=(pilot,), answered_by="voicemail", confidence="low")

"""Calls that somebody moves: transfers, pickups, parking; and pages, which are answered by nobody."""

from .office import *
from .sip import ELSEWHERE
from .vendors import *

DONE = "SIP/2.0 200 OK\r\n"
TRYING = "SIP/2.0 100 Trying\r\n"
FRAG = "message/sipfrag;version=2.0"


def taken(s, caller, at=0, picked=6_000):
    """201 answers a caller of the trunk: the caller's leg and the phone's."""
    call = s.inbound(caller, MAIN).ring(at, after=240)
    phone = s.phone(caller, PHONE_201, "201", **as_asterisk(s, "201")).ring(at + 30)
    phone.answer(at + picked)
    call.answer(at + picked + 18)
    return call, phone


def refer(leg, at, target, done):
    """The phone at the leg's end asks to have its party sent to `target`; NOTIFY tells how it went."""
    leg.ask(at, "REFER", by_a=False, status=202,
            extra=(f"Refer-To: <{target}>", f"Referred-By: <sip:201@{PBX.host}>", leg.contact(leg.b, "201")))
    leg.ask(at + 40, "NOTIFY", body=TRYING, kind=FRAG, extra=("Event: refer", "Subscription-State: active;expires=60"))
    leg.ask(done, "NOTIFY", body=DONE, kind=FRAG, extra=("Event: refer", "Subscription-State: terminated;reason=noresource"))
    return leg.bye(done + 60, by="called")


def held(leg, at):
    """The phone puts its party on hold."""
    return leg.offer_again(at, by_a=False, change=lambda sdp: sdp.replace("sendrecv", "sendonly"))


@scenario("blind-transfer")
def blind(s):
    """201 answers, and sends the caller to 202 by REFER; 202 answers

    The PBX rings 202 under a new Call-ID with Referred-By, and 201 hangs up.

    Verdict: `answered` by a person, one call of three legs.
    """
    caller = "+13125550241"
    call, first = taken(s, caller)
    second = s.phone(caller, PHONE_202, "202", **as_asterisk(s, "202"))
    second.headers = (f"Referred-By: <sip:201@{PBX.host}>",)
    second.ring(20_060)
    refer(first, 20_000, f"sip:202@{PBX.host}", 24_010)
    second.answer(24_000)
    call.bye(60_000)
    second.bye(60_012)
    s.expect(call, "answered", False, called=MAIN, joined=(first, second), answered_by="human")


@scenario("blind-transfer-unanswered")
def blind_unanswered(s):
    """201 answers and sends the caller on to 202, which nobody picks up; the caller hangs up

    Verdict: `answered`, not missed: the caller has spoken with somebody.
    """
    caller = "+13125550242"
    call, first = taken(s, caller)
    second = s.phone(caller, PHONE_202, "202", **as_asterisk(s, "202"))
    second.headers = (f"Referred-By: <sip:201@{PBX.host}>",)
    second.ring(20_060)
    refer(first, 20_000, f"sip:202@{PBX.host}", 20_300)
    call.bye(44_000)
    second.give_up(44_012)
    s.expect(call, "answered", False, called=MAIN, joined=(first, second), answered_by="human")


@scenario("sent-on-outside-by-refer", OFFICE)
def sent_on(s):
    """The PBX answers when 201 doesn't, and sends the caller on to a mobile by a REFER on the trunk; of the second the tap
    sees no result, the third's mobile is busy, and the fourth comes from a menu

    The mobile's leg is the carrier's. NOTIFY carries the final response it gave (RFC 3515 2.4.4).

    Verdict: `offnet_answered`, not missed; `unknown`; `voicemail`, missed: the caller came back; `offnet_answered`.
    """
    fates = (("SIP/2.0 200 OK\r\n", "offnet_answered"), ("SIP/2.0 180 Ringing\r\n", "unknown"),
             ("SIP/2.0 486 Busy Here\r\n", "voicemail"), ("SIP/2.0 200 OK\r\n", "offnet_answered"))
    for n, (told, outcome) in enumerate(fates):
        caller, at = f"+1312555038{n}", n * 90_000
        phone = s.phone(caller, PHONE_201, "201")
        if n == 3:
            call = s.inbound(caller).invite(at).reply(at + 9, 100).answer(at + 900)
            phone.ring(at + 3_000).give_up(at + 14_000)
        else:
            call = s.inbound(caller).ring(at, after=260)
            phone.ring(at + 40).give_up(at + 14_000)
            call.answer(at + 14_090)
        call.ask(at + 15_000, "REFER", by_a=False, status=202, extra=(f"Refer-To: <sip:+13125550399@{TRUNK.host}>",))
        for wait, frag in ((40, TRYING), (4_000, told)):
            call.ask(at + 15_000 + wait, "NOTIFY", body=frag, kind=FRAG, extra=("Event: refer",))
        call.bye(at + (40_000 if n == 2 else 19_200), by="called")
        missed = outcome == "voicemail"
        s.expect(call, outcome, missed, joined=(phone,), task=missed or outcome == "unknown")
    s.texts = ["+13125550382"]


@scenario("attended-transfer")
def attended(s):
    """201 answers, holds, asks 202, and joins the two by REFER with Replaces

    The consultation is a call of its own between phones. The REFER's Replaces names it; the PBX connects the caller with
    202 by an INVITE with Replaces, and both of 201's legs end.

    Verdict: `answered` by a person for the caller; the consultation is internal, answered; nobody is missed.
    """
    caller = "+13125550243"
    call, first = taken(s, caller)
    held(first, 18_000)
    ask = s.leg(PHONE_201, FREEPBX, "201", "202").ring(20_000, after=240)
    asked = s.phone("201", PHONE_202, "202", **as_asterisk(s, "asked")).ring(20_040)
    asked.answer(23_000)
    ask.answer(23_015)
    replaces = f"{ask.call_id}%3Bto-tag%3D{ask.tag}%3Bfrom-tag%3D{ask.from_tag}"
    second = s.phone(caller, PHONE_202, "202", **as_asterisk(s, "202"))
    second.headers = (f"Replaces: {asked.call_id};to-tag={asked.tag};from-tag={asked.from_tag}", f"Referred-By: <sip:201@{PBX.host}>")
    second.invite(31_060).reply(31_070, 100)
    refer(first, 31_000, f"sip:202@{PBX.host}?Replaces={replaces}", 31_180)
    second.answer(31_150)
    asked.bye(31_200, by="called")
    ask.bye(31_220, by="called")
    call.bye(75_000)
    second.bye(75_010)
    s.expect(call, "answered", False, called=MAIN, joined=(first,), answered_by="human")
    s.expect(ask, ("answered", "answered_short"), False, called="202", direction="internal", joined=(asked,), caller="*")


@scenario("transfer-to-voicemail")
def to_voicemail(s):
    """The receptionist answers and sends the caller to a colleague's voicemail by REFER

    Verdict: `voicemail`, missed: whoever the caller wanted was not reached, and a message may wait.
    """
    caller = "+13125550244"
    call, first = taken(s, caller)
    pilot = s.leg(PBX, VOICEMAIL, caller, PILOT, headers=(
        f"Diversion: <sip:202@{PBX.host}>;reason=deflection;counter=1", f"Referred-By: <sip:201@{PBX.host}>"))
    pilot.invite(15_060).reply(15_070, 100)
    refer(first, 15_000, f"sip:{PILOT}@{PBX.host}", 15_180)
    pilot.answer(15_150)
    call.bye(41_000)
    pilot.bye(41_012)
    s.expect(call, ("voicemail", "voicemail_message", "voicemail_hangup"), True, called=None, joined=(first, pilot),
             answered_by="voicemail")


def ringing(s, caller):
    call = s.inbound(caller).ring(0, after=240)
    return call, s.phone(caller, PHONE_201, "201", **as_asterisk(s, "201")).ring(30)


@scenario("pickup-by-replaces")
def pickup_replaces(s):
    """201 rings; a colleague takes the call at 202 by an INVITE with Replaces of the early dialog (RFC 3891)

    The PBX answers 202, cancels 201, and answers the caller 40 ms after it has answered 202.

    Verdict: `answered` by a person: a phone's own leg to the PBX took it.
    """
    caller = "+13125550245"
    call, rung = ringing(s, caller)
    pick = s.leg(PHONE_202, FREEPBX, "202", "201", headers=(
        f"Replaces: {rung.call_id};to-tag={rung.tag};from-tag={rung.from_tag};early-only", "Supported: replaces"))
    pick.invite(9_000).reply(9_008, 100)
    pick.answer(9_030)
    rung.give_up(9_036, ELSEWHERE)
    call.answer(9_070)
    call.bye(50_000)
    pick.bye(50_012, by="called")
    s.expect(call, "answered", False, joined=(rung, pick), answered_by="human")


@scenario("pickup-by-code")
def pickup_code(s):
    """201 rings; a colleague at 202 dials the pickup code *8201; the PBX gives them the call

    No header ties the two. The PBX answers 202, cancels 201 without a Reason, and answers the caller, all within 70 ms: to
    the message what an embedded voicemail does.

    Verdict: `answered`, never missed: a phone's leg to the PBX was answered at the same moment.
    """
    caller = "+13125550246"
    call, rung = ringing(s, caller)
    pick = s.leg(PHONE_202, FREEPBX, "202", "*8201").invite(9_000).reply(9_008, 100)
    pick.answer(9_030)
    rung.give_up(9_036)
    call.answer(9_070)
    call.bye(50_000)
    pick.bye(50_012, by="called")
    s.expect(call, "answered", False, joined=(rung,), answered_by="human")
    s.others = "not missed"


@scenario("park-and-retrieve")
def parked(s):
    """201 answers, parks the caller at 71 by REFER; eight seconds later 203 dials 71 and takes the call

    Verdict: `answered` by a person; the retrieval is nobody's missed call.
    """
    caller = "+13125550247"
    call, first = taken(s, caller)
    refer(first, 20_000, f"sip:71@{PBX.host}", 20_150)
    back = s.leg(PHONE_203, FREEPBX, "203", "71").invite(28_000).reply(28_008, 100).answer(28_040)
    call.bye(66_000)
    back.bye(66_012, by="called")
    s.expect(call, "answered", False, called=MAIN, joined=(first,), answered_by="human")
    s.others = "not missed"


@scenario("page-answers-nobody", OFFICE)
def paged(s):
    """The PBX answers the caller with a menu and pages two phones, which answer by themselves; nobody comes

    `Call-Info: <sip:192.168.10.5>;answer-after=0` and `Alert-Info: Auto Answer`: the phones' 200 follows 90 ms after the
    INVITE, and after the announcement the PBX hangs up. The caller waits 20 s more and gives up.

    Verdict: `ivr_abandoned`, missed: an intercom that answers is no person.
    """
    caller = "+13125550248"
    call = s.inbound(caller, MAIN).invite(0).reply(9, 100).answer(80)
    auto = (f"Call-Info: <sip:{PBX.host}>;answer-after=0", "Alert-Info: <http://www.notused.example>;info=Auto Answer")
    legs = [s.phone(caller, p, e, headers=auto, **as_asterisk(s, e)) for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(legs):
        leg.invite(8_000 + n).reply(8_020 + n, 100).answer(8_090 + n)
        leg.bye(13_000 + n)
    call.bye(33_000)
    s.expect(call, ("ivr_abandoned", "queue_abandoned"), True, called=MAIN, joined=legs, task=True)
    s.texts = [caller]


@scenario("agent-answers-by-headset")
def headset(s):
    """A queue gives the caller to an agent whose phone answers by itself; later another calls while two of them are tried

    The agent's INVITE says `answer-after=0` like a page, but one phone alone is up: somebody talks. For the second caller
    both agents' phones answer within 4 ms and the PBX hangs up on the slower one at once.

    Verdict: `answered` by a person, twice.
    """
    auto = (f"Call-Info: <sip:{PBX.host}>;answer-after=0",)
    for caller, start in (("+13125550260", 0), ("+13125550261", 90_000)):
        call = s.inbound(caller, MAIN).invite(start).reply(start + 9, 100).answer(start + 80)
        agents = ((PHONE_201, "201"), (PHONE_202, "202"))[: 1 if start == 0 else 2]
        legs = [s.phone(caller, p, e, headers=auto, **as_asterisk(s, e)) for p, e in agents]
        for n, leg in enumerate(legs):
            leg.invite(start + 8_000 + n).reply(start + 8_020 + n, 100).answer(start + 8_090 + 4 * n)
        for leg in legs[1:]:
            leg.bye(start + 8_120)
        call.bye(start + 60_000)
        legs[0].bye(start + 60_012)
        s.expect(call, "answered", False, called=MAIN, joined=legs, answered_by="human")


@scenario("page-of-the-office")
def page(s):
    """201 pages the office: the PBX rings two phones that answer by themselves

    Verdict: internal, not missed.
    """
    desk = s.leg(PHONE_201, FREEPBX, "201", "*80").invite(0).reply(9, 100)
    auto = (f"Call-Info: <sip:{PBX.host}>;answer-after=0", "Alert-Info: <http://www.notused.example>;info=Auto Answer")
    legs = [s.phone("201", p, e, headers=auto, **as_asterisk(s, e)) for p, e in ((PHONE_202, "202"), (PHONE_203, "203"))]
    for n, leg in enumerate(legs):
        leg.invite(20 + n).reply(40 + n, 100).answer(110 + n)
    desk.answer(130)
    desk.bye(9_000)
    for n, leg in enumerate(legs):
        leg.bye(9_010 + n)
    s.expect(desk, "answered", False, called=None, direction="internal", caller="*")
    s.others = "not missed"


@scenario("message-waiting", OFFICE)
def waiting(s):
    """Embedded voicemail answers; two seconds after the BYE the phone is told Messages-Waiting: yes (RFC 3842)

    Before the call the phone was told `no` (0/0); at its registration, an hour's third, another phone is told `yes` with
    no counts, which says nothing about this call.

    Verdict: `voicemail`, missed; or `voicemail_message`, confirmed by the count that rose. No NOTIFY is a call.
    """
    caller = "+13125550249"
    mwi(s, 0, PHONE_201, "201", "no", "0/0 (0/0)")
    call = s.inbound(caller).ring(5_000, after=260)
    phone = s.phone(caller, PHONE_201, "201").ring(5_040)
    phone.give_up(20_000)
    call.answer(20_048).bye(44_000)
    mwi(s, 44_600, PHONE_202, "202", "yes")
    mwi(s, 46_000, PHONE_201, "201", "yes", "1/0 (0/0)")
    s.expect(call, ("voicemail", "voicemail_message"), True, joined=(phone,), answered_by="voicemail", task=True)
    s.texts = [caller]


def mwi(s, at, phone, extension, waiting, counts=None):
    body = f"Messages-Waiting: {waiting}\r\nMessage-Account: sip:*97@{PBX.host}\r\n"
    body += f"Voice-Message: {counts}\r\n" if counts else ""
    leg = s.leg(FREEPBX, phone, "asterisk", extension, **as_asterisk(s, "mwi", extension, at))
    leg.request(at, "NOTIFY", 31, body=body, kind="application/simple-message-summary",
                extra=("Event: message-summary", "Subscription-State: terminated"))
    leg.reply(at + 15, 200, method="NOTIFY", cseq=31)


@scenario("key-sends-the-caller-to-voicemail", OFFICE)
def by_key(s):
    """201 answers, and a key on the phone sends the caller on to voicemail, without any REFER

    The PBX opens a leg to the pilot with a Diversion of reason deflection, and ends the phone's leg; the caller stays.

    Verdict: `voicemail`, missed: whoever answered had no time, and a message may wait.
    """
    caller = "+13125550375"
    call, first = taken(s, caller)
    pilot = s.leg(PBX, VOICEMAIL, caller, PILOT, headers=(f"Diversion: <sip:201@{PBX.host}>;reason=deflection;counter=1",))
    pilot.invite(12_000).reply(12_010, 100).answer(12_180)
    first.bye(12_260)
    call.bye(35_000)
    pilot.bye(35_012)
    s.expect(call, "voicemail", True, called=MAIN, joined=(first, pilot), answered_by="voicemail", task=True)
    s.texts = [caller]

"""Calls whose phones can be seen: proxies that fork, PBXs with a Call-ID for every leg, voicemail, queues."""

from .office import *
from .sip import ELSEWHERE, token


def forked(s, inbound, phone, user):
    """A proxy's branch of a call: its Call-ID and tags, one more Via, another Request-URI."""
    leg = s.leg(PROXY, phone, inbound.caller, inbound.called, call_id=inbound.call_id, from_tag=inbound.from_tag,
                name=inbound.name, from_host=inbound.from_host, to_host=inbound.to_host, cseq=inbound.cseq,
                ruri=f"sip:{user}@{phone.host}:{phone.port}", below=(inbound.via(inbound.cseq),),
                routes=(f"Record-Route: <sip:{PROXY.host};lr>",))
    leg.tag = token("to", leg.call_id, phone.ip, size=10)
    return leg


def proxied(s, caller, called=ADS, **more):
    return s.leg(TRUNK, PROXY, caller, called, **more).invite(0).reply(6, 100)


@scenario("proxy-ring-all")
def proxy_ring_all(s):
    """A proxy forks to three phones; the second answers, the others are told "Call completed elsewhere"

    One Call-ID on every hop; branches differ, and each phone has its own To-tag.

    Verdict: `answered`, one call: a fork's CANCEL and 487 are not the caller's.
    """
    call = proxied(s, "+13125550110")
    phones = [forked(s, call, p, u) for p, u in ((PHONE_201, "201"), (PHONE_202, "202"), (PHONE_203, "203"))]
    for n, leg in enumerate(phones):
        leg.invite(12 + n).reply(40 + n, 100).reply(180 + n * 40, 180)
        call.reply(184 + n * 40, 180, tag=leg.tag)
    winner = call.tag = phones[1].tag
    phones[1].reply(7_000, 200, sdp=True)
    call.reply(7_004, 200, sdp=True, tag=winner)
    for n, leg in enumerate((phones[0], phones[2])):
        leg.give_up(7_010 + n * 3, ELSEWHERE)
    call.ack_200(7_030)
    phones[1].ack_200(7_033)
    call.bye(42_000)
    phones[1].bye(42_003)
    s.expect(call, "answered", False)


@scenario("proxy-caller-cancels", OFFICE)
def proxy_cancelled(s):
    """A proxy forks to two phones; the caller gives up after 9 s

    Verdict: `abandoned`, missed, once: three CANCELs are one caller.
    """
    call = proxied(s, "+13125550113", headers=("P-Asserted-Identity: <tel:+1-312-555-0113>",))
    phones = [forked(s, call, p, u) for p, u in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(phones):
        leg.invite(12 + n).reply(40 + n, 100).reply(200 + n, 180)
    call.reply(206, 180, tag=phones[0].tag)
    call.cancel(9_000).reply(9_006, 200, method="CANCEL")
    for n, leg in enumerate(phones):
        leg.give_up(9_008 + n)
    call.refuse(9_040, 487)
    s.expect(call, "abandoned", True, task=True)
    s.texts = ["+13125550113"]


@scenario("proxy-serial-hunt-to-voicemail", OFFICE)
def proxy_hunt(s):
    """A proxy tries two phones in turn, then sends the call to the voicemail host

    Each phone rings 8 s and is cancelled by the proxy; the third branch goes to pilot 6000 with Diversion and answers.

    Verdict: `voicemail`, missed: a 200 from the voicemail host is no person.
    """
    call = proxied(s, "+13125550114")
    at = 12
    for phone, user in ((PHONE_201, "201"), (PHONE_202, "202")):
        leg = forked(s, call, phone, user).invite(at).reply(at + 20, 100).reply(at + 150, 180)
        call.reply(at + 155, 180, tag=leg.tag)
        leg.give_up(at + 8_000)
        at += 8_060
    pilot = forked(s, call, VOICEMAIL, PILOT)
    pilot.headers = ("Diversion: <sip:+13125550111@192.168.10.5>;reason=no-answer;counter=2",)
    pilot.invite(at).reply(at + 8, 100).reply(at + 90, 200, sdp=True)
    call.reply(at + 95, 200, sdp=True, tag=pilot.tag)
    call.tag = pilot.tag
    call.ack_200(at + 120)
    pilot.ack_200(at + 124)
    call.bye(at + 19_000)
    pilot.bye(at + 19_004)
    s.expect(call, "voicemail", True, answered_by="voicemail", task=True)
    s.texts = ["+13125550114"]


@scenario("b2bua-ring-all-answered")
def b2bua_answered(s):
    """A PBX rings three phones, each leg with its own Call-ID; one answers

    The PBX answers the trunk 24 ms after the phone's 200 and cancels the others.

    Verdict: `answered` by a person, one call of four legs: the phone's 200 precedes the caller's by less than 700 ms.
    """
    call = s.inbound("+13125550115", name="Ruth Ames").ring(0, after=260)
    phones = [s.phone("+13125550115", p, e, "Ruth Ames") for p, e in
              ((PHONE_201, "201"), (PHONE_202, "202"), (PHONE_203, "203"))]
    for n, leg in enumerate(phones):
        leg.ring(40 + n * 2, after=150 + n * 30)
    phones[2].answer(9_000)
    call.answer(9_024)
    phones[0].give_up(9_030, ELSEWHERE)
    phones[1].give_up(9_034, ELSEWHERE)
    call.bye(65_000)
    phones[2].bye(65_020)
    s.expect(call, "answered", False, joined=phones, answered_by="human")


@scenario("b2bua-caller-cancels-told-elsewhere", OFFICE)
def b2bua_lies(s):
    """The caller gives up, and the PBX tells its phones "Call completed elsewhere"

    Some PBXs put that Reason on every CANCEL of a ring group. The trunk's leg ends in CANCEL and 487.

    Verdict: `abandoned`, missed: "elsewhere" is a hint, and the caller's own leg says otherwise.
    """
    call = s.inbound("+13125550116").ring(0, after=260)
    phones = [s.phone("+13125550116", p, e) for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(phones):
        leg.ring(40 + n * 2)
    call.give_up(11_000)
    for n, leg in enumerate(phones):
        leg.give_up(11_012 + n * 4, ELSEWHERE + ('Reason: Q.850;cause=26;text="Non-selected user clearing"',))
    s.expect(call, "abandoned", True, joined=phones, task=True)
    s.texts = ["+13125550116"]


@scenario("b2bua-all-busy")
def b2bua_busy(s):
    """Both phones are busy, and the PBX answers the trunk with 486

    Verdict: `busy`, missed, one call.
    """
    call = s.inbound("+13125550117").invite(0).reply(9, 100)
    phones = [s.phone("+13125550117", p, e) for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(phones):
        leg.invite(40 + n * 2).reply(60 + n, 100).refuse(120 + n * 5, 486)
    call.refuse(160, 486, ('Reason: Q.850;cause=17;text="User busy"',))
    s.expect(call, "busy", True, joined=phones)


@scenario("b2bua-embedded-voicemail", OFFICE)
def b2bua_voicemail(s):
    """Nobody answers; the PBX cancels its phones and its own voicemail answers the trunk 45 ms later

    The caller's leg shows 180, 200 and BYE after 21 s, as a call that was answered does.

    Verdict: `voicemail`, missed: the PBX answered the caller within 700 ms of cancelling the phones, none having
    answered.
    """
    call = s.inbound("+13125550118", name="Maria Reyes").ring(0, after=260)
    phones = [s.phone("+13125550118", p, e, "Maria Reyes") for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(phones):
        leg.ring(40 + n * 2)
    for n, leg in enumerate(phones):
        leg.give_up(15_000 + n * 3)
    call.answer(15_048).bye(36_000)
    s.expect(call, "voicemail", True, joined=phones, answered_by="voicemail", task=True)
    s.texts = ["+13125550118"]


@scenario("b2bua-pilot-with-diversion", OFFICE)
def b2bua_pilot(s):
    """The phone isn't answered; the PBX sends the call to a voicemail server, with Diversion and its own Call-ID

    Verdict: `voicemail`, missed, one call of three legs; `called` is the number the caller dialled, not the pilot.
    """
    caller = "+13125550119"
    call = s.inbound(caller, MAIN).ring(0, after=260)
    phone = s.phone(caller, PHONE_201, "201").ring(40)
    phone.give_up(14_000)
    pilot = s.leg(PBX, VOICEMAIL, caller, PILOT, headers=(
        f"Diversion: <sip:{MAIN}@{PBX.host}>;reason=no-answer;privacy=off;screen=yes",
        f"History-Info: <sip:{MAIN}@{PBX.host}?Reason=SIP%3Bcause%3D408>;index=1, <sip:6000@{VOICEMAIL.host}>;index=1.1"))
    call.reply(14_030, 181)
    pilot.invite(14_040).reply(14_050, 100).answer(14_120)
    call.answer(14_146)
    call.bye(41_000)
    pilot.bye(41_015)
    s.expect(call, "voicemail", True, called=MAIN, joined=(phone, pilot), answered_by="voicemail", task=True)
    s.texts = [caller]


@scenario("pilot-with-target-cause")
def pilot_target(s):
    """Only the leg to the voicemail server is visible: `target` and `cause` in its Request-URI (RFC 4458)

    Verdict: `voicemail`, missed, direction inbound: a pilot's leg that carries whom the caller wanted.
    """
    leg = s.leg(PBX, VOICEMAIL, "+13125550120", PILOT, headers=(
        f"History-Info: <sip:{ADS}@{PBX.host}?Reason=SIP%3Bcause%3D486>;index=1",),
        ruri=f"sip:{PILOT}@{VOICEMAIL.host};target=sip:{ADS}%40{PBX.host};cause=486")
    leg.invite(0).reply(8, 100).answer(70).bye(17_000)
    s.expect(leg, "voicemail", True, called=ADS, direction=None, answered_by="voicemail")


@scenario("pilot-forward-by-302")
def pilot_302(s):
    """A phone's own forwarding: 302 to the voicemail pilot, which the PBX follows

    Verdict: `voicemail`, missed.
    """
    caller = "+13125550121"
    call = s.inbound(caller).ring(0, after=200)
    phone = s.phone(caller, PHONE_201, "201").ring(30)
    phone.refuse(12_000, 302, (f"Contact: <sip:{PILOT}@{PBX.host}>", f"Diversion: <sip:{ADS}@{PBX.host}>;reason=no-answer"))
    pilot = s.leg(PBX, VOICEMAIL, caller, PILOT, headers=(f"Diversion: <sip:{ADS}@{PBX.host}>;reason=no-answer",))
    pilot.invite(12_060).reply(12_070, 100).answer(12_150)
    call.answer(12_172)
    call.bye(30_000)
    pilot.bye(30_014)
    s.expect(call, "voicemail", True, joined=(phone, pilot), answered_by="voicemail")


@scenario("mailbox-retrieval", OFFICE)
def retrieval(s):
    """Someone of the office calls the pilot from outside to hear messages, and from a desk phone

    No Diversion, no History-Info.

    Verdict: `mailbox_retrieval` for the call from outside, an internal call for the other; nobody is missed.
    """
    outside = s.leg(TRUNK, VOICEMAIL, "+13125550123", PILOT).invite(0).reply(9, 100).answer(90).bye(40_000)
    inside = s.leg(PHONE_201, VOICEMAIL, "201", PILOT).invite(60_000).reply(60_009, 100).answer(60_090).bye(99_000)
    s.expect(outside, ("mailbox_retrieval",), False, called=None, direction=None)
    s.expect(inside, ("mailbox_retrieval", "answered"), False, called=None, direction=None)


@scenario("ivr-then-nobody", OFFICE)
def ivr(s):
    """The PBX answers at once (menu), then rings two phones that nobody picks up; the caller hangs up

    Verdict: `ivr_abandoned`, missed: the 200 was the PBX's own, before any phone rang, and none answered.
    """
    caller = "+13125550124"
    call = s.inbound(caller, MAIN).invite(0).reply(9, 100).answer(80)
    phones = [s.phone(caller, p, e) for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(phones):
        leg.ring(12_000 + n * 2)
    call.bye(31_000)
    for n, leg in enumerate(phones):
        leg.give_up(31_010 + n * 3)
    s.expect(call, "ivr_abandoned", True, called=MAIN, joined=phones, task=True)
    s.texts = [caller]


@scenario("ivr-then-person")
def ivr_answered(s):
    """The PBX answers at once (menu), then a phone rings and is answered

    Verdict: `answered` by a person, not missed.
    """
    caller = "+13125550125"
    call = s.inbound(caller, MAIN).invite(0).reply(9, 100).answer(80)
    phone = s.phone(caller, PHONE_202, "202").ring(12_000).answer(17_000)
    call.bye(60_000)
    phone.bye(60_012)
    s.expect(call, "answered", False, called=MAIN, joined=(phone,), answered_by="human")


@scenario("serial-hunt-answered")
def hunt_answered(s):
    """A PBX hunts: 201 rings 8 s, then 202, then 203 answers; own Call-IDs

    Verdict: `answered`, one call of four legs.
    """
    caller = "+13125550126"
    call = s.inbound(caller).ring(0, after=260)
    legs, at = [], 40
    for phone, extension in ((PHONE_201, "201"), (PHONE_202, "202")):
        legs.append(s.phone(caller, phone, extension).ring(at))
        legs[-1].give_up(at + 8_000)
        at += 8_080
    legs.append(s.phone(caller, PHONE_203, "203").ring(at).answer(at + 5_000))
    call.answer(at + 5_022)
    call.bye(at + 50_000)
    legs[-1].bye(at + 50_010)
    s.expect(call, "answered", False, joined=legs)


@scenario("phones-only")
def phones_only(s):
    """The trunk is a PRI: only the PBX's legs to its phones are seen; serial hunt, nobody answers

    201 rings 10 s, 1.5 s later 202 rings 10 s, then no more.

    Verdict: `no_answer` or `abandoned`, one call, not two: legs of one caller within `hunt_gap` belong together.
    """
    caller = "+13125550127"
    first = s.phone(caller, PHONE_201, "201").ring(0)
    first.give_up(10_000)
    second = s.phone(caller, PHONE_202, "202").ring(11_500)
    second.give_up(21_500)
    later = s.inbound("+13125550128").invite(90_000).reply(90_009, 100).refuse(90_100, 486)
    s.expect(first, ("no_answer", "abandoned"), True, called=None, direction=None, joined=(second,))
    s.expect(later, "busy", True)


@scenario("phones-only-elsewhere")
def phones_only_elsewhere(s):
    """The trunk is a PRI; both phones are cancelled with "Call completed elsewhere", by whom can't be seen

    Verdict: `answered_inferred`, not missed, for a person to look at: a hint is all there is.
    """
    caller = "+13125550129"
    legs = [s.phone(caller, p, e).ring(n * 2) for n, (p, e) in enumerate(((PHONE_201, "201"), (PHONE_202, "202")))]
    for n, leg in enumerate(legs):
        leg.give_up(9_000 + n * 3, ELSEWHERE)
    later = s.inbound("+13125550128").invite(90_000).reply(90_009, 100).refuse(90_100, 486)
    s.expect(legs[0], "answered_inferred", False, called=None, direction=None, joined=legs)
    s.expect(later, "busy", True)


@scenario("two-at-once")
def two_at_once(s):
    """One caller calls twice at the same time, on two numbers; the PBX rings a phone for each

    History-Info on the phones' legs carries the number dialled. The first is answered, the second given up.

    Verdict: two calls, `answered` and `abandoned`; neither takes the other's phone for its own.
    """
    caller = "+13125550130"
    first, second = s.inbound(caller, ADS).ring(0, after=200), s.inbound(caller, MAIN)
    a = s.phone(caller, PHONE_201, "201", headers=(f"History-Info: <sip:{ADS}@{PBX.host}>;index=1",)).ring(40)
    second.ring(1_500, after=200)
    b = s.phone(caller, PHONE_202, "202", headers=(f"History-Info: <sip:{MAIN}@{PBX.host}>;index=1",)).ring(1_540)
    a.answer(6_000)
    first.answer(6_022)
    second.give_up(13_000)
    b.give_up(13_014)
    first.bye(50_000)
    a.bye(50_010)
    s.expect(first, "answered", False)
    s.expect(second, "abandoned", True, called=MAIN)

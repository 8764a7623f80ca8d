"""Messages that cross, get lost on one side, come twice, or come again on other terms."""


from . import wire
from .office import *
from .vendors import *

OUTSIDE = "198.51.100.5"
NAT_ROLES = ROLES.replace('pbx_hosts = ["192.168.10.5"]', 'pbx_hosts = ["192.168.10.5", "198.51.100.5"]')


@scenario("phone-answers-as-caller-cancels", OFFICE)
def crossed(s):
    """The caller gives up in the very moment a phone answers: the PBX ends the phone's leg 30 ms after its 200

    Verdict: `abandoned`, missed: the caller was never answered, whatever a phone said.
    """
    caller = "+13125550341"
    call = s.inbound(caller).ring(0, after=260)
    phone = s.phone(caller, PHONE_201, "201", a=FREEPBX, **as_asterisk(s, "201")).ring(40)
    call.cancel(9_000)
    phone.answer(9_002)
    call.reply(9_011, 200, method="CANCEL").refuse(9_013, 487)
    phone.bye(9_032)
    s.expect(call, "abandoned", True, joined=(phone,), task=True)
    s.texts = [caller]


@scenario("trunk-200-lost-phone-200-seen")
def trunk_lost(s):
    """The tap loses the 200 and ACK on the trunk, and of a second call the BYE too; the phones' 200s are seen

    Verdict: twice not missed: a phone answered, and the caller's leg was never ended without an answer.
    """
    for at, caller, ended in ((0, "+13125550342", True), (90_000, "+13125550343", False)):
        call = s.inbound(caller).ring(at, after=260)
        phone = s.phone(caller, PHONE_201, "201", a=FREEPBX, **as_asterisk(s, at)).ring(at + 40).answer(at + 6_000)
        if ended:
            call.bye(at + 50_000)
        phone.bye(at + 50_012)
        s.expect(call, ("answered", "unknown") if ended else ("answered", "unknown", "incomplete"), False, joined=(phone,))
    s.inbound("+13125550158").invite(420_000).reply(420_009, 100)
    s.others = "not missed"


@scenario("both-sides-of-a-firewall", NAT_ROLES)
def firewall(s):
    """One tap before and one behind the firewall: each message twice, 300 microseconds apart, the PBX's address translated

    Call-ID, tags and branches are the same on both sides; so is what the messages say.

    Verdict: `answered`; `abandoned`, missed; one call each.
    """
    def twice(trace, when, src, dst, data):
        for late, end in ((0, OUTSIDE), (300, PBX.ip)) if dst.ip == PBX.ip else ((0, PBX.ip), (300, OUTSIDE)):
            a, b = (src.ip, end) if dst.ip == PBX.ip else (end, dst.ip)
            packet = wire.ip(a, b, 17, wire.udp(a, src.port, b, dst.port, data), 0x3000 + len(trace.packets))
            trace.frame(when + late, packet, a, b)
    s.trace.carrier = twice
    first = s.inbound("+13125550344").ring(0).answer(5_000).bye(33_000)
    second = s.inbound("+13125550345", MAIN).ring(60_000)
    second.give_up(71_000)
    s.expect(first, "answered", False)
    s.expect(second, "abandoned", True, called=MAIN)


@scenario("rings-for-four-minutes")
def long_ring(s):
    """A caller who waits: 180 again each minute, as RFC 3261 13.3.1.1 asks, and an answer after four minutes

    Verdict: `answered`.
    """
    call = s.inbound("+13125550346", headers=("Expires: 300",)).ring(0)
    for at in (60_000, 120_000, 180_000, 239_000):
        call.reply(at, 180)
    call.answer(241_000).bye(300_000)
    s.expect(call, "answered", False)


@scenario("tried-again-on-other-terms")
def other_terms(s):
    """INVITEs refused for how they were put, and put otherwise 40 ms later: 422, 488, 491, 420, 484

    Same Call-ID and From-tag, higher CSeq. The last, whose number was too short, is then busy.

    Verdict: four times `answered`; `busy`, missed; five calls of one leg.
    """
    ways = ((422, "Session Interval Too Small", "Min-SE: 120", "Session-Expires: 120"),
            (488, None, 'Warning: 304 lakeside.example "Media type not available"', None), (491, None, None, None),
            (420, "Bad Extension", "Unsupported: precondition", None), (484, "Address Incomplete", None, None))
    for n, (status, phrase, said, then) in enumerate(ways):
        at = n * 60_000
        leg = s.inbound(f"+131255503{47 + n}").invite(at)
        leg.tag = "refusal"
        leg.refuse(at + 20, status, (said,) if said else (), reason=phrase)
        leg.cseq, leg.tag = 2, f"second{n}"
        leg.invite(at + 60, (then,) if then else ()).reply(at + 69, 100)
        if status == 484:
            leg.refuse(at + 200, 486)
        else:
            leg.reply(at + 240, 180).answer(at + 6_000).bye(at + 30_000)
        s.expect(leg, "busy" if status == 484 else "answered", status == 484)


@scenario("busy-phones-then-embedded-voicemail")
def busy_embedded(s):
    """Both phones are busy; the PBX's own voicemail answers the trunk 60 ms after the last 486

    Verdict: `voicemail`, missed.
    """
    caller = "+13125550352"
    call = s.inbound(caller).invite(0).reply(9, 100)
    phones = [s.phone(caller, p, e, a=FREEPBX, **as_asterisk(s, e)) for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(phones):
        leg.invite(40 + n * 3).reply(60 + n, 100).refuse(130 + n * 6, 486)
    call.answer(196).bye(24_000)
    s.expect(call, "voicemail", True, joined=phones, answered_by="voicemail")


@scenario("forward-to-mobile-own-number")
def own_number(s):
    """All calls are forwarded to a mobile; the trunk wants the office's own number as caller, and Diversion names the one dialled

    Verdict: `offnet_answered`, not missed, one call: Diversion ties the leg out to the one in.
    """
    call = s.inbound("+13125550353").invite(0).reply(9, 100)
    out = s.leg(PBX, TRUNK, MAIN, "+13125550161", headers=(
        f"Diversion: <sip:{ADS}@{PBX.host}>;reason=unconditional;counter=1",)).ring(30, after=2_600)
    call.reply(2_660, 180)
    out.answer(9_000)
    call.answer(9_025)
    call.bye(50_000)
    out.bye(50_012)
    s.expect(call, "offnet_answered", False, joined=(out,))


@scenario("forward-of-a-desk-to-its-mobile")
def desk_forwards(s):
    """A desk doesn't answer and its calls go on to a mobile, under the office's own number; Diversion names the desk, not the
    number dialled. The mobile answers the first caller, not the second

    Verdict: `offnet_answered`, then `abandoned`, missed: each caller is one call.
    """
    for n, answered in enumerate((True, False)):
        at, caller = n * 120_000, f"+131255503{57 + n}"
        call = s.inbound(caller).invite(at).reply(at + 9, 100)
        desk = s.phone(caller, PHONE_201, "201").ring(at + 30, after=90)
        call.reply(at + 130, 180)
        desk.cancel(at + 15_000)
        out = s.leg(PBX, TRUNK, MAIN, f"+131255501{63 + n}", headers=(
            f"Diversion: <sip:201@{PBX.host}>;reason=no-answer;counter=1",)).ring(at + 15_040, after=2_600)
        if answered:
            out.answer(at + 21_000)
            call.answer(at + 21_025).bye(at + 50_000)
            out.bye(at + 50_012)
            s.expect(call, "offnet_answered", False, joined=(desk, out))
        else:
            call.cancel(at + 36_000)
            out.cancel(at + 36_012)
            s.expect(call, "abandoned", True, joined=(desk, out))


EDGE = End("192.168.10.4", "Larkfield Edge 2.1")


@scenario("voicemail-behind-an-edge", ROLES.replace('pbx_hosts = ["192.168.10.5"]', 'pbx_hosts = ["192.168.10.4", "192.168.10.5"]'))
def edge_voicemail(s):
    """A border controller of the office passes calls on to the PBX, and both sides of it are seen. Nobody answers the first and
    the PBX's own voicemail does; the second hears a menu and gives up while a phone rings; the third is answered

    Verdict: `voicemail`, missed; `ivr_abandoned`, missed; `answered`. A leg from one of the PBX's hosts to another leads to nobody.
    """
    for n in range(3):
        at, caller = n * 120_000, f"+131255503{72 + n}"
        call = s.leg(TRUNK, EDGE, caller, ADS).invite(at).reply(at + 5, 100)
        inner = s.leg(EDGE, PBX, caller, ADS).invite(at + 20).reply(at + 29, 100)
        if n == 1:
            inner.answer(at + 900)
            call.answer(at + 930)
        phone = s.phone(caller, PHONE_201, "201").ring(at + 40 + 8_000 * (n == 1))
        if n != 1:
            inner.reply(at + 230, 180)
            call.reply(at + 240, 180)
        if n == 0:
            phone.give_up(at + 20_000)
            inner.answer(at + 20_040)
            call.answer(at + 20_070)
        elif n == 2:
            phone.answer(at + 7_000)
            inner.answer(at + 7_040)
            call.answer(at + 7_070)
        call.bye(at + 40_000)
        inner.bye(at + 40_020)
        if n == 1:
            phone.give_up(at + 40_050)
        elif n == 2:
            phone.bye(at + 40_050)
        outcome = ("voicemail", "ivr_abandoned", "answered")[n]
        s.expect(call, outcome, n != 2, joined=(inner, phone))


@scenario("a-code-dialled-after-the-answer")
def code_after(s):
    """The PBX's own voicemail answers; 300 ms later a colleague dials a code. Then one calls and 201 rings, another and 202 does;
    the first goes to the voicemail and the second is picked up by code, within 700 ms

    Verdict: `voicemail`, missed: who dials after the answer wasn't the reason for it. Then twice `unknown`: either may be the one
    that was picked up.
    """
    call = s.inbound("+13125550375").ring(0)
    phone = s.phone("+13125550375", PHONE_201, "201").ring(30)
    phone.give_up(20_000)
    call.answer(20_050)
    s.leg(PHONE_202, PBX, "202", "*97").invite(20_350).answer(20_420).bye(26_000)
    call.bye(40_000)
    s.expect(call, "voicemail", True, joined=(phone,))
    ends = (("+13125550376", PHONE_201, "201", 120_000), ("+13125550377", PHONE_202, "202", 124_000))
    first, second = [s.inbound(caller).ring(at) for caller, _, _, at in ends]
    rung, other = [s.phone(caller, end, number).ring(at + 30) for caller, end, number, at in ends]
    pick = s.leg(PHONE_203, PBX, "203", "*8").invite(139_900)
    rung.give_up(140_000)
    first.answer(140_050)
    pick.answer(140_300)
    other.give_up(140_330)
    second.answer(140_360)
    first.bye(160_000)
    second.bye(170_000)
    pick.bye(170_020, by="called")
    s.expect(first, "unknown", False, joined=(rung,))
    s.expect(second, "unknown", False, joined=(other,))
    s.others = "not missed"


@scenario("answered-before-phones-stop")
def answered_first(s):
    """The PBX answers the caller and stops its phones 300 ms later, without a Reason

    Verdict: `unknown`: a set that isn't seen may have answered, or the PBX's voicemail.
    """
    call = s.inbound("+13125550378").ring(0)
    phone = s.phone("+13125550378", PHONE_201, "201").ring(30)
    call.answer(12_000)
    phone.give_up(12_300)
    call.bye(60_000, by="called")
    s.expect(call, "unknown", False, joined=(phone,))


@scenario("tries-again-at-once")
def at_once(s):
    """A busy caller's side tries again 100 ms later with the next CSeq and is answered; another caller gives up, and calls again
    300 ms later with the same Session-ID, and is answered; a third ends a call that rings by BYE; the last hears 408 from the PBX
    when its phones have rung

    Verdict: `busy`, missed, `answered`; `abandoned`, missed, `answered`; `no_answer` twice, missed.
    """
    busy = s.inbound("+13125550379").invite(0).reply(9, 100).refuse(300, 486)
    again = s.leg(TRUNK, PBX, busy.caller, ADS, call_id=busy.call_id, from_tag=busy.from_tag, cseq=2, headers=busy.headers)
    again.ring(420).answer(9_000).bye(40_000)
    s.expect(busy, "busy", True)
    s.expect(again, "answered", False)
    session = (f"Session-ID: cd5{'0' * 29};remote={'0' * 32}",)
    gone = s.inbound("+13125550380", headers=session).ring(120_000).give_up(128_000)
    back = s.inbound("+13125550380", headers=session).ring(128_320).answer(136_000).bye(170_000)
    s.expect(gone, "abandoned", True)
    s.expect(back, "answered", False)
    early = s.inbound("+13125550381").ring(240_000).bye(252_000)
    early.cseq = 1
    early.refuse(252_030, 487)
    s.expect(early, "no_answer", True)
    last = s.inbound("+13125550382").invite(360_000).reply(360_009, 100)
    phone = s.phone("+13125550382", PHONE_201, "201").ring(360_030)
    phone.give_up(380_000)
    last.refuse(380_200, 408)
    s.expect(last, "no_answer", True, joined=(phone,))

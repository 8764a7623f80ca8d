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

"""What a dialog does besides ringing and talking: retransmits, refreshes, forks, reserves, passes many hops."""

from .office import *
from .plain import CHALLENGE
from .sip import ELSEWHERE, End, Leg, token
from .vendors import *

EDGE = End("192.168.10.4", "OpenSIPS (3.4.5 (x86_64/linux))")
EDGE_ROLES = ROLES.replace('pbx_hosts = ["192.168.10.5"]', 'pbx_hosts = ["192.168.10.4", "192.168.10.5"]')


@scenario("answer-retransmitted")
def answer_again(s):
    """INVITE twice, 180 twice, the 200 four times until its ACK comes through

    The 200 goes out after 0.5, 1 and 2 s again (RFC 3261 13.3.1.4); the ACK to the last arrives, and is sent twice.

    Verdict: `answered`, one call: a copy of an answer answers nothing anew.
    """
    leg = s.inbound("+13125550301").invite(0).again(500).reply(509, 100)
    leg.reply(700, 180).again(1_210).reply(5_000, 200, sdp=True)
    for at in (5_500, 6_500, 8_500):
        leg.again(at)
    leg.ack_200(8_530).again(8_560).bye(40_000).again(40_500)
    s.expect(leg, "answered", False)


@scenario("answered-three-seconds")
def three_seconds(s):
    """A phone answers and the caller hangs up 3 s later; then one where the office hangs up after 3 s

    Verdict: `answered_short` where the caller's side said BYE, `answered` where the office's did; neither is missed.
    """
    for at, by, outcome in ((0, "caller", "answered_short"), (60_000, "called", "answered")):
        caller = f"+1312555030{2 if by == 'caller' else 3}"
        call = s.inbound(caller).ring(at, after=260)
        phone = s.phone(caller, PHONE_201, "201", a=FREEPBX, **as_asterisk(s, by)).ring(at + 40).answer(at + 6_000)
        call.answer(at + 6_022)
        for leg in (call, phone) if by == "caller" else (phone, call):
            leg.bye(at + 9_022, by=by)
        s.expect(call, outcome, False, joined=(phone,), answered_by="human")


def next_hop(s, before, a, b, ruri):
    """The same message one hop on: another Via above those below it, and a Record-Route."""
    leg = Leg(s.trace, a, b, before.caller, before.called, call_id=before.call_id, from_tag=before.from_tag,
              from_host=before.from_host, to_host=before.to_host, cseq=before.cseq, ruri=ruri,
              below=(before.via(before.cseq), *before.below), routes=(f"Record-Route: <sip:{a.host};lr>", *before.routes),
              headers=before.headers)
    leg.tag = before.tag
    return leg


@scenario("proxy-hops", EDGE_ROLES)
def hops(s):
    """Three hops, one Call-ID: trunk, edge proxy, core proxy, phone; every message is seen on each wire

    Two calls: the first is answered, the second refused with 486, which comes back hop by hop.

    Verdict: `answered`, and `busy`, missed: two calls of one leg each, not six.
    """
    for at, caller, answered in ((0, "+13125550304", True), (60_000, "+13125550305", False)):
        first = s.leg(TRUNK, EDGE, caller, ADS, headers=(f"P-Asserted-Identity: <sip:{caller}@{TRUNK.host}>",))
        second = next_hop(s, first, EDGE, PROXY, f"sip:{ADS}@{PROXY.host}")
        third = next_hop(s, second, PROXY, PHONE_201, f"sip:201@{PHONE_201.host}:5060")
        chain = (first, second, third)
        for n, leg in enumerate(chain):
            leg.invite(at + n * 4).reply(at + n * 4 + 2, 100)
        for n, leg in enumerate(reversed(chain)):
            leg.reply(at + 150 + n * 3, 180)
        if not answered:
            for n, leg in enumerate(reversed(chain)):
                leg.refuse(at + 4_000 + n * 3, 486)
        else:
            for n, leg in enumerate(reversed(chain)):
                leg.reply(at + 5_000 + n * 3, 200, sdp=True)
            for n, leg in enumerate(chain):
                leg.ack_200(at + 5_020 + n * 3)
            for n, leg in enumerate(chain):
                leg.bye(at + 44_000 + n * 3)
        s.expect(first, "answered" if answered else "busy", not answered)


@scenario("session-timer")
def session_timer(s):
    """Hold and session timer (RFC 4028): UPDATE without SDP, a re-INVITE as refresh, one that meets 491, hold and back

    Verdict: `answered`, one call: nothing with a To-tag opens another, and a 491 within a dialog refuses nothing.
    """
    leg = s.inbound("+13125550306", headers=("P-Asserted-Identity: <sip:+13125550306@203.0.113.20>",
                                             "Supported: timer, 100rel", "Session-Expires: 90;refresher=uas", "Min-SE: 90"))
    leg.ring(0).answer(4_000, extra=("Session-Expires: 90;refresher=uas", "Require: timer"))
    refresh = ("Session-Expires: 90;refresher=uac",)
    leg.ask(49_000, "UPDATE", by_a=False, extra=refresh, answer=("Session-Expires: 90;refresher=uas",))
    leg.offer_again(70_000, by_a=False, change=lambda sdp: sdp.replace("sendrecv", "sendonly"))
    leg.offer_again(70_020, status=491)
    leg.offer_again(94_000, by_a=False, extra=refresh)
    leg.ask(139_000, "UPDATE", by_a=False, extra=refresh)
    leg.bye(171_000)
    s.expect(leg, "answered", False)


@scenario("forked-answered-twice")
def forked_twice(s):
    """A proxy beyond the tap forks: five 180s with five To-tags, then two 200s 60 ms apart

    As Teams sends a 180 for each client. The caller ACKs both answers, ends the second with BYE at once and talks on with
    the first (RFC 3261 13.2.2.4).

    Verdict: `answered`, one call; the BYE of the second dialog ends nothing.
    """
    leg = s.inbound("+13125550307").invite(0).reply(9, 100)
    tags = [token("client", leg.call_id, n, size=10) for n in range(5)]
    for n, tag in enumerate(tags):
        leg.reply(400 + n * 130, 180, tag=tag)
    leg.tag = tags[3]
    leg.reply(7_000, 200, sdp=True, tag=tags[3]).ack_200(7_021, tag=tags[3])
    leg.reply(7_060, 200, sdp=True, tag=tags[1]).ack_200(7_080, tag=tags[1])
    leg.request(7_090, "BYE", 2, tag=tags[1], ruri=leg.remote()).reply(7_102, 200, method="BYE", tag=tags[1], cseq=2)
    leg.cseq = 2
    leg.bye(58_000)
    s.expect(leg, "answered", False)


@scenario("forked-then-abandoned")
def forked_abandoned(s):
    """Four 180s with four To-tags, one early dialog ended by 199 (RFC 6228); the caller gives up

    Verdict: `abandoned`, missed, once.
    """
    leg = s.inbound("+13125550308").invite(0).reply(9, 100)
    tags = [token("client", leg.call_id, n, size=10) for n in range(4)]
    for n, tag in enumerate(tags):
        leg.reply(300 + n * 90, 180, tag=tag)
    leg.reply(8_000, 199, tag=tags[2], reason="Early Dialog Terminated", extra=('Reason: SIP;cause=486',))
    leg.tag = tags[0]
    leg.give_up(15_000)
    s.expect(leg, "abandoned", True)


@scenario("prack-and-update")
def prack(s):
    """183 and 180 sent reliably (RFC 3262), each with its PRACK; UPDATE moves the early media; then 200

    The 200s to PRACK and UPDATE come 9 s before the one to the INVITE. A second call goes the same way and is cancelled.

    Verdict: `answered`, and `abandoned`, missed: a 200 to a PRACK or UPDATE answers nobody.
    """
    for at, caller, answered in ((0, "+13125550309", True), (60_000, "+13125550310", False)):
        leg = s.inbound(caller, headers=(f"P-Asserted-Identity: <sip:{caller}@{TRUNK.host}>", "Supported: 100rel, timer"))
        leg.invite(at).reply(at + 9, 100)
        leg.reply(at + 200, 183, sdp=True, extra=("Require: 100rel", "RSeq: 8801"))
        leg.ask(at + 230, "PRACK", extra=("RAck: 8801 1 INVITE",))
        leg.ask(at + 300, "UPDATE", body=leg.sdp(TRUNK), sdp=True)
        leg.reply(at + 700, 180, extra=("Require: 100rel", "RSeq: 8802"))
        leg.ask(at + 730, "PRACK", extra=("RAck: 8802 1 INVITE",))
        if answered:
            leg.answer(at + 9_700).bye(at + 41_000)
        else:
            leg.give_up(at + 9_700)
        s.expect(leg, "answered" if answered else "abandoned", not answered)


@scenario("challenged-for-good")
def challenged(s):
    """407, the retry with credentials challenged again, and then 403; and one challenged, retried and cancelled

    Verdict: `rejected`, not missed; and `abandoned`, missed.
    """
    for at, caller, status in ((0, "+13125550311", 403), (60_000, "+13125550312", None)):
        leg = s.inbound(caller).invite(at)
        leg.reply(at + 20, 407, extra=(f"Proxy-Authenticate: {CHALLENGE}",), tag=token("407", leg.call_id))
        leg.ack(at + 37, tag=token("407", leg.call_id))
        leg.cseq = 2
        leg.invite(at + 61, ('Proxy-Authorization: Digest username="larkfield", realm="lakeside.example", response="0f"',))
        if status:
            leg.reply(at + 70, 100).refuse(at + 90, status)
        else:
            leg.reply(at + 70, 100).reply(at + 200, 180).give_up(at + 11_000)
        s.expect(leg, "rejected" if status else "abandoned", not status)


REFUSALS = (
    (480, "Reason: Q.850;cause=17", "busy"), (480, None, "no_answer"), (600, None, "busy"),
    (486, "Reason: Q.850;cause=19", "no_answer"), (487, "Reason: Q.850;cause=18", "no_answer"),
    (403, "Reason: Q.850;cause=21", "rejected"), (433, None, "rejected"), (607, None, "rejected"), (608, None, "rejected"),
    (603, 'Reason: SIP;cause=603;text="v=analytics1;url=https://carrier.example/redress"', "rejected"),
    (404, "Reason: Q.850;cause=3", "failed"), (410, None, "wrong_number"), (604, None, "wrong_number"),
    (488, None, "failed"), (606, None, "failed"), (500, "Reason: Q.850;cause=41", "failed"),
    (503, "Reason: Q.850;cause=17", "failed"), (502, None, "failed"),
)
PHRASES = {433: "Anonymity Disallowed", 502: "Bad Gateway", 600: "Busy Everywhere", 604: "Does Not Exist Anywhere",
           606: "Not Acceptable", 607: "Unwanted", 608: "Rejected"}


@scenario("refused-in-many-ways")
def refused(s):
    """Eighteen refusals, one each half minute: statuses with and without a Q.850 cause

    The cause refines 480, 486 and 487, and outranks neither 403 nor 404 nor 5xx, save that 404 with cause 3 has no route
    (RFC 6432). 603 with an analytics text is a network's refusal, no person's (ATIS-1000099).

    Verdict: as each status and cause say; missed where the caller was real.
    """
    for n, (status, cause, outcome) in enumerate(REFUSALS):
        leg = s.inbound(f"+131255504{n:02}").invite(n * 30_000).reply(n * 30_000 + 9, 100)
        leg.refuse(n * 30_000 + 300, status, (cause,) if cause else (), reason=PHRASES.get(status))
        s.expect(leg, outcome, outcome in ("busy", "no_answer", "failed"))


def unconfigured(s, caller):
    call = s.inbound(caller).ring(0, after=260)
    phones = [s.phone(caller, p, e, a=FREEPBX, **as_asterisk(s, e)) for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(phones):
        leg.ring(40 + n * 2)
    return call, phones


@scenario("no-config-ring-all", None)
def bare_ring_all(s):
    """No configuration: a PBX rings two phones, one answers

    Verdict: `answered`, one call of three legs, direction unknown.
    """
    call, phones = unconfigured(s, "+13125550313")
    phones[0].answer(6_000)
    call.answer(6_020)
    phones[1].give_up(6_026, ELSEWHERE)
    call.bye(44_000)
    phones[0].bye(44_010)
    s.expect(call, "answered", False, called="*", direction="unknown", joined=phones)


@scenario("no-config-embedded-voicemail", None)
def bare_voicemail(s):
    """No configuration: a PBX rings two phones, cancels them, and answers the caller itself

    Verdict: `voicemail`, or `unknown` as nobody told who the phones are; never `answered`.
    """
    call, phones = unconfigured(s, "+13125550314")
    for n, leg in enumerate(phones):
        leg.give_up(15_000 + n * 3)
    call.answer(15_048).bye(36_000)
    s.expect(call, ("voicemail", "unknown"), "*", called="*", direction="unknown", joined=phones)


@scenario("no-config-blind-transfer", None)
def bare_transfer(s):
    """No configuration: answered by one phone, sent on by REFER to another

    Verdict: `answered`, not missed, one call of three legs.
    """
    caller = "+13125550315"
    call = s.inbound(caller).ring(0, after=260)
    first = s.phone(caller, PHONE_201, "201", a=FREEPBX, **as_asterisk(s, "201")).ring(40).answer(5_000)
    call.answer(5_020)
    first.ask(20_000, "REFER", by_a=False, status=202, extra=(f"Refer-To: <sip:202@{PBX.host}>", f"Referred-By: <sip:201@{PBX.host}>"))
    second = s.phone(caller, PHONE_202, "202", a=FREEPBX, **as_asterisk(s, "202")).ring(20_060)
    second.answer(24_000)
    first.bye(24_060, by="called")
    call.bye(60_000)
    second.bye(60_010)
    s.expect(call, "answered", False, called="*", direction="unknown", joined=(first, second))

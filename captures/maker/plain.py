"""Calls with one leg, trunk to PBX: every way one can end."""

from .office import *
from .sip import token

CHALLENGE = 'Digest realm="lakeside.example", nonce="5f1c8a04d2b7", algorithm=MD5, qop="auth"'


@scenario("answered")
def answered(s):
    """Answered, talked, hung up by the caller

    The trunk offers a call, the PBX rings and answers after 6 s, the caller says BYE 48 s later.

    Verdict: `answered`. A 200 to the INVITE and nothing that hints at a machine.
    """
    leg = s.inbound("+13125550142", name="Ada Quist").ring(0)
    leg.answer(6_000).bye(54_000)
    s.expect(leg, "answered", False)


@scenario("answered-by-callee-bye")
def callee_bye(s):
    """Answered; the office hangs up, and a re-INVITE for hold comes between

    After 30 s the PBX puts the caller on hold by a re-INVITE (To-tag set) and takes it back; at the end the PBX
    says BYE.

    Verdict: `answered`, one call: a re-INVITE opens nothing.
    """
    leg = s.inbound("+13125550143", MAIN).ring(0)
    leg.answer(4_000)
    for at, cseq, held in ((34_000, 102, "sendonly"), (41_000, 103, "sendrecv")):
        body = leg.sdp(PBX).replace("sendrecv", held)
        leg.request(at, "INVITE", cseq, by_a=False, extra=(leg.contact(PBX, MAIN),), body=body)
        leg.reply(at + 25, 200, by_a=True, cseq=cseq, sdp=True)
        leg.request(at + 40, "ACK", cseq, by_a=False)
    leg.bye(62_000, by="called", extra=('Reason: Q.850;cause=16;text="Normal call clearing"',))
    s.expect(leg, "answered", False, called=MAIN)


@scenario("answered-short")
def answered_short(s):
    """Answered, and the caller hangs up 2.4 s later

    Verdict: `answered_short`: the caller's side says BYE under `min_talk` (5 s). Not missed unless the site says so.
    """
    leg = s.inbound("+13125550144").ring(0)
    leg.answer(3_000).bye(5_400)
    s.expect(leg, "answered_short", False)


@scenario("caller-cancels", OFFICE)
def caller_cancels(s):
    """The caller gives up while it rings

    INVITE, 100, 180, and after 12 s CANCEL, 200 to the CANCEL, 487 to the INVITE, ACK.

    Verdict: `abandoned`, missed. The 200 belongs to the CANCEL (its CSeq says so), not to the INVITE. The ack leaves
    20 s after the end.
    """
    leg = s.inbound("+13125550145", name="Jo Ferris").ring(0)
    leg.give_up(12_000)
    s.expect(leg, "abandoned", True, task=True, state="open")
    s.texts = ["+13125550145"]


@scenario("caller-cancels-early-media")
def cancel_early_media(s):
    """Ringback as early media (183 with SDP), then CANCEL; 180 is never sent

    Verdict: `abandoned`, missed; `rang_ms` counts from the 183.
    """
    leg = s.inbound("+13125550146").invite(0).reply(9, 100)
    leg.reply(300, 183, sdp=True)
    leg.give_up(9_300)
    s.expect(leg, "abandoned", True)


@scenario("busy", OFFICE)
def busy(s):
    """486 Busy Here with Q.850 cause 17

    Verdict: `busy`, missed: every line of the office was taken, nobody refused anyone.
    """
    leg = s.inbound("+13125550147", name="Nell Abara").invite(0).reply(8, 100)
    leg.refuse(140, 486, ('Reason: Q.850;cause=17;text="User busy"',))
    s.expect(leg, "busy", True, task=True)
    s.texts = ["+13125550147"]


@scenario("no-answer", OFFICE)
def no_answer(s):
    """480 with Q.850 cause 19 after 25 s of ringing

    Verdict: `no_answer`, missed: 480 after ten seconds of 180 means that nobody picked up, not that all were busy.
    """
    leg = s.inbound("+13125550148", MAIN).ring(0)
    leg.refuse(25_000, 480, ('Reason: Q.850;cause=19;text="No answer from user"',))
    s.expect(leg, "no_answer", True, called=MAIN, task=True)
    s.texts = ["+13125550148"]


@scenario("declined")
def declined(s):
    """603 Decline: someone pressed the red button

    Verdict: `declined`, missed.
    """
    leg = s.inbound("+13125550149").ring(0)
    leg.refuse(5_200, 603, ('Reason: Q.850;cause=21;text="Call rejected"',))
    s.expect(leg, "declined", True)


@scenario("wrong-number", OFFICE)
def wrong_number(s):
    """404 for a number nobody has set up

    Verdict: `wrong_number`, not missed: it is for whoever runs the trunk, not for the caller.
    """
    leg = s.inbound("+13125550150", "+13125550199").invite(0).reply(7, 100)
    leg.refuse(40, 404, ('Reason: Q.850;cause=1;text="Unallocated number"',))
    s.expect(leg, "wrong_number", False, called="+13125550199")


@scenario("no-response", OFFICE)
def no_response(s):
    """The PBX is down: the INVITE is sent seven times and nothing comes back

    Retransmissions after 0.5, 1, 2, 4, 8 and 16 s (timer A doubling); the capture ends with the last.

    Verdict: `failed`, missed: retransmitted over more than 3.5 s with no response at all. The caller was real.
    """
    leg = s.inbound("+13125550151").invite(0)
    for at in (500, 1_500, 3_500, 7_500, 15_500, 31_500):
        leg.again(at)
    s.expect(leg, "failed", True, task=True)
    s.texts = ["+13125550151"]


@scenario("no-response-short")
def no_response_short(s):
    """The capture ends 1.5 s into an INVITE that has no response yet

    Verdict: `incomplete`, not missed: two retransmissions over 1.5 s say nothing.
    """
    leg = s.inbound("+13125550152").invite(0)
    leg.again(500).again(1_500)
    s.expect(leg, "incomplete", False)


@scenario("timeout-408")
def timeout_408(s):
    """180, then 408 from the PBX after 30 s

    Verdict: `no_answer`, missed: the PBX's own timer ended the ringing.
    """
    leg = s.inbound("+13125550153").ring(0)
    leg.refuse(30_000, 408)
    s.expect(leg, "no_answer", True)


@scenario("terminated-without-cancel")
def terminated(s):
    """487 although nobody sent CANCEL

    Verdict: `no_answer`, missed: a PBX that ends ringing by itself may say 487.
    """
    leg = s.inbound("+13125550154").ring(0)
    leg.refuse(20_000, 487)
    s.expect(leg, "no_answer", True)


@scenario("unavailable-503")
def unavailable(s):
    """503 with Q.850 cause 34 (no circuit available)

    Verdict: `failed`, missed: the caller was real and the office's system turned them away.
    """
    leg = s.inbound("+13125550155").invite(0).reply(8, 100)
    leg.refuse(90, 503, ('Reason: Q.850;cause=34;text="No circuit available"', "Retry-After: 30"))
    s.expect(leg, "failed", True)


@scenario("challenged-then-answered")
def challenged(s):
    """407, then the same INVITE with credentials, answered

    Same Call-ID and From-tag, CSeq 2. The 407 has a To-tag of its own.

    Verdict: `answered`, one call of one leg.
    """
    leg = s.inbound("+13125550156", transport="UDP").invite(0)
    leg.reply(20, 407, extra=(f"Proxy-Authenticate: {CHALLENGE}",), tag=token("407", leg.call_id))
    leg.ack(37, tag=token("407", leg.call_id))
    leg.cseq = 2
    leg.invite(61, ('Proxy-Authorization: Digest username="larkfield", realm="lakeside.example", response="0f"',))
    leg.reply(70, 100).reply(250, 180).answer(7_000).bye(40_000)
    s.expect(leg, "answered", False)


@scenario("challenged-and-gone")
def challenged_and_gone(s):
    """401 that is never retried

    Another call ends 20 s later, so time goes on and the wait of 5 s runs out.

    Verdict: `rejected`, not missed; the other call is `busy`.
    """
    leg = s.inbound("+13125550157").invite(0)
    leg.refuse(18, 401, (f"WWW-Authenticate: {CHALLENGE}",))
    other = s.inbound("+13125550158").invite(20_000).reply(20_009, 100).refuse(20_120, 486)
    s.expect(leg, "rejected", False)
    s.expect(other, "busy", True)


@scenario("redirected-then-answered")
def redirected(s):
    """302 to the receptionist's phone, answered there

    The trunk's SBC follows the Contact itself: same Call-ID and From-tag, higher CSeq, another Request-URI.

    Verdict: `answered`, one call. 3xx continues a leg.
    """
    leg = s.inbound("+13125550159").invite(0).reply(8, 100)
    leg.refuse(60, 302, (f"Contact: <sip:201@{PHONE_201.host}:5060>", "Diversion: <sip:200@192.168.10.5>;reason=unconditional"))
    next_leg = s.leg(TRUNK, PHONE_201, leg.caller, ADS, call_id=leg.call_id, from_tag=leg.from_tag, cseq=2,
                     ruri=f"sip:201@{PHONE_201.host}:5060", to_host=PBX.host)
    next_leg.ring(110).answer(5_000).bye(31_000)
    s.expect(leg, "answered", False)


@scenario("cancel-crosses-answer")
def glare(s):
    """CANCEL and 200 cross on the wire, and the call goes on

    The caller's CANCEL leaves 4 ms before the 200 arrives. The CANCEL gets its own 200, the INVITE is answered, ACK
    follows, both talk for 31 s.

    Verdict: `answered`: CANCEL is a wish, the INVITE's final response decides (RFC 3261 9.1).
    """
    leg = s.inbound("+13125550160").ring(0)
    leg.cancel(8_000).reply(8_004, 200, sdp=True)
    leg.reply(8_009, 200, method="CANCEL").ack_200(8_030).bye(39_000, by="called")
    s.expect(leg, "answered", False)


@scenario("cancel-crosses-answer-and-stays")
def glare_abandoned(s):
    """CANCEL and 200 cross, and the cancelling side hangs up at once

    ACK and BYE follow the unwanted 200 within 90 ms, as RFC 3261 asks of a caller that had given up.

    Verdict: `abandoned`, missed: nobody spoke to anybody.
    """
    leg = s.inbound("+13125550161").ring(0)
    leg.cancel(8_000).reply(8_004, 200, sdp=True)
    leg.reply(8_009, 200, method="CANCEL").ack_200(8_030).bye(8_090)
    s.expect(leg, "abandoned", True)


@scenario("cancel-without-487")
def lost_487(s):
    """CANCEL gets its 200, the 487 never comes, the capture ends 3 s later

    Verdict: `abandoned`, missed: a leg with CANCEL sent closes as cancelled.
    """
    leg = s.inbound("+13125550162").ring(0)
    leg.cancel(10_000).reply(10_012, 200, method="CANCEL").cancel(13_000)
    s.expect(leg, "abandoned", True)


@scenario("retransmissions")
def retransmissions(s):
    """Everything twice: INVITE, 180, CANCEL, 487, and an OPTIONS ping in between

    Verdict: `abandoned`, missed, one call. A retransmission changes nothing, whatever came between.
    """
    leg = s.inbound("+13125550163").invite(0).again(500).reply(510, 100)
    leg.reply(700, 180).again(1_200)
    ping = s.leg(TRUNK, PBX, "ping", "ping")
    ping.request(2_000, "OPTIONS", 7).reply(2_010, 200, method="OPTIONS", cseq=7)
    leg.cancel(9_000).again(9_500).reply(9_510, 200, method="CANCEL").again(9_520)
    leg.reply(9_530, 487).again(10_030).ack(10_050).again(10_070)
    s.expect(leg, "abandoned", True)


@scenario("response-before-request")
def reordered(s):
    """A mirror that shows the 100 and 180 before their INVITE, and the 486 of the next call before its own

    Verdict: `abandoned` and `busy`: responses wait up to 2 s for their INVITE.
    """
    first = s.inbound("+13125550164")
    first.reply(0, 100).reply(3, 180).invite(5).give_up(8_000)
    second = s.inbound("+13125550165")
    second.reply(30_000, 486).invite(30_004).ack(30_015)
    s.expect(first, "abandoned", True)
    s.expect(second, "busy", True)


@scenario("starts-in-mid-call")
def mid_call(s):
    """The tap starts late: a BYE, a 200 and an ACK of calls whose INVITE was never seen, then one whole call

    Verdict: the fragments are nobody's missed call (`partial`); the whole one is `busy`.
    """
    s.inbound("+13125550166").bye(0)
    s.inbound("+13125550167").answer(1_000).bye(3_000, by="called")
    s.inbound("+13125550168").refuse(4_000, 487)
    whole = s.inbound("+13125550169").invite(9_000).reply(9_010, 100).refuse(9_200, 486)
    s.expect(whole, "busy", True)
    s.others = "not missed"


@scenario("cut-off")
def cut_off(s):
    """The capture ends while one call rings and another talks

    Verdict: the ringing one is `incomplete`, not missed; the answered one is `answered`.
    """
    talking = s.inbound("+13125550170").ring(0).answer(3_000)
    ringing = s.inbound("+13125550171", MAIN).ring(20_000)
    s.expect(talking, "answered", False)
    s.expect(ringing, "incomplete", False, called=MAIN)


@scenario("many-faces")
def many_faces(s):
    """Compact names, a folded header, a tel: caller, a quoted name with a comma and `<`, bare LF; two 180s of two forks

    Verdict: `answered`, caller +13125550172.
    """
    def compact(data):
        for long, short in (("Via:", "v:"), ("From:", "f:"), ("To:", "t:"), ("Call-ID:", "i :"), ("Contact:", "m:"),
                            ("Content-Type:", "c:"), ("Content-Length:", "l:")):
            data = data.replace(f"\r\n{long}".encode(), f"\r\n{short}".encode())
        data = data.replace(b"t: <", b"t:\r\n  <").replace(b"\r\nMax-Forwards", b"\r\nmax-FORWARDS ")
        head, _, body = data.partition(b"\r\n\r\n")
        return head.replace(b"\r\n", b"\n") + b"\n\n" + body
    plain = s.trace.carrier
    s.trace.carrier = lambda trace, when, src, dst, data: plain(trace, when, src, dst, compact(data))
    leg = s.inbound("+13125550172", name='Quist, Ada \\"<sip:x@y>\\"', headers=()).invite(0).reply(9, 100)
    leg.reply(200, 180, tag="fork-one").reply(230, 180, tag="fork-two").reply(2_900, 199, tag="fork-one", reason="Early Dialog Terminated")
    leg.tag = "fork-two"
    leg.answer(3_000).bye(20_000)
    s.expect(leg, "answered", False)

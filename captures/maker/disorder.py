"""What a tap that is slow, or loses packets, makes of plain calls."""


from .office import *
from .phones import forked
from .vendors import *


@scenario("ack-seen-before-its-final", OFFICE)
def early_ack(s):
    """The ACK of a 486 is seen 30 ms before it, and that of a 487 60 ms before

    An ACK in the INVITE's own transaction tells only that a final response passed; which, that response says.

    Verdict: `busy`; `abandoned`; both missed.
    """
    first = s.inbound("+13125550361").invite(0).reply(9, 100).ack(400).reply(430, 486)
    second = s.inbound("+13125550362").ring(60_000).cancel(70_000).reply(70_011, 200, method="CANCEL")
    second.ack(70_030).reply(70_090, 487)
    s.expect(first, "busy", True, task=True)
    s.expect(second, "abandoned", True, task=True)
    s.texts = ["+13125550361", "+13125550362"]


@scenario("cancel-seen-after-its-487", OFFICE)
def late_cancel(s):
    """The CANCEL of a caller is seen 150 ms after the 487 that it brought about; of the next caller's only the answer is
    seen, 20 ms after the 487

    Verdict: `abandoned` twice, missed: a 487 may be the answer to a CANCEL that is still to come, and the answer to one
    shows that there was one. What the lost one said can't be known, so the second is of medium confidence.
    """
    late = s.inbound("+13125550374").ring(0).reply(10_000, 487).reply(10_004, 200, method="CANCEL").cancel(10_150)
    lost = s.inbound("+13125550375").ring(60_000).reply(70_000, 487).ack(70_008).reply(70_020, 200, method="CANCEL")
    s.expect(late, "abandoned", True, task=True)
    s.expect(lost, "abandoned", True, task=True)
    s.texts = ["+13125550374", "+13125550375"]


@scenario("second-try-not-seen", OFFICE)
def unseen_try(s):
    """The tap loses the INVITE with credentials after a 407, and the one that follows a 302; both calls are answered

    Neither BYE comes before the wait for another try is over.

    Verdict: `unknown`, not missed: responses to a later INVITE show that there was one.
    """
    for at, caller, status in ((0, "+13125550363", 407), (60_000, "+13125550364", 302)):
        leg = s.inbound(caller).invite(at)
        leg.tag = "refusal"
        leg.refuse(at + 20, status)
        leg.cseq, leg.tag = 2, f"second{status}"
        leg.reply(at + 60, 100).reply(at + 240, 180).answer(at + 4_000).bye(at + 40_000)
        s.expect(leg, "unknown", False, task=True)


@scenario("branch-seen-before-its-call")
def early_branch(s):
    """A proxy's INVITE to a phone is seen 150 ms before the trunk's, while another caller of the same number rings

    The number called stands in To of both calls, and so fits the other one too.

    Verdict: `abandoned`, missed; `answered`; two calls of one leg.
    """
    other = s.leg(TRUNK, PROXY, "+13125550365", ADS).ring(0)
    call = s.leg(TRUNK, PROXY, "+13125550366", ADS)
    phone = forked(s, call, PHONE_201, "201").invite(3_000)
    call.invite(3_150).reply(3_159, 100)
    phone.reply(3_180, 100).reply(3_300, 180)
    call.reply(3_303, 180)
    phone.answer(8_000)
    call.answer(8_003)
    other.give_up(12_000)
    call.bye(40_000)
    phone.bye(40_003)
    s.expect(other, "abandoned", True)
    s.expect(call, "answered", False)


@scenario("phone-stopped-by-an-unseen-cancel", OFFICE)
def unseen_cancel(s):
    """Of a ring-all the tap loses the winner's leg and the CANCEL of the other phone: a 487 and the PBX's answer are seen;
    of the next call not even the 487, but what answers the CANCEL, and the ACK

    The CANCEL may have said that the call was answered elsewhere.

    Verdict: `unknown` twice, not missed.
    """
    for at, caller in ((0, "+13125550367"), (90_000, "+13125550373")):
        call = s.inbound(caller).ring(at, after=260)
        phone = s.phone(caller, PHONE_202, "202").ring(at + 40)
        call.answer(at + 6_020)
        if at:
            phone.reply(at + 6_050, 200, method="CANCEL").ack(at + 6_070)
        else:
            phone.refuse(6_060, 487)
        call.bye(at + 50_000)
        s.expect(call, "unknown", False, joined=(phone,), task=True)


@scenario("phone-answer-lost-its-ack-seen", OFFICE)
def lost_answer(s):
    """The tap loses the 200 of a phone, and of others the INVITE too; the PBX's ACK of it is seen, then a hold, or the phone's BYE

    The ACK of a 2xx is a transaction of its own, that of a refusal is in the INVITE's (RFC 3261 13.2.2.4, 17.1.1.3). The
    first caller has a menu before 201 takes the call, the second and third are rung through to two phones. Of the last
    call's second phone only 180 and the ACK of its 487 are seen: that one was stopped.

    Verdict: `unknown` twice and `answered`, not missed; `voicemail`, missed.
    """
    first = s.inbound("+13125550375").invite(0).reply(9, 100).answer(300)
    phone = s.phone("+13125550375", PHONE_201, "201").ring(5_000).ack_200(11_000)
    phone.offer_again(19_000, by_a=False)
    first.bye(50_000)
    s.expect(first, "unknown", False, joined=(phone,), task=True)
    for at, caller in ((90_000, "+13125550376"), (180_000, "+13125550377"), (270_000, "+13125550378")):
        call = s.inbound(caller).ring(at, after=260)
        other = s.phone(caller, PHONE_201, "201").ring(at + 40)
        winner = s.phone(caller, PHONE_202, "202").reply(at + 62, 100).reply(at + 250, 180)
        if caller.endswith("8"):
            winner.ack(at + 14_031)
            other.give_up(at + 14_000)
            call.answer(at + 14_100).bye(at + 30_000)
            s.expect(call, "voicemail", True, joined=(other,), task=True)
            s.texts = [caller]
            continue
        if caller.endswith("6"):
            winner.ack_200(at + 6_000)
        other.give_up(at + 6_010)
        call.answer(at + 6_030)
        if caller.endswith("7"):
            winner.bye(at + 39_900, by="called")
            s.expect(call, "answered", False, joined=(other, winner), answered_by="human")
        else:
            s.expect(call, "unknown", False, joined=(other, winner), task=True)
        call.bye(at + 40_000, by="called")


@scenario("clock-set-back-while-up", OFFICE + "\n[pbx.judge]\nanswered_short = \"missed\"\n")
def set_back(s):
    """The clock of the capturing machine is set back five minutes while 201 talks with a caller, who hangs up after 52 s

    By the times of its packets the conversation lasted no time; no packet tells how long it did.

    Verdict: `answered`, of low confidence, not missed, though the site has short answers followed up.
    """
    call = s.inbound("+13125550385").ring(0, after=260)
    phone = s.phone("+13125550385", PHONE_201, "201").ring(40)
    phone.answer(8_000)
    call.answer(8_030).bye(60_000)
    phone.bye(60_012)
    in_order, set_at = s.trace.ordered, s.trace.moment(30_000)
    s.trace.ordered = lambda: [(at - 300_000_000 * (at > set_at), frame) for at, frame in in_order()]
    s.expect(call, "answered", False, joined=(phone,), answered_by="human")


@scenario("refused-late-nothing-before-it-seen", OFFICE)
def late_refusal(s):
    """The tap loses 100 and 180; the INVITE isn't sent again, and 480 comes after 40 s; of the next call a mirror shows
    the INVITE twice, 70 ms apart

    Over UDP an INVITE is repeated after half a second until a response comes (RFC 3261 17.1.1.2): these had one.

    Verdict: `no_answer` twice, missed.
    """
    for at, caller in ((0, "+13125550368"), (90_000, "+13125550374")):
        call = s.inbound(caller).invite(at)
        if at:
            call.again(at + 70)
        call.refuse(at + 40_000, 480)
        s.expect(call, "no_answer", True, task=True)
    s.texts = ["+13125550368", "+13125550374"]


@scenario("no-config-phones-before-their-caller", None)
def early_phones(s):
    """No configuration: the INVITEs to two phones are seen 120 ms before the trunk's; one answers; and the caller gives up

    One caller's number, from one host to two others within half a second: rung together.

    Verdict: `answered`, one call of three legs; `abandoned`, missed, one call of three legs.
    """
    for at, caller in ((0, "+13125550369"), (90_000, "+13125550370")):
        phones = [s.phone(caller, p, e).invite(at + n) for n, (p, e) in enumerate(((PHONE_201, "201"), (PHONE_202, "202")))]
        call = s.inbound(caller).invite(at + 120).reply(at + 129, 100)
        for n, leg in enumerate(phones):
            leg.reply(at + 140 + n, 100).reply(at + 260 + n, 180)
        call.reply(at + 290, 180)
        if at:
            call.give_up(at + 9_000)
            for leg in phones:
                leg.give_up(at + 9_012)
        else:
            phones[0].answer(6_000)
            call.answer(6_020)
            phones[1].give_up(6_026)
            call.bye(44_000)
            phones[0].bye(44_010)
        s.expect(call, "abandoned" if at else "answered", bool(at), called="*", direction="unknown", joined=phones)


@scenario("no-config-phones-only", None)
def bare_phones(s):
    """No configuration, and the tap sees only phones: two ring, one answers, the other's CANCEL isn't seen; two ring in vain

    Verdict: `answered`, one call of two legs; `no_answer` or `abandoned`, missed, one call of two legs.
    """
    for at, caller in ((0, "+13125550371"), (90_000, "+13125550372")):
        phones = [s.phone(caller, p, e).ring(at + n) for n, (p, e) in enumerate(((PHONE_201, "201"), (PHONE_202, "202")))]
        if at:
            for leg in phones:
                leg.give_up(at + 9_000)
        else:
            phones[1].answer(6_000)
            phones[0].refuse(6_014, 487)
            phones[1].bye(44_000)
        s.expect(phones[0], ("abandoned", "no_answer") if at else "answered", bool(at), called="*", direction="unknown", joined=phones[1:])


@scenario("answered-by-a-leg-not-seen-to-start", OFFICE)
def unseen_start(s):
    """Three phones ring; the tap loses the INVITE to the one that answers, and its copies, and sees all that follows it

    The PBX stops the others and answers its caller 650 ms later: without that leg, what an embedded voicemail does.

    Verdict: `answered` by a person: responses name their caller as the INVITE did.
    """
    caller = "+13125550371"
    call = s.inbound(caller, MAIN).ring(0, after=240)
    others = [s.phone(caller, p, e).ring(30) for p, e in ((PHONE_201, "201"), (PHONE_203, "203"))]
    answers = s.phone(caller, PHONE_202, "202").reply(40, 100).reply(240, 180).answer(8_000)
    for leg in others:
        leg.give_up(8_010)
    call.answer(8_650)
    call.bye(40_000)
    answers.bye(40_010)
    s.expect(call, "answered", False, called=MAIN, joined=(*others, answers), answered_by="human")


@scenario("pickup-seen-late-or-in-part", OFFICE)
def late_pickups(s):
    """Three pickups: what the colleague's leg says comes 180 ms late; its INVITE is lost; its 200 is lost

    The first is by code, the others by an INVITE with Replaces. Each time the PBX stops the phone and answers its caller at once,
    as it would for a voicemail of its own.

    Verdict: nobody is missed: a phone was connected at that moment, or hung up a dialog that only an answer begins.
    """
    for n, (at, caller) in enumerate(((0, "+13125550372"), (120_000, "+13125550373"), (240_000, "+13125550374"))):
        call = s.inbound(caller).ring(at, after=240)
        rung = s.phone(caller, PHONE_201, "201", **as_asterisk(s, f"201{n}")).ring(at + 30)
        late = 180 if n == 0 else 0
        replaces = (f"Replaces: {rung.call_id};to-tag={rung.tag};from-tag={rung.from_tag};early-only",)
        pick = s.leg(PHONE_202, FREEPBX, "202", "*8201" if n == 0 else "201", headers=() if n == 0 else replaces)
        if n != 1:
            pick.invite(at + 9_000)
        pick.reply(at + 9_008, 100)
        if n == 2:
            pick.tag = f"picked{n}"
        else:
            pick.answer(at + 9_030 + late)
        rung.give_up(at + 9_036)
        call.answer(at + 9_070)
        call.bye(at + 50_000)
        pick.bye(at + 50_012)
        s.expect(call, "answered", False, joined=(rung, pick) if n == 2 else (rung,), answered_by="human")
    s.others = "not missed"


@scenario("phone-seen-before-its-caller")
def phone_first(s):
    """The PBX's INVITE to a phone is seen 1 ms before the trunk's. It shows the caller behind an access code and shares the trunk
    leg's Session-ID, then its media's address. The first caller gives up; the second reaches the pilot

    Verdict: `abandoned`, missed; `voicemail`, missed. What comes into the PBX is the caller's, whichever is seen first.
    """
    for n, caller in enumerate(("+13125550368", "+13125550369")):
        at = n * 120_000
        session = (f"Session-ID: {n}ab4{'0' * 28};remote={'0' * 32}",)
        trunk = s.leg(TRUNK, PBX, caller, ADS, headers=() if n else session)
        phone = s.leg(PBX, PHONE_201, "9" + caller[2:], "201", headers=() if n else session)
        if n:
            phone.media[PBX] = trunk.media[TRUNK] = (TRUNK.ip, 40_002)
        phone.invite(at)
        trunk.invite(at + 1).reply(at + 9, 100)
        phone.reply(at + 190, 180)
        trunk.reply(at + 200, 180)
        if n == 0:
            trunk.give_up(at + 9_000)
            phone.give_up(at + 9_020)
            s.expect(trunk, "abandoned", True, joined=(phone,))
        else:
            phone.give_up(at + 15_000)
            pilot = s.leg(PBX, VOICEMAIL, "9" + caller[2:], "6000", media={PBX: (TRUNK.ip, 40_002)})
            pilot.invite(at + 15_040).answer(at + 15_200)
            trunk.answer(at + 15_230).bye(at + 30_000)
            pilot.bye(at + 30_015)
            s.expect(trunk, "voicemail", True, joined=(phone, pilot))


@scenario("retry-seen-before-the-first-try")
def retry_first(s):
    """The INVITE with credentials is seen 5 ms before the one that was challenged; the caller gives up

    Verdict: `abandoned`, missed: the later try is the one with the higher CSeq.
    """
    leg = s.inbound("+13125550370")
    leg.cseq = 2
    leg.invite(0)
    leg.cseq = 1
    leg.invite(5)
    leg.refuse(50, 407)
    leg.cseq, leg.tag = 2, "second"
    leg.reply(60, 100).reply(240, 180).give_up(18_000)
    s.expect(leg, "abandoned", True)


@scenario("cancel-seen-after-the-answer")
def late_crossing(s):
    """CANCEL and 200 cross, seen beside the PBX: 200, CANCEL, then ACK and BYE

    Verdict: `abandoned`, missed.
    """
    leg = s.inbound("+13125550371").ring(0).reply(9_000, 200, sdp=True)
    leg.cancel(9_015).reply(9_016, 200, method="CANCEL").ack_200(9_045).bye(9_050)
    s.expect(leg, "abandoned", True)

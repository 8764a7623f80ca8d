"""Who is rung, in which order, and where the call goes when nobody is there: groups, hunts, forwards, twins, queues."""

from .office import *
from .sip import ELSEWHERE, End
from .vendors import *

PHONES = ((PHONE_201, "201"), (PHONE_202, "202"), (PHONE_203, "203"), (PHONE_204, "204"))
MOBILE = "+13125550161"
NOT_SELECTED = ('Reason: SIP;cause=200;text="Call completed elsewhere"', 'Reason: Q.850;cause=26')


def ring_all(s, caller, told, pbx, **more):
    """Four phones ring; the third answers after 8 s; the others are cancelled with the headers of `told`."""
    call = s.leg(TRUNK, pbx, caller, ADS, name="Della Moss", headers=(
        f"P-Asserted-Identity: <sip:{caller}@{TRUNK.host}>",)).ring(0, after=240)
    legs = [s.phone(caller, p, e, "Della Moss", a=pbx, **as_asterisk(s, e), **more) for p, e in PHONES]
    for n, leg in enumerate(legs):
        leg.ring(30 + n * 3, after=120 + n * 25)
    legs[2].answer(8_000)
    call.answer(8_012)
    for n, leg in enumerate(legs[:2] + legs[3:]):
        leg.give_up(8_016 + n * 2, told)
    call.bye(71_000)
    legs[2].bye(71_009, extra=('Reason: Q.850;cause=16',))
    s.expect(call, "answered", False, joined=legs, answered_by="human", confidence="high")


@scenario("ring-all-four-told-elsewhere")
def ring_all_told(s):
    """Ring group of four phones, one answers; the others' CANCEL says "Call completed elsewhere"

    As Asterisk 18 and later sends it: SIP cause 200 and Q.850 cause 26 in two Reason headers.

    Verdict: `answered` by a person, one call of five legs.
    """
    ring_all(s, "+13125550221", NOT_SELECTED, FREEPBX)


@scenario("ring-all-four-not-told")
def ring_all_not_told(s):
    """The same ring group; the CANCELs carry no Reason at all

    Verdict: `answered` by a person: whether the phones are told "elsewhere" changes nothing.
    """
    ring_all(s, "+13125550222", (), FREEPBX)


@scenario("freeswitch-cancels-told-elsewhere", OFFICE)
def freeswitch_lies(s):
    """FreeSWITCH rings three phones, the caller gives up, and the phones are told "Call completed elsewhere"

    mod_sofia says so to every loser of a fork, also when the caller's own CANCEL ended it.

    Verdict: `abandoned`, missed.
    """
    caller = "+13125550223"
    call = s.leg(TRUNK, FREESWITCH, caller, ADS, headers=(f"P-Asserted-Identity: <sip:{caller}@{TRUNK.host}>",))
    call.ring(0, after=210)
    legs = [s.phone(caller, p, e, a=FREESWITCH, **as_freeswitch(s, e)) for p, e in PHONES[:3]]
    for n, leg in enumerate(legs):
        leg.ring(25 + n * 2)
    call.give_up(13_000)
    for n, leg in enumerate(legs):
        leg.give_up(13_008 + n * 2, ELSEWHERE)
    s.expect(call, "abandoned", True, joined=legs, task=True)
    s.texts = [caller]


@scenario("b2bua-hunt-to-pilot", OFFICE)
def hunt_to_pilot(s):
    """A PBX hunts 201, 202, 203, each for 6 s; nobody answers; the call covers to the pilot with Diversion

    Between the last phone and the pilot lie 900 ms, in which the PBX plays ringback.

    Verdict: `voicemail`, missed, one call of five legs.
    """
    caller = "+13125550224"
    call = s.inbound(caller, MAIN).ring(0, after=260)
    legs, at = [], 40
    for phone, extension in PHONES[:3]:
        legs.append(s.phone(caller, phone, extension).ring(at))
        legs[-1].give_up(at + 6_000)
        at += 6_070
    at += 830
    pilot = s.leg(PBX, VOICEMAIL, caller, PILOT, headers=(
        f"Diversion: <sip:203@{PBX.host}>;reason=no-answer;counter=3",
        f"Diversion: <sip:{MAIN}@{PBX.host}>;reason=no-answer;counter=1"))
    pilot.invite(at).reply(at + 10, 100).answer(at + 80)
    call.answer(at + 104)
    call.bye(at + 22_000)
    pilot.bye(at + 22_011)
    s.expect(call, "voicemail", True, called=MAIN, joined=(*legs, pilot), answered_by="voicemail", task=True)
    s.texts = [caller]


@scenario("phones-only-answered")
def phones_only_answered(s):
    """The trunk is a PRI; a hunt is seen from the phones' side: 201 rings out, 202 answers

    Verdict: `answered` by a person, one call of two legs.
    """
    caller = "+13125550225"
    first = s.phone(caller, PHONE_201, "201").ring(0)
    first.give_up(10_000)
    second = s.phone(caller, PHONE_202, "202").ring(10_400)
    second.answer(14_000).bye(52_000)
    s.expect(first, "answered", False, called=None, direction=None, joined=(second,), answered_by="human")


@scenario("phones-only-then-voicemail", OFFICE)
def phones_only_voicemail(s):
    """The trunk is a PRI; 201 rings out, and 1.2 s later the PBX calls the voicemail server for the same caller

    Verdict: `voicemail`, missed, one call of two legs; `called` is what the pilot's Diversion names.
    """
    caller = "+13125550226"
    first = s.phone(caller, PHONE_201, "201").ring(0)
    first.give_up(15_000)
    pilot = s.leg(PBX, VOICEMAIL, caller, PILOT, headers=(f"Diversion: <sip:{MAIN}@{PBX.host}>;reason=no-answer",))
    pilot.invite(16_200).reply(16_210, 100).answer(16_290).bye(38_000)
    s.expect(first, "voicemail", True, called=MAIN, direction=None, joined=(pilot,), answered_by="voicemail", task=True)
    s.texts = [caller]


@scenario("pbx-redirects-to-pilot")
def redirects_to_pilot(s):
    """The PBX answers the trunk with 302 to the pilot, with target and cause (RFC 4458); the trunk follows it

    Same Call-ID and From-tag, CSeq 2; the voicemail server answers the trunk itself.

    Verdict: `voicemail`, missed; `called` is the target, not the pilot.
    """
    call = s.inbound("+13125550227").ring(0)
    pilot = f"sip:{PILOT}@{VOICEMAIL.host};target=sip:{ADS}%40{PBX.host};cause=408"
    call.refuse(18_000, 302, (f"Contact: <{pilot}>", f"Diversion: <sip:{ADS}@{PBX.host}>;reason=no-answer"))
    tried = s.leg(TRUNK, VOICEMAIL, call.caller, ADS, call_id=call.call_id, from_tag=call.from_tag, cseq=2, ruri=pilot,
                  to_host=PBX.host, headers=call.headers)
    tried.invite(18_050).reply(18_060, 100).answer(18_130).bye(40_000)
    s.expect(call, "voicemail", True, answered_by="voicemail")


@scenario("redirect-not-followed")
def redirect_ignored(s):
    """302 to a mobile that the trunk doesn't follow

    Nothing comes after the ACK; another call 20 s later shows that time went on.

    Verdict: `no_answer`, missed: the caller was sent away and nobody rang.
    """
    call = s.inbound("+13125550228").ring(0)
    call.refuse(12_000, 302, (f"Contact: <sip:{MOBILE}@{TRUNK.host}>",))
    other = s.inbound("+13125550158").invite(32_000).reply(32_009, 100).refuse(32_120, 486)
    s.expect(call, ("no_answer", "forwarded_unanswered"), True)
    s.expect(other, "busy", True)


def forwarded(s, caller, header):
    """A phone answers 302 with a mobile; the PBX calls the mobile over the trunk."""
    call = s.inbound(caller).ring(0, after=260)
    phone = s.phone(caller, PHONE_201, "201").invite(30).reply(50, 100)
    phone.refuse(120, 302, (f"Contact: <sip:{MOBILE}@{PBX.host}>", f"Diversion: <sip:201@{PBX.host}>;reason=unconditional"))
    out = s.leg(PBX, TRUNK, caller, MOBILE, headers=header)
    call.reply(150, 181)
    out.ring(160, after=1_900)
    return call, phone, out


@scenario("forward-to-mobile-answered")
def mobile_answered(s):
    """302 from a phone to a mobile; the PBX calls it over the trunk, and it is answered

    Verdict: `offnet_answered`, not missed: a person, or the mobile's own voicemail; nobody here can tell.
    """
    caller = "+13125550229"
    call, phone, out = forwarded(s, caller, (f"Diversion: <sip:{ADS}@{PBX.host}>;reason=unconditional",))
    out.answer(9_000)
    call.answer(9_030)
    call.bye(60_000)
    out.bye(60_020)
    s.expect(call, "offnet_answered", False, joined=(phone, out))


@scenario("forward-to-mobile-unanswered", OFFICE)
def mobile_unanswered(s):
    """302 from a phone to a mobile that doesn't answer: 480 from the trunk, passed on to the caller

    Verdict: `forwarded_unanswered`, missed.
    """
    caller = "+13125550230"
    call, phone, out = forwarded(s, caller, (f"Diversion: <sip:{ADS}@{PBX.host}>;reason=unconditional",))
    out.refuse(27_000, 480, ('Reason: Q.850;cause=19;text="No answer from user"',))
    call.refuse(27_015, 480, ('Reason: Q.850;cause=19;text="No answer from user"',))
    s.expect(call, "forwarded_unanswered", True, joined=(phone, out), task=True)
    s.texts = [caller]


def twinned(s, caller):
    call = s.inbound(caller).ring(0, after=260)
    desk = s.phone(caller, PHONE_201, "201").ring(30)
    out = s.leg(PBX, TRUNK, caller, MOBILE, headers=(f"P-Asserted-Identity: <sip:{MAIN}@{PBX.host}>",)).ring(34, after=2_400)
    return call, desk, out


@scenario("twinning-mobile-answers")
def twin_mobile(s):
    """Twinning: desk phone and mobile ring together; the mobile's side answers, the desk phone is told so

    Verdict: `offnet_answered`, not missed.
    """
    call, desk, out = twinned(s, "+13125550231")
    out.answer(11_000)
    call.answer(11_025)
    desk.give_up(11_030, ELSEWHERE)
    call.bye(47_000)
    out.bye(47_015)
    s.expect(call, "offnet_answered", False, joined=(desk, out))


@scenario("twinning-desk-answers")
def twin_desk(s):
    """Twinning: the desk phone answers, the call to the mobile is cancelled

    Verdict: `answered` by a person, one call of three legs, none of them outbound by itself.
    """
    call, desk, out = twinned(s, "+13125550232")
    desk.answer(5_000)
    call.answer(5_025)
    out.give_up(5_030)
    call.bye(47_000)
    desk.bye(47_015)
    s.expect(call, "answered", False, joined=(desk, out), answered_by="human")


@scenario("twinning-nobody-answers", OFFICE)
def twin_nobody(s):
    """Twinning: neither answers; the caller gives up

    Verdict: `abandoned`, missed, once.
    """
    call, desk, out = twinned(s, "+13125550233")
    call.give_up(16_000)
    desk.give_up(16_010)
    out.give_up(16_012)
    s.expect(call, "abandoned", True, joined=(desk, out), task=True)
    s.texts = ["+13125550233"]


def queue(s, caller, rounds, provisional=None):
    """The PBX answers the caller and tries two agents in rounds of 5 s, 3 s apart."""
    call = s.inbound(caller, MAIN).invite(0).reply(9, 100)
    if provisional:
        call.reply(60, provisional, reason="Queued, 3 callers ahead")
    call.answer(90)
    legs, at = [], 4_000
    for _ in range(rounds):
        pair = [s.phone(caller, p, e) for p, e in PHONES[:2]]
        for n, leg in enumerate(pair):
            leg.ring(at + n * 3)
        legs.append(pair)
        at += 8_000
    return call, legs


@scenario("queue-abandoned-after-rounds", OFFICE)
def queue_abandoned(s):
    """A queue: answered at once with music, two agents rung in three rounds, the caller hangs up between two

    Verdict: `queue_abandoned`, missed: the 200 was the queue's own.
    """
    call, rounds = queue(s, "+13125550234", 3)
    for n, pair in enumerate(rounds):
        for k, leg in enumerate(pair):
            leg.give_up(9_000 + n * 8_000 + k * 3)
    call.bye(27_400)
    s.expect(call, "queue_abandoned", True, called=MAIN, joined=sum(rounds, []), answered_by="queue", task=True)
    s.texts = ["+13125550234"]


@scenario("queue-abandoned-after-182", OFFICE)
def queue_182(s):
    """182 Queued, then 200 with music; one round of agents rings when the caller hangs up

    Verdict: `queue_abandoned`, missed.
    """
    call, rounds = queue(s, "+13125550235", 1, provisional=182)
    call.bye(7_800)
    for k, leg in enumerate(rounds[0]):
        leg.give_up(7_810 + k * 3)
    s.expect(call, "queue_abandoned", True, called=MAIN, joined=rounds[0], answered_by="queue", task=True)
    s.texts = ["+13125550235"]


@scenario("queue-agent-answers")
def queue_answered(s):
    """A queue: the second round reaches an agent, 14 s after the queue's own 200

    Verdict: `answered` by a person: a phone was answered after the PBX had answered the caller.
    """
    call, rounds = queue(s, "+13125550236", 2)
    for k, leg in enumerate(rounds[0]):
        leg.give_up(9_000 + k * 3)
    rounds[1][1].answer(14_000)
    rounds[1][0].give_up(14_010, ELSEWHERE)
    call.bye(80_000)
    rounds[1][1].bye(80_010)
    s.expect(call, "answered", False, called=MAIN, joined=sum(rounds, []), answered_by="human")

"""What ties a PBX's legs together and what doesn't; and signs of voicemail other than a leg to it."""

from .office import *
from .sip import End
from .vendors import *

SECOND_HOST = End("192.168.10.9", PBX.agent)
TWO_HOSTS = ROLES.replace('pbx_hosts = ["192.168.10.5"]', 'pbx_hosts = ["192.168.10.5", "192.168.10.9"]')
PILOT_DID = ROLES.replace('voicemail_pilots = ["6000"]', 'voicemail_pilots = ["6000", "\\\\+13125550160"]')
HIDDEN = dict(name="Anonymous", from_host="anonymous.invalid")


def hidden_pair(s, at, marks, media=False):
    """Two anonymous calls 10 ms apart and a phone for each, rung in the opposite order; `marks`: headers of each pair."""
    calls = []
    for n in (0, 1):
        calls.append(s.inbound("anonymous", headers=("Privacy: id", *marks[n][0]), **HIDDEN))
        calls[n].invite(at + n * 10).reply(at + n * 10 + 6, 100)
    phones = []
    for k, n in enumerate((1, 0)):
        phone, extension = ((PHONE_201, "201"), (PHONE_202, "202"))[n]
        leg = s.leg(PBX, phone, "anonymous", extension, ruri=f"sip:{extension}@{phone.host}:5060", headers=marks[n][1],
                    call_id=marks[n][2] if len(marks[n]) > 2 else None, **HIDDEN)
        if media:
            leg.media = {PBX: calls[n].hears_at(TRUNK)}
        phones.insert(0, leg.ring(at + 40 + k * 4))
    for n, call in enumerate(calls):
        call.reply(at + 240 + n * 4, 180)
    phones[0].answer(at + 5_000)
    calls[0].answer(at + 5_020)
    calls[1].give_up(at + 9_000)
    phones[1].give_up(at + 9_012)
    calls[0].bye(at + 30_000)
    phones[0].bye(at + 30_012)
    s.expect(calls[0], "answered", False, withheld=True, joined=(phones[0],), answered_by="human")
    s.expect(calls[1], "abandoned", True, withheld=True, joined=(phones[1],))


@scenario("joined-by-identifiers")
def identifiers(s):
    """Pairs of anonymous callers at the same moment; only an identifier says which phone rings for whom

    In turn: Session-ID (RFC 7989), P-Charging-Vector, Cisco-Guid, UCID in User-to-User, X-CID; each pair a minute after
    the other. The phones ring in the opposite order of the callers.

    Verdict: five answered calls and five given up, each with its own phone.
    """
    def both(header):
        return tuple(((header(n),), (header(n),)) for n in (0, 1))
    guid = ("1187331072-0000065536-0000000123-0168430090", "2761930752-0000065536-0000000124-0168430090")
    session = [token_of(32, "session", n) for n in (0, 1)]
    hidden_pair(s, 0, both(lambda n: f"Session-ID: {session[n]};remote={'0' * 32}"))
    hidden_pair(s, 60_000, both(lambda n: f"P-Charging-Vector: icid-value=lakeside-{n}-7f31;orig-ioi=carrier.example"))
    hidden_pair(s, 120_000, both(lambda n: f"Cisco-Guid: {guid[n]}"))
    hidden_pair(s, 180_000, both(lambda n: f"User-to-User: 00FA080001{n}00B{n}655F2E4B;encoding=hex"))
    ids = [f"{token_of(20, 'x', n)}@203.0.113.20" for n in (0, 1)]
    pairs = tuple(((), (f"X-CID: {ids[n]}",)) for n in (0, 1))
    named_pair(s, 240_000, pairs, ids)


def token_of(size, *parts):
    return uuid(*parts).replace("-", "")[:size]


def named_pair(s, at, marks, ids):
    """As `hidden_pair`, with Call-IDs that are known beforehand."""
    make, given = s.inbound, list(ids)
    s.inbound = lambda *a, **more: make(*a, call_id=given.pop(0), **more)
    hidden_pair(s, at, marks)
    s.inbound = make


@scenario("joined-by-derived-call-id")
def derived(s):
    """The same with phones' Call-IDs that a B2BUA made from the callers', with `_b2b-1` at the end

    Verdict: one answered and one given up, each with its own phone.
    """
    ids = [f"{token_of(20, 'derived', n)}@203.0.113.20" for n in (0, 1)]
    named_pair(s, 0, tuple(((), (), f"{ids[n]}_b2b-1") for n in (0, 1)), ids)


@scenario("joined-by-media")
def by_media(s):
    """The same with no identifier, but the PBX passes media through: the phone's INVITE offers the trunk's own address and port

    Verdict: one answered and one given up, each with its own phone.
    """
    hidden_pair(s, 0, (((), ()), ((), ())), media=True)


@scenario("session-id-reused")
def session_reused(s):
    """Two callers, 53 s apart but both still there, with one and the same Session-ID, remote all zero, as CUCM sends it

    Verdict: two calls: `answered`, and `abandoned`, missed. An identifier that two initial INVITEs of one direction share ties
    nothing.
    """
    mark = f"Session-ID: {token_of(32, 'reused')};remote={'0' * 32}"
    legs = [s.inbound(f"+1312555032{n}", (ADS, MAIN)[n], headers=(mark,)) for n in (0, 1)]
    legs[0].ring(0).answer(4_000)
    legs[1].ring(53_000).give_up(66_000)
    legs[0].bye(90_000)
    s.expect(legs[0], "answered", False)
    s.expect(legs[1], "abandoned", True, called=MAIN)


@scenario("joined-by-name")
def by_name(s):
    """The PBX shows its phones the office's own number and the caller's name

    Another caller with another name rings at the same time.

    Verdict: one answered, one given up, each with its own phone.
    """
    names = ("Otis Marlow", "Greta Lindqvist")
    calls = [s.inbound(f"+1312555032{n + 2}", name=names[n]).invite(n * 10).reply(n * 10 + 6, 100) for n in (0, 1)]
    ends = ((PHONE_202, "202"), (PHONE_201, "201"))
    phones = [s.phone("3125550100", *ends[n], names[n]) for n in (0, 1)]
    for k, leg in enumerate(reversed(phones)):
        leg.ring(40 + k * 4)
    for n, call in enumerate(calls):
        call.reply(240 + n * 4, 180)
    phones[0].answer(5_000)
    calls[0].answer(5_020)
    calls[1].give_up(9_000)
    phones[1].give_up(9_012)
    calls[0].bye(30_000)
    phones[0].bye(30_012)
    s.expect(calls[0], "answered", False, joined=(phones[0],), answered_by="human")
    s.expect(calls[1], "abandoned", True, joined=(phones[1],))


@scenario("joined-as-the-only-one")
def only_one(s):
    """One anonymous caller, one phone rung anonymously, nothing in common; the phone answers

    Verdict: `answered` by a person: the only call that waits is the one the phone rings for.
    """
    call = s.inbound("anonymous", headers=("Privacy: id",), **HIDDEN).ring(0, after=260)
    phone = s.phone("anonymous", PHONE_201, "201", "Anonymous", from_host=PBX.host).ring(40).answer(6_000)
    call.answer(6_020)
    call.bye(33_000)
    phone.bye(33_010)
    s.expect(call, "answered", False, withheld=True, joined=(phone,), answered_by="human")


@scenario("diversion-names-the-number-itself", OFFICE)
def own_diversion(s):
    """A carrier that sends Diversion on every call, with the number dialled; and one that forwards from elsewhere

    The first call's Diversion names the called number, reason unconditional, and it is answered 380 ms after the INVITE by
    a menu's phone; the second names another number of the caller's choice and is given up.

    Verdict: `answered` by a person; `abandoned`, missed, `called` the number dialled here. Neither is voicemail.
    """
    call = s.inbound("+13125550324", headers=(f"Diversion: <sip:{ADS}@carrier.example>;reason=unconditional",)).ring(0, after=200)
    phone = s.phone("+13125550324", PHONE_201, "201").ring(30, after=90).answer(360)
    call.answer(380)
    call.bye(30_000)
    phone.bye(30_010)
    other = s.inbound("+13125550325", headers=("Diversion: <sip:+13125550999@carrier.example>;reason=no-answer",))
    other.ring(60_000).give_up(71_000)
    s.expect(call, "answered", False, joined=(phone,), answered_by="human")
    s.expect(other, "abandoned", True, task=True)
    s.texts = ["+13125550325"]


@scenario("history-info-without-diversion")
def plain_history(s):
    """History-Info on calls that nobody forwarded: one entry, or two with the same user, as CS1000, OXO and Aura send it

    Both phones answer a second after they ring.

    Verdict: twice `answered` by a person.
    """
    for n, history in enumerate(((f"History-Info: <sip:201@{PBX.host}>;index=1",),
                                 (f"History-Info: <sip:201@{PBX.host}>;index=1", f'History-Info: "Nell" <sip:201@{PBX.host}>;index=1.1'))):
        at, caller = n * 60_000, f"+1312555032{n + 6}"
        call = s.inbound(caller).ring(at, after=260)
        phone = s.phone(caller, PHONE_201, "201", headers=history).ring(at + 40).answer(at + 1_200)
        call.answer(at + 1_220)
        call.bye(at + 31_000)
        phone.bye(at + 31_010)
        s.expect(call, "answered", False, joined=(phone,), answered_by="human")


@scenario("invites-that-are-no-calls")
def no_calls(s):
    """Aura's off-hook feature of a phone to itself, and CUCM's recording of a phone to a recorder

    `sip:2011@…;avaya-cm-fnu=off-hook`, and From `x-nearend;x-refci=…` to a recording server, both answered at once.

    Verdict: no call at all.
    """
    hook = s.leg(PHONE_201, AURA, "2011", "2011", ruri="sip:2011@lakeside.example;avaya-cm-fnu=off-hook")
    hook.invite(0).reply(9, 100).reply(40, 183, sdp=True)
    hook.give_up(4_000)
    recorder = End("192.168.10.30", "Recorder 7.1")
    ids, _ = as_cucm(s, "bib")
    tap = s.leg(CUCM, recorder, "2011;x-nearend;x-refci=26391284;x-nearendclusterid=StandAloneCluster;x-nearenddevice=SEP001122334455", "9999", **ids)
    tap.invite(20_000, sdp=False).reply(20_010, 100).answer(20_060).bye(50_000)


@scenario("connected-identity-is-pilot", OFFICE)
def connected(s):
    """Only the trunk is seen: 180, and after 16 s a 200 whose P-Asserted-Identity is the pilot, "Voice Mail"

    Verdict: `voicemail`, missed: the connected party (RFC 4916, RFC 3325) is no person.
    """
    call = s.inbound("+13125550328").ring(0, after=260)
    call.answer(16_000, extra=(f'P-Asserted-Identity: "Voice Mail" <sip:{PILOT}@{PBX.host}>',)).bye(40_000)
    s.expect(call, ("voicemail", "voicemail_message", "voicemail_hangup"), True, answered_by="voicemail", task=True)
    s.texts = ["+13125550328"]


@scenario("media-at-voicemail-host", OFFICE)
def media_host(s):
    """Only the trunk is seen: 180, and after 16 s a 200 whose SDP wants the caller's voice at the voicemail host

    Verdict: `voicemail`, missed.
    """
    call = s.inbound("+13125550329").ring(0, after=260)
    call.media = {PBX: (VOICEMAIL.ip, 30_412)}
    call.answer(16_000).bye(40_000)
    s.expect(call, ("voicemail", "voicemail_message", "voicemail_hangup"), True, answered_by="voicemail", task=True)
    s.texts = ["+13125550329"]


@scenario("mailbox-retrieval-by-did", PILOT_DID)
def retrieval_did(s):
    """The pilot has a number of its own on the trunk; the PBX passes a call to it on to the voicemail server, nothing diverted

    The site's `voicemail_pilots` names that number too.

    Verdict: `mailbox_retrieval`, not missed.
    """
    call = s.inbound("+13125550330", "+13125550160").invite(0).reply(9, 100)
    pilot = s.leg(PBX, VOICEMAIL, "+13125550330", PILOT).invite(20).reply(28, 100).answer(90)
    call.answer(110)
    call.bye(48_000)
    pilot.bye(48_012)
    s.expect(call, "mailbox_retrieval", False, called="+13125550160", joined=(pilot,))


@scenario("night-service-to-voicemail", OFFICE, start="2026-11-20T21:02:00-06:00")
def night(s):
    """After hours the PBX sends a caller of the main number straight to the voicemail server: no phone rings, no Diversion

    Verdict: `voicemail`, missed: the number dialled is no pilot, so nobody came for their messages.
    """
    caller = "+13125550338"
    call = s.inbound(caller, MAIN).invite(0).reply(9, 100)
    pilot = s.leg(PBX, VOICEMAIL, caller, PILOT).invite(20).reply(28, 100).answer(90)
    call.answer(110)
    call.bye(33_000)
    pilot.bye(33_012)
    s.expect(call, "voicemail", True, called=MAIN, joined=(pilot,), answered_by="voicemail", task=True, state="after_hours")
    s.texts = [caller]


@scenario("failover-to-second-host", TWO_HOSTS)
def failover(s):
    """503 from the first PBX; the trunk tries the second one 120 ms later with the same Call-ID, and is answered

    Verdict: `answered`, one call.
    """
    call = s.inbound("+13125550331").invite(0).reply(9, 100).refuse(80, 503)
    again = s.leg(TRUNK, SECOND_HOST, call.caller, ADS, call_id=call.call_id, from_tag=call.from_tag, cseq=2, headers=call.headers)
    again.ring(200).answer(7_000).bye(40_000)
    s.expect(call, "answered", False)


@scenario("trunk-forks-to-two-hosts", TWO_HOSTS)
def forks(s):
    """The trunk offers each call to two hosts of the PBX at once, under Call-IDs of their own: the second is answered and the first
    cancelled; the first is busy and the second answered; the caller gives up. Then two callers come at once, one to each host

    Verdict: `answered` twice, `abandoned`, missed; then `answered`, and `abandoned`, missed: each caller is one call.
    """
    def fork(n, caller):
        first = s.inbound(caller).ring(n * 120_000)
        second = s.leg(TRUNK, SECOND_HOST, caller, ADS).ring(n * 120_000 + 3)
        return n * 120_000, first, second

    at, first, second = fork(0, "+13125550359")
    second.answer(at + 8_000)
    first.cancel(at + 8_030)
    second.bye(at + 40_000)
    s.expect(first, "answered", False, joined=(second,))
    at, first, second = fork(1, "+13125550360")
    first.refuse(at + 900, 486)
    second.answer(at + 9_000).bye(at + 50_000)
    s.expect(first, "answered", False, joined=(second,))
    at, first, second = fork(2, "+13125550361")
    first.cancel(at + 20_000)
    second.cancel(at + 20_004)
    s.expect(first, "abandoned", True, joined=(second,))
    at = 360_000
    one = s.inbound("+13125550362").ring(at)
    other = s.leg(TRUNK, SECOND_HOST, "+13125550363", ADS).ring(at + 3)
    one.answer(at + 7_000).bye(at + 30_000)
    other.cancel(at + 12_000)
    s.expect(one, "answered", False)
    s.expect(other, "abandoned", True)


@scenario("trunk-tries-one-host-after-the-other", TWO_HOSTS)
def serial_forks(s):
    """The trunk's proxy tries the second host of the PBX with the same Call-ID and CSeq when the first has refused, or when it
    has cancelled it: 20 ms, 300 ms and 2 s later, and is answered there; then the second is busy too

    Verdict: `answered` twice; `no_answer`, missed, and `answered`, a call of its own: nothing told that it would come; `busy`, missed.
    """
    def on(leg, at):
        again = s.leg(TRUNK, SECOND_HOST, leg.caller, ADS, call_id=leg.call_id, from_tag=leg.from_tag, headers=leg.headers)
        return again.ring(at)

    for n, gap in enumerate((20, 300, 2_000)):
        at = n * 120_000
        call = s.inbound(f"+131255503{64 + n}").ring(at)
        call.cancel(at + 12_000) if n == 0 else call.refuse(at + 12_000, 480)
        again = on(call, at + 12_030 + gap)
        again.answer(at + 20_000).bye(at + 40_000)
        if gap < 500:
            s.expect(call, "answered", False)
        else:
            s.expect(call, "no_answer", True)
            s.expect(again, "answered", False)
    call = s.inbound("+13125550367").ring(400_000).refuse(412_000, 486)
    on(call, 412_100).refuse(413_000, 486)
    s.expect(call, "busy", True)


@scenario("one-declines-others-ring", OFFICE)
def one_declines(s):
    """Of three phones one declines (603), one is busy (486), one rings; the PBX gives up after 25 s with 480

    Verdict: `no_answer`, missed: the caller's own final response stands over the phones'.
    """
    caller = "+13125550332"
    call = s.inbound(caller).ring(0, after=260)
    ends = ((PHONE_201, "201"), (PHONE_202, "202"), (PHONE_203, "203"))
    phones = [s.phone(caller, p, e, a=FREEPBX, **as_asterisk(s, e)) for p, e in ends]
    phones[0].ring(40).refuse(4_000, 603)
    phones[1].invite(42).reply(60, 100).refuse(110, 486)
    phones[2].ring(44).give_up(25_000)
    call.refuse(25_010, 480, ("Reason: Q.850;cause=19",))
    s.expect(call, "no_answer", True, joined=phones, task=True)
    s.texts = [caller]


@scenario("hunt-abandoned-in-the-gap", OFFICE)
def gap(s):
    """201 rings out; 1.5 s later, before 202 is rung, the caller hangs up

    Verdict: `abandoned`, missed.
    """
    caller = "+13125550333"
    call = s.inbound(caller).ring(0, after=260)
    phone = s.phone(caller, PHONE_201, "201", a=FREEPBX, **as_asterisk(s, "201")).ring(40)
    phone.give_up(10_000)
    call.give_up(11_500)
    s.expect(call, "abandoned", True, joined=(phone,), task=True)
    s.texts = [caller]


@scenario("ivr-then-pilot", OFFICE)
def ivr_pilot(s):
    """A menu answers, a phone rings out, and the PBX sends the caller to the voicemail server

    Verdict: `voicemail`, missed: after the menu only a machine was reached.
    """
    caller = "+13125550334"
    call = s.inbound(caller, MAIN).invite(0).reply(9, 100).answer(80)
    phone = s.phone(caller, PHONE_201, "201").ring(9_000)
    phone.give_up(24_000)
    pilot = s.leg(PBX, VOICEMAIL, caller, PILOT, headers=(f"Diversion: <sip:{MAIN}@{PBX.host}>;reason=no-answer",))
    pilot.invite(24_050).reply(24_060, 100).answer(24_130)
    call.bye(50_000)
    pilot.bye(50_012)
    s.expect(call, "voicemail", True, called=MAIN, joined=(phone, pilot), answered_by="voicemail", task=True)
    s.texts = [caller]


@scenario("ivr-then-embedded-voicemail", OFFICE)
def ivr_embedded(s):
    """A menu answers, two phones ring out for 15 s, and the PBX keeps the caller: its own voicemail, without another 200

    Verdict: missed; `ivr_abandoned`, or a voicemail if the audio were there to tell.
    """
    caller = "+13125550335"
    call = s.inbound(caller, MAIN).invite(0).reply(9, 100).answer(80)
    phones = [s.phone(caller, p, e) for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(phones):
        leg.ring(9_000 + n * 3)
        leg.give_up(24_000 + n * 3)
    call.bye(48_000)
    s.expect(call, ("ivr_abandoned", "voicemail"), True, called=MAIN, joined=phones, task=True)
    s.texts = [caller]


@scenario("phones-only-all-busy")
def phones_busy(s):
    """The trunk is a PRI; both phones of a group answer 486

    Verdict: `busy`, missed, one call of two legs.
    """
    legs = [s.phone("+13125550336", p, e).invite(n * 3).reply(20 + n, 100) for n, (p, e) in
            enumerate(((PHONE_201, "201"), (PHONE_202, "202")))]
    for n, leg in enumerate(legs):
        leg.refuse(90 + n * 6, 486)
    s.expect(legs[0], "busy", True, called=None, direction=None, joined=legs)


@scenario("phones-only-ring-all-answered")
def phones_ring_all(s):
    """The trunk is a PRI; three phones ring, the second answers, the others are cancelled without a Reason

    Verdict: `answered` by a person, one call of three legs.
    """
    ends = ((PHONE_201, "201"), (PHONE_202, "202"), (PHONE_203, "203"))
    legs = [s.phone("+13125550337", p, e).ring(n * 3) for n, (p, e) in enumerate(ends)]
    legs[1].answer(7_000)
    legs[0].give_up(7_010)
    legs[2].give_up(7_013)
    legs[1].bye(40_000)
    s.expect(legs[0], "answered", False, called=None, direction=None, joined=legs, answered_by="human")


@scenario("hidden-caller-shown-as-unknown", OFFICE)
def shown_as_unknown(s):
    """A caller who hides; the PBX shows its phones `Unknown`, rings two and answers with a voicemail of its own

    Neither number, name nor header is common to the legs. Nobody else waits.

    Verdict: `voicemail`, missed, confidence low: the only call that waits is the one that phones without a caller ring for.
    """
    call = s.inbound("anonymous", headers=("Privacy: id",), **HIDDEN).ring(0, after=260)
    phones = [s.phone("Unknown", p, e, "Unknown").ring(40) for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for phone in phones:
        phone.give_up(20_000)
    call.answer(20_030)
    call.bye(33_000)
    s.expect(call, "voicemail", True, withheld=True, joined=phones, answered_by="voicemail", confidence="low")


@scenario("redirected-under-a-new-call-id", OFFICE)
def anew(s):
    """302 to an extension of the same PBX; the carrier calls it anew, with a Call-ID of its own; and once to the pilot

    Caller and target are those that the redirection names.

    Verdict: `answered`; `voicemail`, missed; one call each.
    """
    for at, caller, target in ((0, "+13125550376", "201"), (90_000, "+13125550377", PILOT)):
        leg = s.inbound(caller).ring(at, after=240).refuse(at + 4_000, 302, (f"Contact: <sip:{target}@{PBX.host}:5060>",))
        again = s.inbound(caller, target).ring(at + 4_100).answer(at + 8_000).bye(at + 40_000)
        word = "voicemail" if target == PILOT else "answered"
        s.expect(leg, word, target == PILOT, joined=(again,), task=target == PILOT)
    s.texts = ["+13125550377"]


@scenario("forwarded-to-a-desk-elsewhere")
def desk_elsewhere(s):
    """201 is busy and forwards to 305, a desk at another branch whose address no role names; it rings, and is answered

    A short number, a Diversion, an answer after 1.8 s: what a voicemail that no role names looks like, but for the ringing.

    Verdict: `unknown`, to be reviewed: it can't be told.
    """
    caller = "+13125550378"
    call = s.inbound(caller).ring(0, after=240)
    phone = s.phone(caller, PHONE_201, "201").ring(30).refuse(2_000, 486)
    desk = s.leg(PBX, End("192.0.2.77", "Desk"), caller, "305", headers=(f"Diversion: <sip:201@{PBX.host}>;reason=user-busy",))
    desk.ring(2_040, after=180).answer(3_840)
    call.answer(3_860)
    call.bye(30_000)
    desk.bye(30_010)
    s.expect(call, ("unknown", "answered"), False, joined=(phone, desk))


@scenario("media-port-used-again", OFFICE)
def port_again(s):
    """A phone that stopped ringing frees a port, and the next caller's phone is offered it while the first caller talks

    The second caller's phone is answered with that port; its leg shows that caller's number. Only who got an offer can pass it on:
    two offers of one PBX say nothing of each other.

    Verdict: `answered` twice, each with its own phones.
    """
    port = {PBX: (PBX.ip, 12_000)}
    first = s.inbound("+13125550378").ring(0, after=260)
    stopped = s.phone("+13125550378", PHONE_201, "201", media=port).ring(40)
    talks = s.phone("+13125550378", PHONE_202, "202").ring(44).answer(4_000)
    stopped.give_up(4_020)
    first.answer(4_040)
    second = s.inbound("+13125550379").ring(11_000, after=260)
    silent = s.phone("+13125550379", PHONE_201, "201").ring(11_040)
    takes = s.phone("+13125550379", PHONE_203, "203", media=port).ring(11_044).answer(17_000)
    silent.give_up(17_020)
    second.answer(17_040)
    takes.bye(50_000)
    second.bye(50_012)
    talks.bye(89_000)
    first.bye(89_012)
    s.expect(first, "answered", False, joined=(stopped, talks), answered_by="human")
    s.expect(second, "answered", False, joined=(silent, takes), answered_by="human")


@scenario("mobile-rings-with-the-offices-number", OFFICE)
def own_number_outside(s):
    """The desk rings with the caller's number, a mobile beside it with the office's own; the mobile answers

    Nothing joins the mobile's leg to the caller. It answered just before the PBX did, so what the PBX answered with can't be known.

    Verdict: `unknown`, not missed; the call to the mobile is one of its own.
    """
    call = s.inbound("+13125550380").ring(0, after=260)
    desk = s.phone("+13125550380", PHONE_201, "201").ring(40)
    mobile = s.leg(PBX, TRUNK, ADS, "+13125550999").ring(44, after=1_900).answer(8_000)
    desk.give_up(8_020)
    call.answer(8_040)
    call.bye(60_000)
    mobile.bye(60_012)
    s.expect(call, "unknown", False, joined=(desk,), confidence="low")
    s.expect(mobile, "answered", False, called="+13125550999", direction="outbound")


@scenario("phones-ring-with-the-offices-number", OFFICE)
def own_number_inside(s):
    """The PBX shows its phones the number that was called; one rings in vain, and the voicemail answers

    Verdict: `voicemail`, missed, one call of the caller's, confidence low; the office's number is nobody who called.
    """
    call = s.inbound("+13125550381").ring(0, after=260)
    desk = s.phone(ADS, PHONE_201, "201").ring(40)
    desk.give_up(19_000)
    box = s.leg(PBX, VOICEMAIL, ADS, PILOT).ring(19_050, after=80).answer(19_150)
    call.answer(19_250)
    call.bye(39_000)
    box.bye(39_012)
    s.expect(call, "voicemail", True, joined=(desk, box), answered_by="voicemail", confidence="low")


@scenario("three-calls-of-one-caller", OFFICE)
def three_of_one(s):
    """Two calls of one number wait, a phone rings for one of them, and a third call of that number comes 80 ms later

    Whose leg the phone's is can't be told; the third caller's own leg is a call whatever was seen before it.

    Verdict: three calls, each `abandoned`; the two for which the phone may have rung are ambiguous.
    """
    calls = [s.inbound("+13125550382").ring(at, after=240) for at in (0, 900)]
    phone = s.phone("+13125550382", PHONE_201, "201").ring(1_800)
    calls.append(s.inbound("+13125550382").ring(1_880, after=240))
    for n, call in enumerate(calls):
        call.give_up(12_000 + n * 500)
    phone.give_up(13_100)
    for call in calls:
        s.expect(call, "abandoned", True)
    s.texts = ["+13125550382"]

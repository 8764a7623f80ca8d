"""What only the profile of the PBX's make gets right: read as any other PBX, each of these comes out otherwise."""

from .hunts import PHONES
from .joins import hidden_pair
from .office import *
from .sip import ELSEWHERE, End
from .vendors import *

THREE_CX = End("192.168.10.5", "3CXPhoneSystem 18.0.9.20 (20)")
MITEL = End("192.168.10.5", "Mitel-3300-ICP 20.3.0.24")
IP_OFFICE = End("192.168.10.5", "IP Office 11.1.3.1.0 build 34")
NEC = End("192.168.10.5", "NEC SL2100/3.1")
OXO = End("192.168.10.5", "OXO040/018.002")
MAILBOXES = End("192.168.10.7", "Asterisk PBX 20.9.1")


def of(profile, config=ROLES):
    """The office's configuration with a profile."""
    return config.replace("[pbx.roles]", f'[pbx]\nprofile = "{profile}"\n[pbx.roles]')


def without_voicemail(config):
    return config.replace('voicemail_hosts = ["192.168.10.6"]\nvoicemail_pilots = ["6000"]\n', "")


@scenario("aura-joins-by-global-session", of("avaya-aura"))
def aura_session(s):
    """Avaya Aura, two anonymous callers at the same moment: only Av-Global-Session-ID says which phone rings for whom

    The phones ring in the opposite order of the callers, and no standard header ties a leg to another.

    Verdict: one answered, one abandoned and missed, each with its own phone. Without the profile both are ambiguous.
    """
    gsid = [uuid("gsid", s.name, n) for n in (0, 1)]
    hidden_pair(s, 0, tuple(((f"Av-Global-Session-ID: {g}",), (f"Av-Global-Session-ID: {g}",)) for g in gsid))


@scenario("cucm-session-id-names-a-device", of("cisco-cucm"))
def cucm_session(s):
    """CUCM behind a gateway whose two calls carry one Session-ID: it names the device, Cisco-Guid the call

    The first caller is answered at 201, the second gives up while 202 rings.

    Verdict: `answered` and `abandoned`, missed, two calls of two legs. Without the profile the second is lost in the first.
    """
    device = token_session(s)
    calls, phones = [], []
    for n, (caller, (phone, extension)) in enumerate(zip(("+13125550351", "+13125550352"), PHONES)):
        _, guid = as_cucm(s, "trunk", n)
        shared = (device, f"Cisco-Guid: {guid}")
        calls.append(s.inbound(caller, headers=(*shared, f"P-Asserted-Identity: <sip:{caller}@{TRUNK.host}>")))
        calls[n].ring(n * 3_000, after=300)
        ids, _ = as_cucm(s, "phone", n)
        phones.append(s.phone(caller, phone, extension, a=CUCM, **ids, headers=(f"Cisco-Guid: {guid}",)).ring(n * 3_000 + 60))
    phones[0].answer(7_000)
    calls[0].answer(7_030)
    calls[1].give_up(12_000)
    phones[1].give_up(12_015)
    calls[0].bye(40_000)
    phones[0].bye(40_012)
    s.expect(calls[0], "answered", False, joined=(phones[0],), answered_by="human")
    s.expect(calls[1], "abandoned", True, joined=(phones[1],))


def token_session(s):
    return f"Session-ID: {uuid('device', s.name).replace('-', '')};remote={'0' * 32}"


@scenario("mitel-caller-in-preferred-identity", of("mitel-mivoice"))
def mitel_caller(s):
    """MiVoice Business: the carrier's Remote-Party-ID is the caller's switchboard, P-Preferred-Identity the caller

    MiVoice Business reads P-Asserted-Identity, P-Preferred-Identity and From, in that order, and no Remote-Party-ID.

    Verdict: `abandoned`, missed, caller +13125550353, as the PBX shows it. Without the profile it is the switchboard.
    """
    board = "+13125550354"
    call = s.leg(TRUNK, MITEL, board, ADS, headers=(
        f"Remote-Party-ID: <sip:{board}@{TRUNK.host}>;party=calling;screen=yes;privacy=off",
        f"P-Preferred-Identity: <sip:+13125550353@{TRUNK.host}>"))
    call.ring(0).give_up(11_000)
    s.expect(call, "abandoned", True, caller="+13125550353")


@scenario("freepbx-mailbox-by-prefix", without_voicemail(of("freepbx-asterisk")))
def freepbx_mailbox(s):
    """FreePBX sends who isn't answered to `vmu202` on a second Asterisk that holds the mailboxes; no role names that

    Verdict: `voicemail`, missed. Without the profile it is a call that somebody answered.
    """
    caller = "+13125550355"
    call = s.leg(TRUNK, FREEPBX, caller, ADS, headers=(f"P-Asserted-Identity: <sip:{caller}@{TRUNK.host}>",)).ring(0, after=240)
    phone = s.phone(caller, PHONE_202, "202", a=FREEPBX, **as_asterisk(s, "202")).ring(40)
    phone.give_up(15_000)
    box = s.leg(FREEPBX, MAILBOXES, caller, "vmu202", **as_asterisk(s, "vmu202")).invite(15_060).reply(15_068, 100).answer(15_120)
    call.answer(15_150)
    call.bye(38_000)
    box.bye(38_012)
    s.expect(call, "voicemail", True, joined=(phone, box), answered_by="voicemail")


@scenario("freeswitch-phones-only-elsewhere", of("freeswitch-fusionpbx"))
def freeswitch_phones(s):
    """FreeSWITCH on a PRI, only its phones in sight: the caller gives up, and all are told "Call completed elsewhere"

    mod_sofia says so of every cancelled phone, so it says nothing.

    Verdict: `abandoned`, missed. Without the profile somebody might have answered.
    """
    caller = "+13125550356"
    legs = [s.phone(caller, p, e, a=FREESWITCH, **as_freeswitch(s, e)) for p, e in PHONES[:3]]
    for n, leg in enumerate(legs):
        leg.ring(n * 2)
    for n, leg in enumerate(legs):
        leg.give_up(17_000 + n * 2, ELSEWHERE)
    s.expect(legs[0], ("abandoned", "no_answer"), True, caller=caller, called=None, direction=None, joined=legs)


@scenario("panasonic-caller-with-access-code", of("panasonic-ns"))
def panasonic_code(s):
    """Panasonic KX-NS on a PRI shows its phones the caller behind 91, so that one can call back by a key

    Verdict: missed, caller +17735550357. Without the profile it is no number that anybody could be called at.
    """
    leg = s.phone("917735550357", PHONE_201, "201", a=PANASONIC).ring(0)
    leg.give_up(14_000)
    s.expect(leg, ("abandoned", "no_answer"), True, caller="+17735550357", called=None, direction=None)


@scenario("3cx-number-called-in-to", of("3cx", OFFICE))
def three_cx(s):
    """3CX registered at its carrier: the Request-URI names the account, To the number dialled

    Verdict: `abandoned`, missed, `called` the ads' number, a task for its line. Without the profile it is no line's.
    """
    caller = "+13125550358"
    call = s.leg(TRUNK, THREE_CX, caller, ADS, to_host="carrier.example", ruri="sip:lakeside-7@192.168.10.5:5060;rinstance=1f6b",
                 headers=(f"Remote-Party-ID: <sip:{caller}@{TRUNK.host}>;party=calling",))
    call.ring(0, after=200).give_up(12_000)
    s.expect(call, "abandoned", True, task=True)


@scenario("ip-office-answers-at-coverage-time", of("avaya-ip-office"))
def ip_office_covers(s):
    """IP Office with digital sets, only the trunk in sight, answered after 15 s and after 8 s of ringing

    Its voicemail takes a call after 15 s, and no leg to it is to be seen.

    Verdict: `unknown`: a person or the voicemail; and `answered`, by whom isn't known. Without the profile both are answered.
    """
    for n, (rang, outcome) in enumerate(((15_000, "unknown"), (8_000, "answered"))):
        at, caller = n * 90_000, f"+1312555036{n}"
        call = s.leg(TRUNK, IP_OFFICE, caller, ADS, headers=()).ring(at, after=240)
        call.answer(at + 240 + rang)
        call.bye(at + 52_000)
        s.expect(call, outcome, False)


@scenario("ip-office-times-out", of("avaya-ip-office"))
def ip_office_timeout(s):
    """IP Office without voicemail rings digital sets for a minute, tells the carrier nothing, and then 408

    408 is its word for nobody answered, not for a network that lost its way.

    Verdict: `no_answer`, missed. Without the profile it is `failed`.
    """
    call = s.leg(TRUNK, IP_OFFICE, "+13125550362", ADS, headers=()).invite(0).reply(9, 100)
    call.refuse(60_000, 408)
    s.expect(call, "no_answer", True)


@scenario("nec-announcement-then-timeout", of("nec-sv"))
def nec_announcement(s):
    """NEC SV plays an announcement in 183 while the trunk's number leads nowhere, and then 408

    Verdict: `failed`, missed, `rang_ms` 0: nobody was rung. Without the profile an announcement counts as ringing.
    """
    call = s.leg(TRUNK, NEC, "+13125550363", ADS, headers=()).invite(0).reply(9, 100)
    call.reply(200, 183, sdp=True).refuse(20_000, 408)
    s.expect(call, "failed", True)


@scenario("oxo-history-without-cause", of("alcatel-oxo"))
def oxo_history(s):
    """OXO rings a DECT base nobody configured: History-Info names two users, and no cause: nothing was forwarded

    The cordless phone picks up by itself, within two seconds.

    Verdict: `answered`. Without the profile it looks diverted to a short number that answers like a machine.
    """
    caller = "+13125550364"
    call = s.leg(TRUNK, OXO, caller, ADS, headers=(f"P-Asserted-Identity: <sip:{caller}@{TRUNK.host}>",)).ring(0)
    dect = s.leg(OXO, End("10.9.1.40", "DECT base 4.2"), caller, "341", headers=(
        "History-Info: <sip:111@192.168.10.5>;index=1", "History-Info: <sip:341@192.168.10.5>;index=1.1"))
    dect.ring(60).answer(1_900)
    call.answer(1_930)
    call.bye(44_000)
    dect.bye(44_012)
    s.expect(call, "answered", False, joined=(dect,), answered_by="human")


def silent_phone(s, pbx, caller, stops, answers):
    """The caller hears ringing after 240 ms, 201 rings and stops, and the PBX answers by itself."""
    call = s.leg(TRUNK, pbx, caller, ADS, headers=()).ring(0, after=240)
    phone = s.phone(caller, PHONE_201, "201", a=pbx).ring(40)
    phone.give_up(stops)
    call.answer(answers)
    call.bye(46_000)
    return call, phone


@scenario("ip-office-covers-after-a-pause", of("avaya-ip-office"))
def ip_office_pause(s):
    """IP Office rings a SIP phone, and answers by itself 1.2 s after it stopped, when the caller heard it ring for 15 s

    The phone is silent, nobody else rings, and 15 s is when its embedded voicemail takes a call.

    Verdict: `voicemail`, missed. Without the profile the pause leaves it `unknown`.
    """
    call, phone = silent_phone(s, IP_OFFICE, "+13125550365", 14_000, 15_200)
    s.expect(call, "voicemail", True, joined=(phone,), answered_by="voicemail")


@scenario("cucm-answers-not-as-it-covers", of("cisco-cucm"))
def cucm_beside(s):
    """CUCM answers by itself the moment 201 stops, and opens no leg to a voicemail

    It covers by a leg of its own; what answered here is a set that shows no SIP, or a leg that the tap doesn't see.

    Verdict: `unknown`. Without the profile it is `voicemail`, missed.
    """
    call, phone = silent_phone(s, CUCM, "+13125550366", 14_000, 14_150)
    s.expect(call, "unknown", False, joined=(phone,))

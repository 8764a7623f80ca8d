"""What single keys of a profile change, where no profile that is built in sets them: each of these brings its own, `pbx.toml`."""

from . import audio
from .audible import deposit, heard
from .audio import tone
from .joins import PILOT_DID, named_pair, token_of
from .makes import MAILBOXES
from .moves import mwi
from .office import *
from .sip import End
from .vendors import *

CUCM_HOST = End("192.168.10.5", "Cisco-CUCM12.5")
GATEWAY = End("192.168.10.5", "Cisco-SIPGateway/IOS-15.7.3.M5")
HIDDEN_MAKE = End("192.168.10.5", "Office gateway 2")
MEDIA_SERVER = ("192.168.10.66", 31_000)


def own(config=ROLES):
    """The office's configuration with the profile that lies beside it."""
    return config.replace("[pbx.roles]", '[pbx]\nprofile = "pbx.toml"\n[pbx.roles]')


def to_pilot(s, caller, at, to=PILOT, lines=(), ruri=None):
    ruri = ruri or f"sip:{PILOT}@{VOICEMAIL.host}"
    return s.leg(PBX, VOICEMAIL, caller, to, ruri=ruri, headers=lines).invite(at).reply(at + 8, 100)


@scenario("message-waiting-confirms", own(OFFICE))
def waiting_confirms(s):
    """What voicemails took that can't be heard: after the call the mailbox has one message more (RFC 3842)

    In turn: two diverters, and the last one's count rises; a Request-URI whose target is the group that was rung, and the count
    of To's user rises; 204 rings and stops,
    the PBX answers by itself, and 204's light goes on, without a count, five seconds after; two callers to one mailbox at
    once, and its count rises by one.

    Verdict: `voicemail_message` thrice, missed; then `voicemail` twice: the one message might be either's.
    """
    s.profile = profile("diversion.mailbox", '"last"', "answer.mailbox_from", '["to_user"]', "quirks.flags", '["mwi_without_count"]')
    phones = {"201": PHONE_201, "202": PHONE_202, "203": PHONE_203, "204": PHONE_204}
    for extension, phone in phones.items():
        mwi(s, int(extension), phone, extension, "no", None if extension == "204" else "0/2 (0/0)")
    caller = "+13125550381"
    call = s.inbound(caller).ring(5_000, after=260)
    rung = [s.phone(caller, phones[e], e) for e in ("201", "202")]
    for n, leg in enumerate(rung):
        leg.ring(5_040 + n * 10_000)
        leg.give_up(15_000 + n * 10_000)
    pilot = to_pilot(s, caller, 25_060, lines=(f"Diversion: <sip:202@{PBX.host}>;reason=no-answer", f"Diversion: <sip:201@{PBX.host}>;reason=no-answer"))
    pilot.answer(25_120)
    call.answer(25_140).bye(45_000)
    pilot.bye(45_012)
    mwi(s, 45_400, PHONE_202, "202", "yes", "1/2 (0/0)")
    s.expect(call, "voicemail_message", True, joined=(*rung, pilot), answered_by="voicemail", task=True)
    caller = "+13125550382"
    call = s.inbound(caller).invite(60_000).reply(60_009, 100)
    group = f"sip:{PILOT}@{VOICEMAIL.host};target=sip:299%40{PBX.host};cause=408"
    pilot = to_pilot(s, caller, 60_030, to="203", ruri=group).answer(60_090)
    call.answer(60_110).bye(80_000)
    pilot.bye(80_012)
    mwi(s, 80_500, PHONE_203, "203", "yes", "1/2 (0/0)")
    s.expect(call, "voicemail_message", True, joined=(pilot,), answered_by="voicemail", task=True)
    caller = "+13125550383"
    call = s.inbound(caller).ring(100_000, after=240)
    phone = s.phone(caller, PHONE_204, "204").ring(100_040)
    phone.give_up(114_000)
    call.answer(115_600).bye(140_000)
    mwi(s, 145_000, PHONE_204, "204", "yes")
    s.expect(call, "voicemail_message", True, joined=(phone,), answered_by="voicemail", confidence="medium", task=True)
    for n, caller in enumerate(("+13125550384", "+13125550385")):
        at = 200_000 + n * 200
        call = s.inbound(caller).invite(at).reply(at + 9, 100)
        pilot = to_pilot(s, caller, at + 30, lines=(f"Diversion: <sip:203@{PBX.host}>;reason=no-answer",)).answer(at + 90)
        call.answer(at + 110).bye(at + 20_000)
        pilot.bye(at + 20_012)
        s.expect(call, "voicemail", True, joined=(pilot,), answered_by="voicemail", task=True)
    mwi(s, 220_500, PHONE_203, "203", "yes", "2/2 (0/0)")
    s.texts = ["+13125550381", "+13125550382", "+13125550383", "+13125550384", "+13125550385"]


@scenario("busy-says-the-diversion", own().replace('voicemail_hosts = ["192.168.10.6"]\n', ""))
def busy_diversion(s):
    """201 is a digital set and busy; the PBX tries a voicemail that takes no more, and tells the caller 480

    Its host is known by the pilot alone. That it was busy only the leg to the voicemail says: by a word that this PBX alone uses, then by the cause of its
    Request-URI (RFC 4458).

    Verdict: `busy`, missed, twice. Where nobody knows what the words mean it is `no_answer`.
    """
    s.profile = profile("diversion.reason_map", '{ engaged = "busy" }', "diversion.cause_map", '{ 600 = "busy" }')
    ways = (dict(lines=(f"Diversion: <sip:201@{PBX.host}>;reason=engaged",)),
            dict(ruri=f"sip:{PILOT}@{VOICEMAIL.host};target=sip:201%40{PBX.host};cause=600"))
    for n, way in enumerate(ways):
        at, caller = n * 30_000, f"+1312555039{n}"
        call = s.inbound(caller).invite(at).reply(at + 9, 100)
        pilot = to_pilot(s, caller, at + 30, **way).refuse(at + 90, 480)
        call.refuse(at + 110, 480)
        s.expect(call, "busy", True, joined=(pilot,))


@scenario("media-at-voicemail-media-server", own())
def media_server(s):
    """Only the trunk is seen: 180, and after 16 s a 200 that wants the caller's voice at a media server of the voicemail's

    No SIP is ever seen of that server; the profile knows its addresses.

    Verdict: `voicemail`, missed.
    """
    s.profile = profile("roles.voicemail_media", '["192.168.10.64/30"]')
    call = s.inbound("+13125550392").ring(0, after=260)
    call.media = {PBX: MEDIA_SERVER}
    call.answer(16_000).bye(40_000)
    s.expect(call, "voicemail", True, answered_by="voicemail")


@scenario("mailbox-owner-dials-in-info", own())
def owner_dials(s):
    """The owner of a mailbox calls its pilot from outside, enters the PIN, and records a new greeting after the tone

    The digits travel in INFO; by ear it is a greeting, a tone and somebody who speaks, as a message is.

    Verdict: `mailbox_retrieval`, not missed: who dials before the tone owns the mailbox.
    """
    s.profile = profile("media.dtmf", '"info"')
    caller, machine, _, _ = deposit(1_400, tone(1000, 300), 2_600)
    call = s.leg(TRUNK, VOICEMAIL, "+13125550393", PILOT, headers=(f"P-Asserted-Identity: <sip:+13125550393@{TRUNK.host}>",))
    call.invite(0).reply(9, 100).answer(90)
    for n, digit in enumerate("201"):
        call.ask(300 + n * 400, "INFO", body=f"Signal={digit}\r\nDuration=160\r\n", kind="application/dtmf-relay")
    heard(s, 140, call, caller, machine)
    call.bye(140 + len(caller) * 1000 // audio.RATE)
    s.expect(call, "mailbox_retrieval", False, called=None, direction=None, recording=None)


@scenario("same-caller-after-a-pause", own())
def pause(s):
    """A caller waits in vain on one line; twenty seconds later the PBX rings 201 for the same number, which came in on a PRI

    Nothing but the number ties the two, and a PBX that rings phones does so at once.

    Verdict: `abandoned`, missed, without 201's leg; that is `answered`, a call of its own.
    """
    s.profile = profile("correlate.window_ms", "3000")
    caller = "+13125550394"
    call = s.inbound(caller).ring(0, after=260)
    phone = s.phone(caller, PHONE_201, "201").ring(20_000).answer(23_000)
    call.give_up(30_000)
    phone.bye(50_000)
    s.expect(call, "abandoned", True)
    s.expect(phone, "answered", False, called=None, direction=None)


BARE = """schema = 1
[site]
name = "Lakeside Insurance Services"
short = "Lakeside Ins."
tz = "America/Chicago"
[pbx]
profile = "pbx.toml"
"""


@scenario("roles-and-numbers-of-a-profile", BARE)
def of_a_profile(s):
    """Who is who and how numbers are written stands in the profile alone; the site says neither

    In turn: a caller of seven digits, 201 answers; one behind an access code gives up; a leg to the voicemail's host under a
    user nobody knows; one to the pilot on a host nobody knows; 201 calls the extension 112; a stranger dials the office.

    Verdict: `answered`; `abandoned`; `voicemail` twice; `answered`, internal, no emergency; `abandoned`, no scanner.
    """
    s.profile = profile(
        "roles.trunk_peers", '["203.0.113.20"]', "roles.pbx_hosts", '["192.168.10.5"]', "roles.phone_nets", '["192.168.20.0/24"]',
        "roles.voicemail_hosts", '["192.168.10.6"]', "roles.voicemail_pilots", '["6000"]', "numbers.country", '"US"',
        "numbers.area_code", '"312"', "numbers.extension", "'[12]\\d\\d'", "numbers.strip", "['9(\\d{10})']",
        "numbers.dids", '["+13125550111"]')
    call = s.inbound("5550395").ring(0, after=260)
    phone = s.phone("5550395", PHONE_201, "201").ring(40).answer(4_000)
    call.answer(4_020).bye(20_000)
    phone.bye(20_012)
    s.expect(call, "answered", False, caller="+13125550395", joined=(phone,), answered_by="human")
    call = s.inbound("93125550396").ring(30_000).give_up(41_000)
    s.expect(call, "abandoned", True, caller="+13125550396")
    for n, (end, user) in enumerate(((VOICEMAIL, "8899"), (MAILBOXES, PILOT))):
        at, caller = 60_000 + n * 30_000, f"+1312555039{n + 7}"
        call = s.inbound(caller).invite(at).reply(at + 9, 100)
        box = s.leg(PBX, end, caller, user).invite(at + 30).reply(at + 38, 100).answer(at + 90)
        call.answer(at + 110).bye(at + 20_000)
        box.bye(at + 20_012)
        s.expect(call, "voicemail", True, joined=(box,), answered_by="voicemail")
    desk = s.leg(PHONE_201, PBX, "201", "112").ring(120_000, after=200)
    other = s.phone("201", PHONE_202, "112").ring(120_030).answer(123_000)
    desk.answer(123_020).bye(130_000)
    other.bye(130_012)
    s.expect(desk, "answered", False, caller="201", called="112", direction="internal", joined=(other,))
    stranger = s.leg(End("198.51.100.9", "Gateway 4"), PBX, "+13125550399", ADS).ring(150_000).give_up(160_000)
    s.expect(stranger, "abandoned", True)


@scenario("joined-behind-an-sbc")
def behind_an_sbc(s):
    """Two anonymous callers at once; an SBC on the way to the phones puts `SDk4v9901-` before the callers' Call-IDs

    Verdict: one answered and one given up, each with its own phone.
    """
    ids = [f"{token_of(20, 'behind', n)}@203.0.113.20" for n in (0, 1)]
    named_pair(s, 0, tuple(((), (), f"SDk4v9901-{ids[n]}") for n in (0, 1)), ids)


@scenario("makes-shown-by-their-messages")
def makes_shown(s):
    """A PBX that shows its make in turn by User-Agent, by Server, and by nothing but the origin of its session descriptions

    Verdict: `answered` thrice; `ringback learn` tells CUCM by each.
    """
    ways = ((CUCM_HOST, "-"), (GATEWAY, "-"), (HIDDEN_MAKE, "CiscoSystemsCCM-SIP"))
    for n, (pbx, origin) in enumerate(ways):
        at, caller = n * 60_000, f"+1312555034{n + 5}"
        call = s.leg(TRUNK, pbx, caller, ADS, headers=()).ring(at, after=260)
        ends = dict(headers=(), origin=origin)
        phone = s.phone(caller, PHONE_201, "201", a=pbx if n != 1 else HIDDEN_MAKE, **ends).ring(at + 40).answer(at + 5_000)
        call.answer(at + 5_020).bye(at + 30_000)
        phone.bye(at + 30_012)
        s.expect(call, "answered", False, joined=(phone,), answered_by="human")


@scenario("make-shown-by-a-header")
def make_header(s):
    """A PBX whose User-Agent somebody has changed, and whose INVITEs still carry Avaya Aura's own header

    Verdict: `answered`; `ringback learn` tells Aura by the header.
    """
    caller = "+13125550348"
    call = s.leg(TRUNK, HIDDEN_MAKE, caller, ADS, headers=()).ring(0, after=260)
    mark = f"Av-Global-Session-ID: {token_of(32, 'make')}"
    phone = s.phone(caller, PHONE_201, "201", a=HIDDEN_MAKE, headers=(mark,)).ring(40).answer(5_000)
    call.answer(5_020).bye(30_000)
    phone.bye(30_012)
    s.expect(call, "answered", False, joined=(phone,), answered_by="human")


@scenario("last-diverter-was-called", own())
def last_diverter(s):
    """Phones of a PRI: 201, the night bell, always passes on to 202; 202 rings out, and the voicemail's leg names both

    Verdict: missed, `called` 202, as this PBX's profile wants it: by the rule of most it would be 201, which never rings.
    """
    s.profile = profile("diversion.original", '"last"')
    caller = "+13125550400"
    phone = s.phone(caller, PHONE_202, "202").ring(0)
    phone.give_up(15_000)
    lines = (f"Diversion: <sip:202@{PBX.host}>;reason=no-answer", f"Diversion: <sip:201@{PBX.host}>;reason=unconditional")
    pilot = to_pilot(s, caller, 15_040, lines=lines).answer(15_100)
    pilot.bye(40_000)
    s.expect(phone, "voicemail", True, called="202", direction=None, joined=(pilot,), answered_by="voicemail")


@scenario("mailbox-retrieval-through-a-carrier", PILOT_DID)
def retrieval_carrier(s):
    """A carrier that sends Diversion on every call, with the number dialled; the owner of a mailbox dials its pilot's number

    Verdict: `mailbox_retrieval`, not missed: that number diverted nothing. Taken at its word it would be a missed call.
    """
    caller, number = "+13125550401", "+13125550160"
    call = s.inbound(caller, number, headers=(f"Diversion: <sip:{number}@carrier.example>;reason=unconditional",))
    call.invite(0).reply(9, 100).answer(90).bye(48_000)
    s.expect(call, "mailbox_retrieval", False, called=number)

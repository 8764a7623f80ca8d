"""Who calls and whom they want, where headers disagree: asserted, private, rewritten, diverted, verified."""

import base64
import json

from .office import *
from .sip import End
from .trace import fragmented
from .vendors import *

PRI = ROLES.replace('extension = ', 'strip = ["^9(\\\\d{10})$", "^91(\\\\d{10})$"]\nextension = ')
AURA_ROLES = ROLES.replace('voicemail_pilots = ["6000"]', 'voicemail_pilots = ["81080000", "80000"]')
UNCONFIGURED = ROLES.replace('voicemail_hosts = ["192.168.10.6"]\nvoicemail_pilots = ["6000"]\n', "")


def missed(s, at, caller, called=ADS, **more):
    leg = s.inbound(caller, called, **more)
    leg.ring(at).give_up(at + 9_000)
    return leg


@scenario("withheld-in-many-ways", OFFICE)
def many_ways(s):
    """Six ways to withhold a number: Privacy, Remote-Party-ID, and what gateways write in From

    `Privacy: header;critical`, RPID with privacy=full, users Restricted, unavailable and 266696687 ("ANONYMOUS" on a
    keypad), and a P-Asserted-Identity of zeros.

    Verdict: six missed calls with no caller, six tasks, no text.
    """
    shown = "<sip:+13125550251@203.0.113.20>"
    ways = (
        dict(caller="+13125550251", headers=(f"P-Asserted-Identity: {shown}", "Privacy: header;critical")),
        dict(caller="+13125550251", headers=(f"Remote-Party-ID: {shown};party=calling;screen=yes;privacy=full",)),
        dict(caller="Restricted", name="Restricted", headers=()),
        dict(caller="unavailable", name="Unavailable", headers=()),
        dict(caller="266696687", headers=()),
        dict(caller="0000000000", headers=("P-Asserted-Identity: <sip:0000000000@203.0.113.20>",)),
    )
    for n, way in enumerate(ways):
        s.expect(missed(s, n * 60_000, **way), "abandoned", True, withheld=True, task=True)


@scenario("asserted-differs-from-from", OFFICE)
def asserted(s):
    """P-Asserted-Identity and From name different numbers: once from the trunk, once from an address nobody configured

    From holds the main number of the caller's firm, P-Asserted-Identity the caller's own. The second call comes from a
    stranger to a number of the office, with an identity anybody could have written.

    Verdict: two missed calls; the trunk's identity counts, the stranger's doesn't.
    """
    trusted = missed(s, 0, "+13125550252", name="Voss & Sons", headers=(
        'P-Asserted-Identity: "Pia Voss" <sip:+13125550253@203.0.113.20>', "P-Asserted-Identity: <tel:+13125550253>"))
    other = End("198.51.100.30", "Hillside PBX 3.1")
    stranger = s.leg(other, PBX, "+13125550254", ADS, headers=("P-Asserted-Identity: <sip:+13125550255@198.51.100.30>",))
    stranger.ring(60_000).give_up(72_000)
    s.expect(trusted, "abandoned", True, caller="+13125550253", task=True)
    s.expect(stranger, "abandoned", True, caller="+13125550254")
    s.texts = ["+13125550253", "+13125550254"]


@scenario("tel-with-phone-context", OFFICE)
def phone_context(s):
    """tel: callers of seven and ten digits whose `phone-context` isn't the office's own area, in From and asserted

    `phone-context=+1773` where the office is in 312, `+44`, somebody's domain, and a carrier's word for the country's own
    numbers inside a sip: user. What follows a tel: number is as much a part of it as the digits: read without, three of
    these would be numbers of people who never called.

    Verdict: seven missed calls. The numbers in 773, 202 and 312 may be texted; London's is another country's; the digits
    that only their domain's owner understands are nobody's number.
    """
    asserted = "P-Asserted-Identity: <tel:5550254;phone-context=+1202>"
    ways = (("5550256;phone-context=+1773", "tel", (), "+17735550256"),
            ("3125550257;phone-context=national", "sip", (), "+13125550257"),
            ("5550252;phone-context=+1773", "sip", (), "+17735550252"),
            ("2079460253;phone-context=+44", "tel", (), "+442079460253"),
            ("trunk7", "sip", (asserted,), "+12025550254"),
            ("5550255;phone-context=carrier.example", "tel", (), "5550255"),
            ("3125550258;phone-context=carrier.example", "sip", (), "3125550258"))
    for n, (user, scheme, headers, number) in enumerate(ways):
        leg = missed(s, n * 60_000, user, scheme=scheme, headers=headers)
        s.expect(leg, "abandoned", True, caller=number, task=True)
    s.texts = ["+17735550256", "+13125550257", "+17735550252", "+12025550254"]


@scenario("caller-with-access-code")
def access_code(s):
    """The PBX shows its phones the caller with its access code: 9 and ten digits, 91 and ten digits

    As the caller-ID modification tables of Panasonic's KX-NS rewrite numbers, so that one can call back by a key. Two calls
    overlap; each phone's leg belongs to the caller with the same last seven digits.

    Verdict: `answered` and `abandoned`, two calls of two legs.
    """
    first, second = s.inbound("+13125550258").ring(0, after=240), s.inbound("+17735550259", MAIN)
    a = s.phone("93125550258", PHONE_201, "201", a=PANASONIC).ring(40)
    second.ring(2_000, after=240)
    b = s.phone("917735550259", PHONE_202, "202", a=PANASONIC).ring(2_040)
    a.answer(6_000)
    first.answer(6_025)
    second.give_up(14_000)
    b.give_up(14_012)
    first.bye(40_000)
    a.bye(40_012)
    s.expect(first, "answered", False, joined=(a,), answered_by="human")
    s.expect(second, "abandoned", True, called=MAIN, joined=(b,))


@scenario("caller-with-access-code-phones-only", PRI)
def access_code_phones(s):
    """The trunk is a PRI, and the phones are shown 9 and ten digits; the site's `strip` takes the 9 off

    Verdict: missed, caller +13125550260.
    """
    leg = s.phone("93125550260", PHONE_201, "201", a=PANASONIC).ring(0)
    leg.give_up(18_000)
    s.expect(leg, ("abandoned", "no_answer"), True, caller="+13125550260", called=None, direction=None)


@scenario("international-callers", OFFICE)
def international(s):
    """Callers from abroad, as carriers write them: `+44…`, `01144…` and `011 52…` with a plus in the asserted identity

    Verdict: three missed calls of +442079460261, +442079460262 and +525555500263; tasks, no texts: another country.
    """
    ways = (("+442079460261", "+442079460261", ()), ("011442079460262", "+442079460262", ()),
            ("011525555500263", "+525555500263", ("P-Asserted-Identity: <sip:+525555500263@203.0.113.20;user=phone>",)))
    for n, (user, number, headers) in enumerate(ways):
        s.expect(missed(s, n * 60_000, user, headers=headers), "abandoned", True, caller=number, task=True)


@scenario("verstat-failed")
def verstat(s):
    """STIR/SHAKEN: calls whose asserted identity carries verstat: passed, failed, no validation, and a stranger's

    The first brings its PASSporT in Identity (RFC 8224), attestation A, the second one whose `orig` is another number than
    From's, the third the carrier's own attestation C and an Identity that is none. The last comes from an address that
    nobody configured and claims everything.

    Verdict: three missed calls with their numbers; what a carrier thinks of a signature is evidence, never the verdict. The
    stranger is refused as ever, and what it claims isn't even evidence.
    """
    for n, word in enumerate(("TN-Validation-Passed", "TN-Validation-Failed", "No-TN-Validation")):
        caller = f"+1312555027{n}"
        headers = [f"P-Asserted-Identity: <sip:{caller};verstat={word}@203.0.113.20;user=phone>"]
        if n < 2:
            headers.append("Identity: " + passport(caller[1:] if n == 0 else "13125550666", "A" if n == 0 else "C"))
        else:
            headers += ["P-Attestation-Indicator: C", "Identity: eyJhbGciOiJFUzI1NiJ9.!!.c2ln;info=<https://certs.carrier.example/x>"]
        s.expect(missed(s, n * 60_000, caller, headers=tuple(headers)), "abandoned", True, caller=caller)
    caller = "+13125550273"
    stranger = s.leg(End("198.51.100.30", "Hillside PBX 3.1"), PBX, caller, ADS, headers=(
        f"P-Asserted-Identity: <sip:{caller};verstat=TN-Validation-Passed@198.51.100.30>", "P-Attestation-Indicator: A",
        "Identity: " + passport(caller[1:], "A")))
    stranger.ring(180_000).give_up(190_000)
    s.expect(stranger, "rejected", False, caller=caller, direction=None)


def passport(orig, attest):
    """A PASSporT in the form of RFC 8225 and 8588, with a signature of nothing."""
    parts = ({"alg": "ES256", "ppt": "shaken", "typ": "passport", "x5u": "https://certs.carrier.example/shaken.pem"},
             {"attest": attest, "dest": {"tn": ["13125550111"]}, "iat": 1795190400, "orig": {"tn": orig},
              "origid": uuid("origid", orig)})
    coded = [base64.urlsafe_b64encode(json.dumps(p, separators=(",", ":")).encode()).rstrip(b"=").decode() for p in parts]
    signature = base64.urlsafe_b64encode(bytes(range(64))).rstrip(b"=").decode()
    return ".".join((*coded, signature)) + ";info=<https://certs.carrier.example/shaken.pem>;alg=ES256;ppt=shaken"


@scenario("two-diversions")
def two_diversions(s):
    """CUCM sends a caller to Unity Connection; two Diversion headers: the last forwarder first, the original called last

    The caller wanted the main number, which is forwarded to 202; 202 doesn't answer. Cisco-Guid ties the two legs; once
    the headers stand apart, once in one line with a comma.

    Verdict: twice `voicemail`, missed; `called` is the original, whichever mailbox the message lands in.
    """
    for n, joined in enumerate((False, True)):
        at, caller = n * 90_000, f"+1312555028{n}"
        _, guid = as_cucm(s, "trunk", n)
        last = f"<sip:202@{PBX.host}>;reason=no-answer;privacy=off;screen=yes"
        first = f'"Main" <sip:{MAIN}@{PBX.host}>;reason=unconditional;privacy=off;screen=yes'
        diversions = (f"Diversion: {last}, {first}",) if joined else (f"Diversion: {last}", f"Diversion: {first}")
        call = s.inbound(caller, MAIN, headers=(f"P-Asserted-Identity: <sip:{caller}@{TRUNK.host}>", f"Cisco-Guid: {guid}"))
        call.ring(at, after=300)
        ids, _ = as_cucm(s, "phone", n)
        phone = s.phone(caller, PHONE_202, "202", a=CUCM, **ids, headers=(
            f"Cisco-Guid: {guid}", f"Remote-Party-ID: <sip:{caller}@{PBX.host}>;party=calling;screen=yes;privacy=off"))
        phone.ring(at + 60)
        phone.give_up(at + 12_000)
        ids, _ = as_cucm(s, "pilot", n)
        pilot = s.leg(CUCM, UNITY, caller, PILOT, **ids, headers=(
            f"Cisco-Guid: {guid}", *diversions,
            f"Remote-Party-ID: <sip:{caller}@{PBX.host}>;party=calling;screen=yes;privacy=off"))
        pilot.invite(at + 12_050, sdp=False).reply(at + 12_058, 100).answer(at + 12_130)
        call.answer(at + 12_170)
        call.bye(at + 36_000)
        pilot.bye(at + 36_020, extra=("Reason: Q.850;cause=16",))
        s.expect(call, "voicemail", True, called=MAIN, joined=(phone, pilot), answered_by="voicemail")


def aura(s, caller, reason, number="80000"):
    """Aura: one Av-Global-Session-ID on every leg, big INVITEs in fragments, History-Info whose Reason is escaped."""
    s.trace.carrier = fragmented(1480)
    domain, gsid = "lakeside.example", uuid("gsid", s.name)
    shared = (f"Av-Global-Session-ID: {gsid}", f'P-Charging-Vector: icid-value="{gsid}"', AURA_SUPPORTED,
              "User-to-User: 00FA080005000A655F2E4B;encoding=hex", f"Alert-Info: <cid:internal@{domain}>;cm-alert-type=internal")
    call = s.inbound(caller, ADS, headers=(f"P-Asserted-Identity: <sip:{caller}@{TRUNK.host}>",)).ring(0, after=300)
    phone = s.phone(caller, PHONE_201, "2011", a=AURA, headers=(
        *shared, f'P-Asserted-Identity: <sip:{caller}@{domain}>', f"History-Info: <sip:2011@{domain}>;index=1",
        f'History-Info: "Claims" <sip:2011@{domain}>;index=1.1'), codecs=((0, "PCMU/8000"), (18, "G729/8000"), (120, "telephone-event/8000")))
    phone.ring(70)
    phone.give_up(16_000)
    cover = ("Reason=SIP%3Bcause%3D408%3Btext%3D%22Request%20Timeout%22&Reason=Redirection%3Bcause%3DNORMAL%3Bavaya-cm-reason%3D"
             f"%22{reason}%22%3Bavaya-cm-vm-address-digits%3D81080000%3Bavaya-cm-vm-address-handle%3Dsip:80000%40{domain}")
    pilot = s.leg(AURA, AURA_MESSAGING, caller, number, ruri=f"sip:{number}@{domain}", headers=(
        *shared, f"P-Asserted-Identity: <sip:{caller}@{domain}>", f'History-Info: "Claims" <sip:{ADS}@{domain}?{cover}>;index=1',
        f'History-Info: "MM" <sip:{number}@{domain}>;index=1.1'))
    pilot.invite(16_060).reply(16_070, 100).answer(16_150)
    call.answer(16_190)
    call.bye(39_000)
    pilot.bye(39_020)
    return call, phone, pilot


@scenario("aura-covers-to-messaging", AURA_ROLES)
def aura_covered(s):
    """Avaya Aura covers an unanswered call to Messaging; History-Info with an escaped Reason names cover and mailbox

    Header sizes as Session Manager's: the INVITEs come in fragments.

    Verdict: `voicemail`, missed; `called` is the first entry of History-Info.
    """
    call, phone, pilot = aura(s, "+13125550264", "cover-dont-answer")
    s.expect(call, "voicemail", True, joined=(phone, pilot), answered_by="voicemail")


@scenario("aura-covers-unconfigured", UNCONFIGURED.replace("[pbx.roles]", '[pbx]\nprofile = "avaya-aura"\n[pbx.roles]'))
def aura_unconfigured(s):
    """The same where nobody has told who the voicemail is: only the escaped `avaya-cm-vm-address-digits` says so

    The pilot is as long as a number, and its host is one that nobody knows.

    Verdict: `voicemail`, missed. Without the make's profile it is a number that somebody answered.
    """
    call, phone, pilot = aura(s, "+13125550265", "cover-busy", "81080000")
    s.expect(call, "voicemail", True, joined=(phone, pilot), answered_by="voicemail")


@scenario("target-and-cause")
def target_cause(s):
    """The PBX sends an unanswered call to the voicemail server with target and cause in the Request-URI, and nothing else

    A second call carries cause 380, a number translation (RFC 8119), to a phone, which answers.

    Verdict: `voicemail`, missed; and `answered`.
    """
    caller = "+13125550266"
    call = s.inbound(caller).ring(0, after=260)
    phone = s.phone(caller, PHONE_201, "201").ring(40)
    phone.give_up(14_000)
    pilot = s.leg(PBX, End("192.168.10.8", "VM/2.2"), caller, "7777",
                  ruri=f"sip:7777@192.168.10.8;target=sip:{ADS}%40{PBX.host};cause=408")
    pilot.invite(14_040).reply(14_050, 100).answer(14_120)
    call.answer(14_146).bye(35_000)
    pilot.bye(35_014)
    s.expect(call, "voicemail", True, joined=(phone, pilot), answered_by="voicemail")
    other = s.inbound("+13125550267", MAIN).ring(60_000, after=260)
    desk = s.phone("+13125550267", PHONE_202, "202", ruri=f"sip:202@{PHONE_202.host}:5060;target=sip:{MAIN}%40{PBX.host};cause=380")
    desk.ring(60_040).answer(66_000)
    other.answer(66_020)
    other.bye(90_000)
    desk.bye(90_011)
    s.expect(other, "answered", False, called=MAIN, joined=(desk,), answered_by="human")


@scenario("two-anonymous", OFFICE)
def two_anonymous(s):
    """Two callers with withheld numbers at the same moment, to one number; the PBX rings a phone for each, both anonymous

    Neither number, name nor header says which phone rings for whom. One caller is answered at the moment one phone is; the
    other gives up.

    Verdict: two calls, one not missed, one `abandoned` and missed; both ambiguous, nobody is texted.
    """
    hidden = dict(name="Anonymous", from_host="anonymous.invalid", headers=("Privacy: id",))
    first = s.inbound("anonymous", **hidden).invite(0).reply(9, 100)
    second = s.inbound("anonymous", **hidden).invite(14).reply(23, 100)
    legs = [s.phone("anonymous", p, e, "Anonymous", from_host="anonymous.invalid", a=FREEPBX, **as_asterisk(s, e))
            for p, e in ((PHONE_201, "201"), (PHONE_202, "202"))]
    for n, leg in enumerate(legs):
        leg.ring(40 + n * 4)
    first.reply(240, 180)
    second.reply(246, 180)
    legs[1].answer(7_000)
    first.answer(7_020)
    second.give_up(12_000)
    legs[0].give_up(12_012)
    first.bye(50_000)
    legs[1].bye(50_010)
    s.expect(first, ("answered", "unknown"), False, withheld=True, ambiguous=True)
    s.expect(second, "abandoned", True, withheld=True, ambiguous=True)


@scenario("three-tries-then-answered", OFFICE)
def three_tries(s):
    """The same caller three times in vain, two minutes apart, and a fourth time answered

    Verdict: three missed calls and one answered; one text, after the first.
    """
    for at in (0, 120_000, 240_000):
        s.expect(missed(s, at, "+13125550268"), "abandoned", True)
    last = s.inbound("+13125550268").ring(360_000).answer(366_000).bye(420_000)
    s.expect(last, "answered", False)
    s.texts = ["+13125550268"]

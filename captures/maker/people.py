"""Who may be texted, and when: callers that can't be, redials, calendars, calls that are not the office's to follow."""

from .office import *
from .sip import End
from .plain import CHALLENGE


def missed(s, at, caller, called=ADS, **more):
    leg = s.inbound(caller, called, **more)
    leg.ring(at).give_up(at + 12_000)
    return leg


@scenario("withheld", OFFICE)
def withheld(s):
    """The caller withholds the number, and the carrier's P-Asserted-Identity gives it away

    `Privacy: id`, From anonymous@anonymous.invalid.

    Verdict: `abandoned`, missed, caller null. Someone at the office hears of it; nobody is texted.
    """
    leg = s.inbound("anonymous", name="Anonymous", from_host="anonymous.invalid", headers=(
        f'P-Asserted-Identity: "Ida Roe" <sip:+13125550131@{TRUNK.host}>', "Privacy: id"))
    leg.ring(0).give_up(11_000)
    s.expect(leg, "abandoned", True, withheld=True, task=True)


@scenario("toll-free-caller", OFFICE)
def toll_free(s):
    """An 800 number calls and gives up

    Verdict: `abandoned`, missed; a task, no text: nobody reads texts on that number.
    """
    leg = missed(s, 0, "+18005550199")
    s.expect(leg, "abandoned", True, task=True)


@scenario("canadian-caller", OFFICE)
def canadian(s):
    """A caller from Toronto, whose number also starts with 1

    Verdict: `abandoned`, missed; a task, no text: only `country` is texted, and 416 isn't in it.
    """
    leg = missed(s, 0, "+14165550133")
    s.expect(leg, "abandoned", True, task=True)


@scenario("foreign-and-odd-callers", OFFICE)
def foreign(s):
    """Callers from London, from an extension-like number, and with a number that can't exist

    Verdict: three missed calls, three tasks, no text.
    """
    for n, (user, shown) in enumerate((("+442079460018", "+442079460018"), ("4021", "4021"), ("+13120550199", None))):
        leg = missed(s, n * 60_000, user)
        s.expect(leg, "abandoned", True, caller=shown or user, task=True)
    s.calls[2]["caller"] = "*"


@scenario("ten-digits", OFFICE)
def ten_digits(s):
    """A carrier that sends ten digits, and one that sends eleven without `+`

    Verdict: two missed calls of +13125550134 and +13125550135 to +13125550111, both texted.
    """
    first = missed(s, 0, "3125550134", "3125550111")
    second = missed(s, 60_000, "13125550135", "13125550111")
    s.expect(first, "abandoned", True, caller="+13125550134", task=True)
    s.expect(second, "abandoned", True, caller="+13125550135", task=True)
    s.texts = ["+13125550134", "+13125550135"]


@scenario("remote-party-id", OFFICE)
def remote_party(s):
    """From carries the PBX's own number, Remote-Party-ID the caller's

    Verdict: `abandoned`, missed, caller +13125550136.
    """
    leg = s.inbound("+13125550100", from_host="192.168.10.5", headers=(
        f'Remote-Party-ID: "Pia Voss" <sip:+13125550136@{TRUNK.host}>;party=calling;screen=yes;privacy=off',))
    leg.ring(0).give_up(9_000)
    s.expect(leg, "abandoned", True, caller="+13125550136", task=True)
    s.texts = ["+13125550136"]


@scenario("redial-absorbed", OFFICE)
def redial(s):
    """The same caller tries again 10 s later and again after four minutes; never answered

    The second try rings when the ack is due (20 s after the first ended), so it waits for that call's end.

    Verdict: three missed calls, one case, one text.
    """
    for at, called in ((0, ADS), (22_000, ADS), (262_000, MAIN)):
        s.expect(missed(s, at, "+13125550137", called), "abandoned", True, called=called)
    s.calls[0]["task"] = True
    s.texts = ["+13125550137"]


@scenario("answered-at-redial", OFFICE)
def answered_redial(s):
    """Missed, and answered at the redial 8 s later

    Verdict: one missed call, one answered; the ack that was due while they talked never leaves.
    """
    first = missed(s, 0, "+13125550138")
    second = s.inbound("+13125550138").ring(20_000).answer(26_000).bye(80_000)
    s.expect(first, "abandoned", True)
    s.expect(second, "answered", False)


@scenario("called-back", OFFICE)
def called_back(s):
    """Missed; someone of the office calls back 9 s later, and it is answered

    Verdict: one missed call, one outbound; the ack never leaves.
    """
    first = missed(s, 0, "+13125550139")
    back = s.leg(PHONE_201, PBX, "201", "+13125550139").ring(21_000, after=600)
    out = s.leg(PBX, TRUNK, "+13125550100", "+13125550139").ring(21_040)
    out.answer(26_000)
    back.answer(26_020)
    back.bye(90_000)
    out.bye(90_010)
    s.expect(first, "abandoned", True)
    s.expect(back, "answered", False, called="+13125550139", direction="outbound", joined=(out,), caller="*")


@scenario("called-back-by-access-code", OFFICE)
def called_back_by_code(s):
    """Missed thrice; the office dials 9 and the number: the PBX sends out the number alone; then the same of a phone whose
    trunk has no SIP; then behind another system on the trunk that takes 9 itself

    Verdict: three missed calls, three outbound, the first `called` what the trunk was asked for; no ack leaves.
    """
    for at, caller, legs in ((0, "+13125550376", "both"), (200_000, "+13125550377", "phone"), (400_000, "+13125550378", "trunk")):
        s.expect(missed(s, at, caller), "abandoned", True)
        dialled = "9" + caller[2:]
        back = s.leg(PHONE_201, PBX, "201", dialled).ring(at + 15_000, after=9_600) if legs != "trunk" else None
        sent = caller if back else dialled
        out = s.leg(PBX, TRUNK, "+13125550100", sent).ring(at + 15_040) if legs != "phone" else None
        for leg in filter(None, (out, back)):
            leg.answer(at + 36_000 + 20 * (leg is back)).bye(at + 90_000 + 10 * (leg is out))
        called = caller if legs == "both" else dialled
        s.expect(back or out, "answered", False, called=called, direction="outbound", joined=(out,) if back and out else (), caller="*")


@scenario("after-hours", OFFICE, start="2026-11-20T21:14:00-06:00")
def after_hours(s):
    """A call on a Friday at 9:14 pm

    Verdict: `no_answer`, missed, state `after_hours`; the sequence has no `state`, so the ack leaves.
    """
    leg = s.inbound("+13125550140").ring(0)
    leg.refuse(30_000, 480)
    s.expect(leg, "no_answer", True, task=True, state="after_hours")
    s.texts = ["+13125550140"]


@scenario("holiday", OFFICE, start="2026-11-26T10:30:00-06:00")
def holiday(s):
    """A call on Thanksgiving morning

    Verdict: `no_answer`, missed, state `holiday` although the weekday's hours say open.
    """
    leg = s.inbound("+13125550141", MAIN).ring(0)
    leg.refuse(30_000, 480)
    s.expect(leg, "no_answer", True, called=MAIN, task=True, state="holiday")
    s.texts = ["+13125550141"]


@scenario("lunch", OFFICE, start="2026-11-20T12:20:00-06:00")
def lunch(s):
    """A call at twenty past twelve

    Verdict: `abandoned`, missed, state `lunch`.
    """
    leg = missed(s, 0, "+13125550173")
    s.expect(leg, "abandoned", True, task=True, state="lunch")
    s.texts = ["+13125550173"]


@scenario("unknown-number-dialled", OFFICE)
def no_line(s):
    """A missed call to a number of the office that no [[line]] names

    Verdict: `abandoned`, missed, line null: a task, never a text.
    """
    leg = missed(s, 0, "+13125550174", CLAIMS)
    s.expect(leg, "abandoned", True, called=CLAIMS, task=True)


@scenario("outbound", OFFICE)
def outbound(s):
    """The office calls out: one call answered, one not

    Verdict: `answered` and `abandoned` or `no_answer`, direction outbound, nobody missed.
    """
    for at, number, picked_up in ((0, "+13125550175", True), (120_000, "+13125550176", False)):
        desk = s.leg(PHONE_202, PBX, "202", number).ring(at, after=700)
        out = s.leg(PBX, TRUNK, "+13125550100", number).ring(at + 30, after=600)
        if picked_up:
            out.answer(at + 8_000)
            desk.answer(at + 8_018)
            desk.bye(at + 50_000)
            out.bye(at + 50_012)
        else:
            desk.give_up(at + 25_000)
            out.give_up(at + 25_012)
        words = "answered" if picked_up else ("abandoned", "no_answer")
        s.expect(desk, words, False, called=number, direction="outbound", joined=(out,), caller="*")


@scenario("internal", OFFICE)
def internal(s):
    """201 calls 202, who doesn't answer

    Verdict: direction internal, not missed: the office's own calls are nobody's lead.
    """
    desk = s.leg(PHONE_201, PBX, "201", "202").ring(0, after=300)
    other = s.phone("201", PHONE_202, "202").ring(30)
    other.refuse(20_000, 480)
    desk.refuse(20_014, 480)
    s.expect(desk, ("no_answer", "abandoned"), False, called="202", direction="internal", joined=(other,))


@scenario("emergency", OFFICE)
def emergency(s):
    """Someone in the office calls 911; and the dispatcher calls back

    The call back carries `Priority: psap-callback` (RFC 7090) and isn't answered.

    Verdict: `emergency` twice, nobody is texted.
    """
    desk = s.leg(PHONE_201, PBX, "201", "911").ring(0, after=300)
    out = s.leg(PBX, TRUNK, "+13125550100", "911", ruri="sip:911@203.0.113.20", headers=("Priority: emergency",)).ring(20)
    out.answer(2_000)
    desk.answer(2_015)
    desk.bye(95_000)
    out.bye(95_010)
    back = s.inbound("+13125550190", MAIN, headers=("Priority: psap-callback",)).ring(130_000)
    back.give_up(150_000)
    s.expect(desk, "emergency", False, called="911", direction=None, joined=(out,), caller="*")
    s.expect(back, "emergency", False, called=MAIN, direction=None)


@scenario("emergency-behind-access-code", OFFICE.replace("extension = ", 'strip = ["^9(\\\\d{3,})$"]\nextension = '))
def emergency_prefixed(s):
    """Someone in the office calls 9-911, the PBX takes the 9 off; and 933, the test of 911, behind an access code too

    Verdict: `emergency`, whichever leg one looks at; nobody is texted.
    """
    for at, code in ((0, "911"), (200_000, "933")):
        desk = s.leg(PHONE_201, PBX, "201", "9" + code).ring(at, after=300)
        desk.answer(at + 2_015)
        desk.bye(at + 95_000)
        s.expect(desk, "emergency", False, called=code, direction="outbound", caller="*")


@scenario("scanner", OFFICE)
def scanner(s):
    """A stranger's address tries numbers on the PBX: one refused, one challenged, one rings a phone

    Verdict: `rejected`, never missed, never texted, though a phone really rang.
    """
    stranger = End("198.51.100.77", "pplsip")
    first = s.leg(stranger, PBX, "100", "900442079460018").invite(0).reply(8, 100).refuse(20, 404)
    second = s.leg(stranger, PBX, "1000", "0015550100").invite(1_000)
    second.refuse(1_015, 401, (f"WWW-Authenticate: {CHALLENGE}",))
    third = s.leg(stranger, PBX, "100", "201").ring(9_000)
    phone = s.phone("100", PHONE_201, "201").ring(9_030)
    third.give_up(15_000)
    phone.give_up(15_010)
    s.expect(first, ("rejected", "wrong_number"), False, caller="*", called=None, direction=None)
    s.expect(second, "rejected", False, caller="*", called=None, direction=None)
    s.expect(third, "rejected", False, caller="*", called=None, direction=None)


@scenario("two-short-redials", OFFICE)
def busy_then_vm(s):
    """Busy, and at the redial the phone rings without answer while another caller gets through

    Verdict: two missed calls of one caller and one text, an answered call of another and none.
    """
    first = s.inbound("+13125550177").invite(0).reply(9, 100).refuse(120, 486)
    other = s.inbound("+13125550178", MAIN).ring(5_000).answer(9_000).bye(70_000)
    second = s.inbound("+13125550177").ring(40_000)
    second.refuse(65_000, 480)
    s.expect(first, "busy", True, task=True)
    s.expect(other, "answered", False, called=MAIN)
    s.expect(second, "no_answer", True)
    s.texts = ["+13125550177"]

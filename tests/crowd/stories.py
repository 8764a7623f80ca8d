"""What happens in the busy hour: how each number is hunted, what its phones do, what its callers do, and what is true then.

A story's calls differ only in who calls and how long they talk or wait. Phones that ring never answer and those that answer are
never cancelled, so nothing but the script decides.
"""

import random
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "captures"))
from maker import kamailio  # noqa: E402

TRUNK, PBX, VOICEMAIL = "203.0.113.20", "192.168.10.5", "192.168.10.6"
RINGS = "< INVITE, > 100, > 180, "
CANCELLED = "< CANCEL, > 200 CANCEL, > 487, < ACK"
PICKS_UP = "> 200 sdp, < ACK, < BYE, > 200 BYE"
# A phone's address and what it does with every call.
PHONES = {
    "slow": ("192.168.20.21", RINGS + "pause 2400, " + PICKS_UP),
    "quick": ("192.168.20.22", RINGS + "pause 900, " + PICKS_UP),
    "desk": ("192.168.20.23", RINGS + CANCELLED),
    "hall": ("192.168.20.24", RINGS + CANCELLED),
    "shop": ("192.168.20.25", RINGS + CANCELLED),
    "store": ("192.168.20.26", RINGS + CANCELLED),
    "talker": ("192.168.20.27", "< INVITE, > 100, > 486, < ACK"),
    "gossip": ("192.168.20.28", "< INVITE, > 100, > 486, < ACK"),
    "boss": ("192.168.20.29", RINGS + "pause 1100, > 603, < ACK"),
    "away": ("192.168.20.30", RINGS + "pause 2600, > 480, < ACK"),
    "broken": ("192.168.20.31", "< INVITE, > 503, < ACK"),
    "moved": ("192.168.20.32", "< INVITE, > 100, > 302, < ACK"),
    "mailbox": (VOICEMAIL, "< INVITE, > 100, " + PICKS_UP),
}
EXTRA = {"moved": {302: (f"Contact: <sip:202@{PHONES['quick'][0]}>",)}}

# What a caller does; FIELD is the call's own number of milliseconds.
HEARS = "> INVITE, < 100?, < 180?, < 181?, < 183?, "
TALKS = HEARS + "< 200, > ACK, pause FIELD, > BYE, < 200"
GIVES_UP = "> INVITE, < 100?, < 180, pause FIELD, > CANCEL, < 200, < 487, > ack"
CHALLENGED = "> INVITE, < 407, > ack, "
CREDENTIALS = ('Proxy-Authorization: Digest username="larkfield", realm="lakeside.example", nonce="7c1a", '
               'uri="sip:lakeside.example", response="8d0f"')
CALLERS = {
    "talks": TALKS,
    "gives-up": GIVES_UP,
    "asked-talks": CHALLENGED + TALKS,
    "asked-gives-up": CHALLENGED + GIVES_UP,
    "asked-leaves": CHALLENGED + "pause FIELD",
} | {f"refused-{status}": f"{HEARS}< {status}, > ack" for status in (404, 408, 480, 486, 500, 603)}

LONG, SHORT, MESSAGE, PATIENCE = (6_000, 14_000), (700, 3_500), (900, 9_000), (300, 5_500)


@dataclass(frozen=True)
class Story:
    """A number of the business, its hunting, and the truth about who calls it."""
    name: str
    share: int
    # Groups of phones rung one after another, each for so many milliseconds; `then` is where the call ends up.
    hunt: tuple
    caller: str
    outcomes: tuple
    missed: bool
    waits: tuple = (0, 0)
    challenged: bool = False


ANSWERED, VOICEMAIL_REACHED = ("answered",), ("voicemail", "voicemail_hangup")
STORIES = (
    Story("one-phone-answers", 8, (("slow", 30_000),), "talks", ANSWERED, False, LONG),
    Story("hunt-third-answers", 8, (("desk", 1_500), ("talker", 9_000), ("quick", 9_000)), "talks", ANSWERED, False, LONG),
    Story("busy-next-answers", 6, (("talker", 9_000), ("slow", 9_000)), "talks", ANSWERED, False, LONG),
    Story("ring-all-one-answers", 12, (("desk hall slow shop", 30_000),), "talks", ANSWERED, False, LONG),
    Story("ring-all-then-another-answers", 6, (("desk hall", 1_500), ("shop quick", 9_000)), "talks", ANSWERED, False, LONG),
    Story("forwarded-phone-answers", 4, (("moved", 9_000),), "talks", ANSWERED, False, LONG),
    Story("answered-for-a-moment", 4, (("quick", 9_000),), "talks", ("answered_short",), False, SHORT),
    Story("hunt-to-voicemail", 7, (("desk", 1_500), ("hall", 1_500), ("mailbox", 9_000)), "talks", VOICEMAIL_REACHED, True, MESSAGE),
    Story("ring-all-to-voicemail", 7, (("desk hall shop store", 2_500), ("mailbox", 9_000)), "talks", VOICEMAIL_REACHED, True, MESSAGE),
    Story("busy-to-voicemail", 4, (("talker", 9_000), ("mailbox", 9_000)), "talks", VOICEMAIL_REACHED, True, MESSAGE),
    Story("hunt-in-vain", 5, (("desk", 1_500), ("hall", 1_500), ("store", 2_000)), "refused-408", ("no_answer",), True),
    Story("ring-all-in-vain", 5, (("desk hall shop store", 4_000),), "refused-408", ("no_answer",), True),
    Story("some-busy-some-ring", 3, (("talker desk hall", 3_000),), "refused-408", ("no_answer",), True),
    Story("rings-out-480", 3, (("away", 9_000),), "refused-480", ("no_answer",), True),
    Story("all-busy-at-once", 4, (("talker gossip", 9_000),), "refused-486", ("busy",), True),
    Story("all-busy-in-turn", 4, (("talker", 9_000), ("gossip", 9_000)), "refused-486", ("busy",), True),
    Story("declined", 3, (("boss", 9_000),), "refused-603", ("declined",), True),
    Story("one-of-all-declines", 3, (("desk boss hall", 9_000),), "refused-603", ("declined",), True),
    Story("phone-broken", 2, (("broken", 9_000),), "refused-500", ("failed",), True),
    Story("wrong-number", 2, (), "refused-404", ("wrong_number",), False),
    Story("abandoned-one-phone", 6, (("desk", 60_000),), "gives-up", ("abandoned",), True, PATIENCE),
    Story("abandoned-ring-all", 8, (("desk hall shop store", 60_000),), "gives-up", ("abandoned",), True, PATIENCE),
    Story("abandoned-in-the-hunt", 6, (("desk", 1_000), ("talker", 9_000), ("hall store", 60_000)), "gives-up", ("abandoned",), True, (2_500, 7_000)),
    Story("challenged-then-answered", 4, (("desk slow", 30_000),), "asked-talks", ANSWERED, False, LONG, True),
    Story("challenged-then-abandoned", 3, (("desk hall", 60_000),), "asked-gives-up", ("abandoned",), True, PATIENCE, True),
    Story("challenged-and-gone", 2, (("desk", 9_000),), "asked-leaves", ("rejected",), False, (6_000, 7_000), True),
)


@dataclass(frozen=True)
class Call:
    """One call to be made; its Call-ID is that of the `n`th call of its kind of caller."""
    story: Story
    number: str
    called: str
    millis: int
    n: int

    @property
    def call_id(self):
        return f"{self.story.caller}-{self.n}@{TRUNK}"


def called(story):
    return f"+1312555{200 + STORIES.index(story):04}"


def calls(count, seed):
    """So many calls, by kind of caller, in the order in which each kind makes them."""
    chance = random.Random(seed)
    shares = sum(story.share for story in STORIES)
    # Every story in proportion, and each at least once.
    drawn = [story for story in STORIES for _ in range(max(1, round(count * story.share / shares)))]
    chance.shuffle(drawn)
    made = {}
    for index, story in enumerate(drawn):
        line = made.setdefault(story.caller, [])
        number = f"+1312{2_000_000 + (index * 7_919 + seed * 31) % 900_000:07}"
        line.append(Call(story, number, called(story), chance.randint(*story.waits), len(line) + 1))
    return made


def hunting():
    """Kamailio's routes for every number."""
    out = []
    for story in STORIES:
        for step, (phones, millis) in enumerate(story.hunt):
            first, *others = [f"sip:{200 + list(PHONES).index(phone)}@{PHONES[phone][0]}" for phone in phones.split()]
            if phones == "mailbox":
                first = f"sip:6000@{VOICEMAIL}"
            branches = "".join(f' append_branch("{other}");' for other in others)
            diverted = f' add_diversion("no-answer", "sip:{called(story)}@{PBX}");' if phones == "mailbox" else ""
            out.append(f'  if ($avp(plan) == "{called(story)}" && $avp(step) == {step}) {{ $ru = "{first}";{branches}{diverted} '
                       f't_set_fr({millis}, 3000); t_on_failure("NEXT"); t_relay(); exit; }}')
    challenged = " || ".join(f'$rU == "{called(story)}"' for story in STORIES if story.challenged)
    return KAMAILIO.replace("ADDRESS", PBX).replace("CHALLENGED", challenged).replace("STEPS", "\n".join(out))


KAMAILIO = kamailio.MODULES + """modparam("tm", "fr_timer", 3000)
modparam("tm", "fr_inv_timer", 30000)
modparam("rr", "enable_full_lr", 1)
request_route {
""" + kamailio.GUARD + """  if ((CHALLENGED) && !is_present_hf("Proxy-Authorization")) {
    append_to_reply("Proxy-Authenticate: Digest realm=\\"lakeside.example\\", nonce=\\"7c1a\\", algorithm=MD5\\r\\n");
    sl_send_reply("407", "Proxy Authentication Required"); exit;
  }
  record_route();
  $avp(plan) = $rU;
  $avp(step) = 0;
  route(STEP);
  sl_send_reply("404", "Not Found");
}
route[STEP] {
STEPS
}
failure_route[NEXT] {
  if (t_is_canceled() || t_check_status("6[0-9][0-9]")) exit;
  if (t_check_status("30[12]")) { get_redirects("*"); t_on_failure("NEXT"); t_relay(); exit; }
  $avp(step) = $avp(step) + 1;
  t_reset_fr();
  route(STEP);
}
"""

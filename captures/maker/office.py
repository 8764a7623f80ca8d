"""The office every scenario happens in: its ends, its numbers, its configuration; and what a scenario is made of."""

import inspect
import json

from . import wire
from .sip import End, Leg
from .trace import Trace

TRUNK = End("203.0.113.20", "Larkfield SBC 4.2")
PBX = End("192.168.10.5", "Asterisk PBX 20.9.1")
PROXY = End("192.168.10.5", "kamailio (5.7.4 (x86_64/linux))")
VOICEMAIL = End("192.168.10.6", "Messaging Server 11.5")
PHONE_201 = End("192.168.20.21", "Yealink SIP-T46U 108.86.0.90")
PHONE_202 = End("192.168.20.22", "PolyVVX-VVX_411-UA/6.4.6.2453")
PHONE_203 = End("192.168.20.23", "snomD785/10.1.169.16")
PHONE_204 = End("192.168.20.24", "Grandstream GXP2170 1.0.11.79")
MAIN, ADS, CLAIMS, PILOT = "+13125550100", "+13125550111", "+13125550122", "6000"
FRIDAY_TEN = "2026-11-20T10:00:00-06:00"

ROLES = """schema = 1
[site]
name = "Lakeside Insurance Services"
short = "Lakeside Ins."
tz = "America/Chicago"
country = "US"
state = "IL"
[pbx.roles]
trunk_peers = ["203.0.113.20"]
pbx_hosts = ["192.168.10.5"]
phone_nets = ["192.168.20.0/24"]
voicemail_hosts = ["192.168.10.6"]
voicemail_pilots = ["6000"]
[pbx.numbers]
area_code = "312"
extension = "2\\\\d\\\\d"
"""

OFFICE = ROLES + """[gateway.main]
type = "file"
path = "outbox"
from = "+13125550100"
[calendar.office]
open = { mon-thu = ["08:30-12:00", "13:00-17:00"], fri = ["08:30-12:00", "13:00-16:00"] }
lunch = { mon-fri = ["12:00-13:00"] }
holidays = ["us-federal"]
closed = [{ date = "2026-12-24", from = "12:00" }]
[[line]]
id = "main"
did = "+13125550100"
calendar = "office"
sms_from = "main"
source = "main-number"
[[line]]
id = "ads-auto"
did = "+13125550111"
calendar = "office"
sms_from = "main"
source = "google-ads"
[consent]
inbound_call = "response"
sign_off = { who = "owner@lakeside.example", on = "2026-11-20", note = "memo 3" }
[caps]
per_number = { sms = 3, within = "7d" }
[template.ack-lead]
class = "response"
max_segments = 1
text = "{business}: sorry we missed your call. What can we help with? Reply here or call {line}. Reply STOP to opt out."
[sequence.lead]
[[sequence.lead.step]]
id = "ack"
after = "20s"
do = "sms"
template = "ack-lead"
[[sequence.lead.step]]
id = "task"
after = "20s"
do = "task"
title = "Call back {caller} ({source})"
"""

SCENARIOS = []


class Scenario:
    def __init__(self, name, story, config, start):
        self.name, self.story, self.config = name, story, config
        self.trace = Trace(name, start)
        self.files, self.calls, self.texts = {}, [], []
        self.exit, self.others, self.profile = 0, None, None

    def leg(self, a, b, caller, called, **more):
        return Leg(self.trace, a, b, caller, called, **more)

    def inbound(self, caller, called=ADS, name=None, **more):
        """A leg from the trunk to the PBX."""
        more.setdefault("headers", (f"P-Asserted-Identity: <sip:{caller}@{TRUNK.host}>",))
        return self.leg(TRUNK, PBX, caller, called, name=name, **more)

    def phone(self, caller, phone, extension, name=None, a=PBX, **more):
        """A leg of the PBX's own to a phone."""
        more.setdefault("ruri", f"sip:{extension}@{phone.host}:{phone.port}")
        return self.leg(a, phone, caller, extension, name=name, **more)

    def expect(self, leg, outcome, missed, *, caller=None, called=ADS, direction="inbound", joined=(), **more):
        """One call of the truth. `outcome` may be several words, each right; `*` or nothing: not compared."""
        outcomes = [outcome] if isinstance(outcome, str) else list(outcome)
        shown = None if more.get("withheld") else caller or leg.caller
        call = {"call_id": leg.call_id, "joined": sorted({j.call_id for j in joined} - {leg.call_id})}
        call |= {"caller": shown, "called": called or "*", "direction": direction or "*"}
        call |= {"outcome": outcomes, "missed": missed}
        self.calls.append(call | more)

    def write(self):
        """What the scenario's folder holds, by file name."""
        files = self.files or {"call.pcap": self.trace.pcap()}
        title, _, rest = inspect.cleandoc(self.story).partition("\n\n")
        text = f"# {title}\n\n{rest}\n\nProvenance: made by `captures/make.py`; no line of it was recorded from anyone.\n"
        out = dict(files) | {"README.md": text.encode()}
        truth = {"calls": self.calls, "texts": sorted(self.texts), "exit": self.exit, "others": self.others}
        out["truth.json"] = (json.dumps(truth, indent=1) + "\n").encode()
        if self.config is not None:
            out["ringback.toml"] = self.config.encode()
        if self.profile is not None:
            out["pbx.toml"] = self.profile.encode()
        return out


def profile(*pairs):
    """A profile of these keys, each with its value as TOML writes it, known from nothing but the capture itself."""
    keys = list(zip(pairs[::2], pairs[1::2]))
    lines = ['system = "the PBX of this capture"', 'extends = "generic"']
    for table in dict.fromkeys(key.partition(".")[0] for key, _ in keys):
        lines += ["", f"[{table}]"] + [f"{key.partition('.')[2]} = {value}" for key, value in keys if key.startswith(table + ".")]
    lines += ["", "[source]"] + [f'{key} = "unverified"' for key, _ in keys]
    return "\n".join(lines) + "\n"


def scenario(name, config=ROLES, start=FRIDAY_TEN):
    def register(make):
        SCENARIOS.append((name, make, config, start))
        return make
    return register


def made(name, make, config, start):
    built = Scenario(name, make.__doc__, config, start)
    make(built)
    return built


__all__ = [n for n in dir() if not n.startswith("_") and n not in ("inspect", "json")]

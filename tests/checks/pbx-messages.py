"""Each published SIP message of a real PBX: read without loss, its family recognised, the facts of its JSON found, and no
call made of what is none.

    pbx-messages.py FOLDER      FOLDER holds FAMILY/NN-name.sip and .json

What a message must say is written here as where it stands, never as the number itself; where the JSON names the value,
the one that was read must be among its words. Messages are read by the example `read`; then each goes alone into a
capture and through `ringback replay`. $RINGBACK and $READ name the two; without $READ the example beside $RINGBACK is used,
and only where there is none is it built.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import ringback
from rfc4475 import capture

# Whoever names the binary has built what is beside it; else that may be older than the sources.
BUILT_BEFORE = "RINGBACK" in os.environ

# Which profile a message shows: None where its sender is a phone, a carrier or a make without a profile.
FAMILY = {
    "3cx": "3cx",
    "alcatel-oxo/01": "alcatel-oxo",
    "asterisk-freepbx": "freepbx-asterisk",
    "asterisk-freepbx/07": None,  # a phone
    "asterisk-freepbx/08": None,  # a phone
    "asterisk-freepbx/10": None,  # a phone
    "avaya-aura": "avaya-aura",
    "cisco-cucm": "cisco-cucm",
    "cisco-cucm/10": None,  # a carrier's answer
    "itsp": "trunks",
    "itsp/05": None,  # names nothing
    "itsp/09": "freepbx-asterisk",  # answers the carrier
    "kamailio/02": "kamailio-opensips",
    "mitel-3300/01": "mitel-mivoice",
    "mitel-shoretel": "mitel-mivoice",
    "teams-direct-routing": "teams-sbc",
}

# fact: where it stands, or a value; "told" if the JSON names it too; None: there is none.
FACTS = {
    "3cx/02": {"media_elsewhere": True, "described": True},
    "alcatel-oxe/01": {"caller": ["P-Asserted-Identity"], "called": ["Request-URI", "To"], "within": 2},
    "alcatel-oxo/01": {"caller": ["From", "P-Asserted-Identity"], "called": ["Request-URI"], "diverted": None},
    "alcatel-oxo/02": {"connected": ["P-Asserted-Identity", "told"], "rings": True},
    "alcatel-oxo/03": {"connected": ["P-Asserted-Identity"], "described": True},
    "asterisk-freepbx/01": {"caller": ["From"], "called": ["To"]},
    "asterisk-freepbx/02": {"caller": ["From"], "called": ["To"]},
    "asterisk-freepbx/03": {"connected": ["P-Asserted-Identity", "told"], "rings": True},
    "asterisk-freepbx/05": {"nobody": True},
    "asterisk-freepbx/06": {"caller": ["told"], "called": ["To"]},
    "asterisk-freepbx/07": {"caller": ["From"], "rings": True},
    "audiocodes/02": {"described": True},
    "avaya-aura/01": {
        "caller": ["From", "P-Asserted-Identity", "told"],
        "called": ["Request-URI", "To", "told"],
        "diverted": None,
        "keys": 4,
        "codecs": ["PCMU", "G729"],
        "digits": True,
        "vias": 10,
    },
    "avaya-aura/02": {"caller": ["From"], "connected": ["P-Asserted-Identity", "told"], "keys": 2},
    "avaya-aura/04": {"noncall": True},
    "avaya-aura/05": {"noncall": True},
    "avaya-cs1000/01": {"caller": ["From", "told"], "called": ["Request-URI", "To", "told"], "diverted": None},
    "broadworks/01": {"described": True, "within": 2},
    "broadworks/02": {"diverted": None, "described": True},  # the page lost every URI
    "cisco-cucm/01": {"caller": None, "called": ["To"], "keys": 1, "described": False},
    "cisco-cucm/02": {"caller": ["From", "Remote-Party-ID"], "called": ["To"], "keys": 1},
    "cisco-cucm/03": {
        "caller": ["From", "P-Asserted-Identity", "Remote-Party-ID"],
        "codecs": ["G722", "PCMU", "PCMA", "G729"],
        "media_elsewhere": True,
    },
    "cisco-cucm/04": {"noncall": True},
    "cisco-cucm/05": {"caller": ["P-Asserted-Identity", "told"], "called": ["To", "told"], "described": False},
    "cisco-cucm/06": {"reasons": [["Q.850", 16]]},
    "cisco-cucm/07": {"caller": ["From", "told"], "called": ["Request-URI", "told"], "diverted": None, "keys": 2},
    "isdn-gateway/01": {"caller": ["From", "told"], "called": ["To"]},
    "itsp/01": {"caller": ["From", "P-Asserted-Identity"], "called": ["To", "P-Called-Party-ID"], "not_target": True},
    "itsp/02": {"caller": ["From"], "called": ["To"], "not_target": True},
    "itsp/03": {"caller": ["P-Asserted-Identity"], "called": ["To"]},
    "itsp/04": {"caller": ["From"], "called": ["To"]},
    "itsp/06": {"within": 1},
    "itsp/07": {"caller": ["From", "P-Asserted-Identity"], "called": ["To"], "diverted": None, "keys": 1},
    "itsp/08": {"reasons": [["Q.850", 16]], "keys": 1},
    "itsp/09": {"caller": ["From"], "rings": True},
    "kamailio/02": {"method": "Cancel", "rings": None},
    "mitel-shoretel/01": {"method": "Refer"},
    "sip-phone/01": {"nobody": True, "diverted": ["Diversion"]},
    "teams-direct-routing/01": {"caller": ["From"], "called": ["Request-URI", "To"]},
    "wildix/01": {"waiting": True},
}

# An INVITE alone opens a call, these never do; others are the middle of one.
NO_CALL = {"Register", "Options", "Notify", "Refer", "Cancel"}


def reader():
    """The example that reads messages: `$READ`, else the one beside `$RINGBACK`, else built now."""
    beside = Path(os.environ["RINGBACK"]).resolve().parent / "examples" / "read"
    given = os.environ.get("READ") or (beside if beside.is_file() else None)
    if given and BUILT_BEFORE:
        return Path(given).resolve()
    build = ["cargo", "build", "--quiet", "--locked", "--example", "read"]
    if subprocess.run(build, cwd=ringback.ROOT).returncode:
        raise SystemExit("the example `read` doesn't build: see above")
    return ringback.target() / "debug" / "examples" / "read"


def by_name(table, name):
    number = "/".join([name.split("/")[0], name.split("/")[1][:2]])
    return table.get(number, table.get(name.split("/")[0]))


def user_at(message, place):
    """The user part at a place of the message, found without the reader."""
    head = message.split("\n\n")[0]
    if place == "Request-URI":
        text = head.split("\n")[0].split(" ")[1]
    else:
        found = re.search(rf"(?im)^{re.escape(place)}\s*:(.*)$", head)
        text = found.group(1) if found else ""
    user = re.search(r"sips?:([^@;>]+)[^@>]*@", text)
    return user.group(1) if user else None


def fact_faults(name, message, told, read):
    facts = dict(read["facts"], method=read["method"], reasons=read["reasons"], described=read["described"])
    facts["vias"] = read["vias"]
    faults = []
    for fact, wanted in (by_name(FACTS, name) or {}).items():
        if fact == "media_elsewhere":
            if not read["media"] or read["media"] in message.split("\n\n")[0]:
                faults.append(f"media at {read['media']}, a host of the signalling")
            continue
        if fact == "not_target":
            if (facts["called"] or {}).get("user") == user_at(message, "Request-URI"):
                faults.append("called is the Request-URI's user")
            continue
        found = facts[fact]
        if fact in ("keys", "within"):
            found = len(found)
        places = isinstance(wanted, list) and fact in ("caller", "called", "connected", "diverted")
        if not places:
            faults += [] if found == wanted else [f"{fact} is {found}, not {wanted}"]
            continue
        user = (found or {}).get("user") or (found or {}).get("original")
        if not user:
            faults.append(f"no {fact}")
        for place in wanted if user else []:
            if place == "told":
                words = re.findall(r"[\w+*]+", " ".join([*told["facts"], told["scenario"], told["product"]]))
                if user not in words:
                    faults.append(f"{fact} {user} isn't told")
            elif user != user_at(message, place):
                faults.append(f"{fact} {user}, not the user of {place}")
    return faults


def loss_faults(raw, read):
    faults = [f"lost {name}" for name in read["lost"]]
    head = raw.replace(b"\r\n", b"\n").split(b"\n\n")[0]
    lines = sum(1 for line in head.split(b"\n")[1:] if line and not line.startswith((b" ", b"\t")))
    if read["headers"] != lines:
        faults.append(f"{read['headers']} header lines of {lines}")
    kept = read["body"] + read["trailing"]
    whole = len(raw) - raw_head(raw)
    if kept != whole:
        faults.append(f"{kept} bytes behind the head, of {whole}")
    return faults


def raw_head(raw):
    """How long the head is, its empty line included."""
    ends = [at + len(end) for end in (b"\r\n\r\n", b"\n\n") if (at := raw.find(end)) >= 0]
    return min(ends, default=len(raw))


def call_faults(name, raw, read):
    profile = read["family"] or "generic"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "message.pcap"
        path.write_bytes(capture(raw))
        seen = ringback.replay(Path(folder) / "out", "--profile", profile, path)
    faults = [] if seen.status == 0 else [f"status {seen.status}: {seen.errors.strip()[:200]}"]
    faults += [f"missed: {call['outcome']}" for call in seen.calls if call["missed"]]
    request = read["status"] is None and read["method"] == "Invite" and not read["to_tag"]
    if read["facts"]["noncall"] or read["method"] in NO_CALL:
        if seen.calls:
            faults.append(f"{len(seen.calls)} calls of what is none")
    elif request and "missing_key" not in read["faults"] and len(seen.calls) != 1:
        faults.append(f"{len(seen.calls)} calls, not one")
    return faults


def main(args):
    if len(args) != 1:
        print(__doc__)
        return 2
    os.environ["RINGBACK"] = ringback.binary()
    files = sorted(Path(args[0]).glob("*/*.sip"))
    done = subprocess.run([reader(), *files], capture_output=True, text=True, check=True)
    tally = ringback.Tally("pbx-messages")
    guids = {}
    for file, line in zip(files, done.stdout.splitlines(), strict=True):
        name, read, raw = f"{file.parent.name}/{file.stem}", json.loads(line)["read"], file.read_bytes()
        if "error" in read:
            tally.check(name, [read["error"]])
            continue
        told = json.loads(file.with_suffix(".json").read_text())
        family = by_name(FAMILY, name)
        faults = loss_faults(raw, read) + call_faults(name, raw, read)
        faults += [] if read["family"] == family else [f"shows {read['family']}, not {family}"]
        message = raw.decode(errors="replace").replace("\r\n", "\n")
        faults += fact_faults(name, message, told, read)
        for key in read["facts"]["keys"]:
            if key.startswith("Cisco-Guid="):
                faults += [f"the Cisco-Guid of {guids[key]}"] if key in guids else []
                guids[key] = name
        tally.check(name, faults)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

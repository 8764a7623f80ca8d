"""Holds what `ringback learn` proposes to the roles that recorded captures are known to show: DIR/NAME.truth.json.

    learn.py DIR
    learn.py --quick      the recorded captures of this tree, against the roles they are configured with

Nothing proposed may contradict the truth. Where a PBX shows itself (one of the truth's hosts sends calls on, or says
that it is a PBX) each role of the truth is to be proposed whose host a SIP message of the capture names; what has no
traffic in a capture can't be known from it. Between two hosts that show nothing the question must be asked. All
captures of one PBX, read together, are one more case. Each profile must be one that `check --profile` takes.
"""

import ipaddress
import json
import sys
import tempfile
import tomllib
from pathlib import Path

import ringback

HOSTS = ("trunk_peers", "pbx_hosts", "phone_nets", "voicemail_hosts")
# A transfer's second call, by a proxy, between ends that show nothing of what they are: which host is a phone is asked.
RELAYED_TO = ("lab-blind-transfer", "lab-blind-transfer-unanswered")


def learnt(captures, faults):
    """The profile proposed, as data and as text; it must be one that can be used."""
    done = ringback.run("learn", *captures)
    if done.returncode:
        faults.append(f"status {done.returncode}: {done.stderr.strip()}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "learnt.toml"
        path.write_text(done.stdout)
        checked = ringback.run("check", "--profile", path)
        if checked.returncode:
            faults.append(f"check --profile: {checked.stderr.strip()}")
    return tomllib.loads(done.stdout), done.stdout


def seen(capture):
    """The addresses between which SIP messages of calls passed."""
    with tempfile.TemporaryDirectory() as folder:
        calls = ringback.replay(Path(folder) / "out", capture).calls
    steps = [step for call in calls for leg in call["legs"] for step in leg["ladder"]]
    return {ipaddress.ip_address(end.rsplit(":", 1)[0].strip("[]") if end.count(":") == 1 or end.startswith("[") else end)
            for step in steps for end in step[3:5]}


def nets(roles, role):
    return [ipaddress.ip_network(text) for text in roles.get(role, [])]


def role_of(roles, address):
    """As the engine reads roles: voicemail, PBX, trunk, then phones."""
    for role in ("voicemail_hosts", "pbx_hosts", "trunk_peers", "phone_nets"):
        if any(address in net for net in nets(roles, role)):
            return role
    return None


def contradictions(proposed, truth):
    faults = []
    for role in HOSTS:
        for net in nets(proposed, role):
            known = role_of(truth, net.network_address)
            if known not in (None, role):
                faults.append(f"{net} is proposed as {role}, it is {known}")
    pilots = truth.get("voicemail_pilots") or []
    wrong = [pilot for pilot in proposed.get("voicemail_pilots", []) if pilot not in pilots]
    return faults + [f"{pilot} is proposed as a pilot, it is none" for pilot in wrong]


def missing(proposed, truth, addresses):
    faults = []
    for address in sorted(addresses):
        known = role_of(truth, address)
        if known and role_of(proposed, address) != known:
            faults.append(f"{address} is {known}, and proposed is {role_of(proposed, address)}")
    voicemail = any(address in net for net in nets(truth, "voicemail_hosts") for address in addresses)
    if voicemail and proposed.get("voicemail_pilots") != truth["voicemail_pilots"]:
        faults.append(f"pilots {proposed.get('voicemail_pilots')}, not {truth['voicemail_pilots']}")
    return faults


def faults_of(captures, truth, whole=True):
    """What is wrong; unless `whole`, roles may be missing."""
    faults = []
    profile, text = learnt(captures, faults)
    proposed = profile.get("roles", {})
    addresses = set().union(*(seen(capture) for capture in captures))
    faults += contradictions(proposed, truth)
    if not whole:
        return faults
    if proposed or len(addresses) > 2:
        faults += missing(proposed, truth, addresses)
    elif truth["pbx_hosts"] and not all(f"Which of" in text and str(a) in text for a in addresses):
        faults.append("nothing is proposed, and nothing asked")
    return faults


def own(tally):
    """The scenarios of captures/ that were recorded."""
    for folder in sorted((ringback.ROOT / "captures").glob("lab-*")):
        roles = tomllib.loads((folder / "ringback.toml").read_text())["pbx"]["roles"]
        roles = {role: roles.get(role, []) for role in (*HOSTS, "voicemail_pilots")}
        tally.check(folder.name, faults_of(ringback.captures(folder), roles, folder.name not in RELAYED_TO))
    return tally.end()


def main(args):
    if len(args) != 1:
        print(__doc__)
        return 2
    tally = ringback.Tally("learn")
    if args == ["--quick"]:
        return own(tally)
    shown, together = 0, {}
    for path in sorted(Path(args[0]).glob("*.truth.json")):
        truth = json.loads(path.read_text())
        name = path.name.removesuffix(".truth.json")
        for capture in sorted(path.parent.glob(f"{name}.*pcap*")):
            tally.check(capture.name, faults_of([capture], truth["roles"]))
        # A PBX that speaks for itself, beside the bare pairs of a caller and a called one.
        if name[0] in "bc":
            shown += 1
            capture = path.parent / f"{name}.pcap"
            together.setdefault(name[0], []).append((capture, truth["roles"]))
    for letter, parts in together.items():
        union = {role: sorted({x for _, roles in parts for x in roles[role]}) for role in (*HOSTS, "voicemail_pilots")}
        tally.check(f"{letter}*", faults_of([capture for capture, _ in parts], union))
    print(f"learn: {shown} captures of PBXes")
    return tally.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

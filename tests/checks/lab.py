"""Holds recorded captures to what is known about them: DIR/NAME.truth.json beside DIR/NAME.pcap[ng] and NAME.hep.pcap.

    lab.py DIR

A call is right if its outcome is in `accept`, and its message begins and ends within 0.3 s of the truth's. Where the capture
has no sound (HEP), or none that can be read, an outcome of `accept_no_audio` will do, and `unknown` where signalling alone
can't decide.
"""

import json
import sys
import tempfile
from pathlib import Path

import ringback

READABLE = ("PCMU", "PCMA", "G722")


def config(truth, folder):
    """A configuration with the roles of the truth."""
    path = Path(folder) / "roles.toml"
    roles = "".join(f"{key} = {json.dumps(value)}\n" for key, value in truth["roles"].items())
    path.write_text(f'schema = 1\n[site]\nname = "Lab"\ntz = "UTC"\ncountry = "US"\n[pbx.roles]\n{roles}')
    return path


def replayed(capture, truth):
    with tempfile.TemporaryDirectory() as folder:
        return ringback.replay(Path(folder) / "out", "--config", config(truth, folder), capture)


def faults_of(capture, truth):
    seen = replayed(capture, truth)
    faults = [] if seen.status in (0, 1) else [f"status {seen.status}"]
    claimed = set()
    siprec = truth["calls"] and truth["calls"][0]["disposition"] == "recorded_session"
    for call in truth["calls"]:
        found = seen.of({call["call_id"], *(call.get("joined_call_ids") or [])})
        claimed |= {c["call"] for c in found}
        if siprec:
            faults += [f"{c['call']}: a recorded session is missed ({c['outcome']})" for c in found if c["missed"]]
        elif len(found) != 1:
            faults.append(f"{call['call_id']}: {len(found)} calls, not one: {[c['outcome'] for c in found]}")
        else:
            faults += call_faults(found[0], call, is_audible(capture, call))
    extra = [c for c in seen.calls if c["call"] not in claimed]
    return faults + [f"call {c['call']} ({c['outcome']}, missed {c['missed']}) isn't in the truth" for c in extra]


def is_audible(capture, truth):
    return ".hep." not in capture.name and truth.get("codec", "PCMU") in READABLE


def call_faults(call, truth, audible):
    silent = [] if audible else truth.get("accept_no_audio") or []
    right = {*truth["accept"], *silent}
    by_signalling = audible or truth["decidable"] == "signalling"
    outcome = call["outcome"]
    faults = []
    if outcome not in right and (by_signalling or outcome != "unknown"):
        faults.append(f"{truth['call_id']}: outcome {outcome}, not {' or '.join(sorted(right))}")
    if outcome != "unknown" and call["missed"] != truth["missed"]:
        faults.append(f"{truth['call_id']}: missed {call['missed']}, not {truth['missed']} ({outcome})")
    if audible and truth.get("message") and not near(call["message"], truth["message"]):
        faults.append(f"{truth['call_id']}: message {call['message']}, not {truth['message']}")
    return faults


def near(message, truth):
    pairs = (("start_ms", "start_s"), ("end_ms", "end_s"))
    return message is not None and all(abs(message[ours] - truth[theirs] * 1000) <= 300 for ours, theirs in pairs)


def main(args):
    if len(args) != 1:
        print(__doc__)
        return 2
    tally = ringback.Tally("lab")
    for path in sorted(Path(args[0]).glob("*.truth.json")):
        truth = json.loads(path.read_text())
        name = path.name.removesuffix(".truth.json")
        for capture in sorted(path.parent.glob(f"{name}.*pcap*")):
            tally.check(capture.name, faults_of(capture, truth))
    return tally.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

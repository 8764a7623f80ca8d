"""Holds every scenario of captures/ to its truth.json, whatever its expected output says.

    scenarios.py [FOLDER ...]
"""

import json
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path

import ringback

COMPARED = ("caller", "caller_name", "called", "direction", "missed", "answered_by", "withheld", "confidence",
            "ambiguous", "recording")
# Finals that ask for another try, which is waited for; the rest decide within a second.
ASKS_AGAIN = {401, 407, 415, 420, 421, 422, 484, 488, 491, 494} | set(range(300, 400))


def faults_of(folder):
    truth = json.loads((folder / "truth.json").read_text())
    with tempfile.TemporaryDirectory() as out:
        seen = ringback.replay(out, folder)
    faults = []
    if truth["exit"] is not None and seen.status != truth["exit"]:
        faults.append(f"status {seen.status}, not {truth['exit']}: {seen.errors.strip()[:200]}")
    claimed, ids = set(), [call["call_id"] for call in truth["calls"]]
    for n, call in enumerate(truth["calls"]):
        place = ids[:n].count(call["call_id"]), ids.count(call["call_id"])
        faults += call_faults(call, place, seen, claimed)
    extra = [c for c in seen.calls if c["call"] not in claimed]
    if truth["others"] == "not missed":
        extra = [c for c in extra if c["missed"]]
    faults += [f"call {c['call']} of {c['caller']} ({c['outcome']}, missed {c['missed']}) isn't in the truth" for c in extra]
    faults += [fault for entry in seen.journal if entry["event"] == "call" for fault in late(entry)]
    if seen.texts() != truth["texts"]:
        faults.append(f"texts to {seen.texts()}, not {truth['texts']}")
    return faults


def call_faults(truth, place, seen, claimed):
    """`place`: which of the calls with its Call-ID it is, and how many there are; one, unless a caller's side tried again."""
    name, (nth, many) = truth["call_id"], place
    found = seen.of({name, *truth["joined"]})
    if len(found) != many:
        return [f"{name}: {len(found)} calls, not {many}: {[(c['call'], c['outcome']) for c in found]}"]
    call = found[nth]
    claimed.add(call["call"])
    faults = []
    if call["outcome"] not in truth["outcome"]:
        faults.append(f"{name}: outcome {call['outcome']}, not {' or '.join(truth['outcome'])}")
    for key in COMPARED:
        if key in truth and truth[key] != "*" and call[key] != truth[key]:
            faults.append(f"{name}: {key} {call[key]!r}, not {truth[key]!r}")
    if "message" in truth and not near(call["message"], truth["message"]):
        faults.append(f"{name}: message {call['message']}, not from {truth['message'][0]} to {truth['message'][1]} ms")
    ids = {leg["call_id"] for leg in call["legs"]}
    if not ids >= {name, *truth["joined"]}:
        faults.append(f"{name}: legs without {sorted({name, *truth['joined']} - ids)}")
    if truth.get("task") is not None and bool(seen.about(call)) != truth["task"]:
        faults.append(f"{name}: task or review is {bool(seen.about(call))}, not {truth['task']}")
    decisions = [e["data"] for e in seen.journal if e["event"] == "decision"]
    decided = [d["state"] for d in decisions if d["call"] == call["call"]]
    if "state" in truth and truth["state"] not in decided:
        faults.append(f"{name}: state {decided}, not {truth['state']}")
    return faults


def late(entry):
    """A caller's own leg in sight decides a second after its end at most; parts of calls are nobody's. What only a notice of
    waiting messages decides is `unknown` until that comes."""
    call = entry["data"]
    headless = call["legs"][0]["role"] != "trunk_in" or call["outcome"] == "unknown"
    headless |= call["confidence"] == "medium" and call["evidence"][-1]["rule"] == "call.message_waiting"
    if headless or not call["ended"] or call["final_status"] in ASKS_AGAIN:
        return []
    waited = moment(entry["at"]) - moment(call["ended"])
    return [f"call {call['call']}: verdict {waited.total_seconds()} s after its end"] if waited > timedelta(seconds=1) else []


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def near(message, truth):
    """A message's ends lie within 0.3 s of the truth's."""
    return message is not None and all(abs(message[k] - t) <= 300 for k, t in zip(("start_ms", "end_ms"), truth))


def main(folders):
    tally = ringback.Tally("scenario")
    roots = [ringback.ROOT / "captures", ringback.ROOT / "tests" / "damaged"]
    found = [f.parent for root in roots for f in sorted(root.glob("*/truth.json"))]
    for folder in map(Path, folders or found):
        tally.check(folder.name, faults_of(folder))
    return tally.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Holds captures that others published to what was found out about them: DIR/captures/* and DIR/truth/NAME.json.

    public.py DIR

No crash; no answered call is missed; nothing is missed that the truth doesn't call missed or doubtful; every call that
isn't doubtful is there. No configuration is used.
"""

import json
import sys
import tempfile
from pathlib import Path

import ringback


def faults_of(capture, truth):
    with tempfile.TemporaryDirectory() as folder:
        seen = ringback.replay(Path(folder) / "out", capture)
    faults = []
    damaged = bool(seen.summary and seen.summary.get("damage")) or (seen.summary is None and seen.errors.strip())
    if seen.status not in (0, 1) or (seen.status == 1 and not damaged):
        faults.append(f"status {seen.status} without damage: {seen.errors.strip()[:200]}")
    known = {call["call_id"]: call for call in truth["calls"]}
    for call in truth["calls"]:
        if not call["doubtful"] and call["disposition"] != "not_a_call" and not seen.of({call["call_id"]}):
            faults.append(f"{call['call_id']} ({call['disposition']}) is lost")
    for call in seen.calls:
        if not call["missed"]:
            continue
        legs = [known.get(leg["call_id"]) for leg in call["legs"]]
        fine = [t for t in legs if t and (t["doubtful"] or t["disposition"].startswith("missed"))]
        answered = [t["call_id"] for t in legs if t and t["answered"] and not t["doubtful"]]
        if answered or not fine:
            what = "was answered" if answered else "isn't missed"
            faults.append(f"{call['legs'][0]['call_id']} {what}, but is {call['outcome']}, missed")
    return faults


def main(args):
    if len(args) != 1:
        print(__doc__)
        return 2
    tally = ringback.Tally("public")
    root = Path(args[0])
    for path in sorted((root / "truth").glob("*.json")):
        truth = json.loads(path.read_text())
        capture = root / "captures" / truth["file"]
        tally.check(capture.name, faults_of(capture, truth))
    return tally.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Holds the ear to trunk-only captures whose truth is known.

    ear.py [--quick | DIR]

Without DIR it makes the captures (tests/ear/captures.py, parameters were chosen on the casts `tuning` and `tuning-too`,
`held-out` is the one that counts; `--quick`: each seventh of that one alone). DIR holds NAME.truth.json and NAME.pcap.
Demanded: no answered call is called voicemail, none of the voicemails a conversation, 95 % of those that can be decided
right, the rest unknown (a slice is too small to weigh SAID_LATE in that share); messages begin and end within 0.3 s. `suspect` are those of the unknown that sound like a
voicemail (`Heard::suggests_voicemail`).

`ringback replay` is then given the same captures: what the ear decides has to be what the record says, and no answered call is missed.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import ringback
from lab import config

sys.path.insert(0, str(ringback.ROOT / "tests" / "ear"))
OUTCOMES = {"VoicemailMessage": "voicemail_message", "VoicemailHangup": "voicemail_hangup", "Conversation": "answered"}
WITHIN_S = 0.3
# A goodbye after a silence could be the answer of a person who thought: unknown.
SAID_LATE = "message_and_thanks"


def listener():
    build = ["cargo", "build", "--release", "--quiet", "--locked", "--example", "listen"]
    if subprocess.run(build, cwd=ringback.ROOT).returncode:
        raise SystemExit("tests/ear/listen.rs doesn't build: see above")
    return str(ringback.target() / "release" / "examples" / "listen")


def heard(folder):
    """(truth of the call, what was heard) of each capture."""
    program = listener()
    truths = sorted(Path(folder).glob("*.truth.json"))
    pairs = []
    for start in range(0, len(truths), 50):
        part = [(json.loads(t.read_text()), t) for t in truths[start : start + 50]]
        files = [t.parent / truth["capture"] for truth, t in part]
        done = subprocess.run([program, *map(str, files)], capture_output=True, text=True)
        said = {line["capture"]: line for line in map(json.loads, done.stdout.splitlines())}
        pairs += [(truth["calls"][0], said[truth["capture"]]) for truth, _ in part if truth["capture"] in said]
    return pairs


def recorded(folder):
    """(truth of the call, its record) of each capture, replayed with the roles of its truth."""
    for path in sorted(Path(folder).glob("*.truth.json")):
        truth = json.loads(path.read_text())
        with tempfile.TemporaryDirectory() as room:
            capture = path.parent / truth["capture"]
            done = ringback.run("replay", "--format", "json", "--config", config(truth, room), capture)
        yield truth["calls"][0], capture.name, [json.loads(line) for line in done.stdout.splitlines()]


def replay_faults(folder, said):
    """What the records of a folder say against its truth, or against what the ear said."""
    for truth, name, calls in recorded(folder):
        if len(calls) != 1:
            yield f"{name}: replay has {len(calls)} calls, not one"
            continue
        call, heard = calls[0], said[name]
        if call["missed"] and not truth["missed"]:
            yield f"{name}: replay calls an answered call missed ({call['outcome']})"
        decided = OUTCOMES.get(heard["verdict"])
        if decided and call["outcome"].removesuffix("_short") != decided:
            yield f"{name}: replay says {call['outcome']}, the ear {decided}"
        if decided == "voicemail_message" and call["message"] != heard["message"]:
            yield f"{name}: replay's message is {call['message']}, the ear's {heard['message']}"
        if call["outcome"] == "answered" and call["confidence"] == "high":
            yield f"{name}: replay is sure of an answer that only the ear can tell"


def grade(truth, said):
    """right, unknown, or what is wrong."""
    outcome = OUTCOMES.get(said["verdict"], "unknown")
    if outcome == "unknown":
        return "unknown"
    if outcome not in truth["accept"] and not (outcome == "answered" and "answered_short" in truth["accept"]):
        return f"{outcome}, not {' or '.join(truth['accept'])}"
    if outcome == "voicemail_message" and truth.get("message"):
        for key, ours in (("start_s", "start_ms"), ("end_s", "end_ms")):
            off = said["message"][ours] / 1000 - truth["message"][key]
            if abs(off) > WITHIN_S:
                return f"message {key} off by {off:.2f} s"
    return "right"


def group(truth):
    if truth["decidable"] == "no":
        return "voicemail, nothing to tell it by"
    if truth["accept"][0].startswith("answered") or not truth["missed"]:
        return "answered"
    return "voicemail"


def judged(title, folder, is_slice):
    table, faults = {}, []
    pairs = heard(folder)
    for truth, said in pairs:
        result = grade(truth, said)
        word = result if result in ("right", "unknown") else "wrong"
        for key in ((group(truth), ""), (group(truth), truth["disposition"])):
            table.setdefault(key, Counter())[word] += 1
            table[key]["suspect"] += word == "unknown" and said["suggests_voicemail"]
        if word == "wrong":
            faults.append(f"{said['capture']}: {result}")
    faults += replay_faults(folder, {said["capture"]: said for _, said in pairs})
    print(f"{title:52} {'cases':>6} {'right':>6} {'unknown':>8} {'suspect':>8} {'wrong':>6}")
    for (kind, detail), count in sorted(table.items()):
        shown = f"  {detail}" if detail else kind
        print(f"{shown:52} {cases(count):6} {count['right']:6} {count['unknown']:8} {count['suspect']:8} {count['wrong']:6}")
    decided = table.get(("voicemail", ""), Counter())
    late = table.get(("voicemail", SAID_LATE), Counter())["unknown"] if is_slice else 0
    if decided and decided["right"] + late < 0.95 * cases(decided):
        faults.append(f"{title}: {decided['right']} of {cases(decided)} voicemails right, not 95 %")
    return sum(cases(c) for (_, detail), c in table.items() if not detail), faults


def cases(count):
    return count["right"] + count["unknown"] + count["wrong"]


def main(args):
    tally = ringback.Tally("ear")
    with tempfile.TemporaryDirectory() as room:
        if args and args[0] != "--quick":
            folders = {Path(args[0]).name: args[0]}
        else:
            folders = made(Path(room), bool(args))
        for title, folder in folders.items():
            cases, faults = judged(title, folder, "--quick" in args)
            tally.passed += cases - len(faults)
            tally.failed += len(faults)
            for fault in faults:
                print(f"ear {fault}")
    return tally.end()


def made(room, quick):
    if subprocess.run([ringback.ROOT / "tests" / "install", "ear"]).returncode:
        raise SystemExit("tests/install ear failed: see above")
    import captures
    casts = ["held-out"] if quick else list(captures.CASTS)
    for cast in casts:
        captures.make(room / cast, cast, 1, each=7 if quick else 1)
    return {cast: room / cast for cast in casts}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

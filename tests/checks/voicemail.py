"""Holds recorded messages to what was spoken.

    voicemail.py [DIR]

Without DIR the calls are made (tests/voicemail/captures.py). DIR holds recorded captures: NAME.pcap[ng], NAME.truth.json.

A file is as long as the truth's message, within 0.25 s. The caller's channel correlates with what was spoken by 0.98 at least
over the samples that arrived (0.95 for G.722, whose filters ring), aligned by one lag for each stretch between changes of the source
or hold (tests/voicemail/sameness.py). Where keys were pressed there is silence. No message: no file; never two.
"""

import json
import subprocess
import sys
import tempfile
import wave
from array import array
from pathlib import Path

import lab
import ringback

sys.path.insert(0, str(ringback.ROOT / "tests" / "voicemail"))
from sameness import best  # noqa: E402

WITHIN_S = 0.25
LIKE = {"PCMU": 0.98, "PCMA": 0.98, "G722": 0.95}
EDGE = 160


def frames(path, channel=0):
    """Frames of a channel at 8000 a second."""
    with wave.open(str(path)) as file:
        channels, rate = file.getnchannels(), file.getframerate()
        samples = array("h", file.readframes(file.getnframes()))[channel::channels]
    wide = rate // 8000
    return [sum(samples[n : n + wide]) // wide for n in range(0, len(samples) - wide + 1, wide)], len(samples) / rate


def recorded(capture, config, room):
    """The records of a capture, and the files beside them."""
    out = Path(room) / "out"
    seen = ringback.replay(out, "--config", config, capture)
    return seen, out, sorted(path.name for path in (out / "voicemail").glob("*")) if (out / "voicemail").is_dir() else []


def file_faults(seen, found):
    """The files are those that the records name, as long as they say."""
    named = sorted(c["recording"]["file"].removeprefix("voicemail/") for c in seen.calls if c["recording"])
    return [] if named == found else [f"files {found}, records name {named}"]


def made_faults(path, truth, room):
    config = Path(room) / "ringback.toml"
    config.write_text(truth["config"])
    seen, out, found = recorded(path.parent / truth["capture"], config, room)
    faults = file_faults(seen, found)
    calls = seen.of({truth["call_id"]})
    if len(calls) != 1:
        return faults + [f"{len(calls)} calls, not one"]
    message, record = truth["message"], calls[0]["recording"]
    if truth["rule"] and truth["rule"] not in [row["rule"] for row in calls[0]["evidence"]]:
        faults.append(f"{calls[0]['evidence']}, not {truth['rule']}")
    if not message or not record:
        return faults + ([f"recording {record}, message {message}"] if bool(message) != bool(record) else [])
    ours, lasts = frames(out / record["file"])
    faults += length_faults(lasts, record, message)
    theirs, _ = frames(path.parent / path.name.replace(".truth.json", ".wav"))
    start = calls[0]["message"]["start_ms"] * 8
    for since, until in stretches(truth, start, start + len(ours)):
        part = [ours[n - start] if inside else None for n, inside in mask(truth["arrived"], since, until)]
        like, lag = best(part, theirs, since, 800) if any(part) else (1.0, 0)
        if like < LIKE[truth["codec"]]:
            faults.append(f"from {since / 8000:.2f} to {until / 8000:.2f} s: correlation {like:.3f} (lag {lag - since})")
    for since, until in truth["silent_s"]:
        pressed = ours[int(since * 8000) - start : int(until * 8000) - start]
        if not pressed or any(pressed):
            faults.append(f"keys at {since} s are heard")
    return faults


def length_faults(lasts, record, message):
    truth = message["end_s"] - message["start_s"]
    faults = [] if abs(lasts - truth) <= WITHIN_S else [f"{lasts:.2f} s, not {truth:.2f} s"]
    if abs(record["duration_ms"] / 1000 - lasts) > 0.001:
        faults.append(f"the record says {record['duration_ms']} ms, the file has {lasts:.3f} s")
    return faults


def stretches(truth, start, end):
    """From one change of the source to the next, in samples since the answer."""
    edges = [start, *(int(at * 8000) for at in truth["breaks_s"] if start < at * 8000 < end), end]
    return list(zip(edges, edges[1:]))


def mask(arrived, since, until):
    """Each sample between two, and whether it arrived, a little away from the edges of what did."""
    there, run = bytearray(until - since), None
    for a, b in [*sorted(arrived), (1 << 60, 1 << 60)]:
        if run and a <= run[1]:
            run[1] = max(run[1], b)
            continue
        if run:
            low, high = run[0] + EDGE - since, run[1] - EDGE - since
            for n in range(max(0, low), min(len(there), high)):
                there[n] = 1
        run = [a, b]
    return [(since + n, bool(inside)) for n, inside in enumerate(there)]


def lab_faults(path, truth, capture, room):
    seen, out, found = recorded(capture, lab.config(truth, room), room)
    faults = file_faults(seen, found)
    for call in truth["calls"]:
        records = [c for c in seen.of({call["call_id"], *(call.get("joined_call_ids") or [])}) if c["recording"]]
        if not call.get("message"):
            faults += [f"{call['call_id']}: a file, and no message" for _ in records]
        elif len(records) != 1:
            faults.append(f"{call['call_id']}: {len(records)} files, not one")
        else:
            faults += spoken_faults(path, call, out / records[0]["recording"]["file"], records[0])
    return faults


def spoken_faults(path, call, file, record):
    """As the program said it, where that is kept (NAME.a-enc.wav), else as it was read out."""
    ours, lasts = frames(file)
    faults = length_faults(lasts, record["recording"], call["message"])
    sent = path.parent / path.name.replace(".truth.json", ".a-enc.wav")
    theirs, _ = frames(sent if sent.is_file() else path.parent / call["voicemail"]["reference_wav"])
    since, until = (int((at - record["message"]["start_ms"] / 1000) * 8000) for at in call["message"]["speech_s"])
    part = ours[max(0, since) : until]
    like, _ = best(part, theirs, 0, len(theirs) + len(part))
    return faults + ([] if like >= 0.98 else [f"correlation {like:.3f}"])


def main(args):
    tally = ringback.Tally("voicemail")
    with tempfile.TemporaryDirectory() as room:
        folder = Path(args[0]) if args else made(Path(room))
        for path in sorted(folder.glob("*.truth.json")):
            truth = json.loads(path.read_text())
            name = path.name.removesuffix(".truth.json")
            captures = sorted(path.parent.glob(f"{name}.pcap*")) if args else [None]
            for capture in captures:
                with tempfile.TemporaryDirectory() as inner:
                    faults = lab_faults(path, truth, capture, inner) if args else made_faults(path, truth, inner)
                tally.check(name, faults)
    return tally.end()


def made(room):
    if subprocess.run([ringback.ROOT / "tests" / "install", "ear"]).returncode:
        raise SystemExit("tests/install ear failed: see above")
    import captures
    captures.make(room / "made")
    return room / "made"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A busy hour of real peers: hundreds of calls, hunted through phones by Kamailio, each with a truth known beforehand.

    crowd.py [--quick] [--calls 900] [--seconds 45] [--overlap 100] [--seed 1] [--keep FOLDER]

SIPp calls and picks up, tcpdump listens (tests/crowd/stories.py says who does what). The capture is replayed with the
roles and without any configuration: every caller has to be told of exactly once, with an outcome of the truth, and
nobody else. So many calls have to overlap as `--overlap` says, measured in the capture. `--quick` is a tenth of it.
Needs root, or sudo, for its network namespace, and what `tests/install peers` installs.
"""

import argparse
import csv
import json
import os
import shutil
import struct
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "checks"))
sys.dont_write_bytecode = True
import peers  # noqa: E402
import ringback  # noqa: E402
import stories  # noqa: E402

ROLES = f"""schema = 1
[site]
name = "Lakeside Insurance Services"
tz = "America/Chicago"
country = "US"
[pbx.roles]
trunk_peers = ["{stories.TRUNK}"]
pbx_hosts = ["{stories.PBX}"]
phone_nets = ["192.168.20.0/24"]
voicemail_hosts = ["{stories.VOICEMAIL}"]
voicemail_pilots = ["6000"]
"""


def recorded(folder, args, tally):
    """The capture of a busy hour, and its calls by Call-ID."""
    made = stories.calls(args.calls, args.seed)
    with peers.Network(folder) as net:
        net.open_office()
        tally.check("peers", net.busy_hour(made, args.seconds))
    calls = {call.call_id: call for line in made.values() for call in line}
    with (folder / "truth.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("call_id", "story", "caller", "called", "missed", "outcomes"))
        rows.writerows((c.call_id, c.story.name, c.number, c.called, int(c.story.missed), "|".join(c.story.outcomes)) for c in calls.values())
    return folder / "crowd.pcap", calls


# ---------------------------------------------------------------- what the capture shows
def messages(capture):
    """Time, source, destination and text of each message of a little-endian pcap of Ethernet, IPv4 and UDP."""
    data = capture.read_bytes()
    at = 24
    while at + 16 <= len(data):
        seconds, micros, length = struct.unpack_from("<III", data, at)
        frame = data[at + 16:at + 16 + length]
        at += 16 + length
        header = 14 + (frame[14] & 15) * 4
        yield seconds + micros / 1e6, ".".join(map(str, frame[26:30])), ".".join(map(str, frame[30:34])), frame[header + 8:].decode("latin-1")


def spans(capture):
    """When each call of the trunk begins and ends, as its messages with the PBX show it."""
    begun, ended = {}, {}
    for at, src, dst, text in messages(capture):
        if {src, dst} != {stories.TRUNK, stories.PBX}:
            continue
        call_id = header(text, "Call-ID")
        begun.setdefault(call_id, at)
        status = int(text[8:11]) if text.startswith("SIP/2.0 ") else 0
        if text.startswith("BYE ") or (status >= 300 and header(text, "CSeq").endswith("INVITE")):
            ended[call_id] = at
    return {call_id: (at, ended.get(call_id, at)) for call_id, at in begun.items()}


def header(text, name):
    return next(line.split(":", 1)[1].strip() for line in text.split("\r\n") if line.lower().startswith(name.lower() + ":"))


def overlap(spans):
    """The most calls that were up or ringing at one time."""
    steps = sorted([(begin, 1) for begin, _ in spans.values()] + [(end, -1) for _, end in spans.values()])
    most = now = 0
    for _, step in steps:
        now += step
        most = max(most, now)
    return most


# ---------------------------------------------------------------- what ringback says of it
def judged(capture, config):
    done = ringback.run("replay", "--format", "json", *(["--config", config] if config else []), capture)
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def hold(capture, calls, config, tally):
    """Holds every record to the truth; prints what was wrong by story."""
    name = "with roles" if config else "no configuration"
    done, records = judged(capture, config)
    tally.check(f"{name}: status", [] if done.returncode == 0 else [f"{done.returncode}: {done.stderr[-500:]}"])
    found, strangers = {}, []
    for record in records:
        ids = {leg["call_id"] for leg in record["legs"]} & set(calls)
        strangers += [] if ids else [f"{record['call']} of {record['caller']} ({record['outcome']}) is nobody's"]
        for call_id in ids:
            found.setdefault(call_id, []).append(record)
    tally.check(f"{name}: nobody else", strangers)
    wrong = Counter()
    for call_id, call in calls.items():
        faults = faults_of(call, found.get(call_id, []))
        wrong[call.story.name] += bool(faults)
        tally.check(f"{name}: {call.story.name} {call_id}", faults)
    missed = sum(call.story.missed for call in calls.values())
    told = sum(record["missed"] for record in records)
    print(f"{name}: {len(records)} records of {len(calls)} calls; {missed} missed, {told} told as missed; {sum(wrong.values())} wrong "
          f"{dict((story, n) for story, n in wrong.items() if n) or ''}")


def faults_of(call, records):
    if len(records) != 1:
        return [f"{len(records)} records, not one: {[(r['call'], r['outcome']) for r in records]}"]
    record, story, faults = records[0], call.story, []
    if record["outcome"] not in story.outcomes or record["missed"] != story.missed:
        rules = [evidence["rule"] for evidence in record["evidence"]]
        faults.append(f"{record['outcome']}, missed {record['missed']} {rules}, not {' or '.join(story.outcomes)}, missed {story.missed}")
    if record["ambiguous"]:
        faults.append("ambiguous")
    for key, truth in (("caller", call.number), ("called", call.called)):
        if record[key] != truth:
            faults.append(f"{key} {record[key]}, not {truth}")
    others = {leg["call_id"] for leg in record["legs"]} - {call.call_id}
    return faults + ([f"holds legs of {sorted(others)}"] if others else [])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--calls", type=int, default=900)
    parser.add_argument("--seconds", type=float, default=45, help="the time over which calls begin")
    parser.add_argument("--overlap", type=int, default=100, help="how many calls have to be up or ringing at once")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="a folder for the capture, the truth and what the peers said")
    args = parser.parse_args()
    if args.quick:
        args.calls, args.seconds, args.overlap = 70, 8, 20
    tally = ringback.Tally("crowd")
    unmet = peers.missing()
    tally.check("peers", [f"{name} is missing: tests/install peers" for name in unmet])
    if tally.failed:
        return tally.end()
    binary = ringback.binary()
    if os.geteuid():
        os.execvp("sudo", ["sudo", "env", f"RINGBACK={binary}", sys.executable, __file__, *sys.argv[1:]])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        capture, calls = recorded(folder, args, tally)
        seen = spans(capture)
        most = overlap(seen)
        print(f"{len(calls)} calls of {len(stories.STORIES)} stories, seed {args.seed}: {len(seen)} in the capture, {most} at once "
              f"(at least {args.overlap}), {sum(1 for _ in messages(capture))} messages")
        tally.check("overlap", [] if most >= args.overlap else [f"{most} calls at once, not {args.overlap}"])
        tally.check("capture", [f"{call_id} isn't in the capture" for call_id in sorted(set(calls) - set(seen))])
        roles = folder / "roles.toml"
        roles.write_text(ROLES)
        for config in (roles, None):
            hold(capture, calls, config, tally)
        if args.keep:
            shutil.copytree(folder, args.keep, dirs_exist_ok=True)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())

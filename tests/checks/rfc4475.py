"""Each torture message of RFC 4475 alone in a capture, held to its verdict.

    rfc4475.py FOLDER VERDICTS.json      FOLDER holds NAME.dat

`opens_leg`: exactly one call, with that Call-ID and From-tag; `no_leg`: no call; `no_new_leg`: none that is missed.
A single message never is a missed call.
"""

import json
import sys
import tempfile
from pathlib import Path

import ringback

sys.path.insert(0, str(ringback.ROOT / "captures"))
sys.dont_write_bytecode = True
from maker import wire  # noqa: E402

TRUNK, PBX = "203.0.113.20", "192.168.10.5"


def capture(message):
    packet = wire.udp(TRUNK, 5060, PBX, 5060, message)
    return wire.pcap([(1_795_183_200_000_000, wire.ethernet(wire.ip(TRUNK, PBX, 17, packet), TRUNK, PBX))])


def faults_of(message, monitor):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "message.pcap"
        path.write_bytes(capture(message))
        seen = ringback.replay(Path(folder) / "out", path)
    faults = [] if seen.status == 0 else [f"status {seen.status}: {seen.errors.strip()[:200]}"]
    action = monitor["action"]
    if action == "opens_leg":
        keys = [(leg["call_id"], leg["from_tag"]) for call in seen.calls for leg in call["legs"]]
        wanted = [(monitor["call_id"], monitor["from_tag"] or "")]
        if keys != wanted:
            faults.append(f"legs {keys}, not {wanted}")
    elif action == "no_leg" and seen.calls:
        faults.append(f"{len(seen.calls)} calls, not none: {seen.calls[0]['outcome']}")
    faults += [f"missed: {call['outcome']}" for call in seen.calls if call["missed"]]
    return faults


def main(args):
    if len(args) != 2:
        print(__doc__)
        return 2
    tally = ringback.Tally("rfc4475")
    for entry in json.loads(Path(args[1]).read_text())["messages"]:
        message = (Path(args[0]) / entry["file"]).read_bytes()
        tally.check(entry["name"], faults_of(message, entry["monitor"]))
    return tally.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

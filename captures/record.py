#!/usr/bin/env python3
"""Records the scenarios of this folder in which real peers speak: SIPp, Kamailio, baresip.

    captures/record.py            records those that aren't there
    captures/record.py NAME ...   records these anew

Needs root (a network namespace of its own, which is removed at the end), `sipp kamailio baresip tcpdump iproute2`.
Recorded bytes differ each time and are committed; whoever records anew has to look at `truth.json` and bless `expected/`.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True

from maker import lab  # noqa: E402

HERE = Path(__file__).resolve().parent


def main(names):
    if os.geteuid():
        sys.exit("record.py: needs root for its network namespace")
    known = {entry.name: entry for entry in lab.RECORDINGS}
    for name in names:
        if name not in known:
            sys.exit(f"record.py: no recording {name}; there are {', '.join(known)}")
    wanted = [known[n] for n in names] or [e for e in known.values() if not (HERE / e.name / "call.pcap").exists()]
    for entry in wanted:
        with tempfile.TemporaryDirectory() as folder, lab.Network(Path(folder)) as net:
            files = entry.record(net)
        (HERE / entry.name).mkdir(exist_ok=True)
        for file, data in files.items():
            (HERE / entry.name / file).write_bytes(data)
        print(f"{entry.name}: {len(files['call.pcap'])} bytes")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except subprocess.CalledProcessError as error:
        sys.exit(f"record.py: {error}")

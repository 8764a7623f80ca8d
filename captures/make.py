#!/usr/bin/env python3
"""Makes the scenarios of this folder: call.pcap, ringback.toml, truth.json and README.md of each.

    captures/make.py            writes them, and SCENARIOS.md
    captures/make.py --check    says which differ from what it would write
    captures/make.py NAME ...   writes these only

Needs nothing but Python 3. The same bytes come out on every machine: times are fixed, tags and Call-IDs follow
from names. `expected/` isn't made here: it is what ringback prints, read and then kept (see tests/replay).
Folders that start with `lab-` were recorded, not made.
"""

import sys
from pathlib import Path

sys.dont_write_bytecode = True

from maker import agents, audible, crossings, dialogs, disorder, habits, hunts, identities, joins, makes, moves, people, phones, plain, relays, stages, taps  # noqa: E402, F401 (they register their scenarios)
from maker import table  # noqa: E402
from maker.office import SCENARIOS, made  # noqa: E402

HERE = Path(__file__).resolve().parent
# Captures that can't be read to their end: apart, so that replaying this folder ends well.
DAMAGED = HERE.parent / "tests" / "damaged"


def main(args):
    check = "--check" in args
    names = [a for a in args if not a.startswith("-")]
    wrong = 0
    for entry in SCENARIOS:
        if names and entry[0] not in names:
            continue
        for file, data in made(*entry).write().items():
            path = (DAMAGED if entry[0].startswith("damaged") else HERE) / entry[0] / file
            same = path.is_file() and path.read_bytes() == data
            if check and not same:
                print(f"{path.relative_to(HERE.parent)}: not what captures/make.py writes")
                wrong += 1
            elif not same:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)
    return 1 if wrong + tabulate(check) else 0


def tabulate(check):
    """SCENARIOS.md, which is read off the folders once they are written; tells how much of it is wrong."""
    faults = table.faults(HERE)
    for fault in faults:
        print(f"captures/maker/table.py: {fault}")
    if faults:
        return len(faults)
    path, text = HERE / "SCENARIOS.md", table.written(HERE)
    same = path.is_file() and path.read_text() == text
    if check and not same:
        print("captures/SCENARIOS.md: not what captures/make.py writes")
    elif not same:
        path.write_text(text)
    return int(check and not same)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

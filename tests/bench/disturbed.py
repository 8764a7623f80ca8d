"""Correctness of `ringback replay` on generated calls whose packets are lost, seen twice, or late.

    disturbed.py [--quick] [--calls 6000] [--seeds 1,2,3,4] [--keep FOLDER] [--tell]

Where only messages are lost that decide nothing (tests/bench/trouble.rs says which), or none is, no missed call may be
lost and none made up. Where any may be lost, what it leaves open has to be `unknown` or `incomplete`: no call that the truth
says was not missed may be told as missed, and of the missed ones at least FOUND must still be found. One thing is known to be
undecidable and counted apart, as `crossed`: an answer crosses the caller's CANCEL, and both it and its ACK are lost; a CANCEL of
which no final response is seen counts as the end of the call. `--tell` prints
each call that was judged wrongly. `--quick` is one seed of fewer calls. $RINGBACK and $GENERATE name the binaries.
"""

import argparse
import csv
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
from bench import Bench  # noqa: E402

FOUND, CROSSED = 0.85, 0.001
# Name, what the generator is told, whether messages that decide are lost.
DISTURBANCES = (
    ("nothing", {}, False),
    ("idle lost 5 %", {"lose-idle": 5}, False),
    ("idle lost 5 %, again 10 %", {"lose-idle": 5, "retransmit": 10}, False),
    ("idle lost 50 %", {"lose-idle": 50}, False),
    ("each twice", {"twice": 100}, False),
    ("20 % twice", {"twice": 20}, False),
    ("late in file 200 ms", {"late-in-file": 200}, False),
    ("late on clock 200 ms", {"late-on-clock": 200}, False),
    ("all of these", {"lose-idle": 5, "retransmit": 10, "twice": 20, "late-in-file": 100, "late-on-clock": 100}, False),
    ("any lost 5 %", {"lose-any": 5}, True),
    ("any lost 5 %, again 10 %", {"lose-any": 5, "retransmit": 10}, True),
    ("any lost 5 %, 20 % twice", {"lose-any": 5, "twice": 20}, True),
)
MIXES = (("standard", False), ("hard", True), ("hard", False))
OPEN = {"unknown", "incomplete", "answered_inferred"}


class Judged:
    """What became of a capture's calls."""

    def __init__(self, rows):
        self.truth = {row["call_ids"].split("|")[0]: row for row in rows}
        self.first_of = {leg: first for first, row in self.truth.items() for leg in row["call_ids"].split("|")}
        self.told = {first: [] for first in self.truth}
        self.false, self.crossed = [], []

    def take(self, call):
        firsts = {self.first_of.get(leg["call_id"]) for leg in call["legs"]} - {None}
        for first in firsts:
            self.told[first].append(call)
        if call["missed"] and not any(self.is_missed(first) for first in firsts):
            unended = call["outcome"] == "abandoned" and call["final_status"] is None and call["confidence"] != "high"
            (self.crossed if unended else self.false).append(call)

    def is_missed(self, first):
        return self.truth[first]["missed"] == "1"

    def missed(self):
        return [first for first in self.truth if self.is_missed(first)]

    def lost(self):
        return [first for first in self.missed() if not any(call["missed"] for call in self.told[first])]

    def left_open(self):
        """Calls told only as what can't be known."""
        return [first for first, calls in self.told.items() if calls and all(call["outcome"] in OPEN for call in calls)]

    def twice(self):
        """Missed calls told as missed more than once."""
        return [first for first in self.missed() if sum(call["missed"] for call in self.told[first]) > 1]


class Disturbed(Bench):
    def judged(self, capture, truth, config):
        command = [self.ringback, "replay", "--format", "json", *(["--config", self.roles] if config else []), capture]
        with open(truth, newline="") as file:
            judged = Judged([row for row in csv.DictReader(file) if config or row["needs_config"] == "0"])
            file.seek(0)
            others = {leg for row in csv.DictReader(file) for leg in row["call_ids"].split("|")} - set(judged.first_of)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                call = json.loads(line)
                if not others & {leg["call_id"] for leg in call.get("legs", ())}:
                    judged.take(call)
        if process.returncode:
            self.faults.append(f"{capture.name}: status {process.returncode}")
        return judged

    def run(self, calls, seed, mix, config, disturbance, tell):
        name, options, any_lost = disturbance
        capture, truth = self.generate(calls, mix=mix, seed=seed, **options)
        judged = self.judged(capture, truth, config)
        capture.unlink()
        missed, lost, twice = judged.missed(), judged.lost(), judged.twice()
        found = Counter("open" if first in set(judged.left_open()) else "denied" if judged.told[first] else "unseen" for first in lost)
        print(f"{name:26} {mix:8} {'roles' if config else 'none':5} {seed:>4} {len(judged.truth):>6} {len(missed):>6} {len(lost):>5} "
              f"{len(judged.false):>5} {len(judged.crossed):>7} {len(twice):>5} {len(judged.left_open()):>7}   {' '.join(f'{n} {k}' for k, n in sorted(found.items()))}")
        sys.stdout.flush()
        what = f"{name}, {mix} mix, {'roles' if config else 'no roles'}, seed {seed}"
        enough = len(lost) <= (1 - FOUND) * len(missed) if any_lost else not lost
        crossed = len(judged.crossed) > (CROSSED * len(judged.truth) if any_lost else 0)
        if judged.false or crossed or not enough or (twice and not any_lost):
            self.faults.append(f"{what}: {len(lost)} of {len(missed)} lost, {len(judged.false)} false, {len(judged.crossed)} crossed, "
                               f"{len(twice)} twice")
        if tell:
            self.tell(judged, what, any_lost)

    def tell(self, judged, what, any_lost):
        def line(kind, call, row):
            rules = [f"{e['rule']}" for e in call["evidence"]]
            print(f"  {kind} ({what}): {row and row['kind']} {row and row['call_ids']} {call['outcome']} {call['confidence']} {rules}")
        for call in judged.false + judged.crossed:
            firsts = {judged.first_of.get(leg["call_id"]) for leg in call["legs"]} - {None}
            line("false", call, judged.truth.get(next(iter(firsts), None)))
        for first in () if any_lost else judged.lost():
            for call in judged.told[first]:
                line("lost", call, judged.truth[first])
            if not judged.told[first]:
                print(f"  lost ({what}): {judged.truth[first]['kind']} {first} wasn't told of")
        for first in judged.twice():
            for call in judged.told[first]:
                line("twice", call, judged.truth[first])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--calls", type=int, default=6_000)
    parser.add_argument("--seeds", default="1,2,3,4", help="numbers, separated by commas")
    parser.add_argument("--keep", help="a folder for the files; they are deleted otherwise")
    parser.add_argument("--tell", action="store_true", help="each call that was judged wrongly")
    args = parser.parse_args()
    seeds = [1] if args.quick else [int(seed) for seed in args.seeds.split(",")]
    with tempfile.TemporaryDirectory(dir=args.keep) as folder:
        bench = Disturbed(folder)
        print(f"{'disturbance':26} {'mix':8} {'roles':5} {'seed':>4} {'calls':>6} {'missed':>6} {'lost':>5} {'false':>5} {'crossed':>7} {'twice':>5} {'unknown':>7}   of the lost")
        for disturbance in DISTURBANCES:
            for seed in seeds:
                for mix, config in MIXES:
                    bench.run(1_000 if args.quick else args.calls, seed, mix, config, disturbance, args.tell)
    for fault in bench.faults:
        print(f"disturbed: {fault}")
    runs = len(DISTURBANCES) * len(seeds) * len(MIXES)
    print(f"disturbed: {runs - len(bench.faults)} passed, {len(bench.faults)} failed")
    return 1 if bench.faults else 0


if __name__ == "__main__":
    sys.exit(main())

"""Pours millions of parts of each kind of excess through the engine while people call.

    floods.py [--quick] [--count 1000000] [NAME ...]

Each flood runs with COUNT parts and with twice as many. People's calls must come out as without it, memory must stay
under 384 MB and must not grow with the count, and CPU time must be linear in it. Prints a row each. `--quick` is 70,000
parts, two floods at a time: just over what is kept of calls, so memory of the few-calls floods may still grow there.
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

sys.dont_write_bytecode = True
import ringback  # noqa: E402

MAX_MB, MAX_GROWTH, MAX_TIME = 384, 1.15, 2.6
# Of a slice: time is disturbed by the flood beside it, and what is kept is filled on the way; 4 would be quadratic.
QUICK_COUNT, QUICK_MAX_TIME, FILLS_LATER = 70_000, 3.5, ("invites-of-few-calls", "tries-of-few-legs")
GROWS_MB, COUNTS_S = 8, 0.5  # differences below these are noise


def built():
    build = ["cargo", "build", "--release", "--quiet", "--locked", "--example", "floods"]
    if subprocess.run(build, cwd=ringback.ROOT).returncode:
        raise SystemExit("the floods don't build: see above")
    return ringback.target() / "release" / "examples" / "floods"


def poured(program, name, count):
    """What the program said, and the CPU seconds it took."""
    with subprocess.Popen([program, name, str(count)], stdout=subprocess.PIPE, text=True) as process:
        said = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        return {"faults": [f"status {process.returncode}"], "peak_kb": 0, "others": 0, "evicted": 0}, 0.0
    return json.loads(said), used.ru_utime + used.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("names", nargs="*", metavar="NAME")
    args = parser.parse_args()
    count, max_time = (QUICK_COUNT, QUICK_MAX_TIME) if args.quick else (args.count, MAX_TIME)
    program = os.environ.get("FLOODS") or built()
    tally = ringback.Tally("floods")
    names = args.names or subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.split()
    print(f"{'flood':25} {'parts':>9} {'CPU s':>7} {'x':>5} {'peak MB':>8} {'x':>5} {'records':>8} {'evicted':>8}")
    twice = lambda name: (poured(program, name, count), poured(program, name, 2 * count))  # noqa: E731
    for name, ((one, cpu), (two, more)) in zip(names, ThreadPoolExecutor(2 if args.quick else 1).map(twice, names)):
        before, after = one["peak_kb"] / 1024, two["peak_kb"] / 1024
        growth, time = after / max(before, 1e-9), more / max(cpu, 1e-9)
        print(f"{name:25} {2 * count:>9} {more:7.2f} {time:5.2f} {after:8.1f} {growth:5.2f} {two['others']:>8} {two['evicted']:>8}")
        sys.stdout.flush()
        faults = one["faults"] + two["faults"]
        if after > MAX_MB:
            faults.append(f"{after:.0f} MB")
        grows = growth > MAX_GROWTH and after - before > GROWS_MB
        if grows and not (args.quick and name in FILLS_LATER):
            faults.append(f"memory grows by {growth:.2f} with twice as many")
        if time > max_time and more > COUNTS_S:
            faults.append(f"CPU time grows by {time:.2f} with twice as many")
        tally.check(name, faults)
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())

"""CPU, memory and correctness of `ringback replay` on generated calls, beside a libpcap loop that does nothing.

    bench.py [--quick | --peers] [--calls 12500] [--many 200000] [--runs 5] [--keep FOLDER]

`--quick` checks correctness on 3,000 calls of each mix and measures nothing. `--peers` measures alone, each figure with
its bound: 50,000 calls beside the loop, tshark and sngrep (tests/install bench), a capture that is nearly all RTP, and
memory at 50,000 calls that are up at once. Ratios of CPU time count, never rates: they are medians of interleaved
runs of whole processes. Exit status 1 if a call is judged wrongly or a bound isn't held; every figure is measured all
the same. $RINGBACK and $GENERATE name the binaries; without them the release builds of this tree are made and used.
"""

import argparse
import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "checks"))
sys.dont_write_bytecode = True
import ringback  # noqa: E402

RETRANSMITTED = (0, 2, 10)
MAX_CPU_RATIO, MAX_GROWTH, MAX_RSS_MB = 3.2, 1.10, 32.0
# Beside the loop's CPU time; times dearer than a replay; bytes of a call that is up.
MAX_RTP_RATIO, MIN_TSHARK, MIN_SNGREP = 0.5, 20.0, 30.0
MAX_CALL_BYTES = {"held": 1024, "held-two": 2048}
AT_ONCE = 50_000
ROLES = """schema = 1
[site]
name = "Bench"
tz = "America/Chicago"
country = "US"
[pbx.roles]
trunk_peers = ["203.0.113.20"]
pbx_hosts = ["10.0.0.10"]
phone_nets = ["10.0.1.0/24"]
voicemail_hosts = ["10.0.0.20"]
voicemail_pilots = ["6000"]
"""


class Bench:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.faults = []
        self.ringback = ringback.binary()
        self.generator = os.environ.get("GENERATE") or built_generator()
        self.roles = self.folder / "roles.toml"
        self.roles.write_text(ROLES)

    def generate(self, calls, **options):
        """A capture and its truth."""
        name = f"{calls}-" + "-".join(f"{k}{v}" for k, v in options.items())
        capture, truth = self.folder / f"{name}.pcap", self.folder / f"{name}.csv"
        args = [f"--{key}={value}".split("=") for key, value in options.items()]
        subprocess.run([self.generator, "--calls", str(calls), "--out", capture, "--truth", truth,
                        *(part for pair in args for part in pair)], check=True, stdout=subprocess.DEVNULL)
        return capture, truth

    def end(self):
        """The last line, and the exit status."""
        for fault in self.faults:
            print(f"bench: {fault}")
        print(f"bench: {0 if self.faults else 1} passed, {len(self.faults)} failed")
        return 1 if self.faults else 0

    # ------------------------------------------------------------ correctness
    def judge(self, capture, truth, config=None):
        """(missed, lost, false, wrong words) of a capture's calls."""
        command = [self.ringback, "replay", "--format", "json", *(["--config", self.roles] if config else []), capture]
        with open(truth, newline="") as file:
            rows = [row for row in csv.DictReader(file) if config or row["needs_config"] == "0"]
        wanted = {row["call_ids"].split("|")[0]: row for row in rows}
        by_leg = {leg: first for first, row in wanted.items() for leg in row["call_ids"].split("|")}
        seen, false, strangers = {}, 0, 0
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                call = json.loads(line)
                if "legs" not in call:
                    continue
                firsts = {by_leg.get(leg["call_id"]) for leg in call["legs"]}
                if call["missed"] and not any(first and wanted[first]["missed"] == "1" for first in firsts):
                    false += firsts != {None} or bool(config)
                for first in firsts - {None}:
                    strangers += first in seen
                    seen.setdefault(first, []).append((call["missed"], call["outcome"]))
        if process.returncode:
            self.faults.append(f"{capture.name}: status {process.returncode}")
        missed = [first for first, row in wanted.items() if row["missed"] == "1"]
        lost = sum(1 for first in missed if not any(was for was, _ in seen.get(first, [])))
        twice = sum(1 for first in missed if sum(was for was, _ in seen.get(first, [])) > 1)
        words = sum(1 for first, calls in seen.items()
                    if not any(word in wanted[first]["outcomes"].split("|") for _, word in calls))
        return len(missed), lost, false + twice, words, strangers

    def correctness(self, calls, mixes):
        print(f"\n{'mix':9} {'config':7} {'again':>6} {'calls':>8} {'missed':>7} {'lost':>5} {'false':>6} {'other word':>10} {'split':>6}")
        for mix, config in mixes:
            for percent in RETRANSMITTED:
                capture, truth = self.generate(calls, retransmit=percent, mix=mix, seed=percent + 1)
                missed, lost, false, words, split = self.judge(capture, truth, config)
                capture.unlink()
                print(f"{mix:9} {'roles' if config else 'none':7} {percent:>4} % {calls:>8} {missed:>7} {lost:>5} {false:>6} {words:>10} {split:>6}")
                sys.stdout.flush()
                if lost or false:
                    self.faults.append(f"{mix}, {percent} % retransmitted: {lost} missed calls lost, {false} false")

    # ------------------------------------------------------------ cost
    def measure(self, calls, many, runs):
        loop, self.meter = self.compiled("nullloop", "-lpcap"), self.compiled("spent")
        found = {}
        for count in (calls, many):
            capture, _ = self.generate(count, seed=7)
            found[count] = self.costs(capture, loop, runs)
            self.report(count, capture, found[count])
            capture.unlink()
        growth = found[many]["json"]["rss"] / found[calls]["json"]["rss"]
        print(f"\nmemory of {many} calls over that of {calls}: {growth:.2f} (at most {MAX_GROWTH})")
        if growth > MAX_GROWTH:
            self.faults.append(f"memory grows with the total: {growth:.2f}")

    def compiled(self, name, *libraries):
        program = self.folder / name
        source = Path(__file__).with_name(f"{name}.c")
        subprocess.run(["cc", "-O2", "-Wall", "-o", program, source, *libraries], check=True)
        return program

    def spent(self, command):
        """CPU seconds and peak resident MB of a process."""
        done = subprocess.run([self.meter, *command], capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"bench: {' '.join(map(str, command))}: status {done.returncode}")
        cpu, kilobytes = done.stdout.split()
        return float(cpu), int(kilobytes) / 1024

    def costs(self, capture, loop, runs):
        out = self.folder / "out"
        commands = {
            "libpcap loop": [loop, capture],
            "json": [self.ringback, "replay", "--format", "json", capture],
            "csv": [self.ringback, "replay", "--format", "csv", capture],
            "--out": [self.ringback, "replay", "--format", "json", "--out", out, capture],
        }
        taken = {name: [] for name in commands}
        for _ in range(runs):
            for name, command in commands.items():
                taken[name].append(self.spent(command))
        return {name: {"cpu": statistics.median(cpu for cpu, _ in each), "rss": max(rss for _, rss in each)}
                for name, each in taken.items()}

    # ------------------------------------------------------------ beside others
    def peers(self, runs):
        """Every figure with its bound."""
        missing = [name for name in ("tshark", "sngrep") if not shutil.which(name)]
        if missing:
            self.faults.append(f"{' and '.join(missing)}: not installed; tests/install bench")
        self.loop, self.meter = self.compiled("nullloop", "-lpcap"), self.compiled("spent")
        print(f"\n{'what':52} {'figure':>9} {'bound':>9}")
        self.beside_others(missing, runs)
        self.mostly_rtp(runs)
        for mix, most in MAX_CALL_BYTES.items():
            self.at_once(mix, most)

    def bounded(self, what, figure, most=None, least=None):
        """A figure beside its bound; a fault if that isn't held."""
        held = figure <= most if most is not None else figure >= least
        bound = f"<= {most}" if most is not None else f">= {least}"
        print(f"{what:52} {figure:9.2f} {bound:>9}{'' if held else '  not met'}")
        sys.stdout.flush()
        if not held:
            self.faults.append(f"{what}: {figure:.2f}, not {bound}")

    def beside_others(self, missing, runs):
        capture, _ = self.generate(AT_ONCE, seed=7)
        commands = {
            "loop": [self.loop, capture],
            "ringback": [self.ringback, "replay", "--format", "json", capture],
            "tshark": [shutil.which("tshark"), "-q", "-z", "sip,stat", "-r", capture],
            "sngrep": [shutil.which("sngrep"), "-N", "-q", "-l", str(4 * AT_ONCE), "-I", capture],
        }
        cpu = self.interleaved({name: each for name, each in commands.items() if name not in missing}, runs)
        capture.unlink()
        print(f"  ({', '.join(f'{name} {seconds:.2f} s' for name, seconds in cpu.items())})")
        self.bounded("50,000 calls: CPU of a replay over the loop's", cpu["ringback"] / cpu["loop"], most=MAX_CPU_RATIO)
        for name, least in (("tshark", MIN_TSHARK), ("sngrep", MIN_SNGREP)):
            if name in cpu:
                self.bounded(f"50,000 calls: CPU of {name} over a replay's", cpu[name] / cpu["ringback"], least=least)

    def mostly_rtp(self, runs):
        """Calls that phones answered in sight, so that nothing has to be heard."""
        capture, _ = self.generate(2_000, mix="phones", rtp=0.3, seed=7)
        replay = [self.ringback, "replay", "--config", self.roles, "--format", "json"]
        out = self.folder / "rtp"
        subprocess.run([*replay, "--out", out, capture], check=True, stdout=subprocess.DEVNULL)
        summary = json.loads((out / "summary.json").read_text())
        cpu = self.interleaved({"loop": [self.loop, capture], "ringback": [*replay, capture]}, runs)
        capture.unlink()
        share = 100 * summary["rtp"] / summary["packets"]
        print(f"  ({summary['packets']} packets, {share:.1f} % RTP, loop {cpu['loop']:.2f} s, ringback {cpu['ringback']:.2f} s)")
        self.bounded("mostly RTP: CPU of a replay over the loop's", cpu["ringback"] / cpu["loop"], most=MAX_RTP_RATIO)

    def at_once(self, mix, most):
        """Memory of a call, from 50,000 that are up at once and from ten."""
        resident = {}
        for count in (10, AT_ONCE):
            capture, _ = self.generate(count, mix=mix, cps=AT_ONCE / 10, seed=7)
            command = [self.ringback, "replay", "--config", self.roles, "--format", "json", capture]
            resident[count] = self.spent(command)[1] * 1024 * 1024
            capture.unlink()
        of_one = (resident[AT_ONCE] - resident[10]) / (AT_ONCE - 10)
        legs = "one leg" if mix == "held" else "two legs"
        self.bounded(f"50,000 calls at once: bytes of a call of {legs}", of_one, most=most)

    def interleaved(self, commands, runs):
        """The median CPU seconds of each command."""
        taken = {name: [] for name in commands}
        for _ in range(runs):
            for name, command in commands.items():
                taken[name].append(self.spent(command)[0])
        return {name: max(statistics.median(each), 1e-6) for name, each in taken.items()}

    def report(self, count, capture, costs):
        packets, size = records(capture), capture.stat().st_size
        print(f"\n{count} calls, {packets} packets, {size / 1e6:.0f} MB")
        print(f"{'':14} {'CPU s':>8} {'x loop':>7} {'kpackets/s':>11} {'MB/s':>7} {'peak MB':>8}")
        base = costs["libpcap loop"]["cpu"]
        for name, cost in costs.items():
            cpu = max(cost["cpu"], 1e-6)
            print(f"{name:14} {cpu:8.3f} {cpu / base:7.2f} {packets / cpu / 1e3:11.0f} {size / cpu / 1e6:7.0f} {cost['rss']:8.1f}")
            if name == "libpcap loop":
                continue
            if name == "json" and cpu / base > MAX_CPU_RATIO:
                self.faults.append(f"{count} calls, {name}: {cpu / base:.2f} times the loop's CPU time")
            if cost["rss"] > MAX_RSS_MB:
                self.faults.append(f"{count} calls, {name}: {cost['rss']:.1f} MB")


def built_generator():
    build = ["cargo", "build", "--release", "--quiet", "--locked", "--example", "generate"]
    if subprocess.run(build, cwd=ringback.ROOT).returncode:
        raise SystemExit("the generator doesn't build: see above")
    return ringback.target() / "release" / "examples" / "generate"


def records(capture):
    """Packets of a little-endian pcap file."""
    count, size = 0, capture.stat().st_size
    with open(capture, "rb", buffering=1 << 20) as file:
        at = 24
        file.seek(at)
        while at < size:
            header = file.read(16)
            length = int.from_bytes(header[8:12], "little")
            file.seek(length, os.SEEK_CUR) if length > 1 << 16 else file.read(length)
            at += 16 + length
            count += 1
    return count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--calls", type=int, default=12_500)
    parser.add_argument("--many", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--keep", help="a folder for the files; they are deleted otherwise")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.keep) as folder:
        bench = Bench(folder)
        if args.peers:
            bench.peers(args.runs)
            return bench.end()
        mixes = (("standard", False), ("hard", True), ("hard", False))
        bench.correctness(3_000 if args.quick else args.calls, mixes)
        if not args.quick:
            bench.correctness(args.many, (("standard", False),))
            bench.measure(args.calls, args.many, args.runs)
        return bench.end()


if __name__ == "__main__":
    sys.exit(main())

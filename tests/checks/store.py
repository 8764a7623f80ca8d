"""The store against kill -9, power cuts, a full disk and a read-only one: no acknowledged entry is lost.

    store.py [--quick] [--kills 200] [--cuts 50] [--full-for 60] [--entries 1000000]

Power cuts, the full disk and the read-only one need root, or sudo: each is a file system of its own. A power cut is a
copy of the block device taken while the writer runs: what was never synced is not in it. `--quick` is a tenth of it.
A store of so many entries, a case of five every seven minutes, opens within two seconds, also once the clock was set back by
six years, and an engine starts from as many cases as before.
"""

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import ringback


def example():
    given = os.environ.get("STORE")
    if given:
        return str(Path(given).resolve())
    build = ["cargo", "build", "--release", "--quiet", "--locked", "--example", "store"]
    subprocess.run(build, cwd=ringback.ROOT, check=True)
    return str(ringback.target() / "release" / "examples" / "store")


class Writer:
    """A process that writes, and what it acknowledged."""

    def __init__(self, program, path):
        self.process = subprocess.Popen([program, "write", path], stdout=subprocess.PIPE)
        self.pending, self.acknowledged, self.said = b"", 0, []
        os.set_blocking(self.process.stdout.fileno(), False)

    def read(self):
        """Takes what it printed so far; returns the last number it told durable."""
        self.pending += self.process.stdout.read() or b""
        *lines, self.pending = self.pending.split(b"\n")
        for line in lines:
            if line.isdigit():
                self.acknowledged = int(line)
            else:
                self.said.append(line.decode())
        return self.acknowledged

    def until(self, met, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            self.read()
            if met():
                return True
            time.sleep(0.002)
        return False

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        return self.read()


def checked(program, path, acknowledged):
    """What is wrong with the store after all of that, if anything."""
    done = subprocess.run([program, "check", path, str(acknowledged)], capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr.strip()


def kills(program, folder, count):
    faults = []
    for n in range(count):
        # A store lives through twenty kills: all of it is read after each.
        path = folder / f"killed-{n // 20}.db"
        writer = Writer(program, path)
        before = writer.acknowledged
        writer.until(lambda: writer.acknowledged > before)
        time.sleep(random.random() / 20)
        fault = checked(program, path, writer.kill())
        faults += [f"kill {n}: {fault}"] if fault else []
    return faults


@contextmanager
def mounted(what, where, *options):
    where.mkdir(exist_ok=True)
    subprocess.run(["mount", *options, what, where], check=True)
    try:
        yield where
    finally:
        subprocess.run(["umount", where], check=True)


def cuts(program, folder, count):
    image, faults = folder / "disk.img", []
    for n in range(count):
        image.write_bytes(b"")
        os.truncate(image, 48 << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
        copy = folder / "copy.img"
        with mounted(image, folder / "disk", "-o", "loop") as disk:
            writer = Writer(program, disk / "ringback.db")
            writer.until(lambda: writer.acknowledged > 0)
            writer.until(lambda: False, 0.05 + random.random() / 2)
            writer.process.send_signal(signal.SIGSTOP)
            acknowledged = writer.read()
            shutil.copyfile(image, copy)
            writer.kill()
        with mounted(copy, folder / "after", "-o", "loop") as disk:
            fault = checked(program, disk / "ringback.db", acknowledged)
        faults += [f"cut {n} after entry {acknowledged}: {fault}"] if fault else []
    return faults


def full(program, folder, seconds):
    with mounted("tmpfs", folder / "small", "-t", "tmpfs", "-o", "size=6m") as disk:
        path = disk / "ringback.db"
        writer = Writer(program, path)
        if not writer.until(lambda: any("Degraded" in line for line in writer.said), 60):
            return [f"the disk is full and nobody says so: {writer.kill()} {writer.said}"]
        before = writer.acknowledged
        writer.until(lambda: False, seconds)
        told = len(writer.said)
        subprocess.run(["mount", "-o", "remount,size=60m", disk], check=True)
        recovered = writer.until(lambda: "Recovered" in writer.said and writer.acknowledged > before)
        faults = [] if recovered else [f"there is room again and it doesn't write: {writer.said}"]
        faults += [] if told == 1 else [f"told {told} times: {writer.said}"]
        fault = checked(program, path, writer.kill())
        return faults + ([fault] if fault else [])


def read_only(program, folder):
    with mounted("tmpfs", folder / "fixed", "-t", "tmpfs", "-o", "size=6m") as disk:
        writer = Writer(program, disk / "ringback.db")
        writer.until(lambda: writer.acknowledged > 0)
        writer.kill()
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        fault = checked(program, disk / "ringback.db", 0) or ""
        return [] if "Read-only file system" in fault else [f"a read-only store isn't named: {fault}"]


def starts(program, folder, entries):
    def run(*words):
        done = subprocess.run([program, *words], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else done.stderr

    path, faults, cases = str(folder / "grown.db"), [], set()
    print(run("fill", path, str(entries)).strip(), flush=True)
    for what, by in ("as it is", None), ("six years back", -6 * 365 * 86_400), ("and forward", 6 * 365 * 86_400):
        if by:
            print(f"clock {what}:", run("set", path, str(by)).strip(), flush=True)
        told = run("start", path)
        print(f"start {what}:", told.replace("\n", "; "), flush=True)
        took = re.search(r"open and load (\d+) ms", told)
        held = re.search(r"(\d+) cases", told)
        cases.add(held and held[1])
        if not took or not held or int(took[1]) > 2_000:
            faults.append(f"start {what}: {told.strip()}")
    return faults + ([] if len(cases) == 1 else [f"other cases once the clock was set: {cases}"])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--full-for", type=float, default=60)
    parser.add_argument("--entries", type=int, default=1_000_000)
    args = parser.parse_args()
    if args.quick:
        args.kills, args.cuts, args.full_for, args.entries = 20, 5, 6, 20_000
    program, passed, failed = example(), 0, 0
    if os.geteuid():
        os.execvp("sudo", ["sudo", "env", f"STORE={program}", sys.executable, "-B", __file__, *sys.argv[1:]])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        proofs = [("kill", args.kills, lambda: kills(program, folder, args.kills)),
                  ("cut", args.cuts, lambda: cuts(program, folder, args.cuts)),
                  ("full", 1, lambda: full(program, folder, args.full_for)),
                  ("read-only", 1, lambda: read_only(program, folder)),
                  ("start", 1, lambda: starts(program, folder, args.entries))]
        for what, count, proof in proofs:
            faults = proof()
            print("\n".join([f"{what}: {count} times, {len(faults)} faults", *faults]), flush=True)
            failed += len(faults)
            passed += count - min(count, len(faults))
    print(f"store: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())

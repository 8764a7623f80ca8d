"""Runs the program and reads what it wrote: what every check starts from.

The binary is `$RINGBACK`, else the release build of this tree (built when missing or older than the sources).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CAPTURES = (".pcap", ".pcapng", ".pcap.gz", ".pcapng.gz", ".pcap.zst", ".pcapng.zst")
LEFT = {"claimed", "submitted", "accepted", "sent", "delivered", "undelivered", "unknown"}


def target():
    asked = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    return Path(json.loads(subprocess.run(asked, cwd=ROOT, check=True, capture_output=True).stdout)["target_directory"])


def binary():
    given = os.environ.get("RINGBACK")
    if given:
        return str(Path(given).resolve())
    build = ["cargo", "build", "--release", "--quiet", "--locked", "--bin", "ringback"]
    if subprocess.run(build, cwd=ROOT).returncode:
        raise SystemExit("ringback doesn't build: see above")
    os.environ["RINGBACK"] = str(target() / "release" / "ringback")
    return os.environ["RINGBACK"]


def run(*args, **more):
    """The finished process of `ringback ARGS`; a panic or a signal is said at once."""
    done = subprocess.run([binary(), *map(str, args)], capture_output=True, text=True, errors="replace", **more)
    if done.returncode not in (0, 1, 2):
        print(f"ringback {' '.join(map(str, args))}: status {done.returncode}\n{done.stderr[-2000:]}")
    return done


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


class Outcome:
    """One run with `--out`: its status, its messages, and the records it left."""

    def __init__(self, done, folder):
        self.status, self.errors = done.returncode, done.stderr
        self.calls = lines(folder / "calls.jsonl")
        self.messages = lines(folder / "messages.jsonl")
        self.tasks = lines(folder / "tasks.jsonl")
        self.journal = lines(folder / "journal.jsonl")
        summary = folder / "summary.json"
        self.summary = json.loads(summary.read_text()) if summary.is_file() else None

    def texts(self):
        return sorted(m["to"] for m in self.messages if m["state"] in LEFT)

    def of(self, call_ids):
        """The calls with a leg of one of these Call-IDs."""
        return [c for c in self.calls if any(leg["call_id"] in call_ids for leg in c["legs"])]

    def about(self, call):
        """Tasks and review items about a call."""
        tasks = [t for t in self.tasks if t["key"].split("/")[0] == call["call"]]
        reviews = [e for e in self.journal if e["event"] == "review" and e["data"]["call"] == call["call"]]
        return tasks + reviews


def replay(out, *args, **more):
    """`ringback replay --out OUT ARGS`; of a single scenario the records are in a folder of its name."""
    done = run("replay", "--out", out, *args, **more)
    inner = [f.parent for f in Path(out).glob("*/calls.jsonl")]
    return Outcome(done, inner[0] if inner and not (Path(out) / "calls.jsonl").exists() else Path(out))


def captures(folder):
    return sorted(f for f in Path(folder).iterdir() if f.name.endswith(CAPTURES))


class Tally:
    """Counts what passed and failed; each failure is one line, `what: why`."""

    def __init__(self, title):
        self.title, self.passed, self.failed = title, 0, 0

    def check(self, what, faults):
        if faults:
            self.failed += 1
            for fault in faults:
                print(f"{self.title} {what}: {fault}")
        else:
            self.passed += 1

    def end(self):
        print(f"{self.title}: {self.passed} passed, {self.failed} failed")
        sys.stdout.flush()
        return 1 if self.failed or not self.passed else 0

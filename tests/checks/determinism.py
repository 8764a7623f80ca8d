"""`--out` is the same to the byte in another time zone, locale, folder, and on a second run.

    determinism.py [CAPTURE|FOLDER ...]      all of captures/ when none is named
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

import ringback

WAYS = {
    "again": {},
    "in Tokyo": {"TZ": "Asia/Tokyo"},
    "in Lord Howe, Turkish": {"TZ": "Australia/Lord_Howe", "LC_ALL": "tr_TR.UTF-8", "LANG": "tr_TR.UTF-8"},
    "in a C locale": {"TZ": "UTC", "LC_ALL": "C", "LANG": "C"},
}


def tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def result(source, out, cwd, env):
    done = ringback.run("replay", "--out", out, source, cwd=cwd, env={**os.environ, **env})
    return done.returncode, tree(out)


def faults_of(source):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        first = result(source.resolve(), folder / "first", "/", {})
        faults = [] if first[1] else ["nothing was written"]
        for n, (way, env) in enumerate(WAYS.items()):
            faults += difference(way, first, result(source.resolve(), folder / f"way{n}", folder, env))
        moved = folder / "somewhere" / "else" / source.name
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, make_parent(moved))
        inside = result(moved.relative_to(moved.parent), folder / "moved", moved.parent, {"HOME": "/nonexistent"})
        return faults + difference("from a copy, by a relative path", first, inside)


def make_parent(path):
    path.parent.mkdir(parents=True)
    return path


def difference(way, first, other):
    names = sorted(name for name in first[1].keys() | other[1].keys() if first[1].get(name) != other[1].get(name))
    faults = [f"{way}: status {other[0]}, not {first[0]}"] if first[0] != other[0] else []
    return faults + [f"{way}: {name} differs" for name in names]


def main(args):
    tally = ringback.Tally("determinism")
    for source in map(Path, args or [ringback.ROOT / "captures"]):
        tally.check(source.name, faults_of(source))
    return tally.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The same packets as pcap, pcapng, nanosecond pcap, gzip and Zstandard give the same calls.

    formats.py [CAPTURE ...]      some of captures/ when none is named

Needs editcap (wireshark-common) and zstd.
"""

import gzip
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import ringback

USUAL = ("proxy-ring-all", "b2bua-pilot-with-diversion", "tcp-in-pieces", "ipv4-fragments", "duplicated-span")


def variants(capture, folder):
    """The capture in other clothes, by what they are."""
    made = {"as it is": capture}
    for kind in ("pcapng", "nsecpcap", "pcap"):
        path = folder / f"{kind}.{'pcapng' if kind == 'pcapng' else 'pcap'}"
        subprocess.run(["editcap", "-F", kind, capture, path], check=True, capture_output=True)
        made[kind] = path
    for plain in (capture, made["pcapng"]):
        packed = folder / f"{plain.name}.gz"
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        made[f"{plain.suffix[1:]}, gzip"] = packed
        packed = folder / f"{plain.name}.zst"
        subprocess.run(["zstd", "-q", "-f", "-o", packed, plain], check=True)
        made[f"{plain.suffix[1:]}, zstd"] = packed
    unnamed = folder / "capture.without-a-known-ending"
    shutil.copyfile(made["pcapng"], unnamed)
    return made | {"by its magic alone": unnamed}


def calls(capture, out):
    """The calls of a capture; the tap's name is the only thing that may differ."""
    found = ringback.replay(out, capture).calls
    for call in found:
        for evidence in call["evidence"]:
            evidence["tap"] = ""
    return [json.dumps(call) for call in found]


def faults_of(capture):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        ways = variants(capture, folder)
        seen = {way: calls(path, folder / f"out-{n}") for n, (way, path) in enumerate(ways.items())}
    first = seen["as it is"]
    faults = [] if first else ["no calls at all"]
    return faults + [f"{way}: {len(found)} calls that differ from {len(first)}" for way, found in seen.items() if found != first]


def main(args):
    tally = ringback.Tally("formats")
    usual = [ringback.ROOT / "captures" / name / "call.pcap" for name in USUAL]
    for capture in map(Path, args or usual):
        tally.check(f"{capture.parent.name}/{capture.name}", faults_of(capture))
    return tally.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""The same calls from an interface's loopback, from a veth pair, and from Kamailio's HEP: SIPp calls phones through Kamailio.

    three-taps.py [--quick] [--calls 300] [--seconds 30] [--seed 1]

    lo     all peers share a network with two daemons: one listens to lo, the other is fed by Kamailio
    veth   Kamailio is at one end of a veth pair, trunk and phones at the other: one daemon listens to the pair, the other
           to the pair, to lo and to what Kamailio tells, so it hears everything several times

All four have to judge every call as its story is (tests/crowd/stories.py), and alike, and text each caller who was missed
once. `--quick` is 70 calls in 8 seconds. Needs root, or sudo, and what `tests/install peers` installs.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import ringback
from daemon import Daemon, alone, configured, journal, people, sh
from ringback import ROOT

sys.path.insert(0, str(ROOT / "tests/crowd"))
import peers  # noqa: E402
import stories  # noqa: E402

INTERFACE, HEP = '[[tap]]\ntype = "interface"\ninterface = "{}"\n', '[[tap]]\ntype = "hep"\nlisten = "127.0.0.1:9060"\nallow = ["192.168.10.5"]\n'
REST = '[[line]]\nid = "rest"\ndid = "*"\ncalendar = "office"\nsms_from = "main"\n'
# The daemons of each network.
PLACES = {"lo": {"lo": INTERFACE.format("lo"), "hep": HEP},
          "veth": {"veth": INTERFACE.format("office"), "all": INTERFACE.format("office") + INTERFACE.format("lo") + HEP}}
TELLS = """loadmodule "siptrace.so"
modparam("siptrace", "duplicate_uri", "sip:127.0.0.1:9060")
modparam("siptrace", "hep_mode_on", 1)
modparam("siptrace", "hep_version", 3)
modparam("siptrace", "hep_capture_id", 2026)
modparam("siptrace", "trace_to_database", 0)
modparam("siptrace", "trace_on", 1)
modparam("siptrace", "trace_mode", 1)
"""


class Apart(peers.Network):
    """Kamailio here, everybody else at the other end of a veth pair."""

    def __enter__(self):
        sh("ip", "netns", "add", self.space)
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "link", "add", "office", "type", "veth", "peer", "name", "street", "netns", self.space)
        there = lambda *command: sh("ip", "netns", "exec", self.space, *command)  # noqa: E731
        sh("ip", "link", "set", "office", "up")
        sh("ip", "addr", "add", f"{stories.PBX}/32", "dev", "office")
        for end in ("lo", "street"):
            there("ip", "link", "set", end, "up")
        for address in (stories.TRUNK, *(address for address, _ in stories.PHONES.values())):
            there("ip", "addr", "add", f"{address}/32", "dev", "street")
            sh("ip", "route", "add", f"{address}/32", "dev", "office", "src", stories.PBX)
        there("ip", "route", "add", f"{stories.PBX}/32", "dev", "street")
        return self

    def __exit__(self, *_):
        self.end_peers()
        sh("ip", "netns", "del", self.space)

    def start(self, name, *command):
        self.here = name in ("kamailio", "tcpdump")
        return super().start(name, *command)

    def answers(self, address):
        self.here = address == stories.PBX
        ports = subprocess.run(self.within("cat", "/proc/net/udp"), check=True, capture_output=True, text=True)
        return f"{peers.reversed_hex(address)}:13C4" in ports.stdout


def heard(folder):
    """What a daemon made of each call, by Call-ID, and whom it texted."""
    who, (bodies, _) = people(folder), journal(folder)
    calls = {}
    for call in (body["data"] for body in bodies if body["event"] == "call"):
        ids = {who(leg["call_id"]) for leg in call["legs"]}
        calls.setdefault(" ".join(sorted(ids)), []).append((call["outcome"], call["missed"], who(call["caller"])))
    return calls, Counter(text["to"] for text in ringback.lines(folder / "outbox/outbox.jsonl"))


def owed(call):
    """Whether a text is: none can reach an exchange such as 211."""
    return call.story.missed and call.number[6:8] != "11"


def faults_of(wanted, folder):
    """What a daemon made of the calls that they aren't."""
    (calls, texts), faults = heard(folder), []
    for call in wanted:
        found = [one for ids, ones in calls.items() if call.call_id in ids.split() for one in ones]
        if len(found) != 1:
            faults.append(f"{call.call_id} ({call.story.name}): {len(found)} calls, not one: {found}")
            continue
        outcome, missed, caller = found[0]
        if outcome not in call.story.outcomes or missed != call.story.missed or caller != call.number:
            faults.append(f"{call.call_id} ({call.story.name}): {outcome}, missed {missed}, of {caller}")
        if texts[call.number] != owed(call):
            faults.append(f"{call.call_id} ({call.story.name}), {call.number}: {texts[call.number]} texts")
    strangers = set(texts) - {call.number for call in wanted}
    others = sum(map(len, calls.values())) - len(wanted)
    return faults + ([f"texts to {sorted(strangers)}"] if strangers else []) + ([f"{others} calls more than there were"] if others > 0 else [])


def listened(place, folder, args):
    """Lets everybody call in a network of this kind; the folders of its daemons."""
    stories.KAMAILIO = stories.KAMAILIO.replace('modparam("tm"', TELLS + 'modparam("tm"', 1)
    made = stories.calls(args.calls, args.seed)
    wanted = [call for line in made.values() for call in line]
    (folder / "peers").mkdir()
    daemons = {}
    net = Apart(folder / "peers") if place == "veth" else peers.Network(folder / "peers", here=True)
    with net:
        try:
            for name, tap in PLACES[place].items():
                (folder / name).mkdir()
                daemons[name] = Daemon(configured(folder / name, ROOT / "captures/caller-cancels/ringback.toml", REST + tap))
            net.open_office()
            faults = net.busy_hour(made, args.seconds)
            texts = sum(map(owed, wanted))
            # Calls that only time ends come last.
            until = time.monotonic() + 45
            while any(len(daemon.outbox()) < texts for daemon in daemons.values()) and time.monotonic() < until:
                time.sleep(0.2)
            time.sleep(2)
            for daemon in daemons.values():
                daemon.stop()
        finally:
            for daemon in daemons.values():
                daemon.process.kill()
    return faults, wanted


def inside(place, args):
    """The checks of one network, which is this process's own."""
    tally = ringback.Tally(f"three-taps {place}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        faults, wanted = listened(place, folder, args)
        tally.check("peers", faults)
        for name in PLACES[place]:
            wrong, (calls, texts) = faults_of(wanted, folder / name), heard(folder / name)
            print(f"  heard on {name}: {len(wanted)} calls of {len(stories.STORIES)} stories, {sum(map(len, calls.values()))} judged, "
                  f"{len(wrong)} faults; {sum(call.story.missed for call in wanted)} missed, {sum(map(owed, wanted))} texts owed, {texts.total()} sent")
            tally.check(name, wrong[:10])
    return 1 if tally.failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=30, help="the time over which calls begin")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--inside", action="store_true")
    parser.add_argument("places", nargs="*", metavar="NETWORK")
    args = parser.parse_args()
    if args.quick:
        args.calls, args.seconds = 70, 8
    if args.inside:
        return inside(args.places[0], args)
    tally = ringback.Tally("three-taps")
    tally.check("peers", [f"{name} is missing: tests/install peers" for name in peers.missing()])
    if tally.failed:
        return tally.end()
    alone(__file__)
    options = [f"--calls={args.calls}", f"--seconds={args.seconds}", f"--seed={args.seed}"]
    # Both at once, each in a network of its own.
    begun = {place: subprocess.Popen(["unshare", "-n", sys.executable, "-B", __file__, "--inside", *options, place],
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) for place in args.places or PLACES}
    for place, process in begun.items():
        print(said := process.communicate()[0].rstrip())
        tally.check(place, [] if process.returncode == 0 else [said.splitlines()[-1] if said else "nothing said"])
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())

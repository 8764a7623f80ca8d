"""`ringback run` under load: SIPp calls over lo, and more SIP than an office has, with every loss counted.

    load.py [--quick] [--keep FOLDER] [CHECK ...]

    idle     memory of a daemon that listens and hears nothing
    steady   200 calls a second for 60 s, each with its outcome, a text for each that was missed; CPU and memory
    taped    the same with a tape, and what that costs
    burst    1,000 calls a second for 10 s: what wasn't heard is told as lost
    stalled  30,000 SIP packets a second, while it is held up for a second: what its ring can't hold is told as lost
    flood    as many for 10 s beside `sngrep -N`, which has to lose more

How many datagrams were sent is asked of the kernel, or counted by who sends them. `--quick` is a few seconds of each, where
nothing is measured but that it is right. Needs root, or sudo, and what `tests/install peers` installs.
"""

import argparse
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import ringback
from daemon import Stream, Watched, alone, configured, figure, journal, network, page, people, sender, taps
from ringback import ROOT

sys.path.insert(0, str(ROOT / "tests/crowd"))
import peers  # noqa: E402
import stories  # noqa: E402

MAX_CORES, MAX_MB, MAX_IDLE_MB = 1.0, 150, 32
LINE = "+13125550111"
METRICS = '[metrics]\nlisten = "127.0.0.1:9464"\n'


@dataclass(frozen=True)
class Kind:
    """What a quarter of the callers do, what the other end does with them, and what is true then."""
    caller: str
    pbx: str
    outcomes: frozenset
    missed: bool


# A number that Kamailio gives to a phone which picks up; the other kinds call a PBX of SIPp's.
ANSWERED = next(story for story in stories.STORIES if story.name == "answered-for-a-moment")
KINDS = {
    "talks": Kind("talks", stories.PHONES["quick"][1], frozenset(ANSWERED.outcomes), False),
    "busy": Kind("refused-486", "< INVITE, > 100, > 180, pause 400, > 486, < ACK", frozenset(("busy",)), True),
    "rings-out": Kind("refused-480", "< INVITE, > 100, > 180, pause 2600, > 480, < ACK", frozenset(("no_answer",)), True),
    "gives-up": Kind("gives-up", stories.RINGS + stories.CANCELLED, frozenset(("abandoned",)), True),
}


def sent():
    """UDP datagrams that were sent in this network so far."""
    lines = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines() if line.startswith("Udp:")]
    return int(dict(zip(*lines))["OutDatagrams"])


def lost(text, tap):
    return int(figure(text, f'ringback_tap_drops_total{{tap="{tap}"}}'))


def office(folder, tap, more=""):
    """A folder of a daemon's own, and its configuration."""
    folder.mkdir()
    return configured(folder, ROOT / "captures/caller-cancels/ringback.toml", taps(tap) + METRICS + more)


class Trunk:
    """SIPp as the trunk and as the PBX: so many calls a second for so long, of each kind in turn."""

    def __init__(self, folder, net, rate, seconds):
        self.folder, self.net, self.each, self.seconds, self.kinds = folder, net, rate * seconds // len(KINDS), seconds, {}

    def number(self, place, n):
        return f"+1312{2_000_000 + place * 100_000 + n:07}"

    def call(self):
        """Calls; what went wrong with whom."""
        self.open()
        started = []
        for place, (name, kind) in enumerate(KINDS.items()):
            self.kinds |= {self.number(place, n): name for n in range(self.each)}
            started.append((name, self.dial(name, kind, place)))
        return [f"{name}: sipp's status is {status}" for name, process in started if (status := process.wait(self.seconds + 120))]

    def open(self):
        """The PBX: Kamailio with a phone, and SIPp for who doesn't pick up."""
        config, runs = self.folder / "kamailio.cfg", self.folder / "run"
        config.write_text(stories.hunting())
        runs.mkdir()
        self.net.start("kamailio", "kamailio", "-DD", "-E", "-f", config, "-w", runs, "-Y", runs, "-m", 256, "-M", 16)
        for place, (name, kind) in enumerate(KINDS.items()):
            phone = peers.sipp.Phone((), 1) if name == "talks" else peers.sipp.Phone()
            address = stories.PHONES["quick"][0] if name == "talks" else stories.PBX
            path = self.folder / f"answers-{name}.xml"
            path.write_text(peers.sipp.scenario(phone, kind.pbx))
            self.net.start(f"answers-{name}", "sipp", "-sf", path, "-i", address, "-p", 5060 + place, "-nostdin", "-l", 20000)
        ports = [f"{peers.reversed_hex(stories.PBX)}:{5060 + place:04X}" for place in range(len(KINDS))]
        self.net.until(lambda: all(port in Path("/proc/net/udp").read_text() for port in ports), "kamailio")

    def dial(self, name, kind, place):
        table, path = self.folder / f"{name}.csv", self.folder / f"caller-{name}.xml"
        line = stories.called(ANSWERED) if name == "talks" else LINE
        table.write_text("SEQUENTIAL\n" + "".join(f"{self.number(place, n)};{line};800\n" for n in range(self.each)))
        path.write_text(peers.caller_scenario(kind.caller))
        return self.net.start(f"caller-{name}", "sipp", "-sf", path, "-inf", table, "-i", stories.TRUNK, "-p", 5070 + place, "-m", self.each,
                              "-r", self.each, "-rp", self.seconds * 1000, "-l", 20000, "-nostdin", "-timeout", f"{self.seconds + 90}s",
                              "-timeout_error", "-cid_str", f"{name}-%u@{stories.TRUNK}", f"{stories.PBX}:{5060 + place}")


def called(folder, net, rate, seconds, more=""):
    """Lets SIPp call; the daemon's figures then, and what is wrong with what it wrote."""
    config = office(folder, "lo", more)
    os.chdir(folder)
    watched, trunk, before = Watched(config), Trunk(folder, net, rate, seconds), sent()
    try:
        faults = trunk.call()
        time.sleep(1)
        cores, memory = watched.cores(), watched.memory()
        net.end_peers()
        missed = sum(KINDS[kind].missed for kind in trunk.kinds.values())
        until = time.monotonic() + 60
        while len(watched.outbox()) < missed and time.monotonic() < until:
            time.sleep(0.5)
        text = page("/metrics")[1]
        datagrams, heard, drops = sent() - before, int(figure(text, "ringback_sip_messages_total")), lost(text, "lo")
        if heard + drops != datagrams:
            faults.append(f"{datagrams} datagrams were sent; {heard} were heard and {drops} told as lost")
        took = watched.stop()
    finally:
        watched.process.kill()
    wrong = judged(folder, trunk, faults if drops == 0 else [])
    right = len(trunk.kinds) - wrong
    print(f"  {folder.name}: {right} of {len(trunk.kinds)} calls right, {drops} of {datagrams} packets lost, {len(watched.outbox())} of {missed} texts, "
          f"{cores:.2f} cores, {memory:.0f} MB, stopped in {took:.1f} s")
    return faults, drops, cores, memory


def judged(folder, trunk, faults):
    """How many calls were judged wrongly, texted wrongly, or not at all."""
    texts = Counter(text["to"] for text in ringback.lines(folder / "outbox/outbox.jsonl"))
    bodies, _ = journal(folder)
    who = people(folder)
    outcomes = {}
    for call in (body["data"] for body in bodies if body["event"] == "call"):
        outcomes.setdefault(who(call["caller"]), []).append((call["outcome"], call["missed"]))
    wrong = Counter()
    for number, kind in trunk.kinds.items():
        got, truth = outcomes.get(number, []), KINDS[kind]
        is_right = len(got) == 1 and got[0][0] in truth.outcomes and got[0][1] == truth.missed and texts[number] == truth.missed
        if not is_right:
            wrong[f"{kind}: {'/'.join(word for word, _ in got) or 'not known'}, {texts[number]} texts"] += 1
    if wrong:
        faults.append(f"{wrong.total()} of {len(trunk.kinds)} calls are wrong: {dict(wrong.most_common(5))}")
    return wrong.total()


def idle(folder, args):
    """Memory of a daemon that hears nothing."""
    watched = Watched(office(folder, "lo"))
    try:
        time.sleep(1 if args.quick else 10)
        cores, memory, resident = watched.cores(), watched.memory(), watched.memory("VmRSS")
        watched.stop()
    finally:
        watched.process.kill()
    print(f"  idle: {memory:.1f} MB at most, {resident:.1f} MB now, {cores:.3f} cores")
    return [f"{memory:.0f} MB, not {MAX_IDLE_MB}"] if memory > MAX_IDLE_MB and not args.quick else []


def steady(folder, args, more=""):
    """What an office of hundreds has in its busiest minute: all of it right, within a core and the memory."""
    rate, seconds = (80, 4) if args.quick else (200, 60)
    with peers.Network(folder.parent / f"{folder.name}-peers", here=True) as net:
        faults, drops, cores, memory = called(folder, net, rate, seconds, more)
    faults += [f"{drops} packets lost"] if drops else []
    over = [f"{cores:.2f} cores"] if cores > MAX_CORES else []
    over += [f"{memory:.0f} MB"] if memory > MAX_MB else []
    return faults + ([] if args.quick else over)


def taped(folder, args):
    """The same with a tape."""
    faults = steady(folder, args, '[tape]\nfolder = "tape"\n')
    size = sum(file.stat().st_size for file in (folder / "tape").rglob("*") if file.is_file())
    print(f"  taped: {size / 1e6:.1f} MB of tape")
    (tape,) = (folder / "tape").iterdir()
    again = ringback.replay(folder / "again", "--tape", tape)
    return faults + ([f"the tape gives another journal: {again.errors[-300:]}"] if again.status or again.errors else [])


def burst(folder, args):
    """More calls than any office has: what isn't heard is told, and what is heard is right."""
    with peers.Network(folder.parent / f"{folder.name}-peers", here=True) as net:
        return called(folder, net, 1000, 2 if args.quick else 10)[0]


def messages(stream, count):
    """The frames of calls that are answered, `count` of them in all, in the order in which many calls at once have them."""
    frames, held = [], []
    stream.send = held.append
    steps = ((False, "INVITE sip:+13125550111@192.168.10.5 SIP/2.0", "INVITE"), (True, "SIP/2.0 100 Trying", "INVITE"),
             (True, "SIP/2.0 180 Ringing", "INVITE"), (True, "SIP/2.0 200 OK", "INVITE"), (False, "ACK sip:pbx SIP/2.0", "ACK"),
             (False, "BYE sip:pbx SIP/2.0", "BYE"), (True, "SIP/2.0 200 OK", "BYE"))
    calls = -(-count // len(steps))
    for first in range(0, calls, 500):
        for out, line, method in steps:
            for n in range(first, min(first + 500, calls)):
                stream.say(f"312{2000000 + n:07}", line, method, out, ";tag=p" if out or method != "INVITE" else "")
    frames.extend(held[:count])
    return frames


def poured(frames, send, rate):
    """Sends the frames at a rate; the seconds it took."""
    begun, each = time.monotonic(), rate // 200
    for turn, first in enumerate(range(0, len(frames), each)):
        time.sleep(max(0, begun + turn / 200 - time.monotonic()))
        for frame in frames[first:first + each]:
            send(frame)
    return time.monotonic() - begun


def packets(path):
    """How many packets a pcap holds."""
    count = 0
    with path.open("rb") as file:
        file.seek(24)
        while len(head := file.read(16)) == 16:
            file.seek(struct.unpack("<IIII", head)[2], 1)
            count += 1
    return count


def sngrep(folder):
    """sngrep beside it, with room for all calls there are; it keeps what it sees."""
    told = (folder / "sngrep.log").open("wb")
    return subprocess.Popen(["sngrep", "-N", "-q", "-d", "vb", "-l", "200000", "-O", folder / "sngrep.pcap"], stdout=told, stderr=told,
                            stdin=subprocess.DEVNULL, env={**os.environ, "TERM": "xterm"})


def counted(frames):
    """What was heard of these frames and what was told as lost, once that is all of them, or no more comes."""
    until, heard, drops = time.monotonic() + 30, -1, 0
    while heard + drops != len(frames) and time.monotonic() < until:
        time.sleep(0.5)
        text = page("/metrics")[1]
        heard, drops = int(figure(text, "ringback_sip_messages_total")), lost(text, "vb")
    wrong = heard + drops != len(frames)
    return drops, [f"{len(frames)} packets were sent; {heard} were heard and {drops} told as lost"] if wrong else []


def stalled(folder, _):
    """It is held up for as long as its ring can't bear."""
    config = office(folder, "veth")
    os.chdir(folder)
    frames, send = messages(Stream(None), 60_000), sender("veth")
    watched = Watched(config)
    try:
        poured(frames[:15_000], send, 30_000)
        watched.process.send_signal(signal.SIGSTOP)
        poured(frames[15_000:45_000], send, 30_000)
        watched.process.send_signal(signal.SIGCONT)
        poured(frames[45_000:], send, 30_000)
        drops, faults = counted(frames)
        watched.stop()
    finally:
        watched.process.kill()
    print(f"  stalled: {drops} of {len(frames)} lost, all told")
    log = (folder / "log").read_text()
    return faults + ([] if drops and "packets lost" in log else ["nothing was lost, or no line says so"])


def flood(folder, args):
    """More packets than any office has, beside sngrep."""
    config = office(folder, "veth")
    os.chdir(folder)
    send, rate = sender("veth"), 30_000
    frames = messages(Stream(None), rate * (1 if args.quick else 10))
    other, watched = sngrep(folder), Watched(config)
    try:
        time.sleep(1)
        took = poured(frames, send, rate)
        cores = watched.cores()
        drops, faults = counted(frames)
        memory = watched.memory()
        other.send_signal(signal.SIGTERM)
        other.wait(60)
        watched.stop()
    finally:
        watched.process.kill()
        other.kill()
    theirs = len(frames) - packets(folder / "sngrep.pcap")
    print(f"  flood: {len(frames) / took:,.0f} packets/s for {took:.1f} s, {drops} of {len(frames)} lost, all told; sngrep lost {theirs}; "
          f"{cores:.2f} cores, {memory:.0f} MB")
    if args.quick:
        return faults
    faults += [] if drops < theirs or drops == theirs == 0 else [f"{drops} lost, and sngrep lost {theirs}"]
    return faults + ([f"only {len(frames) / took:,.0f} packets/s were sent"] if took > len(frames) / rate * 1.2 else [])


CHECKS = {check.__name__: check for check in (idle, steady, taped, burst, stalled, flood)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--keep", help="a folder for what the daemons and peers wrote")
    parser.add_argument("names", nargs="*", metavar="CHECK")
    args = parser.parse_args()
    alone(__file__)
    network()
    tally = ringback.Tally("load")
    tally.check("peers", [f"{name} is missing: tests/install peers" for name in (*peers.NEEDED, "sngrep") if not shutil.which(name)])
    if tally.failed:
        return tally.end()
    with tempfile.TemporaryDirectory() as name:
        for check in args.names or CHECKS:
            (Path(name) / f"{check}-peers").mkdir()
            try:
                tally.check(check, CHECKS[check](Path(name) / check, args))
            except Exception as error:
                tally.check(check, [f"{type(error).__name__}: {error}"])
        if args.keep:
            shutil.copytree(name, args.keep, dirs_exist_ok=True, ignore=lambda _, names: [n for n in names if n in ("notify", "ringback.db.sock")])
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())

"""Real peers in a network namespace of their own: Kamailio as the PBX, SIPp as trunk and phones, tcpdump beside them.

The addresses are on an interface that leads nowhere, so the capture on `lo` holds each packet once.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

import stories

from maker import sipp  # noqa: E402

NEEDED = ("ip", "sipp", "kamailio", "tcpdump")
FIRST_PORT = 5070
os.environ["PATH"] += ":/usr/sbin:/sbin"
FIELD = ('<nop><action><assignstr assign_to="millis" value="[field2]"/><todouble assign_to="wait" variable="millis"/></action></nop>\n'
         '<pause variable="wait"/>\n')


def missing():
    return [program for program in NEEDED if not shutil.which(program)]


class Network:
    """A namespace of its own, or the one that the caller is in."""

    def __init__(self, folder, here=False):
        self.folder, self.running, self.space, self.here = Path(folder), [], f"ringback-{os.getpid()}", here

    def __enter__(self):
        if not self.here:
            subprocess.run(["ip", "netns", "add", self.space], check=True)
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "link", "add", "office", "type", "veth", "peer", "name", "nowhere")
        for end in ("office", "nowhere"):
            self.inside("ip", "link", "set", end, "up")
        for address in (stories.TRUNK, stories.PBX, *(address for address, _ in stories.PHONES.values())):
            self.inside("ip", "addr", "add", f"{address}/32", "dev", "office")
        return self

    def __exit__(self, *_):
        self.end_peers()
        if self.here:
            self.inside("ip", "link", "del", "office")
        else:
            subprocess.run(["ip", "netns", "del", self.space], check=True)

    def end_peers(self):
        for process in reversed(self.running):
            process.terminate()
        for process in self.running:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def within(self, *command):
        return list(map(str, command)) if self.here else ["ip", "netns", "exec", self.space, *map(str, command)]

    def inside(self, *command):
        subprocess.run(self.within(*command), check=True)

    def start(self, name, *command):
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(self.within(*command), stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL, cwd=self.folder)
        self.running.append(process)
        return process

    def log(self, name):
        """The end of what a peer said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]

    def open_office(self):
        """The PBX, every phone, and the capture."""
        config, runs = self.folder / "kamailio.cfg", self.folder / "run"
        config.write_text(stories.hunting())
        runs.mkdir()
        proxy = self.start("kamailio", "kamailio", "-DD", "-E", "-f", config, "-w", runs, "-Y", runs, "-m", 64, "-M", 8)
        for name, (address, steps) in stories.PHONES.items():
            path = self.folder / f"phone-{name}.xml"
            path.write_text(sipp.scenario(sipp.Phone(stories.EXTRA.get(name, ()), 1), steps))
            self.start(f"phone-{name}", "sipp", "-sf", path, "-i", address, "-p", 5060, "-nostdin")
        capture = self.start("tcpdump", "tcpdump", "--immediate-mode", "-i", "lo", "-U", "-s", "0", "-B", 16384,
                             "-w", "crowd.pcap", "udp", "port", "5060")
        self.until(lambda: "listening on" in self.log("tcpdump") or capture.poll() is not None, "tcpdump")
        self.until(lambda: self.answers(stories.PBX) or proxy.poll() is not None, "kamailio")
        for name, process in (("kamailio", proxy), ("tcpdump", capture)):
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended:\n{self.log(name)}")

    def answers(self, address):
        """Whether somebody has the SIP port of an address open, and every phone has."""
        ports = subprocess.run(self.within("cat", "/proc/net/udp"), check=True, capture_output=True, text=True)
        return all(f"{reversed_hex(a)}:13C4" in ports.stdout for a in (address, *(a for a, _ in stories.PHONES.values())))

    def until(self, holds, what):
        for _ in range(100):
            if holds():
                return
            time.sleep(0.1)
        raise RuntimeError(f"{what} isn't up after 10 s:\n{self.log(what)}")

    def callers(self, kind, calls, port, seconds):
        """A trunk's callers of one kind, their calls spread over so many seconds."""
        table, path = self.folder / f"{kind}.csv", self.folder / f"caller-{kind}.xml"
        # Who gives up hears others ring meanwhile, which SIPp calls unexpected.
        more = ("-default_behaviors", "all,-abortunexp") if "gives-up" in kind else ()
        table.write_text("SEQUENTIAL\n" + "".join(f"{call.number};{call.called};{call.millis}\n" for call in calls))
        path.write_text(caller_scenario(kind))
        return self.start(f"caller-{kind}", "sipp", "-sf", path, "-inf", table, "-i", stories.TRUNK, "-p", port, "-m", len(calls),
                          "-r", len(calls), "-rp", int(seconds * 1000), "-l", 2000, "-nostdin", "-timeout", f"{int(seconds) + 60}s",
                          "-timeout_error", "-trace_err", *more, "-cid_str", f"{kind}-%u@{stories.TRUNK}", f"{stories.PBX}:5060")

    def busy_hour(self, made, seconds):
        """Lets everybody call; the kinds of callers that didn't do as their script says, and what they said."""
        started = [(kind, self.callers(kind, calls, FIRST_PORT + n, seconds)) for n, (kind, calls) in enumerate(made.items())]
        failed = [(kind, process.wait(seconds + 90)) for kind, process in started]
        time.sleep(1)
        return [f"callers of kind {kind}: sipp's status is {status}\n{self.errors(kind)}" for kind, status in failed if status]

    def errors(self, kind):
        found = "".join(path.read_text(errors="replace")[:1500] for path in self.folder.glob(f"caller-{kind}_*_errors.log"))
        return found or self.log(f"caller-{kind}")


def caller_scenario(kind):
    extra = ((), (stories.CREDENTIALS,)) if kind.startswith("asked") else ()
    text = sipp.scenario(sipp.Caller(extra), stories.CALLERS[kind])
    for key, field in (("[caller]", "[field0]"), ("[called]", "[field1]"), ('"[shown]" ', ""), ('<pause milliseconds="FIELD"/>\n', FIELD)):
        text = text.replace(key, field)
    return text


def reversed_hex(address):
    """An IPv4 address as /proc/net/udp writes it on a little-endian machine."""
    return bytes(int(part) for part in reversed(address.split("."))).hex().upper()

"""A daemon that runs in a network of its own, and calls that are played to it in real time: what the live checks share."""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import ringback
from ringback import ROOT

PATIENCE = 30


def sh(*command):
    subprocess.run(command, check=True, capture_output=True)


def network():
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
    for end in ("va", "vb"):
        Path(f"/proc/sys/net/ipv6/conf/{end}/disable_ipv6").write_text("1")
        sh("ip", "link", "set", end, "up")


def records(path):
    """(seconds, frame) of a pcap as captures/make.py and tcpdump write it."""
    data = path.read_bytes()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    unit = 1e-9 if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e-6
    at, found = 24, []
    while at < len(data):
        secs, part, length = struct.unpack_from(order + "III", data, at)
        found.append((secs + part * unit, data[at + 16 : at + 16 + length]))
        at += 16 + length
    return found


def hep(frame):
    """A UDP frame as an agent would send it."""
    now = time.time()
    chunks = [(1, b"\x02"), (2, b"\x11"), (3, frame[26:30]), (4, frame[30:34]), (7, frame[34:36]), (8, frame[36:38]),
              (9, struct.pack("!I", int(now))), (10, struct.pack("!I", int(now % 1 * 1e6))), (11, b"\x01"),
              (12, struct.pack("!I", 1)), (15, frame[42:])]
    body = b"".join(struct.pack("!HHH", 0, number, 6 + len(value)) + value for number, value in chunks)
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


def record(at, frame):
    return struct.pack("<IIII", int(at), int(at % 1 * 1e6), len(frame), len(frame)) + frame


def sender(kind):
    if kind == "files":
        # A capture of another day lies there already: nobody may be texted for that.
        Path("captured").mkdir()
        shutil.copy(ROOT / "captures/caller-cancels/call.pcap", "captured/old.pcap")
        out = open("captured/new.pcap", "wb", buffering=0)
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        return lambda frame: out.write(record(time.time(), frame))
    if kind in ("hep", "agents"):
        # What agents sent to a collector is sent as it is.
        out, packed = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), hep if kind == "hep" else lambda frame: frame[42:]
        return lambda frame: out.sendto(packed(frame), ("127.0.0.1", 9060))
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    raw.bind(("lo" if kind == "lo" else "va", 0))
    return raw.send


def taps(kind):
    if kind in ("hep", "agents"):
        return '[[tap]]\ntype = "hep"\nlisten = "127.0.0.1:9060"\n'
    if kind == "files":
        return '[[tap]]\ntype = "files"\nfolder = "captured"\n'
    return f'[[tap]]\ntype = "interface"\ninterface = "{"lo" if kind == "lo" else "vb"}"\n'


def configured(folder, source, tap):
    """The configuration of a scenario, with texts after a second, a tap and a store."""
    text = re.sub(r'after = "\d+[sm]"', 'after = "1s"', source.read_text())
    text += f'[store]\npath = "state/ringback.db"\n{tap}'
    path = folder / "ringback.toml"
    path.write_text(text)
    return path


class Daemon:
    """A daemon that runs, and what it tells its supervisor."""

    def __init__(self, config, ready=True):
        self.folder = config.parent
        self.notices = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        place = self.folder / "notify"
        place.unlink(missing_ok=True)
        self.notices.bind(str(place))
        self.notices.settimeout(PATIENCE)
        self.log = open(self.folder / "log", "a")
        self.process = subprocess.Popen([ringback.binary(), "run", "--config", config], stdout=self.log, stderr=self.log,
                                        env={**os.environ, "NOTIFY_SOCKET": str(place)})
        if ready:
            self.told(b"READY=1")

    def told(self, word):
        while True:
            try:
                if self.notices.recv(100) == word:
                    return
            except TimeoutError:
                raise AssertionError(f"no {word}: {self.last()}") from None

    def told_by(self, word, until):
        """Whether it tells that by then, on the monotonic clock."""
        while (left := until - time.monotonic()) > 0:
            self.notices.settimeout(left)
            try:
                if self.notices.recv(100) == word:
                    return True
            except TimeoutError:
                break
        return False

    def last(self):
        return (self.folder / "log").read_text()[-1500:]

    def outbox(self):
        return ringback.lines(self.folder / "outbox/outbox.jsonl")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()

    def stop(self):
        """Told to stop it ends by itself, soon and with status 0."""
        before = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(10)
        finally:
            self.process.kill()
        took = time.monotonic() - before
        self.close()
        assert status == 0, f"status {status}: {self.last()}"
        assert took < 5, f"{took:.1f} s to stop"
        return took

    def close(self):
        self.notices.close()
        self.log.close()


class Watched(Daemon):
    """A daemon whose CPU time and memory are looked at."""

    def __init__(self, config):
        super().__init__(config)
        self.begun = self.cpu(), time.monotonic()

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")

    def memory(self, what="VmHWM"):
        """Megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"^{what}:\s+(\d+) kB", status, re.M)[1]) / 1024

    def cores(self):
        """CPU seconds a second since the last time this was asked."""
        cpu, now = self.cpu(), time.monotonic()
        before, self.begun = self.begun, (cpu, now)
        return (cpu - before[0]) / (now - before[1])


def journal(folder):
    """The journal in the store, and the ids of its open calls, read while nobody writes it."""
    with closing(sqlite3.connect(f"file:{folder}/state/ringback.db?mode=ro", uri=True)) as db:
        bodies = [json.loads(body) for (body,) in db.execute("SELECT body FROM journal ORDER BY n")]
        still_open = {call for (call,) in db.execute("SELECT call FROM open_calls")}
    return bodies, still_open


def people(folder):
    """Who is meant by what stands in the journal for a person."""
    with closing(sqlite3.connect(f"file:{folder}/state/ringback.db?mode=ro", uri=True)) as db:
        known = dict(db.execute("SELECT id, value FROM people"))
    return lambda person: known.get(person["~"]) if isinstance(person, dict) else person


def moment(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def packet(src, dst, payload):
    udp = struct.pack("!HHHH", 5060, 5060, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 7, 0, 64, 17, 0, socket.inet_aton(src), socket.inet_aton(dst))
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0" + head[:10] + struct.pack("!H", total) + head[12:] + udp


class Stream(threading.Thread):
    """Calls of ever new callers over the trunk, none answered; when each began and ended."""

    def __init__(self, send, each=0.1):
        super().__init__(daemon=True)
        self.send, self.each, self.calls, self.going = send, each, {}, True

    def id(self, number):
        """The id of a caller's call."""
        return hashlib.sha256(f"{number}-{os.getpid()}@203.0.113.20f{number}".encode()).hexdigest()[:12]

    def say(self, number, first, cseq, out, tag=""):
        """A message of a caller's leg; `out`: from the PBX."""
        trunk, pbx = "203.0.113.20", "192.168.10.5"
        text = (f"{first}\r\nVia: SIP/2.0/UDP {trunk}:5060;branch=z9hG4bK{number}\r\nFrom: <sip:+1{number}@{trunk}>;tag=f{number}\r\n"
                f"To: <sip:+13125550111@{pbx}>{tag}\r\nCall-ID: {number}-{os.getpid()}@{trunk}\r\nCSeq: 1 {cseq}\r\nContent-Length: 0\r\n\r\n")
        self.send(packet(pbx, trunk, text.encode()) if out else packet(trunk, pbx, text.encode()))

    def run(self):
        due, n = [], 0
        while self.going or due:
            now = time.time()
            if self.going:
                number, rings = f"3125{n + 510000:06}", random.choice((0.02, 0.3, 1.5))
                n += 1
                self.say(number, "INVITE sip:+13125550111@192.168.10.5 SIP/2.0", "INVITE", False)
                self.say(number, "SIP/2.0 180 Ringing", "INVITE", True, ";tag=p")
                self.calls[number] = [now, None]
                due.append((now + rings, number))
            for at, number in [one for one in due if one[0] <= now]:
                self.say(number, "SIP/2.0 486 Busy Here", "INVITE", True, ";tag=p")
                self.say(number, "ACK sip:+13125550111@192.168.10.5 SIP/2.0", "ACK", False, ";tag=p")
                self.calls[number][1] = time.time()
                due.remove((at, number))
            time.sleep(self.each)


def wait(true, why):
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, why()
        time.sleep(0.05)


def rings(stream, number):
    stream.say(number, "INVITE sip:+13125550111@192.168.10.5 SIP/2.0", "INVITE", False)
    stream.say(number, "SIP/2.0 180 Ringing", "INVITE", True, ";tag=p")


def refused(stream, number):
    stream.say(number, "SIP/2.0 486 Busy Here", "INVITE", True, ";tag=p")
    stream.say(number, "ACK sip:+13125550111@192.168.10.5 SIP/2.0", "ACK", False, ";tag=p")


def busy(stream, number):
    """A call that ends in a text."""
    rings(stream, number)
    refused(stream, number)


METRICS = ("127.0.0.1", 9464)


def asked(raw, patience=PATIENCE):
    """What is answered to these bytes."""
    with socket.create_connection(METRICS, timeout=patience) as connection:
        answer = b""
        try:
            connection.sendall(raw)
            while piece := connection.recv(65536):
                answer += piece
        except (BrokenPipeError, ConnectionResetError):
            pass
    return answer.decode()


def page(path):
    head, _, body = asked(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()).partition("\r\n\r\n")
    return int(head.split()[1]), body


def figure(text, name):
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])


def quantile(text, name, share):
    """The upper bound, in seconds, of the bucket that a share of the values is within."""
    wanted = share * figure(text, f"{name}_count")
    buckets = re.findall(rf'^{name}_bucket{{le="(\S+)"}} (\d+)$', text, re.M)
    return next(float(bound) for bound, count in buckets if int(count) >= wanted)


def alone(file):
    """True in a network of its own, as root; else the check begins again in one, which ends with it, and its status is that."""
    if "ALONE" in os.environ:
        return True
    given = [f"{name}={os.environ[name]}" for name in ("RINGBACK", "PATH", "CARGO_TARGET_DIR", "PYTHONDONTWRITEBYTECODE") if name in os.environ]
    as_root = ["sudo"] if os.geteuid() else []
    ringback.binary()
    command = [*as_root, "env", *given, f"RINGBACK={ringback.binary()}", "ALONE=1", "unshare", "-n", sys.executable, "-B", file, *sys.argv[1:]]
    os.execvp(command[0], command)

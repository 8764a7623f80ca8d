"""Taps against a kernel: interfaces, HEP, folders, in a network of their own (needs root, or sudo, for that and raw sockets).

A recorded call is sent over a veth pair, over lo, in HEP by UDP and TCP, and as a growing file; what comes out of the
taps is compared byte by byte. Then links go away, senders lie, ports are flooded and readers fall asleep.
"""

import fcntl
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from ringback import ROOT, target

CALL = ROOT / "captures/answered/call.pcap"
PATIENCE = 20


def sh(*command):
    subprocess.run(command, check=True, capture_output=True)


def frames(path):
    data = path.read_bytes()
    at, found = 24, []
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        found.append(data[at + 16 : at + 16 + length])
        at += 16 + length
    return found


def is_sip(frame):
    return frame[12:14] == b"\x08\0" and frame[23] == 17 and frame[42:43].isalpha()


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(payload, proto=17, fragment=0, ident=7, src="192.0.2.1", dst="192.0.2.2"):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, 64, proto, 0,
                       socket.inet_aton(src), socket.inet_aton(dst))
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def udp(payload, sport=5060, dport=5060):
    return struct.pack("!HHHH", sport, dport, 8 + len(payload), 0) + payload


def ether(packet, kind=0x0800, tags=()):
    tagged = b"".join(struct.pack("!HH", tag, vlan) for tag, vlan in tags)
    return b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01" + tagged + struct.pack("!H", kind) + packet


def sip(n=0, size=0):
    body = f"OPTIONS sip:{n}@192.0.2.2 SIP/2.0\r\nCall-ID: {n}\r\n\r\n".encode()
    return body.ljust(size, b"x")


def rtp(port, n=0):
    return ether(ip(udp(struct.pack("!BBHII", 0x80, 0, n, n * 160, 99) + b"\xff" * 160, 20000, port)))


def hep(payload, key=None, agent=1, at=None, kind=1, packed=None):
    at = time.time() if at is None else at
    chunks = [(1, b"\x02"), (2, b"\x11"), (3, socket.inet_aton("192.0.2.1")), (4, socket.inet_aton("192.0.2.2")),
              (7, struct.pack("!H", 5060)), (8, struct.pack("!H", 5060)), (9, struct.pack("!I", int(at))),
              (10, struct.pack("!I", int(at % 1 * 1e6))), (11, bytes([kind])), (12, struct.pack("!I", agent))]
    chunks += [(14, key)] if key else []
    chunks += [(16, packed)] if packed else [(15, payload)]
    body = b"".join(struct.pack("!HHH", 0, number, 6 + len(value)) + value for number, value in chunks)
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


class Tap:
    """The taps of a configuration, running; what they tell is gathered as it comes."""

    def __init__(self, config, quiet=False, user=None):
        self.folder = Path(tempfile.mkdtemp())
        self.folder.chmod(0o755)
        (self.folder / "ringback.toml").write_text("schema = 1\n" + config)
        command = [os.environ["TAP"], self.folder / "ringback.toml"] + (["quiet"] if quiet else [])
        self.errors = open(self.folder / "errors", "w")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        text=True, user=user)
        self.said, self.change = [], threading.Condition()
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            with self.change:
                self.said.append(json.loads(line))
                self.change.notify_all()

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def of(self, key):
        with self.change:
            return [said for said in self.said if key in said]

    def until(self, met, why):
        with self.change:
            if not self.change.wait_for(lambda: met(self.said), PATIENCE):
                raise AssertionError(f"{why}: not in {PATIENCE} s; last: {self.said[-3:]}")

    def state(self, word, tap=0, since=0):
        told = lambda said: any(word in s["state"] and s["tap"] == tap for s in said[since:] if "state" in s)
        self.until(told, f"state {word!r}")
        return self

    def count(self, key, number):
        self.until(lambda said: sum(key in s for s in said) >= number, f"{number} of {key!r}")
        return self.of(key)

    def counts(self, tap=0):
        before = len(self.of("counts"))
        self.tell("counts")
        self.until(lambda said: sum("counts" in s for s in said) > before + tap, "counts")
        return [c for c in self.of("counts")[before:] if c["counts"] == tap][0]

    def log(self):
        return (self.folder / "errors").read_text().splitlines()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        before = time.monotonic()
        try:
            self.process.stdin.close()
            assert self.process.wait(5) == 0, f"status {self.process.returncode}: {self.log()[-3:]}"
            assert time.monotonic() - before < 1.5, "it takes long to stop"
        finally:
            self.process.kill()
            self.errors.close()
            shutil.rmtree(self.folder)


def interface(name, **keys):
    more = "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())
    return f'[[tap]]\ntype = "interface"\ninterface = "{name}"\n{more}'


def sender(name):
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    raw.bind((name, 0))
    return raw


def pair(name, peer):
    sh("ip", "link", "add", name, "type", "veth", "peer", "name", peer)
    for end in (name, peer):
        Path(f"/proc/sys/net/ipv6/conf/{end}/disable_ipv6").write_text("1")
        sh("ip", "link", "set", end, "up")


def same(got, wanted, what="packets"):
    assert got == wanted, f"{what}: {len(got)} came, {len(wanted)} were sent: {str(got)[:300]}"


def bytes_of(packets):
    return [bytes.fromhex(packet["bytes"]) for packet in packets]


def a_call_on_a_link_comes_out_as_it_is():
    sent = [frame for frame in frames(CALL) if is_sip(frame)]
    with Tap(interface("vb") + interface("va")) as tap:
        tap.state("up").state("up", 1)
        raw = sender("va")
        for frame in sent:
            raw.send(frame)
        packets = tap.count("bytes", 2 * len(sent))
        # The sender's own side shows what it sends, too.
        for side in (0, 1):
            same(bytes_of([p for p in packets if p["tap"] == side]), sent)
            same([p["n"] for p in packets if p["tap"] == side], list(range(1, len(sent) + 1)), "numbers")
        same([bytes.fromhex(p["sip"]) for p in tap.of("sip")[::2]], [f[42:] for f in sent], "messages")
        ats = [p["at"] for p in packets]
        assert ats == sorted(ats), "out of order"
        assert abs(ats[0] / 1e6 - time.time()) < PATIENCE, "not today"


def what_goes_over_lo_comes_once():
    with Tap(interface("lo")) as tap:
        tap.state("up")
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for n in range(50):
            out.sendto(sip(n), ("127.0.0.1", 5060))
        out.sendto(sip(99), ("127.0.0.1", 5060))
        tap.until(lambda said: any(s.get("sip") == sip(99).hex() for s in said), "the last")
        same([bytes.fromhex(p["sip"]) for p in tap.of("sip")], [sip(n) for n in [*range(50), 99]])


def a_tag_is_where_it_was_on_the_wire():
    tagged = [ether(ip(udp(sip(1))), tags=[(0x8100, 100)]), ether(ip(udp(sip(2))), tags=[(0x88A8, 7), (0x8100, 100)]),
              ether(ip(udp(sip(3))))]
    with Tap(interface("vb")) as tap:
        tap.state("up")
        for frame in tagged:
            sender("va").send(frame)
        same(bytes_of(tap.count("bytes", 3)), tagged)
        same([bytes.fromhex(p["sip"]) for p in tap.count("sip", 3)], [sip(1), sip(2), sip(3)])


def fragments_come_and_make_one_message():
    whole = udp(sip(5, 3000))
    parts = [ether(ip(whole[at : at + 1200], fragment=at // 8 | (0x2000 if at + 1200 < len(whole) else 0)))
             for at in range(0, len(whole), 1200)]
    with Tap(interface("vb")) as tap:
        tap.state("up")
        tap.tell("want none")
        for part in parts:
            sender("va").send(part)
        same([bytes.fromhex(p["sip"]) for p in tap.count("sip", 1)], [sip(5, 3000)])
        same(bytes_of(tap.of("bytes")), parts)


def rtp_comes_as_it_is_wanted():
    with Tap(interface("vb")) as tap:
        tap.state("up")
        raw = sender("va")

        def ports_that_come(mark):
            for port in (30000, 30002):
                raw.send(rtp(port))
            raw.send(ether(ip(udp(sip(mark)))))
            tap.until(lambda said: any(s.get("sip") == sip(mark).hex() for s in said), "the mark")
            ports = [int(p["dst"].split(":")[1]) for p in tap.of("rtp")]
            with tap.change:
                tap.said.clear()
            return ports

        def becomes(command, wanted):
            tap.tell(command)
            until = time.monotonic() + PATIENCE
            while (got := ports_that_come(int(time.monotonic() * 1e6))) != wanted:
                assert time.monotonic() < until, f"{command}: {got}"

        becomes("want all", [30000, 30002])
        becomes("want none", [])
        becomes("want 30002,30004", [30002])
        becomes("want " + ",".join(str(port) for port in range(30000, 30400)), [30000, 30002])


def a_link_that_goes_down_and_up_is_told_and_heard_again():
    with Tap(interface("vb")) as tap:
        tap.state("up")
        for command, word in ((("vb", "down"), "is off"), (("vb", "up"), "up"), (("va", "down"), "no link"), (("va", "up"), "up")):
            since = len(tap.said)
            sh("ip", "link", "set", *command)
            tap.state(word, since=since)
        sender("va").send(ether(ip(udp(sip(8)))))
        same(bytes_of(tap.count("bytes", 1)), [ether(ip(udp(sip(8))))])


def an_interface_may_appear_later_and_come_back():
    with Tap(interface("vd")) as tap:
        tap.state("there is no interface vd")
        for turn in (1, 2):
            since = len(tap.said)
            pair("vc", "vd")
            tap.state("up", since=since)
            sender("vc").send(ether(ip(udp(sip(turn)))))
            tap.count("bytes", turn)
            since = len(tap.said)
            sh("ip", "link", "del", "vc")
            tap.state("there is no interface vd", since=since)
        same(bytes_of(tap.of("bytes")), [ether(ip(udp(sip(n)))) for n in (1, 2)])
        same([p["n"] for p in tap.of("bytes")], [1, 2], "numbers")


def ip_without_ethernet_is_read():
    with open("/dev/net/tun", "r+b", buffering=0) as tunnel:
        fcntl.ioctl(tunnel, 0x400454CA, struct.pack("16sH22x", b"tn", 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
        sh("ip", "link", "set", "tn", "up")
        with Tap(interface("tn")) as tap:
            tap.state("up")
            tap.tell("want none")
            for packet in (ip(udp(sip(4))), ip(b"\0" * 20, proto=1), ip(udp(sip(5)))):
                tunnel.write(packet)
            same(bytes_of(tap.count("bytes", 2)), [ip(udp(sip(4))), ip(udp(sip(5)))])
            same([bytes.fromhex(p["sip"]) for p in tap.count("sip", 2)], [sip(4), sip(5)])


def hep_comes_by_udp_and_tcp():
    sent = [frame[42:] for frame in frames(CALL) if is_sip(frame)]
    with Tap('[[tap]]\ntype = "hep"\nlisten = "127.0.0.1:9060"\n') as tap:
        tap.state("up")
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for message in sent:
            out.sendto(hep(message), ("127.0.0.1", 9060))
        same([bytes.fromhex(p["sip"]) for p in tap.count("sip", len(sent))], sent)
        stream = socket.create_connection(("127.0.0.1", 9060))
        whole = b"".join(hep(message, agent=2) for message in sent)
        for at in range(0, len(whole), 700):
            stream.send(whole[at : at + 700])
        same([bytes.fromhex(p["sip"]) for p in tap.count("sip", 2 * len(sent))], sent + sent)
        stream.close()
        agents = tap.counts()["agents"]
        until = time.monotonic() + PATIENCE
        while len(agents) < 2 and time.monotonic() < until:
            agents = tap.counts()["agents"]
        assert [a[1:3] for a in agents] == [[1, len(sent)], [2, len(sent)]], agents


def hep_that_lies_is_refused_and_told_once():
    keys = Path(tempfile.mkdtemp()) / "keys"
    keys.write_text("1 right-key\n")
    config = f'[[tap]]\nid = "agents"\ntype = "hep"\nlisten = "0.0.0.0:9060"\nallow = ["127.0.0.1"]\nkey_file = "{keys}"\n'
    with Tap(config) as tap:
        tap.state("up")
        ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        theirs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        theirs.bind(("127.0.0.2", 0))
        to = ("127.0.0.1", 9060)
        for n in range(200):
            theirs.sendto(hep(sip(n), key=b"right-key"), to)
            ours.sendto(hep(sip(n), key=b"wrong-key"), to)
            ours.sendto(hep(sip(n)), to)
            ours.sendto(os.urandom(600), to)
        ours.sendto(hep(sip(9), key=b"right-key", at=time.time() + 3600), to)
        got = tap.count("sip", 1)
        same([bytes.fromhex(p["sip"]) for p in got], [sip(9)])
        assert abs(tap.of("bytes")[0]["at"] / 1e6 - time.time()) < PATIENCE, "the liar's time was taken"
        refused = dict(tap.counts()["refused"])
        assert refused == {"Address": 200, "Key": 400, "Malformed": 200, "Packed": 0, "Connections": 0}, refused
        # A clock that is an hour ahead is told at the next look.
        until = time.monotonic() + PATIENCE
        while not any("clock" in line for line in tap.log()) and time.monotonic() < until:
            ours.sendto(hep(sip(9), key=b"right-key", at=time.time() + 3600), to)
            time.sleep(0.1)
        for word in ("not in allow", "key_file", "no HEP3", "is 3599 s ahead"):
            told = [line for line in tap.log() if word in line or word.replace("3599", "3600") in line]
            assert len(told) == 1, f"{word}: {told}"
        assert not any("right-key" in line for line in tap.log()), "a key in the log"


def a_flood_of_junk_leaves_the_others_heard():
    config = interface("vb") + '[[tap]]\ntype = "hep"\nlisten = "127.0.0.1:9060"\n'
    with Tap(config) as tap:
        tap.state("up").state("up", 1)
        tap.tell("want none")
        out, raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), sender("va")
        junk = ether(ip(udp(b"\0" + os.urandom(400))))
        for n in range(30000):
            raw.send(junk)
            out.sendto(b"\0junk" * 40, ("127.0.0.1", 9060))
            if n % 1000 == 0:
                raw.send(ether(ip(udp(sip(n)))))
                out.sendto(hep(sip(n + 1)), ("127.0.0.1", 9060))
        tap.count("sip", 60)
        got = sorted(bytes.fromhex(p["sip"]) for p in tap.of("sip"))
        same(got, sorted(sip(n + more) for n in range(0, 30000, 1000) for more in (0, 1)))
        refused = dict(tap.counts(1)["refused"])
        lost = sum(d["drops"] for d in tap.of("drops") if "tap" in d and "from" in d)
        assert refused["Malformed"] + lost >= 29000, (refused, lost)


def a_reader_that_sleeps_loses_packets_and_is_told_how_many():
    with Tap(interface("vb", ring_mb=1), quiet=True) as tap:
        tap.state("up")
        tap.tell("stall 3")
        raw, frame, sent = sender("va"), ether(ip(udp(sip(1, 1200)))), 30000
        before = time.time() * 1e6
        for _ in range(sent):
            raw.send(frame)
        lost = lambda said: sum(s["drops"] for s in said if "from" in s)
        tap.until(lambda said: lost(said) > 0, "drops")
        until = time.monotonic() + PATIENCE
        while (counts := tap.counts())["packets"] + counts["drops"] < sent and time.monotonic() < until:
            time.sleep(0.1)
        assert counts["packets"] + counts["drops"] == sent, counts
        told = [s for s in tap.of("from")]
        assert sum(s["drops"] for s in told) == counts["drops"], (told, counts)
        assert all(s["from"] < s["to"] and s["to"] >= before for s in told), told
        print(f"  stalled: {counts['packets']} came, {counts['drops']} lost and told")


def a_growing_capture_in_a_folder_is_read():
    folder = Path(tempfile.mkdtemp())
    data = CALL.read_bytes()
    with Tap(f'[[tap]]\ntype = "files"\nfolder = "{folder}"\n') as tap:
        tap.state("up")
        with open(folder / "a.pcap", "wb", buffering=0) as out:
            for at in range(0, len(data), 333):
                out.write(data[at : at + 333])
        all_frames = frames(CALL)
        same(bytes_of(tap.count("bytes", len(all_frames))), all_frames)
        shutil.copy(CALL, folder / "b.pcap")
        same(bytes_of(tap.count("bytes", 2 * len(all_frames))), 2 * all_frames)
    shutil.rmtree(folder)


def without_permission_it_says_so_and_the_others_go_on():
    config = interface("vb") + '[[tap]]\ntype = "hep"\nlisten = "127.0.0.1:9060"\n'
    with Tap(config, user=65534) as tap:
        tap.state("not permitted to capture on vb").state("up", 1)
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(hep(sip(1)), ("127.0.0.1", 9060))
        same([bytes.fromhex(p["sip"]) for p in tap.count("sip", 1)], [sip(1)])


def sip_at_full_speed_is_not_lost():
    with Tap(interface("vb"), quiet=True) as tap:
        tap.state("up")
        raw, frame, sent = sender("va"), ether(ip(udp(sip(1, 900)))), 200000
        begun = time.monotonic()
        for _ in range(sent):
            raw.send(frame)
        took = time.monotonic() - begun
        until = time.monotonic() + PATIENCE
        while (counts := tap.counts())["packets"] + counts["drops"] < sent and time.monotonic() < until:
            time.sleep(0.1)
        spent = [int(n) for n in Path(f"/proc/{tap.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]]
        cpu = sum(spent) / os.sysconf("SC_CLK_TCK")
        print(f"  {sent / took:,.0f} packets/s offered, {counts['drops']} of {sent} lost, {cpu:.2f} s CPU")
        assert counts["packets"] + counts["drops"] == sent, counts
        assert counts["drops"] <= sent // 100, counts


CHECKS = [a_call_on_a_link_comes_out_as_it_is, what_goes_over_lo_comes_once, a_tag_is_where_it_was_on_the_wire,
          fragments_come_and_make_one_message, rtp_comes_as_it_is_wanted,
          a_link_that_goes_down_and_up_is_told_and_heard_again, an_interface_may_appear_later_and_come_back,
          ip_without_ethernet_is_read, hep_comes_by_udp_and_tcp, hep_that_lies_is_refused_and_told_once, a_flood_of_junk_leaves_the_others_heard,
          a_reader_that_sleeps_loses_packets_and_is_told_how_many, a_growing_capture_in_a_folder_is_read,
          without_permission_it_says_so_and_the_others_go_on, sip_at_full_speed_is_not_lost]


def inside(names):
    """In a network of its own, which is gone with this process."""
    sh("ip", "link", "set", "lo", "up")
    pair("va", "vb")
    passed = failed = 0
    for check in CHECKS:
        if names and check.__name__ not in names:
            continue
        try:
            check()
            passed += 1
        except Exception as error:
            failed += 1
            print(f"{check.__name__}: {type(error).__name__}: {error}")
    print(f"taps: {passed} passed, {failed} failed")
    return 1 if failed else 0


def main(names):
    if "TAP" in os.environ:
        return inside(names)
    build = ["cargo", "build", "--release", "--quiet", "--locked", "--example", "tap"]
    if subprocess.run(build, cwd=ROOT).returncode:
        raise SystemExit("the taps don't build: see above")
    # A copy, so that a user without rights reaches it.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        tap = shutil.copy(target() / "release/examples/tap", folder)
        as_root = ["sudo"] if os.geteuid() else []
        command = [*as_root, "unshare", "-n", "env", f"TAP={tap}", sys.executable, "-B", __file__, *names]
        return subprocess.run(command).returncode


sys.exit(main(sys.argv[1:]))

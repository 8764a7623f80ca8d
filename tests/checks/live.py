"""`ringback run` and `learn --for` in networks of their own: calls played in real time, SIGTERM, kill -9 (needs root, or sudo).

    live.py [--kills 10] [CHECK ...]

Each check has a network namespace to itself. Calls that are played must come out as in a replay, and each text once in
the outbox. Under a stream of calls the daemon is killed at random moments: no caller may be texted twice, and every
call that it saw as a whole while it ran must be texted. What is learnt of calls that are played must be what is learnt
of their captures.
"""

import argparse
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

import ringback
from daemon import (Daemon, METRICS, PATIENCE, Stream, asked, busy, configured, figure, journal, moment, network,
                    page, quantile, records, refused, rings, sender, sh, taps, wait)
from ringback import ROOT

# Captures of a few seconds, and the tap that hears each.
PLAYED = {"busy": "veth", "caller-cancels": "veth", "declined": "lo", "lab-cancel": "lo", "b2bua-all-busy": "lo",
          "retransmissions": "veth", "ipv4-fragments": "veth", "websocket": "lo", "tcp-in-pieces": "veth",
          "answered-short": "hep", "lab-vlan-busy": "veth", "phones-only-all-busy": "hep", "lab-fragmented-invite": "files",
          "hep-agents-disagree-on-time": "agents", "hep-packed-and-strange-chunks": "agents"}


def verdicts(calls):
    return sorted((call["call"], call["outcome"], call["missed"], call["direction"], len(call["legs"])) for call in calls)


def played(name, folder):
    """A capture in real time comes out as it does in a replay."""
    kind, scenario = PLAYED[name], ROOT / "captures" / name
    config = configured(folder, scenario / "ringback.toml", taps(kind))
    wanted = ringback.replay(folder / "replayed", "--config", config, scenario / "call.pcap")
    os.chdir(folder)
    send = sender(kind)
    daemon = Daemon(config)
    frames = records(scenario / "call.pcap")
    begun = time.monotonic()
    for at, frame in frames:
        time.sleep(max(0, begun + at - frames[0][0] - time.monotonic()))
        send(frame)
    keys = sorted(message["key"] for message in wanted.messages if message["state"] == "accepted")
    until = time.monotonic() + 20
    settled = lambda: sorted(text["key"] for text in daemon.outbox()) == keys
    # Calls that only time ends come last; a text that must not come gets time to.
    time.sleep(4.5 if not keys else 0)
    while not settled() and time.monotonic() < until:
        time.sleep(0.05)
    late = max((time.time() - moment(text["at"]) for text in daemon.outbox()), default=0)
    time.sleep(0.5)
    got = sorted(text["key"] for text in daemon.outbox())
    daemon.stop()
    # Those of agents have several calls, of which the first's text leaves while the next is played.
    assert kind in ("files", "agents") or late < LATEST, f"a text left {late:.1f} s late"
    told = {str(call["caller"])[-10:] for call in wanted.calls if call["caller"]}
    assert not [number for number in told if number in daemon.last()], f"a number in the log: {daemon.last()}"
    assert got == keys, f"texts {got}, replayed {keys}: {daemon.last()}"
    bodies, still_open = journal(folder)
    calls = [body["data"] for body in bodies if body["event"] == "call"]
    assert verdicts(calls) == verdicts(wanted.calls), f"{verdicts(calls)}, replayed {verdicts(wanted.calls)}"
    assert not still_open, f"still open: {still_open}"


def killed(folder, kills):
    """Whatever moment it is killed at: nobody is texted twice, and no call that it saw whole is forgotten."""
    config = configured(folder, ROOT / "captures/caller-cancels/ringback.toml", taps("veth"))
    stream = Stream(sender("veth"))
    stream.start()
    up = []
    for n in range(kills + 1):
        daemon = Daemon(config)
        since = time.time()
        time.sleep(random.uniform(0.05, 3.0) if n < kills else 3)
        if n < kills:
            # It may take long to die, if it was writing.
            up.append((since, time.time()))
            daemon.kill()
        else:
            stream.going = False
            stream.join()
            up.append((since, time.time() + MARGIN))
            time.sleep(3)
    took = daemon.stop()
    texted = [text["to"] for text in daemon.outbox()]
    twice = sorted({to for to in texted if texted.count(to) > 1})
    assert not twice, f"texted twice: {twice}"
    whole = lambda begun, ended: any(since < begun and ended < until - MARGIN for since, until in up)
    owed = {"+1" + number for number, (begun, ended) in stream.calls.items() if ended and whole(begun, ended)}
    bodies, still_open = journal(folder)
    judged = {body["data"]["call"]: body["data"]["outcome"] for body in bodies if body["event"] == "call"}
    known = set(judged) | still_open
    missing, listed = [], 0
    for to in sorted(owed - set(texted)):
        call, ended = stream.id(to[2:]), stream.calls[to[2:]][1]
        if call in still_open or judged.get(call) == "unknown":
            listed += 1  # Its end wasn't on the disk yet: it is open, or a person was told.
        else:
            before = min(until - ended for since, until in up if until > ended)
            missing.append(f"{to}, {judged.get(call, 'not known')}, ended {before:.2f} s before a kill")
    warned = [line for line in (folder / "log").read_text().splitlines() if re.search("packet|behind|wait", line)]
    assert not missing, f"{len(missing)} of {len(owed)} owed texts are missing: {missing[:5]}; warned: {warned[-5:]}"
    begun = {stream.id(number) for number, (begun, _) in stream.calls.items() if whole(begun, begun)}
    forgotten = begun - known
    assert not forgotten, f"{len(forgotten)} of {len(begun)} calls that began in sight are neither judged nor open"
    assert set(texted) <= {"+1" + number for number in stream.calls}, "texts to nobody"
    assert len(owed) > kills, f"only {len(owed)} calls were seen whole"
    print(f"{kills} kills: {len(stream.calls)} calls, {len(owed)} seen whole, {len(texted)} texted, none twice, {listed} left to people; "
          f"stopped in {took * 1000:.0f} ms")


def started_wrong(folder):
    """What keeps it from starting is one line that says what to do; a second one is refused."""
    source = ROOT / "captures/caller-cancels/ringback.toml"
    config = configured(folder, source, taps("veth"))
    daemon = Daemon(config)
    second = ringback.run("run", "--config", config)
    told = [line for line in second.stderr.splitlines() if line.startswith("ringback: ")]
    assert second.returncode == 1 and len(told) == 1 and str(daemon.process.pid) in told[0], second.stderr
    daemon.stop()
    (folder / "none").mkdir()
    nothing = ringback.run("run", "--config", configured(folder / "none", source, ""))
    assert nothing.returncode == 2 and "[[tap]]" in nothing.stderr, nothing.stderr
    (folder / "gone").mkdir()
    gone = Daemon(configured(folder / "gone", source, '[[tap]]\ntype = "interface"\ninterface = "vx"\n'))
    sh("ip", "link", "add", "vx", "type", "veth", "peer", "name", "vy")
    sh("ip", "link", "set", "vy", "up")
    sh("ip", "link", "set", "vx", "up")
    until = time.monotonic() + PATIENCE
    while "listening" not in gone.last() and time.monotonic() < until:
        time.sleep(0.1)
    assert "listening" in gone.last(), gone.last()
    gone.stop()


def flushed(folder):
    """What a tap had when it was told to stop is judged and kept; the text that is owed leaves in the next run."""
    config = configured(folder, ROOT / "captures/busy/ringback.toml", taps("veth"))
    daemon, send = Daemon(config), sender("veth")
    for _, frame in records(ROOT / "captures/busy/call.pcap"):
        send(frame)
    daemon.stop()
    bodies, still_open = journal(folder)
    calls = [body["data"]["outcome"] for body in bodies if body["event"] == "call"]
    assert (calls, still_open, daemon.outbox()) == (["busy"], set(), []), (calls, still_open, daemon.outbox())
    daemon = Daemon(config)
    until = time.monotonic() + PATIENCE
    while not daemon.outbox() and time.monotonic() < until:
        time.sleep(0.05)
    assert len(daemon.outbox()) == 1, daemon.last()
    daemon.stop()


def damaged(folder):
    """From a store that was damaged no text leaves; calls are judged all the same."""
    config = configured(folder, ROOT / "captures/busy/ringback.toml", taps("veth"))
    Daemon(config).stop()
    store = folder / "state/ringback.db"
    store.write_bytes(b"SQLite format 3\0" + os.urandom(store.stat().st_size - 16))
    daemon = Daemon(config)
    for _, frame in records(ROOT / "captures/busy/call.pcap"):
        sender("veth")(frame)
        time.sleep(0.05)
    until = time.monotonic() + PATIENCE
    while "claimed" not in daemon.last() and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)
    assert "no texts leave" in daemon.last() and "busy" in daemon.last(), daemon.last()
    assert daemon.outbox() == [], "a text left"
    done = ringback.run("release", "--config", config)
    assert done.returncode == 0, done.stderr
    busy(Stream(sender("veth")), "3125519999")
    wait(lambda: any(text["to"] == "+13125519999" for text in daemon.outbox()), daemon.last)
    daemon.stop()


def learner(folder, config, period, program=None, user=None):
    """`ringback learn --for`, and what it says first on standard error."""
    (folder / "ringback.toml").write_text(f"schema = 1\n{config}")
    process = subprocess.Popen([program or ringback.binary(), "learn", "--for", period, "--config", folder / "ringback.toml"],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, user=user)
    return process, process.stderr.readline().decode()


def ended(process):
    """What a learner printed, and what it said since its first line."""
    return [said.decode() for said in process.communicate(timeout=10)]


def learnt(folder):
    """What calls on a link, and in HEP, tell is what their captures tell, also when an interrupt ends it early."""
    for name, kind, end in (("lab-pbx-caller-cancels", "veth", signal.SIGINT), ("lab-ring-all-four-not-told", "hep", signal.SIGTERM)):
        capture = ROOT / "captures" / name / "call.pcap"
        process, said = learner(folder, taps(kind), "3d")
        assert said.endswith(": listening\n"), said
        begun, frames, send = time.monotonic(), records(capture), sender(kind)
        for at, frame in frames:
            time.sleep(max(0, begun + at - frames[0][0] - time.monotonic()))
            send(frame)
        time.sleep(0.5)
        asked = time.monotonic()
        process.send_signal(end)
        got, errors = ended(process)
        took = time.monotonic() - asked
        assert (process.returncode, errors) == (0, ""), (process.returncode, errors)
        assert took < 2, f"{took:.1f} s to end"
        wanted = ringback.run("learn", capture).stdout
        got, times = re.subn(r"\d+ s on 1 tap", "1 capture", got)
        assert times > 3 and got == wanted, f"{name}: learnt {got}\nfrom the capture {wanted}"
        assert os.listdir(folder) == ["ringback.toml"], "something was written"


def learnt_in_part(folder):
    """Where no tap can listen it ends at once; where one can, the others are told and it goes on."""
    folder.chmod(0o755)
    for name, free in (("none", False), ("one", True)):
        room = folder / name
        room.mkdir(mode=0o755)
        program = shutil.copy(ringback.binary(), room)
        begun = time.monotonic()
        process, said = learner(room, taps("veth") + (taps("hep") if free else ""), "2s", program, 65534)
        got, errors = ended(process)
        errors, took = sorted((said + errors).splitlines()), time.monotonic() - begun
        refused = "ringback: tap vb: not permitted to capture on vb; run it as root, or as the service, which has CAP_NET_RAW"
        told = [refused, "ringback: tap 127.0.0.1:9060: listening"] if free else [refused]
        assert (process.returncode, errors) == (1, sorted(told)), (process.returncode, errors)
        assert ("from 2 s on 1 tap" in got, took > 2) == (free, free), (took, got)


TAPE = '[tape]\nfolder = "tape"\n'
REST = '[[line]]\nid = "rest"\ndid = "*"\ncalendar = "office"\nsms_from = "main"\n'


def store_journal(folder, first=1):
    """The lines of the journal in the store as a replay writes them."""
    done = subprocess.run([os.environ["JOURNAL"], folder / "state/ringback.db", str(first)], capture_output=True, check=True)
    return done.stdout.splitlines(keepends=True)


def on_tape(tape, kind):
    """What the lines of a kind hold."""
    return [line[kind] for line in ringback.lines(tape / "tape.jsonl") if kind in line]


def from_tape(tape, out):
    """The journal a tape gives, and what was said of it."""
    done = ringback.run("replay", "--tape", tape, "--out", out)
    assert done.returncode == 0, f"{tape.name}: status {done.returncode}: {done.stderr[-500:]}"
    return (out / "journal.jsonl").read_bytes().splitlines(keepends=True), done.stderr


def first_difference(one, other):
    n = next((n for n, pair in enumerate(zip(one, other)) if pair[0] != pair[1]), min(len(one), len(other)))
    at = [lines[n][:600] if n < len(lines) else b"nothing" for lines in (one, other)]
    return f"{len(one)} and {len(other)} entries; the {n + 1}th: {at[0]} and {at[1]}"


def calls_from_all_sides(office, stories):
    """Of SIPp over Kamailio on lo, recorded ones with sound on a veth, of an agent: a thread each."""
    def replayed(name, send):
        frames, begun = records(ROOT / "captures" / name / "call.pcap"), time.monotonic()
        for at, frame in frames:
            time.sleep(max(0, begun + at - frames[0][0] - time.monotonic()))
            send(frame)

    sides = [lambda: office.busy_hour(stories.calls(60, 1), 20), lambda: replayed("embedded-voicemail-message", sender("veth")),
             lambda: [replayed("answered-short", sender("hep")) for _ in range(2)]]
    threads = [threading.Thread(target=side, daemon=True) for side in sides]
    for thread in threads:
        thread.start()
    return threads


def taped(folder):
    """A tape gives the journal of its run, byte for byte, also where the run was killed and the next went on.

    What the tape of the killed run gives goes at least as far as what reached the disk.
    """
    config = configured(folder, ROOT / "captures/caller-cancels/ringback.toml", "".join(map(taps, ("lo", "veth", "hep"))) + REST + TAPE)
    sys.path.insert(0, str(ROOT / "tests/crowd"))
    import peers
    import stories
    (folder / "peers").mkdir()
    os.chdir(folder)
    with peers.Network(folder / "peers", here=True) as office:
        office.open_office()
        daemon = Daemon(config)
        threads = calls_from_all_sides(office, stories)
        time.sleep(16)
        daemon.kill()
        before = len(store_journal(folder))
        daemon = Daemon(config)
        for thread in threads:
            thread.join()
        time.sleep(6)
        daemon.stop()
    one, other = sorted((folder / "tape").iterdir())
    (start,) = on_tape(other, "state")
    assert start["next"] == before + 1, f"the second tape begins at {start['next']}; {before} entries were in the store"
    live = store_journal(folder)
    first, said = from_tape(one, folder / "first")
    assert "has no end" in said, said
    assert first[:before] == live[:before], first_difference(first, live[:before])
    second, said = from_tape(other, folder / "second")
    assert second == live[before:], first_difference(second, live[before:])
    assert not said, said
    assert (one.stat().st_mode & 0o777, (one / "call.pcapng").stat().st_mode & 0o777) == (0o700, 0o600)
    taken = {kind: [len(on_tape(tape, kind)) for tape in (one, other)] for kind in ("packet", "receipt", "time", "open_call")}
    of = {packet["tap"] for tape in (one, other) for packet in on_tape(tape, "packet")}
    calls = [sum(json.loads(line)["event"] == "call" for line in lines) for lines in (live[:before], live[before:])]
    assert of == {0, 1, 2} and min(calls) > 5 and min(taken["receipt"]) > 2 and taken["open_call"][1], (of, calls, taken)
    size = sum(file.stat().st_size for tape in (one, other) for file in tape.iterdir())
    print(f"  taped: {calls[0]} calls and {before} entries before a kill, {calls[1]} and {len(second)} after it, byte for byte; "
          f"on the tapes {taken}, {size // 1000} KB")


def frozen(folder):
    """Held up for seconds, as by a machine that is, it judges what its taps kept meanwhile."""
    config = configured(folder, ROOT / "captures/caller-cancels/ringback.toml", taps("veth"))
    daemon, stream = Daemon(config), Stream(sender("veth"))
    stream.start()
    for _ in range(6):
        time.sleep(1)
        daemon.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        daemon.process.send_signal(signal.SIGCONT)
    time.sleep(1)
    stream.going = False
    stream.join()
    wait(lambda: len(daemon.outbox()) == len(stream.calls), lambda: f"{len(daemon.outbox())} of {len(stream.calls)} texts: {daemon.last()}")
    daemon.stop()
    bodies, still_open = journal(folder)
    calls = Counter(body["data"]["outcome"] for body in bodies if body["event"] == "call")
    assert (calls, still_open) == ({"busy": len(stream.calls)}, set()), (calls, still_open)
    assert len({text["to"] for text in daemon.outbox()}) == len(stream.calls), "texted twice"


def untaped(folder):
    """A tape that can't be written is told once, and nothing else changes."""
    config = configured(folder, ROOT / "captures/busy/ringback.toml", taps("veth") + TAPE)
    (folder / "tape").write_text("no folder")
    daemon, send = Daemon(config), sender("veth")
    for _, frame in records(ROOT / "captures/busy/call.pcap"):
        send(frame)
        time.sleep(0.02)
    until = time.monotonic() + PATIENCE
    while not daemon.outbox() and time.monotonic() < until:
        time.sleep(0.05)
    daemon.stop()
    told = [line for line in (folder / "log").read_text().splitlines() if "tape" in line]
    assert len(daemon.outbox()) == 1 and len(told) == 1 and "can't be written" in told[0], (daemon.outbox(), told)


def reloaded(folder):
    """SIGHUP: what is right is taken, and calls and texts under way go on; what is wrong is told in a line and not taken.

    The tape of all that, and of what a person asked for, gives the same journal.
    """
    config = configured(folder, ROOT / "captures/caller-cancels/ringback.toml", taps("veth") + TAPE)
    before, stream = config.read_text(), Stream(sender("veth"))
    daemon, log = Daemon(config), (folder / "log").read_text

    def hang_up(text, told):
        config.write_text(text)
        count = log().count(told)
        daemon.process.send_signal(signal.SIGHUP)
        wait(lambda: log().count(told) > count, daemon.last)

    anew, kept = "configuration read anew", "configuration stays as it was"
    rings(stream, "3125520001")
    # A text that waits keeps its words; a call that rings gets the new ones.
    busy(stream, "3125520002")
    wait(lambda: ": planned" in daemon.last(), daemon.last)
    hang_up(before.replace("sorry we missed your call", "we were on the phone"), anew)
    refused(stream, "3125520001")
    wait(lambda: len(daemon.outbox()) == 2, daemon.last)
    words = {text["to"][-4:]: text["body"] for text in daemon.outbox()}
    assert "sorry" in words["0002"] and "on the phone" in words["0001"], words
    wrong = before.replace('did = "+13125550100"', 'dids = "+13125550100"', 1)
    hang_up(wrong, kept)
    told = [line for line in log().splitlines() if kept in line]
    assert len(told) == 1 and re.search(rf"ringback\.toml:\d+: .*`dids`.*did you mean `did`\?", told[0]), told
    hang_up("nonsense", kept)
    hang_up(before + FAILING, kept)
    told = [line for line in log().splitlines() if kept in line]
    assert told[-1].endswith("ringback.toml:{}: test \"of a lead\" fails: expected sends none, got ack".format(
        len((before + FAILING).splitlines()))), told
    config.unlink()
    daemon.process.send_signal(signal.SIGHUP)
    wait(lambda: log().count(kept) == 4, daemon.last)
    hang_up(before.replace('interface = "vb"', 'interface = "va"') + '[gateway.other]\ntype = "file"\npath = "other"\n', anew)
    assert "[[tap]] can't change while it runs" in log(), daemon.last()
    assert (folder / "other/outbox.jsonl").is_file(), "no new gateway"
    busy(stream, "3125520003")
    wait(lambda: len(daemon.outbox()) == 3, daemon.last)
    done = ringback.run("optout", "add", "+13125520004", "--config", config)
    assert done.returncode == 0, done.stderr
    busy(stream, "3125520004")
    wait(lambda: "skipped" in daemon.last(), daemon.last)
    daemon.stop()
    (tape,) = (folder / "tape").iterdir()
    assert [len(on_tape(tape, kind)) for kind in ("settings", "operator")] == [2, 1], "not on the tape"
    again, said = from_tape(tape, folder / "again")
    live = store_journal(folder)
    assert again == live, first_difference(again, live)
    assert not said, said
    bodies, still_open = journal(folder)
    calls = [body["data"]["outcome"] for body in bodies if body["event"] == "call"]
    assert (calls, still_open) == (["busy"] * 4, set()), calls


FAILING = """[[test]]
name = "of a lead"
call = { from = "+13125550142", to = "+13125550111", at = "2026-11-20T21:14:00-06:00", outcome = "busy" }
expect = { sends = [] }
"""


def texted(folder, many):
    """A daemon that tells figures, once so many callers were texted, 50 a second."""
    config = configured(folder, ROOT / "captures/caller-cancels/ringback.toml", taps("veth"))
    config.write_text(config.read_text() + '[metrics]\nlisten = "127.0.0.1:9464"\n')
    daemon, stream = Daemon(config), Stream(sender("veth"))
    due = time.monotonic()
    for n in range(many):
        busy(stream, f"3125{530000 + n}")
        due += 0.02
        time.sleep(max(0, due - time.monotonic()))
    wait(lambda: len(daemon.outbox()) == many, daemon.last)
    accepted = 'ringback_texts_total{state="accepted"}'
    wait(lambda: f"{accepted} {many}\n" in page("/metrics")[1], daemon.last)
    return daemon, page("/metrics")[1]


def measured(folder):
    """Verdicts are durable soon."""
    many = 1000
    daemon, text = texted(folder, many)
    name = "ringback_verdict_to_outbox_seconds"
    half, most = quantile(text, name, 0.5), quantile(text, name, 0.99)
    buckets = re.findall(rf'^{name}_bucket{{le="(\S+)"}} (\d+)$', text, re.M)
    print(f"{many} calls: a text's row is durable {half * 1000:g} ms after the verdict (p50), {most * 1000:g} ms (p99); up to each bound:",
          ", ".join(f"{bound} s {count}" for bound, count in buckets if int(count) < many or bound == "+Inf"))
    assert half <= 0.010 and most <= 0.050, text
    daemon.stop()


def figures(folder):
    """Figures add up; hostile bytes and slow peers harm nobody."""
    many, name = 100, "ringback_verdict_to_outbox_seconds"
    daemon, text = texted(folder, many)
    assert page("/healthz") == (200, "ok\n"), page("/healthz")
    slow = [socket.create_connection(METRICS) for _ in range(40)]
    # Their time is over soon.
    wait(lambda: asked(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").startswith("HTTP/1.1 200 "), daemon.last)
    slow.clear()
    for what, wanted in {f"{name}_count": many, "ringback_calls_total": many, 'ringback_outcomes_total{outcome="busy"}': many,
                         "ringback_sip_messages_total": 4 * many,
                         'ringback_tap_drops_total{tap="vb"}': 0, "ringback_store_up": 1, "ringback_texts_waiting": 0,
                         "ringback_cases": many, "ringback_open_calls": 0}.items():
        got = figure(text, what)
        # Closed calls are kept a while for what comes late.
        assert got == wanted or what == "ringback_open_calls", f"{what} {got}, not {wanted}"
    assert figure(text, "ringback_store_commit_seconds_count") > 0, text
    for hostile in (b"\0" * 9000, b"GET /metrics" + b"A" * 20000, b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 500, os.urandom(4000) + b"\r\n\r\n"):
        answer = asked(hostile)
        assert not answer or answer.startswith("HTTP/1.1 4"), answer
    assert asked(b"GET /metr").startswith("HTTP/1.1 408 "), "a slow peer"
    sh("ip", "link", "set", "vb", "down")
    wait(lambda: page("/healthz")[0] == 503, lambda: str(page("/healthz")))
    assert page("/healthz")[1].startswith("tap vb: "), page("/healthz")
    sh("ip", "link", "set", "vb", "up")
    wait(lambda: page("/healthz")[0] == 200, lambda: str(page("/healthz")))
    daemon.stop()


def commanded(folder):
    """People change records while it runs; nothing but the socket lets them, and nothing they say wrong harms it."""
    config = configured(folder, ROOT / "captures/caller-cancels/ringback.toml", taps("veth") + TAPE)
    config.write_text(config.read_text().replace('after = "1s"', 'after = "4s"'))
    daemon, stream = Daemon(config), Stream(sender("veth"))
    path = folder / "state/ringback.db.sock"
    assert path.stat().st_mode & 0o777 == 0o660, oct(path.stat().st_mode)

    def told(*command):
        done = ringback.run(*command, "--config", config)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    listed = lambda *command: [json.loads(line) for line in told(*command, "--format", "json").splitlines()]
    assert "no texts" in told("optout", "add", "(312) 554-0001")
    for wrong in (b"{}\n", b"\xff" * 5000, b'{"do":"erase"}\n', b'{"do":"task_done","key":"\xc3("}\n'):
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(path))
            peer.sendall(wrong)
            assert json.loads(peer.recv(4096))["done"] is False
    busy(stream, "3125540001")
    busy(stream, "3125540002")
    wait(lambda: len(daemon.outbox()) == 1 and len(listed("task", "list")) == 2, daemon.last)
    states = lambda: {message["to"]: message["state"] for message in listed("message", "list")}
    wait(lambda: states() == {"+13125540001": "skipped", "+13125540002": "accepted"}, lambda: str(states()))
    key = next(message["key"] for message in listed("message", "list") if message["state"] == "skipped")
    assert "skip" in told("message", "show", key), told("message", "show", key)
    first, second = (task["key"] for task in listed("task", "list"))
    told("task", "done", first)
    assert [task["key"] for task in listed("task", "list")] == [second]
    assert ringback.run("task", "done", first, "--config", config).returncode == 1
    assert (folder / told("backup").split()[-1]).is_file()
    # Planned, and erased before it is due: it never leaves.
    busy(stream, "3125540003")
    wait(lambda: any(message["to"] == "+13125540003" for message in listed("message", "list")), daemon.last)
    assert list((folder / "tape").iterdir()), "no tape"
    assert told("erase", "+13125540003").endswith("; no tape is left\n")
    told("optout", "remove", "+13125540001")
    told("erase", "+13125540002")
    busy(stream, "3125540004")
    wait(lambda: len(daemon.outbox()) == 2, daemon.last)
    assert sorted(text["to"][-4:] for text in daemon.outbox()) == ["0002", "0004"], daemon.outbox()
    daemon.stop()
    assert not path.exists(), "the socket is still there"
    assert not list((folder / "tape").iterdir()), "a tape is left"
    for file in (folder / "state").rglob("*"):
        for number in (b"3125540002", b"3125540003") if file.is_file() else ():
            assert number not in file.read_bytes(), f"{number} in {file}"
    os.chown(folder / "state", 1234, 1234)
    assert "may be texted" in told("optout", "remove", "+13125540001"), "without a daemon"
    assert {file.stat().st_uid for file in (folder / "state").rglob("*")} == {1234}, "files of root's"


def replied(folder):
    """Receipts and replies come by files, also while they are hostile; texts are cancelled and sent again by hand."""
    config = configured(folder, ROOT / "captures/caller-cancels/ringback.toml", taps("veth") + TAPE)
    config.write_text(config.read_text().replace('after = "1s"', 'after = "8s"'))
    daemon, stream, inbox = Daemon(config), Stream(sender("veth")), folder / "outbox/inbox"

    def told(*command, status=0):
        done = ringback.run(*command, "--config", config)
        assert done.returncode == status, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def put(name, *lines):
        (inbox / f".{name}").write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
        (inbox / f".{name}").rename(inbox / name)

    listed = lambda *command: [json.loads(line) for line in told(*command, "--format", "json").splitlines()]
    text = lambda number: next((one for one in listed("message", "list") if one["to"] == "+1" + number), {})
    for number in ("3125550001", "3125550002", "3125550003"):
        busy(stream, number)
    wait(lambda: all(text(f"312555000{n}") for n in (1, 2, 3)), daemon.last)
    put("replies.jsonl", {"from": "(312) 555-0001", "body": "Stop.", "id": "a"}, b"\xff\xfe", {"from": "+13125550003", "body": "who is this?"})
    (inbox / "link").symlink_to("/etc/passwd")
    assert "cancelled" in told("message", "cancel", text("3125550002")["key"])
    wait(lambda: text("3125550003").get("state") == "accepted", daemon.last)
    wait(lambda: text("3125550001").get("state") == "skipped", daemon.last)
    wait(lambda: sorted(os.listdir(inbox)) == ["refused"] and sorted(os.listdir(inbox / "refused")) == ["link", "replies.jsonl"],
         lambda: str(os.listdir(inbox)))
    assert any("who is this?" in task["title"] for task in listed("task", "list")), "nobody is told of the reply"
    assert listed("optout", "list", "+13125550001")[0]["opted_out"] is True
    key = text("3125550003")["key"]
    put("receipts", {"key": key, "state": "delivered", "gateway_ref": "7"}, {"key": key, "state": "sent"}, {"key": "nobody's", "state": "sent"})
    wait(lambda: text("3125550003").get("state") == "delivered", daemon.last)
    assert "resend/" in told("message", "resend", key)
    wait(lambda: [one["to"] for one in daemon.outbox()] == ["+13125550003"] * 2, daemon.last)
    assert "no more texts" in told("message", "resend", text("3125550001")["key"], status=1)
    (folder / "list.csv").write_text("phone\n+13125550003\n")
    told("optout", "import", folder / "list.csv")
    told("message", "resend", key, status=1)
    daemon.stop()
    daemon = Daemon(config)
    busy(stream, "3125550001")
    busy(stream, "3125550003")
    busy(stream, "3125550004")
    wait(lambda: len(daemon.outbox()) == 3, daemon.last)
    assert daemon.outbox()[2]["to"] == "+13125550004", daemon.outbox()
    daemon.stop()
    seen = (folder / "log").read_text()
    assert not re.search(r"312555000\d", seen), "a number in the log"
    tapes = sorted((folder / "tape").iterdir())
    first, _ = from_tape(tapes[0], folder / "again")
    live = store_journal(folder)
    assert first == live[:len(first)], first_difference(first, live)


ALONE = {"started-wrong": started_wrong, "damaged": damaged, "flushed": flushed, "taped": taped, "frozen": frozen, "untaped": untaped,
         "learnt": learnt, "learnt-in-part": learnt_in_part, "reloaded": reloaded, "figures": figures, "commanded": commanded,
         "replied": replied}
# How fast it is: where that is asked for by name, and with the machine to itself.
TIMED = {"measured": measured}
# A text leaves within so many seconds of its time, also on a busy machine.
LATEST = 1.5
# A call that ended so long before a kill is in the store, also where a busy disk takes its time to sync.
MARGIN = 1


def journal_reader():
    """The example that prints the journal of a store: `$JOURNAL`, else it is built."""
    if "JOURNAL" not in os.environ:
        build = ["cargo", "build", "--release", "--quiet", "--locked", "--example", "journal"]
        subprocess.run(build, cwd=ROOT, check=True)
    return os.environ.get("JOURNAL", str(ringback.target() / "release/examples/journal"))


def inside(check, kills):
    network()
    folder = Path(tempfile.mkdtemp())
    try:
        if check == "killed":
            killed(folder, kills)
        elif check in ALONE | TIMED:
            (ALONE | TIMED)[check](folder)
        else:
            played(check, folder)
    except Exception as error:
        print(f"{check}: {type(error).__name__}: {error}")
        return 1
    finally:
        shutil.rmtree(folder)
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--inside", action="store_true")
    parser.add_argument("checks", nargs="*")
    args = parser.parse_args()
    if os.geteuid():
        binary = ringback.binary()
        os.execvp("sudo", ["sudo", "env", f"RINGBACK={binary}", f"JOURNAL={journal_reader()}", sys.executable, __file__, *sys.argv[1:]])
    if args.inside:
        return inside(args.checks[0], args.kills)
    ringback.binary()
    os.environ["JOURNAL"] = journal_reader()
    names = args.checks or ["killed", *ALONE, *PLAYED]
    tally = ringback.Tally("live")
    start = lambda name: subprocess.Popen(
        ["unshare", "-n", sys.executable, __file__, "--inside", "--kills", str(args.kills), name],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # All at once, for each waits for its calls most of the time; but what is timed has the machine to itself.
    for at_once in [[name for name in names if name not in TIMED], [name for name in names if name in TIMED]]:
        for name, process in [(name, start(name)) for name in at_once]:
            said = process.communicate()[0].strip()
            if process.returncode == 0 and said:
                print("  " + said)
            tally.check(name, [said] if process.returncode else [])
    return tally.end()


sys.exit(main())

"""`ringback run` on a disk that fills and empties, and on one that becomes read-only: what is told, kept, judged and texted.

    full.py [--quick] [--full-for 60] [CHECK ...]

    state      the store's disk is full for a minute while people call
    all        the outbox's too
    restarted  it is killed and started again while the disk is full
    stopped    it is stopped, and started on a disk that is full by then
    read-only  the store's disk becomes read-only, as disks with faults do; a store that is so at the start

The log has one line when it begins and one when it ends; taps listen on, so every call of that time is judged in the end and
texted once; what was durable before stays as it was. `--quick` leaves out `all`, and takes seconds. Needs root, or sudo.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path

import ringback
from daemon import PATIENCE, Daemon, Stream, alone, configured, journal, network, page, sender, sh, taps, wait
from ringback import ROOT

METRICS = '[metrics]\nlisten = "127.0.0.1:9464"\n'
FAILS, WORKS = "the store can't be written", "the store can be written again"
# A call that ended so long ago is judged.
MARGIN = 1
# A text that its gateway couldn't take is tried again after this.
AGAIN = 30


@contextmanager
def mounted(what, where, *options):
    where.mkdir(exist_ok=True)
    sh("mount", *options, what, where)
    try:
        yield where
    finally:
        sh("umount", "--lazy", where)


def prepared(folder, disk, *names):
    """The configuration of a daemon of whose folders these are on a disk of their own."""
    for name in names:
        (disk / name).mkdir(mode=0o700)
        (folder / name).symlink_to(disk / name)
    return configured(folder, ROOT / "captures/caller-cancels/ringback.toml", taps("veth") + METRICS)


def fill(disk):
    """Takes all room there is."""
    with (disk / "filler").open("ab", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            pass
        try:
            while True:
                file.write(b"\0")
        except OSError:
            pass


def rows(folder):
    """The journal as it stands on the disk, by number."""
    with closing(sqlite3.connect(f"file:{folder}/state/ringback.db?mode=ro", uri=True)) as db:
        return dict(db.execute("SELECT n, body FROM journal"))


def of_trouble(log):
    """What was told since it ran."""
    since = log[log.index("ready"):].splitlines()
    return [line for line in since if " WARN " in line or " ERROR " in line or WORKS in line]


def accounts(folder, stream, texts):
    """What is wrong with what became of the calls."""
    bodies, still_open = journal(folder)
    calls = Counter((body["data"]["call"], body["data"]["outcome"]) for body in bodies if body["event"] == "call")
    wrong = [number for number in stream.calls if calls[stream.id(number), "busy"] != 1]
    untexted = {number: texts["+1" + number] for number in stream.calls if texts["+1" + number] != 1}
    with closing(sqlite3.connect(f"file:{folder}/state/ringback.db?mode=ro", uri=True)) as db:
        whole = db.execute("PRAGMA integrity_check").fetchone()[0]
    return ([f"{len(wrong)} of {len(stream.calls)} calls aren't judged once: {wrong[:5]}"] if wrong else []) + (
        [f"{len(untexted)} callers weren't texted once: {dict(list(untexted.items())[:5])}"] if untexted else []) + (
        [f"{len(calls)} calls of {len(stream.calls)}, {len(still_open)} open"] if len(calls) != len(stream.calls) or still_open else []) + (
        [f"the store: {whole}"] if whole != "ok" else [])


def judged(log, least, meanwhile=lambda: None):
    """How many calls the log has, once that is all that have ended, however busy the machine is."""
    count = lambda: log().count(": busy")  # noqa: E731

    def are():
        meanwhile()
        return count() >= least

    wait(are, lambda: f"{count()} calls are judged; {least} had ended")
    return count()


def full(folder, seconds, names):
    """The disk of these folders is full for so long."""
    with mounted("tmpfs", folder / "disk", "-t", "tmpfs", "-o", "size=16m") as disk:
        config = prepared(folder, disk, *names)
        daemon, stream, log = Daemon(config), Stream(sender("veth"), 0.2), (folder / "log").read_text
        try:
            stream.start()
            time.sleep(3)
            fill(disk)
            wait(lambda: FAILS in log(), daemon.last)
            kept, begun, before = rows(folder), time.monotonic(), len(stream.calls)
            health = page("/healthz")
            while time.monotonic() < begun + seconds:
                time.sleep(0.5)
                fill(disk)
            ended = sum(1 for _, end in list(stream.calls.values()) if end and end < time.time() - MARGIN)
            judged(log, ended, lambda: fill(disk))
            called, texted = len(stream.calls), len(daemon.outbox())
            (disk / "filler").unlink()
            wait(lambda: WORKS in log(), daemon.last)
            time.sleep(3)
            stream.going = False
            stream.join()
            until = time.monotonic() + PATIENCE + AGAIN
            while len(daemon.outbox()) < len(stream.calls) and time.monotonic() < until:
                time.sleep(0.2)
            recovered = page("/healthz")
            daemon.stop()
        finally:
            daemon.process.kill()
        texts = Counter(text["to"] for text in daemon.outbox())
        faults = accounts(folder, stream, texts)
        after = rows(folder)
    lost = [n for n, body in kept.items() if after.get(n) != body]
    told = of_trouble(log())
    print(f"  {' and '.join(names)} full for {seconds} s: {called - before} calls meanwhile, judged like those before; "
          f"{texted} texts had left; {len(stream.calls)} calls in all, {sum(texts.values())} texts; told: {[line.split(' ringback', 1)[-1][:90] for line in told]}")
    faults += [f"{len(lost)} of {len(kept)} durable entries are gone or changed"] if lost else []
    faults += [f"/healthz said {health} while it was full, {recovered} after"] if health[0] != 503 or recovered[0] != 200 else []
    return faults + ([f"{len(told)} lines, not one and one: {told[:6]}"] if len(told) != 2 or FAILS not in told[0] else [])


def state(folder, args):
    return full(folder, args.full_for, ["state"])


def both(folder, args):
    return full(folder, args.full_for, ["state", "outbox"])


def restarted(folder, _):
    """It is killed while the disk is full, and goes on from what was durable though there is no room yet."""
    with mounted("tmpfs", folder / "disk", "-t", "tmpfs", "-o", "size=16m") as disk:
        config = prepared(folder, disk, "state")
        daemon, stream, log = Daemon(config), Stream(sender("veth"), 0.2), (folder / "log").read_text
        try:
            stream.start()
            time.sleep(3)
            fill(disk)
            wait(lambda: FAILS in log(), daemon.last)
            kept = rows(folder)
            daemon.kill()
            daemon, since = Daemon(config), time.time()
            time.sleep(3)
            full_still = log().count(FAILS) == 2
            (disk / "filler").unlink()
            wait(lambda: WORKS in log(), daemon.last)
            stream.going = False
            stream.join()
            whole = {"+1" + number for number, (begun, _) in stream.calls.items() if begun > since}
            sent = lambda: Counter(text["to"] for text in daemon.outbox())  # noqa: E731
            wait(lambda: whole <= set(sent()), daemon.last)
            daemon.stop()
        finally:
            daemon.process.kill()
        texts, after = sent(), rows(folder)
    print(f"  restarted while it was full: {len(stream.calls)} calls, {len(whole)} of them after the start, {texts.total()} texts")
    faults = [f"texted twice: {texts.most_common(3)}"] if max(texts.values()) > 1 else []
    faults += [] if full_still and len(whole) > 5 else ["it wasn't full, or nobody called"]
    return faults + (["durable entries are gone or changed"] if any(after.get(n) != body for n, body in kept.items()) else [])


def stopped(folder, _):
    """What a clean stop closed is opened on a disk without room, and calls of that time are judged and texted once."""
    with mounted("tmpfs", folder / "disk", "-t", "tmpfs", "-o", "size=16m") as disk:
        config = prepared(folder, disk, "state")
        daemon, stream, log = Daemon(config), None, (folder / "log").read_text
        try:
            daemon.stop()
            fill(disk)
            daemon, stream = Daemon(config), Stream(sender("veth"), 0.2)
            stream.start()

            def is_full():
                fill(disk)
                return FAILS in log()

            wait(is_full, daemon.last)
            time.sleep(2)
            fill(disk)
            (disk / "filler").unlink()
            wait(lambda: WORKS in log(), daemon.last)
            stream.going = False
            stream.join()
            sent = lambda: Counter(text["to"] for text in daemon.outbox())  # noqa: E731
            wait(lambda: len(sent()) >= len(stream.calls), daemon.last)
            daemon.stop()
        finally:
            daemon.process.kill()
        texts = sent()
        faults = accounts(folder, stream, texts)
    print(f"  started where it was full: {len(stream.calls)} calls, {texts.total()} texts")
    return faults + ([] if stream.calls else ["nobody called"])


def read_only(folder, _):
    """A disk that turns read-only under it, and one that is so when it starts, until it no longer is."""
    image = folder / "disk.img"
    image.touch()
    os.truncate(image, 48 << 20)
    sh("mkfs.ext4", "-q", "-F", image)
    with mounted(image, folder / "disk", "-o", "loop,errors=remount-ro") as disk:
        config = prepared(folder, disk, "state")
        daemon, stream, log = Daemon(config), Stream(sender("veth"), 0.2), (folder / "log").read_text
        try:
            stream.start()
            wait(lambda: len(daemon.outbox()) > 5, daemon.last)
            device = Path(subprocess.run(["findmnt", "-no", "SOURCE", disk], check=True, capture_output=True, text=True).stdout.strip()).name
            Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("1")
            wait(lambda: FAILS in log(), daemon.last)
            time.sleep(3)
            stream.going = False
            stream.join()
            known, health = judged(log, len(stream.calls)), page("/healthz")[0]
            daemon.process.terminate()
            status = daemon.process.wait(10)
        finally:
            daemon.process.kill()
            daemon.close()
        told = of_trouble(log())
    texts = Counter(text["to"] for text in daemon.outbox())
    with mounted(image, folder / "disk", "-o", "loop") as disk:
        # What was lost with the disk is not made up: a call without an entry is not texted, and nobody is texted twice.
        daemon = Daemon(config)
        time.sleep(3)
        daemon.stop()
        again = Counter(text["to"] for text in daemon.outbox())
        sh("mount", "-o", "remount,ro", disk)
        before = log().count(FAILS), log().count(WORKS)
        daemon = Daemon(config)
        try:
            wait(lambda: log().count(FAILS) > before[0], daemon.last)
            waits = page("/healthz")[0]
            sh("mount", "-o", "remount,rw", disk)
            wait(lambda: log().count(WORKS) > before[1] and page("/healthz")[0] == 200, daemon.last)
            daemon.stop()
        finally:
            daemon.process.kill()
        started = log().count(FAILS) - before[0], log().count(WORKS) - before[1]
    print(f"  read-only: {len(stream.calls)} calls, {known} judged in the log; told: {[line.split(' ringback', 1)[-1][:90] for line in told]}; "
          f"at the start: /healthz {waits}, then 200")
    faults = [f"{known} of {len(stream.calls)} calls were judged"] if known != len(stream.calls) else []
    faults += [f"/healthz said {health}"] if health != 503 else []
    faults += [f"status {status} when told to stop"] if status else []
    faults += [f"{len(told)} lines: {told[:6]}"] if sum(FAILS in line for line in told) != 1 else []
    faults += [f"texted twice: {again.most_common(3)}"] if max(again.values()) > 1 or texts - again else []
    return faults + ([f"at the start: /healthz {waits}, told {started}"] if waits != 503 or started != (1, 1) else [])


CHECKS = {"state": state, "all": both, "restarted": restarted, "stopped": stopped, "read-only": read_only}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--full-for", type=float, default=60)
    parser.add_argument("names", nargs="*", metavar="CHECK")
    args = parser.parse_args()
    alone(__file__)
    network()
    tally, names = ringback.Tally("full"), args.names or list(CHECKS)
    if args.quick:
        args.full_for, names = 2, ["state", "restarted", "stopped", "read-only"]
    for name in names:
        with tempfile.TemporaryDirectory() as scratch:
            os.chdir(scratch)
            try:
                tally.check(name, CHECKS[name](Path(scratch), args))
            except Exception as error:
                tally.check(name, [f"{type(error).__name__}: {error}"])
            os.chdir("/")
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())

"""`ringback run` killed with SIGKILL while callers leave messages: what the next start finds of each.

    cut-off.py [--calls 50] [--after 13]

So many callers are played to an interface at once, each a little after the one before, and the daemon is killed so many seconds
after the first answer. Demanded of each: one file that can be played, that lacks at most 1.1 s of what was sent before the kill, and is
what was spoken. Needs root, or sudo.
"""

import argparse
import hashlib
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import ringback
import voicemail
from daemon import Daemon, alone, network, sender, taps
from sameness import best

LOST_S = 1.1
APART_MS = 37
ANSWER_MS = 400


def scene_of(folder):
    """What all of them say, and what one call needs of the generator."""
    import captures
    captures.ANSWER_MS = ANSWER_MS
    return captures, captures.Scene(captures.Studio(folder))


def calls(captures, scene, count):
    """The calls, and their frames as (seconds since the first began, call, frame)."""
    made = [captures.Call(f"cut-{n}", scene, captures.Network(), caller=f"+1312555{2000 + n}") for n in range(count)]
    frames = []
    for n, call in enumerate(made):
        frames += [((when - call.trace.start) / 1e6 + n * APART_MS / 1000, n, frame) for when, frame in call.trace.packets]
    return made, sorted(frames, key=lambda one: one[0])


def play(frames, send, until):
    """Sends what is due up to `until`; how late it was at worst."""
    start, worst = time.monotonic(), 0
    for at, _, frame in frames:
        if at > until:
            break
        wait = start + at - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        worst = max(worst, -wait)
        send(frame)
    return worst


def name(call):
    leg = call.legs[0]
    return hashlib.sha256((leg.call_id + leg.from_tag).encode()).hexdigest()[:12] + ".wav"


def faults_of(path, sent_s, scene, theirs):
    """`sent_s` seconds after the answer the last packet was sent."""
    if not path.is_file():
        return ["no file"], sent_s - scene.tone_end
    ours, lasts = voicemail.frames(path)
    faults = []
    missing = sent_s - scene.tone_end - lasts
    if missing > LOST_S or missing < -0.3:
        faults.append(f"{lasts:.2f} s, {missing:.2f} s less than was sent")
    like, _ = best(ours, theirs, int(scene.tone_end * 8000), 2400)
    return faults + ([] if like >= 0.98 else [f"correlation {like:.3f}"]), missing


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--after", type=float, default=13)
    args = parser.parse_args()
    alone(__file__)
    tally = ringback.Tally("cut-off")
    network()
    with tempfile.TemporaryDirectory() as room:
        room = Path(room)
        os.chdir(room)
        captures, scene = scene_of(room)
        made, frames = calls(captures, scene, args.calls)
        theirs = captures.narrow(scene)
        config = room / "ringback.toml"
        config.write_text(f'{captures.TRUNK_ONLY}[store]\npath = "state/ringback.db"\n{taps("veth")}')
        (room / "state").mkdir()
        daemon = Daemon(config)
        until = ANSWER_MS / 1000 + args.after
        late = play(frames, sender("veth"), until)
        daemon.process.send_signal(signal.SIGKILL)
        daemon.kill()
        folder = room / "state" / "voicemail"
        begun = len(list(folder.glob(".*.part")))
        Daemon(config).stop()
        lost = []
        for n, call in enumerate(made):
            sent = until - ANSWER_MS / 1000 - n * APART_MS / 1000
            faults, missing = faults_of(folder / name(call), sent, scene, theirs)
            lost.append(missing)
            tally.check(call.legs[0].caller, faults)
        extra = {path.name for path in folder.iterdir()} - {name(call) for call in made}
        tally.check("others", [f"{extra} is nobody's"] if extra else [])
        print(f"cut-off: {begun} of {args.calls} messages under way; {max(lost):.2f} s lost at most, {sum(lost) / len(lost):.2f} s on average; "
              f"packets were sent up to {late * 1000:.0f} ms late")
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())

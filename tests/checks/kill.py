"""`ringback run` killed with SIGKILL again and again, at random moments, while people call: who was texted, and what is known of the rest.

    kill.py [--quick] [--kills 200] [--seed 1] [--rate 5]

Callers are busied out, give up, or are answered; the outbox of the file gateway is the ledger. Afterwards every caller is
accounted for: texted once, or with a message that is pending, unknown or suppressed for a reason that is told, or with a call
that is open or was left to a person. A call that was open at a kill is `unknown` and in review, or judged as it was. Only of what
was seen less than a second before a kill, or while nothing ran, may nothing be known. At the end it waits until the last run has
given up calls whose end nobody saw. `--quick` is six kills, without that wait, and three seconds for that one. Needs root, or sudo.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import ringback
from daemon import Daemon, Stream, alone, configured, journal, network, sender, taps
from ringback import ROOT

INVITE = "INVITE sip:+13125550111@192.168.10.5 SIP/2.0"
# What follows ringing: who speaks (True: the PBX), its first line, its method; and the outcomes that are true then.
ENDS = {
    "busy": ((True, "SIP/2.0 486 Busy Here", "INVITE"), (False, "ACK", "ACK")),
    "gives-up": ((False, "CANCEL", "CANCEL"), (True, "SIP/2.0 200 OK", "CANCEL"), (True, "SIP/2.0 487 Request Terminated", "INVITE"), (False, "ACK", "ACK")),
    "answered": ((True, "SIP/2.0 200 OK", "INVITE"), (False, "ACK", "ACK"), None, (False, "BYE", "BYE"), (True, "SIP/2.0 200 OK", "BYE")),
}
OUTCOMES = {"busy": {"busy"}, "gives-up": {"abandoned"}, "answered": {"answered", "answered_short"}}
# A call that ended so long before a kill is in the store, also where a busy disk takes its time to sync. `--quick` runs beside
# other work, and measures nothing.
MARGIN, QUICK_MARGIN = 1, 3
# So long an open call may ring in a run that goes on from a kill.
RINGS = 210


class Callers(Stream):
    """Calls at a steady rate that ring and talk up to so many seconds; `told` has when each message of a caller was sent."""

    def __init__(self, send, rate, longest, chance):
        super().__init__(send)
        self.rate, self.longest, self.chance, self.told, self.kinds = rate, longest, chance, {}, {}

    def script(self, n):
        """What a caller's call says, each with the seconds after the one before."""
        number = f"3125{510000 + n:06}"
        kind = self.chance.choices(tuple(ENDS), (5, 3, 2))[0]
        self.kinds[number], self.told[number] = kind, []
        yield 0, number, (False, INVITE, "INVITE")
        yield 0.01, number, (True, "SIP/2.0 180 Ringing", "INVITE")
        wait = self.chance.choice((0.02, 0.3, 1.5, self.longest))
        for step in ENDS[kind]:
            if step is None:
                wait = self.chance.choice((0.5, self.longest / 2, self.longest))
                continue
            yield wait, number, step
            wait = 0.01

    def run(self):
        waiting, n, begun = [], 0, time.monotonic()
        while self.going or waiting:
            now = time.monotonic()
            if self.going and now >= begun + n / self.rate:
                waiting.append((now, self.script(n), None))
                n += 1
            waiting = [next_ for due in waiting for next_ in self.speak(*due, now)]
            time.sleep(0.005)

    def speak(self, at, script, step, now):
        """Says what is due of a call; what is left of it."""
        while at <= now:
            if step:
                number, (out, line, method) = step
                line = line if " " in line else f"{line} {INVITE.split(' ', 1)[1]}"
                self.say(number, line, method, out, ";tag=p" if out or method in ("ACK", "BYE") else "")
                self.told[number].append(time.time())
            try:
                wait, number, told = next(script)
            except StopIteration:
                return []
            at, step = at + wait, (number, told)
        return [(at, script, step)]


def killed(config, kills, callers, chance, margin):
    """Kills it so often, at any moment since it was started; the last run goes on. The times in which it surely listened."""
    heard = []
    for _ in range(kills):
        until = time.monotonic() + chance.uniform(0, 4)
        daemon = Daemon(config, ready=False)
        listening = daemon.told_by(b"READY=1", until)
        since = time.time()
        time.sleep(max(0, until - time.monotonic()))
        if listening:
            heard.append((since, time.time()))
        daemon.kill()
    daemon = Daemon(config)
    since = time.time()
    time.sleep(3)
    callers.going = False
    callers.join()
    heard.append((since, time.time() + margin))
    return daemon, heard


class Books:
    """What the ledger and the store say of every caller."""

    def __init__(self, folder, callers, heard, margin):
        self.callers, self.heard, self.margin = callers, heard, margin
        self.ledger = Counter(text["to"] for text in ringback.lines(folder / "outbox/outbox.jsonl"))
        self.keys = Counter(text["key"] for text in ringback.lines(folder / "outbox/outbox.jsonl"))
        bodies, self.open = journal(folder)
        of = lambda event: [body["data"] for body in bodies if body["event"] == event]  # noqa: E731
        self.calls = {}
        for call in of("call"):
            self.calls.setdefault(call["call"], []).append(call)
        self.reviewed = {review["call"] for review in of("review")}
        # A case has the id of its first call; everybody calls once.
        self.messages = {message["key"].split("/")[0]: message for message in of("message")}
        self.counts, self.faults = Counter(), []

    def fault(self, number, what):
        self.faults.append(f"{number} ({self.callers.kinds[number]}): {what}")

    def in_sight(self, number, first, last):
        """Whether it listened all that time, and long enough after it for the disk."""
        return any(since < first and last < until - self.margin for since, until in self.heard)

    def audit(self):
        for number, told in self.callers.told.items():
            self.audit_one(number, told, self.calls.get(self.callers.id(number), []))
        strangers = set(self.ledger) - {"+1" + number for number in self.callers.told}
        self.faults += [f"a text to {to}, who never called" for to in sorted(strangers)]
        return self

    def audit_one(self, number, told, judged):
        """Holds one caller to what is true of the call."""
        to, kind = "+1" + number, self.callers.kinds[number]
        call, texts = self.callers.id(number), self.ledger[to]
        state = self.state(to, call, judged)
        self.counts[state] += 1
        if texts > 1:
            self.fault(number, f"{texts} texts")
        if len(judged) > 1:
            self.fault(number, f"judged {len(judged)} times: {[one['outcome'] for one in judged]}")
        if judged and judged[-1]["outcome"] not in OUTCOMES[kind] | {"unknown"}:
            self.fault(number, f"judged {judged[-1]['outcome']}")
        if judged and judged[-1]["outcome"] == "unknown" and call not in self.reviewed:
            self.fault(number, "unknown and in no review")
        if kind == "answered" and texts:
            self.fault(number, "answered, and texted")
        if state == "not known" and self.in_sight(number, told[0], told[1]):
            self.fault(number, f"not known, and rang in sight {self.before_kill(told[1])} before a kill")
        if state == "no message" and kind != "answered":
            self.fault(number, f"judged {judged[-1]['outcome']}, and no message says what became of the text")
        if kind != "answered" and state not in LISTED and self.in_sight(number, told[0], told[-1]):
            self.fault(number, f"{state}, and was seen as a whole {self.before_kill(told[-1])} before a kill")
        if self.was_open_at_kill(told):
            self.counts["open at a kill"] += 1
            self.counts["open at a kill, judged"] += bool(judged) and judged[-1]["outcome"] != "unknown"

    def state(self, to, call, judged):
        """What is known of a caller, in a word."""
        if self.ledger[to]:
            return "texted"
        if call in self.messages:
            message = self.messages[call]
            why = message.get("reason") or message.get("why")
            return f"{message['state']}: {why}" if why else message["state"]
        if call in self.open:
            return "open"
        if not judged:
            return "not known"
        if judged[-1]["outcome"] == "unknown":
            return "in review"
        return "no message" if judged[-1]["missed"] else "answered"

    def was_open_at_kill(self, told):
        return any(told[1] < until - MARGIN and until < told[-1] and since < told[0] for since, until in self.heard[:-1])

    def before_kill(self, at):
        return f"{min((until - at for _, until in self.heard if until > at), default=0):.2f} s"


# Of whom these are told, what became of the text stands in the journal.
LISTED = {"texted", "open", "in review"}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=5)
    args = parser.parse_args()
    alone(__file__)
    kills, settle, longest = (6, 3, 2) if args.quick else (args.kills, RINGS + 5, 6)
    margin = QUICK_MARGIN if args.quick else MARGIN
    network()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        config = configured(folder, ROOT / "captures/caller-cancels/ringback.toml", taps("veth"))
        callers = Callers(sender("veth"), args.rate, longest, random.Random(args.seed))
        callers.start()
        daemon, heard = killed(config, kills, callers, random.Random(args.seed + 1), margin)
        try:
            time.sleep(settle)
            daemon.stop()
        finally:
            daemon.process.kill()
        books = Books(folder, callers, heard, margin).audit()
    listening = sum(until - since for since, until in heard)
    print(f"{kills} kills, seed {args.seed}: {len(callers.told)} calls, it listened for {listening:.0f} s; " +
          ", ".join(f"{count} {state}" for state, count in sorted(books.counts.items())))
    tally = ringback.Tally("kill")
    twice = [key for key, count in books.keys.items() if count > 1]
    tally.check("the ledger", [f"{len(twice)} keys twice: {twice[:3]}"] if twice else [])
    enough = books.counts["texted"] >= kills and books.counts["open at a kill"] > kills / 10
    tally.check("enough happened", [] if enough else ["too few texts, or calls open at a kill, to show anything"])
    faults = {fault.split(" ", 1)[0]: fault for fault in books.faults}
    for number in callers.told:
        tally.check("caller", [faults[number]] if number in faults else [])
    return tally.end()


if __name__ == "__main__":
    sys.exit(main())

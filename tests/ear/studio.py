"""Sounds for the ear's captures: speech by espeak-ng, tones, noise and music, and what codecs make of them.

Everything is 16-bit at 16 kHz, as `array("h")`. Speech is kept in a folder, so a phrase is spoken once.
"""

import hashlib
import math
import random
import subprocess
from array import array

RATE = 16000
SPEECH_PEAK = 9000


def amplitude(dbfs):
    return 32767 * 10 ** (dbfs / 20)


def silence(seconds):
    return array("h", bytes(2 * int(seconds * RATE)))


def tone(parts, seconds, dbfs, fade=0.004):
    """`parts`: frequencies in Hz sounded together, or (frequency, share of the amplitude) pairs."""
    parts = [p if isinstance(p, tuple) else (p, 1 / len(parts)) for p in parts]
    size, count, edge = amplitude(dbfs), int(seconds * RATE), max(1, int(fade * RATE))
    out = array("h")
    for n in range(count):
        shape = min(1, (n + 1) / edge, (count - n) / edge)
        value = sum(share * math.sin(2 * math.pi * hz * n / RATE) for hz, share in parts)
        out.append(int(size * shape * value))
    return out


def cadence(parts, on, off, seconds, dbfs):
    out = array("h")
    burst = tone(parts, on, dbfs) + silence(off)
    while len(out) < seconds * RATE:
        out += burst
    return out[: int(seconds * RATE)]


def melody(seconds, rng, dbfs=-18):
    """Notes of an eighth to half a second with two overtones, some held, chords among them."""
    scale = [262, 294, 330, 349, 392, 440, 494, 523, 587, 659, 698, 784]
    out = array("h")
    while len(out) < seconds * RATE:
        notes = rng.sample(scale, rng.choice((1, 1, 1, 2, 3)))
        over = rng.choice((0.0, 0.3))
        parts = [(hz * k, w / len(notes) / (1 + over)) for hz in notes for k, w in ((1, 1), (2, over)) if w]
        out += tone(parts, rng.choice((0.15, 0.3, 0.3, 0.6)), dbfs, 0.03)
        if rng.random() < 0.2:
            out += silence(0.15)
    return out[: int(seconds * RATE)]


def noise(seconds, dbfs, seed):
    rng = random.Random(seed)
    size = amplitude(dbfs)
    second = array("h", (max(-32768, min(32767, int(rng.gauss(0, size)))) for _ in range(RATE * 3)))
    return (second * (int(seconds / 3) + 1))[: int(seconds * RATE)]


class Studio:
    def __init__(self, folder):
        self.folder = folder
        self.kept = {}

    def say(self, voice, text, speed=165, db=0):
        """A phrase without silence before and after it, its loudest sample at `SPEECH_PEAK` plus `db`."""
        key = hashlib.sha1(f"{voice}|{speed}|{text}".encode()).hexdigest()[:20]
        if key not in self.kept:
            self.kept[key] = self.spoken(self.folder / f"{key}.raw", voice, text, speed)
        scale = 10 ** (db / 20)
        return self.kept[key] if db == 0 else array("h", (int(v * scale) for v in self.kept[key]))

    def spoken(self, path, voice, text, speed):
        if not path.is_file():
            wav = run(["espeak-ng", "-v", voice, "-s", str(speed), "--stdout", text])
            path.write_bytes(run(["sox", "-q", "-t", "wav", "-", *raw(RATE), "-"], wav))
        samples = array("h", path.read_bytes())
        loud = [n for n, v in enumerate(samples) if abs(v) > 300]
        samples = samples[loud[0] : loud[-1] + 1]
        peak = max(abs(v) for v in samples)
        return array("h", (v * SPEECH_PEAK // peak for v in samples))


class Track:
    """One side of a call: what sounds when, in seconds since the answer."""

    def __init__(self):
        self.samples = array("h")
        self.spoken = []

    def put(self, at, sound, speech=True):
        """Sounds from `at` on; gives the second it ends."""
        start = int(at * RATE)
        if len(self.samples) < start:
            self.samples.extend(silence(start / RATE - len(self.samples) / RATE + 0.001)[: start - len(self.samples)])
        self.samples[start : start + len(sound)] = sound
        end = (start + len(sound)) / RATE
        if speech:
            self.spoken.append((at, end))
        return end

    def until(self, seconds):
        """The samples up to `seconds`."""
        count = int(seconds * RATE)
        return self.samples[:count] + array("h", bytes(2 * max(0, count - len(self.samples))))


def mixed(a, b):
    return array("h", (max(-32768, min(32767, x + y)) for x, y in zip(a, b)))


def encoded(samples, codec):
    """Payload bytes, 8000 a second."""
    data = samples.tobytes()
    if codec == "G722":
        return run(["ffmpeg", "-v", "error", "-f", "s16le", "-ar", str(RATE), "-ac", "1", "-i", "-",
                    "-c:a", "g722", "-f", "g722", "-"], data)
    law = {"PCMU": "mu-law", "PCMA": "a-law"}[codec]
    return run(["sox", "-q", "-D", *raw(RATE), "-", "-t", "raw", "-r", "8000", "-e", law, "-c", "1", "-"], data)


def raw(rate):
    return ["-t", "raw", "-r", str(rate), "-e", "signed", "-b", "16", "-c", "1"]


def run(command, data=None):
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout

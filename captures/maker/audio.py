"""What is heard on a line, as samples at 8000 a second: tones, silence, and something shaped like speech.

No word is spoken: syllables are harmonics of a gliding pitch under vowel formants, some begun by a hiss, in phrases with
pauses between. Everything is integers over one sine table, so the same samples come out on every machine.
"""

import functools
import math

RATE = 8000
SINE = [round(32767 * math.sin(2 * math.pi * n / 4096)) for n in range(4096)]
VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (530, 1840, 2480), (570, 840, 2410), (300, 870, 2240), (660, 1720, 2410))
PITCH = {"caller": 196, "office": 118, "greeting": 142, "clerk": 225}


def count(ms):
    return ms * RATE // 1000


def silence(ms):
    return [0] * count(ms)


def tone(hz, ms, level=9000):
    """One frequency, or several at once: `tone((440, 480), 2000)` is the ringback of North America."""
    hz = (hz,) if isinstance(hz, int) else hz
    steps = [f * 4096 * 256 // RATE for f in hz]
    return [sum(SINE[n * step >> 8 & 4095] for step in steps) * level // (32767 * len(hz)) for n in range(count(ms))]


def hiss(seed):
    """Endless noise between -32768 and 32767."""
    state = seed * 2654435761 & 0xFFFFFFFF
    while True:
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        yield (state >> 8 & 0xFFFF) - 32768


def noise(ms, level, seed=1):
    source = hiss(seed)
    return [next(source) * level >> 15 for _ in range(count(ms))]


def swell(samples):
    """Fades 12 ms in and 40 ms out."""
    rise, fall = count(12), count(40)
    size = len(samples)
    return [s * min(rise, n + 1, (size - n) * rise // fall + 1) // rise for n, s in enumerate(samples)]


@functools.cache
def syllable(pitch, vowel, ms, hissed):
    """Up to 24 harmonics, each as loud as the nearest formant lets it be."""
    formants = VOWELS[vowel]
    partials = []
    for n in range(1, 25):
        hz = pitch * n
        if hz < 3400:
            near = min(abs(hz - f) for f in formants)
            partials.append((n, 5200 * 140 // (140 + near) // (1 + hz // 1400)))
    out, phase = [], 0
    for n in range(count(ms)):
        phase += (pitch + pitch * (count(ms) - 2 * n) // (8 * count(ms))) * 4096 * 256 // RATE
        out.append(sum(SINE[phase * k >> 8 & 4095] * level for k, level in partials) >> 15)
    head = noise(45, 1500, pitch + vowel) if hissed else []
    return tuple(swell(head + out))


def speech(who, ms, seed=1):
    """Phrases of five syllables, 190 ms apart at least; the last one fills up to `ms`."""
    pick = hiss(seed + PITCH[who])
    out, spoken = [], 0
    while len(out) < count(ms):
        draw = next(pick) + 32768
        length = 110 + draw % 5 * 25
        pitch = PITCH[who] + (draw // 7 % 5 - 2) * PITCH[who] // 20
        out += syllable(pitch, draw // 41 % len(VOWELS), length, draw // 263 % 3 == 0)
        spoken += 1
        out += silence(30 if spoken % 5 else 190 + draw % 120)
    return swell(out[: count(ms)])


def conversation(ms, first="office", second="caller", turn=2400):
    """Two people in turns: what `first` says and what `second` says, each `ms` long."""
    said, n = ([], []), 0
    while len(said[0]) < count(ms):
        speaker = n % 2
        said[speaker].extend(speech((first, second)[speaker], turn, n + 1))
        said[1 - speaker].extend(silence(turn))
        n += 1
    return said[0][: count(ms)], said[1][: count(ms)]


@functools.cache
def ulaw_byte(sample):
    """G.711: the sign, the segment and four bits of the step, all inverted."""
    sign, size = (0x80, -sample) if sample < 0 else (0, sample)
    size = min(size, 32635) + 132
    segment = size.bit_length() - 8
    return ~(sign | segment << 4 | size >> segment + 3 & 15) & 0xFF


@functools.cache
def alaw_byte(sample):
    sign, size = (0, -sample - 1) if sample < 0 else (0x80, sample)
    segment = max(0, (size >> 4).bit_length() - 4)
    step = size >> 4 if segment < 2 else size >> segment + 3
    return (sign | segment << 4 | step & 15) ^ 0x55


def encoded(samples, payload_type):
    """The bytes of G.711, payload type 0 (mu) or 8 (A)."""
    code = {0: ulaw_byte, 8: alaw_byte}[payload_type]
    return bytes(map(code, samples))

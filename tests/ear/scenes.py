"""What happens on a trunk leg after the 200, by kind: voicemails that take a message or don't, people who answer.

The casts share no voice, text or beep: parameters were chosen on two, the third is the one that counts. Seconds count from the answer.
"""

from dataclasses import dataclass, field

from studio import RATE, Track, cadence, melody, noise, tone


@dataclass
class Scene:
    pbx: Track = field(default_factory=Track)
    caller: Track = field(default_factory=Track)
    end: float = 0.0
    tone_end: float = None
    #: when the PBX's side stops to send, and whether the caller's side sends nothing while silent
    pbx_stops: float = None
    caller_vad: bool = False
    #: noise of either side, dBFS
    pbx_noise: float = None
    caller_noise: float = None
    #: (second, key) sent as telephone-events by the caller
    digits: list = field(default_factory=list)
    hangs_up: str = "caller"


@dataclass(frozen=True)
class Cast:
    greetings: tuple          # (voice, text)
    callers: tuple            # voices
    people: tuple             # voices of those who answer
    beeps: tuple              # functions without arguments
    seed: int


def beep(*parts_seconds, db=-14):
    def make():
        out = None
        for parts, seconds in parts_seconds:
            sound = tone(parts, seconds, db)
            out = sound if out is None else out + sound
        return out
    return make


TUNING = Cast(
    greetings=(
        ("en-us+m1", "You have reached Lakeside Insurance. Please leave a message after the tone."),
        ("en-us+f2", "Hi, this is Karen. I can't take your call right now. Leave your name and number, and I'll call you back."),
        ("en-gb+m3", "The person at extension two zero one is not available. Please record your message after the beep. "
                     "When you have finished, hang up, or press pound for further options."),
        ("de+f1", "Guten Tag. Sie sind verbunden mit der Kanzlei Berger. Bitte hinterlassen Sie eine Nachricht nach dem Ton."),
        ("es+m2", "Hola, ahora mismo no puedo atenderle. Deje su mensaje."),
        ("fr-fr+f3", "Bonjour. Nos bureaux sont fermés. Laissez un message après le bip sonore, nous vous rappellerons demain matin."),
    ),
    callers=("en-us+m2", "en-gb+f1", "de+m3", "fr-fr+m1"),
    people=("en-us+f3", "en-gb+m2", "es+f2"),
    beeps=(beep(([1000], 0.4)), beep(([1400], 0.25), db=-18), beep(([425], 0.5), db=-20), beep(([950], 0.18), ([1400], 0.18))),
    seed=11,
)

TUNING_TOO = Cast(
    greetings=(
        ("en-us+m7", "Thank you for calling Miller and Sons, heating and cooling. All of our technicians are out. "
                     "Tell us your name, your number, and what we can help you with."),
        ("en-us+f4", "Your call has been forwarded to an automatic voice message system. Three one two, five five five, "
                     "zero one one one, is not available. At the tone, please record your message."),
        ("en-gb-scotland+m4", "Hello, Fraser here. Leave me a message."),
        ("it+f5", "Salve, al momento non possiamo rispondere. Lasciate un messaggio dopo il segnale acustico."),
        ("pt+m5", "Olá, você ligou para a seguradora Lago. Deixe o seu recado depois do sinal."),
        ("nl+f1", "Goedendag, u bent verbonden met de voicemail van Jansen. Spreek uw boodschap in na de pieptoon, "
                  "dan bellen wij u zo snel mogelijk terug."),
    ),
    callers=("en-us+m5", "en-gb+f5", "it+m4", "nl+m6"),
    people=("en-us+f1", "en-gb-scotland+m6", "pt+f2"),
    beeps=(beep(([950], 0.6), db=-11), beep(([440], 0.2), db=-22), beep(([800, 1200], 0.35)),
           beep(([(1000, 0.8), (3000, 0.2)], 0.9), db=-16)),
    seed=29,
)

HELD_OUT = Cast(
    greetings=(
        ("en-us+m6", "Hi, you've reached the front desk at Prairie Dental. We're with patients at the moment. "
                     "Leave your name and a good time to reach you."),
        ("en-gb-x-rp+f4", "The office is now closed. Our opening hours are Monday to Friday, nine to five. "
                          "If this is an emergency, please hang up and dial the number on your card. Otherwise, leave a message."),
        ("en-us+croak", "Bob's Plumbing. Talk to me."),
        ("sv+f2", "Hej, du har kommit till Lindbergs rör. Vi kan inte svara just nu. Lämna ett meddelande efter signalen."),
        ("pl+m3", "Dzień dobry. Niestety nikt nie może teraz odebrać. Proszę zostawić wiadomość po sygnale."),
        ("es-419+f4", "Gracias por llamar a Seguros del Valle. Todos nuestros agentes están ocupados. "
                      "Después del tono, diga su nombre, su número y el motivo de su llamada."),
    ),
    callers=("en-us+m4", "en-gb-scotland+f2", "es-419+m6", "sv+m1"),
    people=("en-us+whisper", "en-gb-x-rp+m8", "pl+f5"),
    beeps=(beep(([620], 0.35), db=-17), beep(([1300], 0.7), db=-24), beep(([660], 0.22), ([880], 0.22), db=-15),
           beep(([500, 1000], 0.45), db=-13)),
    seed=83,
)

HELLO = ("Hello?", "Hello, is anybody there?", "Hi.")
WORDS = ("Yes.", "Okay.", "No.", "Sure.", "Right.", "Mhm.", "Exactly.")
MESSAGES = (
    "Hello, this is Maria Reyes. My number is five five five, zero one four two. I need a quote for auto insurance.",
    "A tree fell on our roof last night and water is coming in. Please call me back as soon as you can.",
    "Hi, it's Dana. Please cancel my policy at the end of the month. Thanks, bye.",
    "Good morning. The furnace is out again, and it's getting cold in here. Could somebody come today?",
)
OPENINGS = (
    "Lakeside Insurance.",
    "Good afternoon, Lakeside Insurance, this is Karen. How can I help you today?",
    "Hello?",
    "Thank you for calling Miller and Sons heating and cooling, my name is Robert, what can I do for you this morning?",
)
ASKS = (
    "Hi, I'm calling about my renewal. Is it due this week?",
    "I'd like to know whether the claim was paid.",
    "And what about the second car?",
    "Could you send me that in writing?",
    "All right, thank you very much. Goodbye.",
)
REPLIES = (
    "Let me have a look. What was the name again?",
    "Yes, that was settled on Monday.",
    "That one is covered as well.",
    "Of course, I'll do that right away.",
    "You're welcome. Bye.",
)
STORY = (
    "So what happened is that my neighbour was backing out of his driveway, and he did not see that I was parked there. "
    "He hit the left door and the mirror. We exchanged numbers, and I took some pictures of it. "
    "Now his company says that they need a statement from me, and I don't know what to write.",
    "We had the inspection last week. The man said that the whole unit should be replaced, because the heat exchanger "
    "is cracked. I told him that I want a second opinion. He was not very happy about it, but I think that is my right. "
    "So I would like somebody to come and take a look at it before winter.",
)


class Play:
    """One scene in the making: the cast's pick for this take, and the cursor `at`."""

    def __init__(self, studio, cast, rng, greeting, beep):
        self.studio, self.cast, self.rng, self.beep = studio, cast, rng, beep
        self.voice, self.text = greeting
        self.other, self.person = rng.choice(cast.callers), rng.choice(cast.people)
        self.scene = Scene()
        self.at = rng.uniform(0.05, 0.7)

    def wait(self, low, high):
        self.at += self.rng.uniform(low, high)
        return self

    def pbx(self, text, voice=None, **how):
        self.at = self.scene.pbx.put(self.at, self.studio.say(voice or self.person, text, self.speed(), **how))
        return self

    def caller(self, text, **how):
        self.at = self.scene.caller.put(self.at, self.studio.say(self.other, text, self.speed(), **how))
        return self

    def sound(self, samples):
        self.at = self.scene.pbx.put(self.at, samples, speech=False)
        return self

    def press(self, keys, low=0.25, high=0.7):
        for key in keys:
            self.scene.digits.append((self.wait(low, high).at, key))
        return self

    def one_of(self, *words):
        return self.rng.choice(words)

    def speed(self):
        return self.rng.choice((150, 165, 180))

    def greet(self):
        for n, sentence in enumerate(s.strip() + "." for s in self.text.split(".") if s.strip()):
            if n:
                self.wait(0.15, 0.8)
            self.pbx(sentence, self.voice)
        return self

    def record(self):
        """The tone; the recording begins."""
        self.wait(0.05, 0.9).sound(self.beep())
        self.scene.tone_end = self.at
        return self

    def message(self):
        for n, sentence in enumerate(s for s in self.rng.choice(MESSAGES).split(". ")):
            if n:
                self.wait(0.2, 0.9)
            self.caller(sentence)
        return self

    def over(self, low=0.3, high=1.6, by="caller"):
        self.wait(low, high)
        self.scene.end, self.scene.hangs_up = self.at, by
        return self.scene

    def talk(self, rounds, pause=(0.15, 0.9)):
        self.pbx(self.rng.choice(OPENINGS))
        for n in range(rounds):
            self.wait(*pause).caller(self.rng.choice(ASKS))
            self.wait(*pause).pbx(self.rng.choice(REPLIES))
        return self


# ------------------------------------------------------------ voicemail, with a message
def message(p):
    return p.greet().record().wait(0.2, 1.5).message().over()


def message_with_hello(p):
    start = p.at
    p.greet()
    p.scene.caller.put(start + p.rng.uniform(0.3, 2.0), p.studio.say(p.other, p.rng.choice(HELLO)))
    return p.record().wait(0.2, 1.5).message().over()


def message_over_the_tone(p):
    p.greet().record()
    p.at -= min(0.35, 0.7 * len(p.beep()) / RATE)
    return p.message().over()


def message_on_a_noisy_line(p):
    p.scene.pbx_noise, p.scene.caller_noise = p.rng.uniform(-58, -48), p.rng.uniform(-50, -42)
    return p.greet().record().wait(0.2, 1.5).message().over()


def message_to_a_mute_recorder(p):
    p.greet().record()
    p.scene.pbx_stops, p.scene.caller_vad = p.at, True
    return p.wait(0.3, 1.5).message().over()


def message_after_ringing_on(p):
    p.sound(cadence([440, 480], 2, 4, 8, -20)).wait(0.2, 1)
    return p.greet().record().wait(0.2, 1.5).message().over()


def message_after_a_menu(p):
    p.pbx("For sales, press one. For service, press two.", p.voice)
    p.scene.digits.append((p.wait(0.3, 1).at, "2"))
    return p.wait(0.5, 1.5).greet().record().wait(0.2, 1.5).message().over()


def message_after_a_bare_tone(p):
    return p.wait(0.2, 1.0).record().wait(0.2, 1.5).message().over()


def message_and_thanks(p):
    return p.greet().record().wait(0.2, 1.5).message().wait(3.5, 6).pbx("Thank you. Goodbye.", p.voice).over(by="pbx")


def message_and_pound(p):
    p.greet().record().wait(0.2, 1.5).message().press("#", 0.3, 1.2).wait(0.3, 1.0)
    p.pbx("Message recorded. To send it, press one. To record it again, press two.", p.voice).press("1", 0.4, 1.5)
    return p.wait(0.3, 0.8).pbx("Your message was sent. Goodbye.", p.voice).over(by=p.one_of("pbx", "caller"))


def message_and_pound_and_goodbye(p):
    p.greet().record().wait(0.2, 1.5).message().press("#", 0.3, 1.2).wait(0.3, 1.0)
    return p.pbx("Thank you.", p.voice).over(by="pbx")


def message_after_a_pause(p):
    return p.greet().record().wait(2.5, 4.5).message().wait(1.5, 2.5).message().over()


# ------------------------------------------------------------ voicemail, without
def hangup_after_the_tone(p):
    return p.greet().record().over(1.0, 4.0)


def hangup_after_a_word(p):
    return p.greet().record().wait(0.3, 1.2).caller(p.rng.choice(("Oh.", "Hello?", "Never mind."))).over()


def hangup_in_the_greeting(p):
    p.greet()
    p.scene.end = p.at * p.rng.uniform(0.4, 0.95)
    return p.scene


# ------------------------------------------------------------ people
def asks(p, most=2):
    """The caller asks for at least a second and a half."""
    for n in range(p.rng.randint(1, most)):
        p.wait(0.3, 1.2).caller(p.one_of(*ASKS[:2], "Hello, is the doctor in today? My tooth hurts a lot."))
    return p


def farewell(p):
    """The caller's last word, if there is one; nobody hangs up on a caller who is still to say something."""
    if p.rng.random() < 0.3:
        return p.over(0.1, 2.0)
    return p.wait(0.2, 0.8).caller(p.one_of("Bye.", "Okay.", "Thanks.", *WORDS)).over(0.1, 2.0, by=p.one_of("caller", "pbx"))


def signal(p):
    """A notice of recording, a hold beep, a speakerphone's."""
    parts, seconds = p.one_of([1400], [1000], [440], [950], [425], [440, 880]), p.one_of(0.2, 0.3, 0.5)
    return p.wait(0.1, 1.2).sound(tone(parts, seconds, p.rng.uniform(-24, -15)))


def thinks_after_a_beep(p):
    signal(p.pbx(p.one_of(*OPENINGS, "Thank you for calling Oak Dental. This call may be recorded.")))
    for n in range(p.rng.choice((1, 1, 1, 2))):
        asks(p).wait(1, 10).pbx(p.one_of(*REPLIES, *WORDS))
    return farewell(p)


def thinks_twice_with_two_beeps(p):
    for n in range(2):
        asks(signal(p.pbx(p.one_of(*OPENINGS, "One moment.")))).wait(0.5, 10).pbx(p.one_of(*REPLIES, *WORDS)).wait(0.2, 4)
    return farewell(p)


def back_from_hold(p):
    if p.rng.random() < 0.5:
        p.pbx(p.one_of(*OPENINGS)).wait(0.2, 0.6).caller(p.one_of(*HELLO, *ASKS[:2])).wait(0.2, 0.6)
    signal(p.pbx(p.one_of("Hold please.", "One moment, I will put you on hold and see whether somebody can help you.")))
    p.wait(2, 12)
    if p.rng.random() < 0.6:
        p.caller("Hello? Are you still there? I am waiting for quite a while now.").wait(0.3, 6)
    return farewell(p.pbx(p.one_of("Yes, sorry. What can I do for you?", "Here I am.", *REPLIES)))


def keys_after_a_beep(p):
    asks(signal(p.pbx(p.one_of(*OPENINGS, "Oak Dental, this call is recorded.")))).wait(0.2, 1)
    p.press(p.one_of("123", "4711", "5", "20#", "9")).wait(0.3, 4)
    return farewell(p.pbx(p.one_of("Your balance is forty dollars. You owe nothing more until March.", *REPLIES)))


def owner_records_a_greeting(p):
    p.pbx("Welcome to the voice mail. Please enter your pin.", p.voice).press(p.one_of("1234", "4711#", "90210")).wait(0.3, 1)
    p.pbx("Record your greeting after the tone.", p.voice).record().wait(0.3, 1)
    p.caller("Hi, you have reached Tom Baker. I am not here right now.")
    if p.rng.random() < 0.7:
        p.press(p.one_of("#", "1"), 0.5, 1).wait(0.5, 1).pbx("Your greeting has been saved.", p.voice)
    return p.over()


def turns(p):
    return p.talk(p.rng.randint(3, 5)).over()


def short_exchange(p):
    return p.talk(1).wait(0.2, 0.6).caller("Thanks, bye.").over()


def callee_tells(p):
    p.pbx(p.rng.choice(OPENINGS)).wait(0.3, 0.8).caller(ASKS[0]).wait(0.2, 0.8)
    for sentence in p.rng.choice(STORY).split(". "):
        p.pbx(sentence).wait(0.2, 0.5)
        if p.rng.random() < 0.4:
            p.caller(p.rng.choice(WORDS)).wait(0.1, 0.4)
    return p.caller("Okay, thank you, goodbye.").over()


def callee_tells_the_silent(p):
    for sentence in p.rng.choice(STORY).split(". "):
        p.pbx(sentence).wait(0.2, 0.6)
    return p.over()


def caller_tells(p):
    p.pbx(p.rng.choice(OPENINGS)).wait(0.2, 0.9)
    for sentence in p.rng.choice(STORY).split(". "):
        p.caller(sentence).wait(0.2, 0.5)
        if p.rng.random() < 0.35:
            p.pbx(p.rng.choice(WORDS)).wait(0.1, 0.4)
    return p.pbx("I see. I will call you back.").wait(0.2, 0.6).caller("Bye.").over()


def caller_tells_one_who_listens(p):
    p.pbx(OPENINGS[p.rng.choice((1, 3))]).wait(0.4, 1.0)
    for sentence in p.rng.choice(STORY).split(". "):
        p.caller(sentence).wait(0.2, 0.6)
    return p.over()


def hold_music(p):
    p.talk(1).wait(0.3, 0.6).pbx("One moment please.").wait(0.2, 0.5).sound(melody(p.rng.uniform(8, 15), p.rng))
    p.wait(0.2, 0.8).pbx("Thank you for holding. It is all set.").wait(0.2, 0.6).caller(ASKS[3])
    return p.wait(0.2, 0.6).pbx(REPLIES[3]).over()


def music_then_a_listener(p):
    p.sound(melody(p.rng.uniform(6, 12), p.rng)).wait(0.2, 0.6).pbx("Service, Robert speaking.").wait(0.3, 0.8)
    for sentence in p.rng.choice(STORY).split(". "):
        p.caller(sentence).wait(0.2, 0.6)
    return p.over()


def menu_then_a_person(p):
    p.pbx("For sales, press one. For service, press two.", p.voice)
    p.scene.digits.append((p.wait(0.3, 1).at, "1"))
    p.wait(0.5, 1).pbx("Please hold while I connect you.", p.voice).wait(0.3, 0.6)
    return p.sound(cadence([440, 480], 2, 4, 7, -20)).wait(0.3, 0.8).talk(2).over()


def ringing_on_then_a_person(p):
    p.sound(cadence(p.rng.choice(([425], [440, 480], [400, 450])), 1, 4, p.rng.choice((6, 11)), -19)).wait(0.3, 0.8)
    return p.talk(2).over()


def call_waiting(p):
    p.pbx(p.rng.choice(OPENINGS)).wait(0.2, 0.8)
    for n in range(3):
        p.caller(p.rng.choice(ASKS)).wait(0.2, 0.5).sound(tone([440], 0.3, -20)).wait(0.2, 0.6)
        p.pbx(p.rng.choice(REPLIES)).wait(3, 5)
    return p.caller(ASKS[-1]).over()


def call_waiting_while_one_tells(p):
    p.pbx(p.rng.choice(OPENINGS)).wait(0.4, 0.9)
    start = p.at
    for sentence in p.rng.choice(STORY).split(". "):
        p.caller(sentence).wait(0.2, 0.6)
    at = start + 1.0
    while at < p.at - 1:
        at = p.scene.pbx.put(at, tone([440], 0.3, -20), speech=False) + p.rng.choice((4.0, 10.0))
    return p.over()


def notice_of_recording(p):
    p.pbx(p.rng.choice(OPENINGS)).wait(0.2, 0.5).sound(tone([1400], 0.4, -18)).wait(0.1, 0.4)
    for n in range(4):
        p.caller(p.rng.choice(ASKS)).wait(0.2, 0.8).pbx(p.rng.choice(REPLIES)).wait(0.2, 0.5)
        if n % 2:
            p.sound(tone([1400], 0.4, -18)).wait(0.1, 0.3)
    return p.caller(ASKS[-1]).over()


def announcement_with_a_beep(p):
    p.pbx("This call may be recorded for quality.", p.voice).wait(0.1, 0.4).sound(p.beep()).wait(0.3, 1.5)
    return p.talk(2).over()


def kitchen_beep(p):
    return p.talk(2).wait(0.1, 0.4).sound(tone([1000], 0.5, -25)).wait(0.2, 0.6).caller(ASKS[0]).wait(0.2, 0.6).pbx(REPLIES[0]).over()


def beep_before_the_last_word(p):
    return p.talk(p.rng.randint(2, 4)).wait(0.1, 0.4).sound(tone([1000], 0.5, -25)).wait(0.2, 0.6).caller(p.rng.choice(ASKS)).caller(ASKS[-1]).over()


def one_word_answers(p):
    p.pbx("Hello?").wait(0.2, 0.5)
    for ask in ASKS:
        p.caller(ask).wait(0.2, 0.7).pbx(p.rng.choice(WORDS)).wait(0.2, 0.5)
    return p.over()


def noisy_line(p):
    p.scene.pbx_noise, p.scene.caller_noise = p.rng.uniform(-45, -36), p.rng.uniform(-45, -36)
    return p.talk(3).over()


def both_at_once(p):
    p.pbx(p.rng.choice(OPENINGS))
    start = p.at
    p.pbx(p.rng.choice(STORY))
    end, p.at = p.at, start
    p.caller(p.rng.choice(STORY))
    p.at = max(p.at, end)
    return p.over()


def listens_after_a_beep(p):
    """Who answered says a word or two while the caller tells."""
    signal(p.pbx(p.one_of(*OPENINGS, "Thank you for calling Oak Dental. This call may be recorded."))).wait(0.3, 1.2)
    story = p.one_of(*STORY).split(". ")[: p.rng.randint(2, 4)]
    heard = p.rng.randrange(len(story) - 1)
    for n, sentence in enumerate(story):
        p.caller(sentence).wait(0.2, 0.5)
        if n == heard or p.rng.random() < 0.2:
            p.pbx(p.one_of(*WORDS)).wait(0.1, 0.4)
    return farewell(p)


def thinks_and_hangs_up(p):
    asks(signal(p.pbx(p.one_of(*OPENINGS)))).wait(1, 10).pbx(p.one_of(*REPLIES))
    return p.over(0.1, 2, by="pbx")


def callee_hangs_up_to_a_busy_tone(p):
    p.talk(p.rng.randint(1, 3)).wait(0.3, 0.6)
    parts, on = p.rng.choice((([480, 620], 0.5), ([425], 0.48), ([400], 0.4)))
    return p.sound(cadence(parts, on, on, p.rng.uniform(0.4, 3), -16)).over(0.1, 0.3, by="pbx")


MESSAGE = (message, message_with_hello, message_over_the_tone, message_on_a_noisy_line, message_to_a_mute_recorder,
           message_after_ringing_on, message_after_a_menu, message_after_a_bare_tone, message_and_thanks, message_and_pound,
           message_and_pound_and_goodbye, message_after_a_pause)
HANGUP = (hangup_after_the_tone, hangup_after_a_word)
UNDECIDABLE = (hangup_in_the_greeting,)
ANSWERED = (turns, short_exchange, callee_tells, callee_tells_the_silent, caller_tells, caller_tells_one_who_listens, hold_music,
            music_then_a_listener, menu_then_a_person, ringing_on_then_a_person, call_waiting, call_waiting_while_one_tells,
            notice_of_recording, announcement_with_a_beep, kitchen_beep, beep_before_the_last_word, one_word_answers, noisy_line,
            both_at_once, callee_hangs_up_to_a_busy_tone, thinks_after_a_beep, listens_after_a_beep, thinks_and_hangs_up,
            thinks_twice_with_two_beeps, back_from_hold, keys_after_a_beep, owner_records_a_greeting)


def noises(scene, seed):
    """What lies under each side, or None."""
    return [noise(scene.end, db, seed + n) if db is not None else None for n, db in enumerate((scene.pbx_noise, scene.caller_noise))]

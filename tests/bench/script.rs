//! The messages of one call, from its first INVITE to its last response.

use crate::frame::{Host, Rtp};
use crate::ladder::{Leg, Messages};
use crate::mix::Kind;
use crate::random::Random;

const TRUNK: Host = Host([203, 0, 113, 20]);
const PBX: Host = Host([10, 0, 0, 10]);
const PILOT: Host = Host([10, 0, 0, 20]);
const ELSEWHERE: &str = "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\r\n";
const MS: i64 = 1000;

/// The messages of one call while they are written.
pub struct Script<'a> {
    random: &'a mut Random,
    n: u64,
    /// When it begins.
    at: i64,
    messages: Messages,
    /// Its legs, each of another Call-ID; the trunk's first.
    legs: Vec<Leg>,
    /// When audio flows between trunk and PBX.
    talk: Option<(i64, i64)>,
    end: i64,
}

impl<'a> Script<'a> {
    /// Call number `n`, which begins at `at`, with no message yet.
    pub fn new((n, at): (u64, i64), caller: &str, called: &str, random: &'a mut Random) -> Script<'a> {
        let legs = vec![Leg::new(n * 8, (TRUNK, PBX), caller, called)];
        Script { random, n, at, messages: Messages::new(), legs, talk: None, end: at }
    }

    /// Writes a call of this kind.
    pub fn play(&mut self, kind: Kind) {
        let trunk = self.legs[0].clone();
        let answer = self.at + self.random.millis(1_200, 19_000);
        match kind {
            Kind::Answered => self.answered(&trunk, self.at, answer),
            Kind::Short => self.short(&trunk, answer),
            Kind::Glare => self.glare(&trunk, answer),
            Kind::Cancelled => self.cancelled(&trunk, answer),
            Kind::Busy => self.refused(&trunk, (20, 900), 486, Q850_BUSY),
            Kind::NoAnswer => self.rung(&trunk, (12_000, 40_000), 480, Q850_NO_ANSWER),
            Kind::TimedOut => self.rung(&trunk, (20_000, 32_000), 408, ""),
            Kind::Declined => self.rung(&trunk, (1_200, 19_000), 603, ""),
            Kind::Unavailable => self.refused(&trunk, (20, 400), 503, ""),
            Kind::WrongNumber => self.refused(&trunk, (20, 90), 404, ""),
            Kind::Voicemail => self.voicemail(&trunk),
            Kind::Forked => self.forked(&trunk, Some(answer)),
            Kind::ForkCancelled => self.forked(&trunk, None),
            Kind::Challenged => self.challenged(trunk, answer),
            Kind::Redirected => self.redirected(&trunk, answer),
            Kind::PhonesAnswered => self.phones(&trunk, Phones::Answer(answer)),
            Kind::PhonesCancelled => self.phones(&trunk, Phones::GiveUp(answer)),
            Kind::Held => self.held(&trunk, answer),
            Kind::HeldTwo => self.held_two(&trunk, answer),
            Kind::PhonesVoicemail => self.phones(&trunk, Phones::Voicemail(self.at + 15_000 * MS)),
        }
    }

    fn say(&mut self, messages: impl IntoIterator<Item = (i64, Vec<u8>)>) {
        for message in messages {
            self.end = self.end.max(message.0);
            self.messages.push(message);
        }
    }

    /// Six seconds to three minutes from the answer to the BYE, of either side.
    fn talk(&mut self, leg: &Leg, from: i64) {
        let end = from + self.random.millis(6_000, 180_000);
        self.say(leg.answer(from));
        let by_called = self.random.chance(0.4);
        self.say(if by_called { leg.bye_by_called(end) } else { leg.bye(end) });
        self.talk = Some((from + 30 * MS, end));
    }

    fn answered(&mut self, leg: &Leg, at: i64, answer: i64) {
        let after = self.random.millis(80, 700);
        self.say(leg.ring(at, after));
        self.talk(leg, answer);
    }

    fn short(&mut self, leg: &Leg, answer: i64) {
        self.say(leg.ring(self.at, 210 * MS));
        self.say(leg.answer(answer));
        let end = answer + self.random.millis(600, 4_500);
        self.say(leg.bye(end));
    }

    fn glare(&mut self, leg: &Leg, answer: i64) {
        self.say(leg.ring(self.at, 160 * MS));
        self.say([leg.cancel(answer - 3 * MS, ""), leg.reply(answer + 6 * MS, 200, "CANCEL", "")]);
        self.talk(leg, answer);
    }

    fn cancelled(&mut self, leg: &Leg, end: i64) {
        let status = if self.random.chance(0.15) { 183 } else { 180 };
        let (tried, rang) = (self.at + 7 * MS, self.at + self.random.millis(80, 700));
        self.say([leg.invite(self.at), leg.reply(tried, 100, "INVITE", "")]);
        self.say([leg.reply(rang, status, "INVITE", "")]);
        self.say(leg.give_up(end, ""));
    }

    /// Refused within so many milliseconds, without ringing.
    fn refused(&mut self, leg: &Leg, (from, to): (u64, u64), status: u16, extra: &str) {
        self.say([leg.invite(self.at), leg.reply(self.at + 7 * MS, 100, "INVITE", "")]);
        let end = self.at + self.random.millis(from, to);
        self.say(leg.refuse(end, status, extra));
    }

    /// Refused after so many milliseconds of ringing.
    fn rung(&mut self, leg: &Leg, (from, to): (u64, u64), status: u16, extra: &str) {
        self.say(leg.ring(self.at, 190 * MS));
        let end = self.at + self.random.millis(from, to);
        self.say(leg.refuse(end, status, extra));
    }

    fn challenged(&mut self, mut leg: Leg, answer: i64) {
        let challenge = "Proxy-Authenticate: Digest realm=\"office\", nonce=\"7d1c0f22\", algorithm=MD5\r\n";
        self.say([leg.invite(self.at)]);
        self.say(leg.refuse(self.at + 12 * MS, 407, challenge));
        leg.cseq = 2;
        leg.extra =
            "Proxy-Authorization: Digest username=\"larkfield\", realm=\"office\", response=\"00\"\r\n"
                .to_owned();
        self.answered(&leg, self.at + 60 * MS, answer);
    }

    fn redirected(&mut self, leg: &Leg, answer: i64) {
        let phone = phone(self.random.below(8));
        self.say([leg.invite(self.at), leg.reply(self.at + 7 * MS, 100, "INVITE", "")]);
        self.say(leg.refuse(self.at + 40 * MS, 302, &format!("Contact: <sip:201@{phone}:5060>\r\n")));
        let mut next = Leg { b: phone, ruri: format!("sip:201@{phone}:5060"), cseq: 2, ..leg.clone() };
        next.to_tag.push('r');
        self.answered(&next, self.at + 90 * MS, answer);
    }

    /// The PBX sends the call to the pilot, on a leg of its own, and answers the trunk when the pilot answers.
    fn voicemail(&mut self, trunk: &Leg) {
        let mut pilot = Leg::new(self.n * 8 + 1, (PBX, PILOT), &trunk.caller, "6000");
        let called = &trunk.called;
        pilot.extra = format!(
            "Diversion: <sip:{called}@{PBX}>;reason=no-answer;counter=1;privacy=off\r\n\
             History-Info: <sip:{called}@{PBX}?Reason=SIP%3Bcause%3D408>;index=1, <sip:6000@{PILOT}>;index=1.1\r\n"
        );
        let answer = self.at + self.random.millis(9_000, 26_000);
        let end = answer + self.random.millis(900, 60_000);
        self.say(trunk.ring(self.at, 210 * MS));
        self.say([trunk.reply(answer - 60 * MS, 181, "INVITE", "")]);
        self.say([pilot.invite(answer - 50 * MS), pilot.reply(answer - 43 * MS, 100, "INVITE", "")]);
        self.say(pilot.answer(answer));
        self.say(trunk.answer(answer + 4 * MS));
        self.say(trunk.bye(end));
        self.say(pilot.bye(end + 12 * MS));
        self.talk = Some((answer + 30 * MS, end));
        self.legs.push(pilot);
    }

    /// A proxy's branches to three phones: one answers at `answer`, or the caller gives up.
    fn forked(&mut self, trunk: &Leg, answer: Option<i64>) {
        let at = self.at;
        let branches = [0, 1, 2].map(|n| branch(trunk, n));
        self.say([trunk.invite(at), trunk.reply(at + 5 * MS, 100, "INVITE", "")]);
        for (n, leg) in (0..).zip(&branches) {
            self.say(leg.ring(at + (9 + n) * MS, (150 + n * 60) * MS));
        }
        let [first, winner, last] = &branches;
        let upstream = Leg { to_tag: winner.to_tag.clone(), ..trunk.clone() };
        self.say([upstream.reply(at + 224 * MS, 180, "INVITE", "")]);
        let Some(answer) = answer else {
            let end = at + self.random.millis(2_000, 24_000);
            self.say(upstream.give_up(end, ""));
            return branches.iter().for_each(|leg| self.say(leg.give_up(end + 6 * MS, "")));
        };
        let end = answer + self.random.millis(6_000, 150_000);
        self.say(winner.answer(answer));
        self.say(first.give_up(answer + 5 * MS, ELSEWHERE));
        self.say(last.give_up(answer + 5 * MS, ELSEWHERE));
        self.say(upstream.answer(answer + 3 * MS));
        self.say(upstream.bye(end));
        self.say(winner.bye(end + 3 * MS));
        self.talk = Some((answer + 30 * MS, end));
    }

    /// A B2BUA's legs to two phones, each with its own Call-ID.
    fn phones(&mut self, trunk: &Leg, how: Phones) {
        let chosen = [self.random.below(4), self.random.below(4) + 4];
        let legs = [0, 1].map(|k| own(trunk, self.n * 8 + 2 + k as u64, phone(chosen[k])));
        self.say(trunk.ring(self.at, 260 * MS));
        for (k, leg) in (0..).zip(&legs) {
            self.say(leg.ring(self.at + (35 + k) * MS, (120 + k * 30) * MS));
        }
        match how {
            Phones::GiveUp(end) => {
                self.say(trunk.give_up(end, ""));
                legs.iter().for_each(|leg| self.say(leg.give_up(end + 12 * MS, ELSEWHERE)));
            }
            Phones::Answer(answer) => {
                let end = answer + self.random.millis(6_000, 150_000);
                self.say(legs[0].answer(answer));
                self.say(trunk.answer(answer + 20 * MS));
                self.say(legs[1].give_up(answer + 24 * MS, ELSEWHERE));
                self.say(trunk.bye(end));
                self.say(legs[0].bye(end + 11 * MS));
                self.talk = Some((answer + 30 * MS, end));
            }
            Phones::Voicemail(answer) => {
                let end = answer + self.random.millis(1_500, 50_000);
                legs.iter().for_each(|leg| self.say(leg.give_up(answer, "")));
                self.say(trunk.answer(answer + 60 * MS));
                self.say(trunk.bye(end));
                self.talk = Some((answer + 90 * MS, end));
            }
        }
        self.legs.extend(legs);
    }

    /// Up for ten minutes.
    fn held(&mut self, leg: &Leg, answer: i64) {
        self.say(leg.ring(self.at, 210 * MS));
        self.say(leg.answer(answer));
        self.say(leg.bye(answer + HELD));
    }

    fn held_two(&mut self, trunk: &Leg, answer: i64) {
        let phone = own(trunk, self.n * 8 + 2, phone(self.random.below(8)));
        self.say(phone.ring(self.at + 35 * MS, 120 * MS));
        self.say(phone.answer(answer - 20 * MS));
        self.held(trunk, answer);
        self.say(phone.bye(answer + HELD + 11 * MS));
        self.legs.push(phone);
    }

    /// When its last message leaves.
    pub fn end(&self) -> i64 {
        self.end
    }

    /// The Call-IDs of its legs.
    pub fn call_ids(&self) -> Vec<String> {
        self.legs.iter().map(|leg| leg.call_id.clone()).collect()
    }

    /// Its messages, and its audio: from, until, stream.
    pub fn written(self) -> (Messages, Vec<(i64, i64, Rtp)>) {
        let trunk = &self.legs[0];
        let near = (trunk.a, trunk.media_port(0));
        let far = (trunk.b, trunk.media_port(1));
        let ssrc = self.n as u32 * 2 + 1;
        let streams = self.talk.into_iter().flat_map(|(from, until)| {
            let heard = (from + 3 * MS, until, Rtp::new(far, near, ssrc + 1));
            [(from, until, Rtp::new(near, far, ssrc)), heard]
        });
        (self.messages, streams.collect())
    }
}

/// What becomes of a B2BUA's call, and when.
enum Phones {
    Answer(i64),
    GiveUp(i64),
    Voicemail(i64),
}

/// Ten minutes.
const HELD: i64 = 600_000 * MS;
const Q850_BUSY: &str = "Reason: Q.850;cause=17;text=\"User busy\"\r\n";
const Q850_NO_ANSWER: &str = "Reason: Q.850;cause=19;text=\"No answer from user\"\r\n";

fn phone(n: u64) -> Host {
    Host([10, 0, 1, 21 + (n % 8) as u8])
}

/// A proxy's branch of a leg: its own Via on top, its own To-tag.
fn branch(trunk: &Leg, n: u64) -> Leg {
    let phone = phone(n);
    Leg {
        a: PBX,
        b: phone,
        to_tag: format!("{}p{n}", trunk.to_tag),
        ruri: format!("sip:20{n}@{phone}:5060"),
        below: trunk.via(""),
        extra: format!("Record-Route: <sip:{PBX};lr>\r\n"),
        ..trunk.clone()
    }
}

/// A B2BUA's own leg to a phone.
fn own(trunk: &Leg, key: u64, phone: Host) -> Leg {
    let mut leg = Leg::new(key, (PBX, phone), &trunk.caller, "201");
    leg.ruri = format!("sip:201@{phone}:5060");
    leg
}

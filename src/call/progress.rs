//! What one message does to its leg.

use std::net::SocketAddr;

use crate::call::connected;
use crate::call::habits::Habits;
use crate::call::hash::{Key, Keyer};
use crate::call::invite::Invite;
use crate::call::ladder::{Label, Rung};
use crate::call::leg::{Bye, Leg, SentOn};
use crate::call::transaction::{Hop, Refused, Seen};
use crate::event::Role;
use crate::settings::Roles;
use crate::wire::packet::Datagram;
use crate::wire::sip::{self, HeaderName, Message, Method, reasons};

/// A message of a leg.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// Where it was seen.
    pub datagram: &'a Datagram<'a>,
    /// The message.
    pub message: &'a Message<'a>,
    /// Where it belongs.
    pub keys: &'a Keys<'a>,
    /// Makes keys.
    pub keyer: Keyer,
    /// What the PBX's make says otherwise than others.
    pub habits: Habits,
    /// It belongs to a request of the side that sent the leg's INVITE.
    pub from_caller: bool,
}

/// What a message says about where it belongs, read once.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// The Call-ID.
    pub call: Key,
    /// The leg, if its sender is the leg's caller: Call-ID and From-tag.
    pub leg: Key,
    /// The transaction within its leg: sent-by and branch of the top Via, and CSeq. A branch without the
    /// magic cookie, or one that is nothing but it, isn't unique (RFC 3261 17.2.3); within one leg sent-by
    /// and CSeq make up for it.
    pub hop: u32,
    /// CSeq number.
    pub cseq: u32,
    /// Call-ID.
    pub call_id: &'a [u8],
    /// From-tag; empty if there is none (RFC 2543).
    pub from_tag: &'a [u8],
    /// To, as sent; empty if there is none.
    pub to: &'a [u8],
}

impl<'a> Keys<'a> {
    /// The keys of a message; none if it lacks them or contradicts itself about them.
    pub fn of(keyer: &Keyer, message: &Message<'a>) -> Option<Keys<'a>> {
        if !message.keyed() {
            return None;
        }
        let call_id = message.call_id()?;
        let call = keyer.key(CALL_ID, call_id);
        let from_tag = message.from_tag().unwrap_or_default();
        let cseq = message.cseq()?.number;
        let (sent_by, branch) = message.transaction();
        Some(Keys {
            leg: leg(keyer, call, from_tag),
            call,
            hop: keyer.fingerprint(u64::from(cseq), [sent_by, branch]),
            cseq,
            call_id,
            from_tag,
            to: message.header(HeaderName::To).unwrap_or_default(),
        })
    }

    /// The transaction among all.
    pub fn attempt(&self) -> Key {
        self.leg.with(TRY, Key::of_fingerprint(self.hop))
    }

    /// The To-tag; none outside a dialog.
    pub fn to_tag(self) -> Option<&'a [u8]> {
        sip::tag_of(self.to)
    }

    /// The leg, if its sender is the called party: Call-ID and To-tag. None outside a dialog.
    pub fn leg_of_called(&self, keyer: &Keyer) -> Option<Key> {
        self.to_tag().map(|to_tag| leg(keyer, self.call, to_tag))
    }
}

/// The key of a leg by its Call-ID and From-tag.
pub fn leg_key(keyer: &Keyer, call_id: &[u8], from_tag: &[u8]) -> Key {
    leg(keyer, keyer.key(CALL_ID, call_id), from_tag)
}

/// A leg by its Call-ID and its caller's tag: within one Call-ID tags need only be told apart.
fn leg(keyer: &Keyer, call: Key, tag: &[u8]) -> Key {
    call.with(LEG, Key::of_fingerprint(keyer.fingerprint(0, [tag])))
}

impl<'a> Heard<'a> {
    /// The ends of its leg, the caller's side first.
    pub fn ends(&self) -> [SocketAddr; 2] {
        let Datagram { src, dst, .. } = *self.datagram;
        if self.message.status().is_none() == self.from_caller { [src, dst] } else { [dst, src] }
    }

    /// Its leg and the caller's tag there; none without the To-tag of the called side's request.
    pub fn leg(&self) -> Option<(Key, &'a [u8])> {
        match self.from_caller {
            true => Some((self.keys.leg, self.keys.from_tag)),
            false => self.keys.leg_of_called(&self.keyer).zip(self.keys.to_tag()),
        }
    }

    /// Its parties as those of its leg's INVITE.
    pub fn opening(&self) -> Invite<'a> {
        let told = Invite::of(self.message);
        match self.from_caller {
            true => told,
            false => Invite { target: None, from: told.to, to: told.from, ..told },
        }
    }

    /// Whether it is an INVITE outside a dialog.
    pub fn opens_leg(&self) -> bool {
        let invite = self.message.status().is_none() && self.message.method() == Method::Invite;
        invite && self.keys.to_tag().is_none()
    }

    /// Whether it may change who is thought to have answered.
    pub fn bears_on_answer(&self) -> bool {
        match (self.message.status(), self.message.method()) {
            (None, method) => matches!(method, Method::Invite | Method::Bye | Method::Refer),
            (Some(status), method) => status / 100 == 2 && method == Method::Invite,
        }
    }

    /// Whether it tells the caller's side where else to try.
    pub fn redirects(&self) -> bool {
        let redirection = self.message.status().is_some_and(|status| status / 100 == 3);
        redirection && self.message.method() == Method::Invite && self.from_caller
    }

    /// Whether it asks the other side of a dialog to call somebody.
    pub fn refers(&self) -> bool {
        let refer = self.message.method() == Method::Refer && self.message.status().is_none();
        refer && self.keys.to_tag().is_some()
    }
}

/// Lets a leg hear a message; `roles` tell what its answer connects with.
pub fn hear(leg: &mut Leg, heard: &Heard<'_>, roles: &Roles) {
    let is_new = climb(leg, heard);
    match (heard.message.status(), heard.message.method()) {
        (None, Method::Invite) if heard.opens_leg() => invite(leg, heard),
        (None, Method::Invite) => confirm(leg),
        (None, Method::Cancel) if heard.from_caller => cancel(leg, heard),
        (None, Method::Ack) if heard.from_caller => ack(leg, heard),
        (None, Method::Bye) if is_new => bye(leg, heard),
        (None, Method::Info) if heard.from_caller && heard.habits.digits_in_info => digit(leg, heard),
        (None, Method::Refer) if heard.refers() => {
            leg.referred.get_or_insert(heard.datagram.at);
            if !heard.from_caller {
                leg.sent_on = Some(SentOn { frame: heard.datagram.frame, answered: None });
            }
        }
        (Some(300..), Method::Refer) if !heard.from_caller => {
            leg.sent_on = leg.sent_on.filter(|sent| sent.answered.is_some());
        }
        (None, Method::Notify) if heard.from_caller => notify(leg, heard),
        (Some(status), Method::Invite) => {
            if status / 100 == 2 && leg.fax.is_none() && connected::is_fax(heard.message) {
                leg.fax = Some(heard.datagram.frame);
            }
            if heard.from_caller {
                response(leg, heard, status, roles);
            }
        }
        (Some(_), Method::Cancel) if heard.from_caller => {
            if let Some(hop) = hop_of(leg, heard) {
                hop.cancel_heard.get_or_insert(heard.datagram.at);
            }
        }
        _ => {}
    }
}

/// The transaction a message belongs to, if the leg has it.
pub fn find_hop(leg: &Leg, heard: &Heard<'_>) -> Option<usize> {
    leg.hops.iter().position(|hop| hop.key == heard.keys.hop)
}

/// Whether an INVITE is a later try than all the leg has seen: the caller's side numbered it so (RFC 3261 22.2), or a proxy
/// there tries another target (RFC 3261 16.6).
pub fn is_later_try(leg: &Leg, heard: &Heard<'_>) -> bool {
    let last = leg.hops.iter().map(|hop| hop.cseq).max();
    let from_caller = || leg.hops.first().is_some_and(|first| first.src.ip() == heard.datagram.src.ip());
    let cseq = Some(heard.keys.cseq);
    cseq > last || (cseq == last && from_caller() && find_hop(leg, heard).is_none())
}

/// Adds the message to the leg's ladder; tells whether it was not there before.
fn climb(leg: &mut Leg, heard: &Heard<'_>) -> bool {
    let Heard { datagram, message, keys, keyer, .. } = heard;
    let method = message.method();
    leg.ladder.push(Rung {
        at: datagram.at,
        frame: datagram.frame.n,
        fingerprint: keyer.fingerprint(u64::from(keys.hop) << 8 | method as u64, [keys.to]),
        label: message.status().map_or(Label::Request(method), Label::Status),
        src: datagram.src.ip(),
        dst: datagram.dst.ip(),
    })
}

fn invite(leg: &mut Leg, heard: &Heard<'_>) {
    let at = heard.datagram.at;
    if let Some(hop) = find_hop(leg, heard).and_then(|n| leg.hops.get_mut(n)) {
        hop.last_invite = hop.last_invite.max(at);
    }
}

fn cancel(leg: &mut Leg, heard: &Heard<'_>) {
    let seen = seen(heard);
    let causes = Causes::of(heard.message);
    if let Some(hop) = hop_of(leg, heard) {
        hop.cancelled.get_or_insert(seen);
        hop.elsewhere |= causes.elsewhere && !heard.habits.cries_elsewhere;
        hop.cause = hop.cause.or(causes.q850);
    }
}

/// `application/dtmf-relay`, or `application/dtmf`.
fn digit(leg: &mut Leg, heard: &Heard<'_>) {
    let kind = heard.message.content_type().unwrap_or_default();
    if kind.get(..DTMF.len()).is_some_and(|start| start.eq_ignore_ascii_case(DTMF)) {
        leg.dialled.get_or_insert(heard.datagram.at);
    }
}

/// An ACK without a final response in sight: that was lost, or comes late, or can't be seen here at all. In the INVITE's own
/// transaction it tells of a refusal (RFC 3261 17.1.1.3), unless a peer knows no better; in one of its own, of a 2xx
/// (13.2.2.4).
fn ack(leg: &mut Leg, heard: &Heard<'_>) {
    let final_seen = |hop: &Hop| hop.answered.is_some() || hop.refused.is_some();
    let any_final = leg.hops.iter().any(final_seen);
    match (find_hop(leg, heard), hop_of(leg, heard)) {
        (None, Some(hop)) if !final_seen(hop) => {
            hop.acked = true;
            leg.confirmed = true;
        }
        (Some(_), Some(hop)) if !any_final => hop.acked = true,
        (_, None) if !any_final => leg.dialog = true,
        _ => {}
    }
}

/// An INVITE within a dialog comes after an answer alone (RFC 3261 14.1).
fn confirm(leg: &mut Leg) {
    let answered = leg.hops.iter().any(|hop| hop.answered.is_some());
    leg.confirmed |= !answered;
}

/// The last word on a REFER is the final response that who was referred got; it stands in a body of its own kind (RFC 3420).
fn notify(leg: &mut Leg, heard: &Heard<'_>) {
    let Some(sent) = leg.sent_on.as_mut().filter(|sent| sent.answered.is_none()) else { return };
    let kind = heard.message.content_type().unwrap_or_default();
    let is_frag = kind.get(..FRAG.len()).is_some_and(|start| start.eq_ignore_ascii_case(FRAG));
    let status = heard.message.body().strip_prefix(b"SIP/2.0 ").filter(|_| is_frag);
    if let Some(class @ b'2'..=b'6') = status.and_then(|status| status.first()) {
        *sent = SentOn { frame: heard.datagram.frame, answered: Some(*class == b'2') };
    }
}

fn bye(leg: &mut Leg, heard: &Heard<'_>) {
    let keys = heard.keys;
    let tag = if heard.from_caller { keys.to_tag().unwrap_or_default() } else { keys.from_tag };
    if leg.winner.is_some_and(|winner| winner != heard.keyer.key(TAG, tag)) {
        return;
    }
    leg.dialog |= leg.winner.is_none();
    let cause = Causes::of(heard.message).q850;
    leg.bye.get_or_insert(Bye { seen: seen(heard), by_caller: heard.from_caller, cause });
}

fn response(leg: &mut Leg, heard: &Heard<'_>, status: u16, roles: &Roles) {
    let (seen, message) = (seen(heard), heard.message);
    let early_media = status == 183 && message.sdp().is_some();
    let Some(hop) = hop_of(leg, heard) else {
        leg.ahead = leg.ahead.max(Some(heard.keys.cseq));
        leg.dialog |= status / 100 == 2;
        return;
    };
    hop.responded = true;
    match status {
        ..200 if early_media => heard.habits.early_media(hop, seen),
        ..200 => provisional(hop, seen, status),
        200..300 if hop.answered.is_none() => {
            hop.answered = Some(seen);
            if hop.voicemail.is_none() && matches!(hop.role, Role::TrunkIn | Role::Unknown) {
                hop.voicemail = connected::voicemail_sign(roles, message);
            }
        }
        200..300 => {}
        408 if heard.habits.timeout_is_no_answer => {
            refuse(hop, seen, message, status);
            hop.rang_unseen = hop.role == Role::TrunkIn;
        }
        _ => refuse(hop, seen, message, status),
    }
    let answered = || leg.caller_hop().is_some_and(|hop| hop.answered.is_some());
    if status / 100 == 2 && leg.winner.is_none() && answered() {
        leg.winner = Some(heard.keyer.key(TAG, heard.keys.to_tag().unwrap_or_default()));
    }
}

/// Lets a hop hear a response below 200.
pub fn provisional(hop: &mut Hop, seen: Seen, status: u16) {
    hop.provisional = Some(hop.provisional.map_or(seen.at, |last| last.max(seen.at)));
    hop.queued |= status == 182;
    if status == 180 {
        hop.ringing.get_or_insert(seen);
    }
}

fn refuse(hop: &mut Hop, seen: Seen, message: &Message<'_>, status: u16) {
    if hop.answered.is_some() || hop.refused.is_some() {
        return;
    }
    let causes = Causes::of(message);
    let named_later = status == 503 && message.header(HeaderName::RetryAfter).is_some();
    hop.cause = hop.cause.or(causes.q850);
    hop.refused = Some(Refused {
        status,
        seen,
        retry: named_later || asks_for_another_try(status),
        blocked: status == 603 && causes.blocked,
    });
}

/// Challenges, redirections, and refusals of how the INVITE was put.
fn asks_for_another_try(status: u16) -> bool {
    matches!(status, 300..=399 | 401 | 407 | 415 | 420 | 421 | 422 | 484 | 488 | 491 | 494)
}

/// The hop of a CANCEL or response: by its branch, else by CSeq and ends, for peers that give a CANCEL a
/// branch of its own.
fn hop_of<'l>(leg: &'l mut Leg, heard: &Heard<'_>) -> Option<&'l mut Hop> {
    let cseq = heard.keys.cseq;
    let n = find_hop(leg, heard).or_else(|| {
        let (src, dst) = match heard.message.status() {
            None => (heard.datagram.src, heard.datagram.dst),
            Some(_) => (heard.datagram.dst, heard.datagram.src),
        };
        let same = |hop: &Hop| hop.cseq == cseq && hop.src.ip() == src.ip() && hop.dst == dst;
        leg.hops.iter().rposition(same)
    })?;
    leg.hops.get_mut(n)
}

fn seen(heard: &Heard<'_>) -> Seen {
    Seen { at: heard.datagram.at, frame: heard.datagram.frame }
}

/// What the Reason headers of a message say (RFC 3326); Q.850 outranks SIP.
#[derive(Clone, Copy, Debug, Default)]
struct Causes {
    q850: Option<u16>,
    elsewhere: bool,
    blocked: bool,
}

impl Causes {
    fn of(message: &Message<'_>) -> Causes {
        let mut causes = Causes::default();
        for reason in reasons(message) {
            let sip = reason.protocol.eq_ignore_ascii_case(b"SIP");
            let text = reason.text.unwrap_or_default().to_ascii_lowercase();
            if reason.protocol.eq_ignore_ascii_case(b"Q.850") {
                causes.q850 = causes.q850.or(reason.cause.filter(|cause| *cause != 0));
            }
            causes.elsewhere |= (sip && reason.cause == Some(200)) || (!sip && reason.cause == Some(26));
            causes.blocked |=
                memchr::memmem::find(&text, b"block").is_some() || text.starts_with(b"v=analytics");
        }
        causes
    }
}

const FRAG: &[u8] = b"message/sipfrag";

const DTMF: &[u8] = b"application/dtmf";

const LEG: u8 = 0;
const TRY: u8 = 27;
const TAG: u8 = 22;

/// The name space of Call-IDs, here and where others name one.
pub const CALL_ID: u8 = 1;

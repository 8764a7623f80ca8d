//! One INVITE transaction at one hop, as a monitor between the two ends sees it.
//!
//! | seen | effect |
//! |---|---|
//! | INVITE again | counted as a retransmission |
//! | 100 | an answer of sorts: somebody is there |
//! | 180 | ringing (the first counts) |
//! | 183 with SDP | early media, not ringing |
//! | 181, 182 | forwarded, queued |
//! | 2xx | answered (the first counts); nothing after it changes that |
//! | 3xx-6xx | final, unless answered |
//! | CANCEL, or 2xx to one | asked to end; only a final response ends it (RFC 3261 9.1) |
//!
//! A response belongs to the method in its CSeq, so only responses to INVITE come here.

use std::net::SocketAddr;

use crate::event::{LegResult, Role};
use crate::time::{Span, Timestamp};
use crate::wire::packet::FrameRef;

/// Something seen at a time, in a frame.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub frame: FrameRef,
}

/// A final response other than 2xx.
#[derive(Clone, Copy, Debug)]
pub struct Refused {
    /// Its status.
    pub status: u16,
    /// When and where.
    pub seen: Seen,
    /// It named a time to try again (RFC 3261 20.33), or asks for another try by its nature.
    pub retry: bool,
    /// It was refused by an analysis in the network, not by a person (603+ of ATIS-1000099).
    pub blocked: bool,
}

/// An INVITE transaction between two neighbours.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Tells it from others of its leg: sent-by and branch of the top Via, and CSeq.
    pub key: u32,
    /// CSeq number.
    pub cseq: u32,
    /// Sender of the INVITE.
    pub src: SocketAddr,
    /// Receiver of the INVITE.
    pub dst: SocketAddr,
    /// Its transport doesn't lose messages, so an INVITE isn't sent again.
    pub reliable: bool,
    /// What it is for.
    pub role: Role,
    /// It goes from one of the PBX's addresses to another.
    pub within: bool,
    /// It asked the phone to answer by itself.
    pub page: bool,
    /// Why it looks like voicemail, if it does.
    pub voicemail: Option<VoicemailSign>,
    /// It leads there because somebody was busy, as its INVITE says.
    pub for_busy: bool,
    /// The first message of it.
    pub opened: Seen,
    /// The last INVITE, a retransmission if later than `opened`.
    pub last_invite: Timestamp,
    /// A response of any kind was seen.
    pub responded: bool,
    /// The last response below 200.
    pub provisional: Option<Timestamp>,
    /// The first 180.
    pub ringing: Option<Seen>,
    /// The first 183 with SDP.
    pub early_media: Option<Timestamp>,
    /// It was refused by words that this make has for "it rang and nobody answered".
    pub rang_unseen: bool,
    /// A 182 was seen.
    pub queued: bool,
    /// The first CANCEL.
    pub cancelled: Option<Seen>,
    /// The CANCEL itself was answered.
    pub cancel_heard: Option<Timestamp>,
    /// The CANCEL said that the call was answered elsewhere: a hint, never proof.
    pub elsewhere: bool,
    /// It was acknowledged before its final response was seen.
    pub acked: bool,
    /// The first 2xx.
    pub answered: Option<Seen>,
    /// The last other final response.
    pub refused: Option<Refused>,
    /// The Q.850 cause it ended with (RFC 6432).
    pub cause: Option<u16>,
}

/// Why a hop looks as if it led to voicemail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoicemailSign {
    /// Its receiver or its user part is configured as voicemail.
    Configured,
    /// Its Request-URI names a target and a cause (RFC 4458).
    Target,
    /// It was diverted to a short number: voicemail if it answers like a machine.
    Diverted,
    /// Its answer named a pilot as the party connected.
    Connected,
    /// Its answer wanted media at a host that is nothing but voicemail.
    Media,
}

impl Hop {
    /// How the hop ended, or stands.
    pub fn result(&self) -> LegResult {
        if self.answered.is_some() {
            return LegResult::Answered;
        }
        match (self.refused, self.cancelled) {
            (None, Some(_)) => self.cancelled_result(),
            (Some(refused), Some(_)) if ends_by_cancel(refused.status) => self.cancelled_result(),
            (Some(refused), None) if refused.status == 487 && self.cancel_heard.is_some() => {
                self.cancelled_result()
            }
            (Some(refused), _) => self.refused_result(refused),
            (None, None) if self.responded => LegResult::Incomplete,
            (None, None) if self.retransmitted() >= NO_RESPONSE_PROOF => LegResult::NoResponse,
            (None, None) => LegResult::Incomplete,
        }
    }

    /// Whether it ended by 487 and no CANCEL was seen: that is late or lost, or the receiver ended it by a timer.
    pub fn may_be_cancelled(&self) -> bool {
        self.cancelled.is_none() && self.status() == Some(487)
    }

    /// Whether it was answered with where else to try (RFC 3261 21.3).
    pub fn is_redirected(&self) -> bool {
        self.answered.is_none() && self.refused.is_some_and(|refused| refused.status / 100 == 3)
    }

    /// Whether nothing more is expected of it.
    pub fn is_over(&self) -> bool {
        self.answered.is_some() || self.refused.is_some() || self.cancelled.is_some()
    }

    /// When it ended without an answer: the CANCEL, else the final response.
    pub fn ended_unanswered(&self) -> Option<Timestamp> {
        match self.answered {
            Some(_) => None,
            None => self.cancelled.or(self.refused.map(|refused| refused.seen)).map(|seen| seen.at),
        }
    }

    /// When the last message of it was heard, its repeated final responses aside.
    pub fn last_heard(&self) -> Timestamp {
        let ends = [self.cancelled, self.answered, self.refused.map(|refused| refused.seen)];
        let ends = ends.into_iter().flatten().map(|seen| seen.at).chain(self.provisional);
        ends.fold(self.last_invite, Timestamp::max)
    }

    /// From the first INVITE to the last copy of it.
    pub fn retransmitted(&self) -> Span {
        self.last_invite.since(self.opened.at)
    }

    /// Whether a response came, seen or not: an INVITE over UDP is sent again until one does (RFC 3261
    /// 17.1.1.2).
    pub fn was_responded(&self) -> bool {
        self.responded || (!self.reliable && self.retransmitted() < SENT_AGAIN)
    }

    /// Whether it was stopped or ended by messages that were not seen, of which others tell: a 487, or the answer to a
    /// CANCEL, without the CANCEL; an ACK without a final response. Whom they said had answered can't be known.
    pub fn ended_unseen(&self) -> bool {
        let no_cancel = self.may_be_cancelled() || (self.cancelled.is_none() && self.cancel_heard.is_some());
        no_cancel || (self.acked && self.answered.is_none() && self.refused.is_none())
    }

    /// When the receiver began to ring, or to play early media.
    pub fn alerting(&self) -> Option<Timestamp> {
        self.ringing.map(|seen| seen.at).or(self.early_media)
    }

    /// The status it ended with.
    pub fn status(&self) -> Option<u16> {
        self.refused.map(|refused| refused.status)
    }

    fn cancelled_result(&self) -> LegResult {
        if self.elsewhere { LegResult::Elsewhere } else { LegResult::Cancelled }
    }

    fn refused_result(&self, refused: Refused) -> LegResult {
        match result_of_status(refused.status, self.cause) {
            LegResult::Declined if refused.blocked => LegResult::Rejected,
            LegResult::Unavailable if self.rang_for(refused.seen.at) >= RANG_OUT => LegResult::NoAnswer,
            LegResult::NoAnswer
                if refused.status == 408 && !self.rang_unseen && self.alerting().is_none() =>
            {
                LegResult::NoResponse
            }
            result => result,
        }
    }

    fn rang_for(&self, end: Timestamp) -> Span {
        self.ringing.map_or(Span::ZERO, |ringing| end.since(ringing.at))
    }
}

/// Statuses by which an INVITE ends after its CANCEL: 487, and what peers send instead of it.
pub fn ends_by_cancel(status: u16) -> bool {
    matches!(status, 408 | 481 | 487 | 500..=599)
}

/// The leg result of a final status, refined by the Q.850 cause where RFC 6432 lets it.
///
/// The cause refines 408, 480, 486 and 487 alone; it never outranks 403, 404 or 5xx.
pub fn result_of_status(status: u16, cause: Option<u16>) -> LegResult {
    match (status, cause) {
        (404, Some(2 | 3)) => LegResult::Failed,
        (408 | 480 | 486 | 487, Some(cause)) => match cause {
            17 => LegResult::Busy,
            18 | 19 => LegResult::NoAnswer,
            20 => LegResult::Unavailable,
            1 | 22 | 28 => LegResult::WrongNumber,
            2 | 3 | 34 | 38 | 41 | 42 | 44 => LegResult::Failed,
            _ => result_of_bare_status(status),
        },
        _ => result_of_bare_status(status),
    }
}

fn result_of_bare_status(status: u16) -> LegResult {
    match status {
        300..=399 => LegResult::Redirected,
        401 | 403 | 407 | 428 | 433 | 436..=438 | 482 | 483 | 607 | 608 => LegResult::Rejected,
        404 | 410 | 484 | 485 | 604 => LegResult::WrongNumber,
        408 | 487 => LegResult::NoAnswer,
        480 => LegResult::Unavailable,
        486 | 600 => LegResult::Busy,
        603 => LegResult::Declined,
        _ => LegResult::Failed,
    }
}

/// An INVITE nobody answered proves it once its copies span this (RFC 3261 17.1.1.2: 0.5, 1.5, 3.5 s).
pub const NO_RESPONSE_PROOF: Span = Span::from_millis(3_500);

/// A copy of an INVITE that comes sooner was seen twice, not sent again, which takes 0.5 s (RFC 3261 17.1.1.2).
const SENT_AGAIN: Span = Span::from_millis(250);

const RANG_OUT: Span = Span::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q850_refines_only_what_rfc_6432_lets_it() {
        assert_eq!(result_of_status(480, Some(17)), LegResult::Busy);
        assert_eq!(result_of_status(480, Some(19)), LegResult::NoAnswer);
        assert_eq!(result_of_status(404, Some(3)), LegResult::Failed);
        assert_eq!(result_of_status(403, Some(21)), LegResult::Rejected);
        assert_eq!(result_of_status(603, Some(21)), LegResult::Declined);
        assert_eq!(result_of_status(503, Some(17)), LegResult::Failed);
        assert_eq!(result_of_status(486, Some(16)), LegResult::Busy);
    }
}

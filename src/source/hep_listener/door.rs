//! Who is let in, and what of theirs: address, form, key, kind, size; in this order, the cheapest first.

use std::net::IpAddr;

use super::agents::Agents;
use super::keys::Keys;
use crate::settings::{HepTap, Net};
use crate::source::live::{Feed, Refused, Tally, Trouble};
use crate::time::Timestamp;
use crate::wire::hep::{self, Hep, Payload};
use crate::wire::packet::{Datagram, FrameRef, Transport};

/// What is asked of who sends.
pub(super) struct Door {
    allow: Vec<Net>,
    keys: Option<Keys>,
    agents: Agents,
}

impl Door {
    /// # Errors
    /// If the keys can't be read.
    pub fn open(tap: &HepTap) -> Result<Door, Trouble> {
        let keys = tap.key_file.as_deref().map(Keys::read).transpose()?;
        Ok(Door { allow: tap.allow.clone(), keys, agents: Agents::default() })
    }

    pub fn agents(&mut self) -> &mut Agents {
        &mut self.agents
    }

    /// Whether this address may send.
    pub fn lets_in(&self, from: IpAddr) -> bool {
        self.allow.iter().any(|net| net.contains(from))
    }

    /// Hands on what is in a message; what is no SIP is only counted.
    pub fn take(&mut self, from: IpAddr, bytes: &[u8], feed: &mut Feed) -> Result<(), Refused> {
        if !self.lets_in(from) {
            return Err(Refused::Address);
        }
        let hep = hep::decode(bytes).map_err(|_| Refused::Malformed)?;
        if self.keys.as_ref().is_some_and(|keys| !keys.fit(&hep)) {
            return Err(Refused::Key);
        }
        if hep.kind != hep::SIP {
            Tally::add(&feed.tally.ignored, 1);
            return Ok(());
        }
        let unfolded = match hep.payload {
            Payload::Plain(_) => None,
            Payload::Compressed(packed) => Some(unfold(packed)?),
        };
        let (came, now) = (feed.clock.now(), feed.clock.boottime());
        let at = self.agents.date((from.to_canonical(), hep.agent), hep.at, came, now);
        feed.datagram(&datagram(&hep, at, unfolded.as_deref()));
        Ok(())
    }
}

fn datagram<'a>(hep: &Hep<'a>, at: Timestamp, unfolded: Option<&'a [u8]>) -> Datagram<'a> {
    let payload = match (unfolded, hep.payload) {
        (Some(unfolded), _) => unfolded,
        (None, Payload::Plain(bytes) | Payload::Compressed(bytes)) => bytes,
    };
    Datagram {
        at,
        frame: FrameRef::default(),
        src: hep.src,
        dst: hep.dst,
        transport: if hep.proto == TCP { Transport::Tcp } else { Transport::Udp },
        payload,
        cut: false,
        correlation: hep.correlation,
    }
}

fn unfold(packed: &[u8]) -> Result<Vec<u8>, Refused> {
    let unfolded = hep::inflate(packed).map_err(|_| Refused::Packed)?;
    match unfolded.len() <= packed.len().saturating_mul(MOST_TIMES) {
        true => Ok(unfolded),
        false => Err(Refused::Packed),
    }
}

const TCP: u8 = 6;

/// No SIP message folds to less than a hundredth of its length.
const MOST_TIMES: usize = 100;

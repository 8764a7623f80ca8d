//! Reason: why a request was sent (RFC 3326).

use super::field::{Params, unquote};
use super::lines::{cut, number, trim};
use super::message::Message;
use super::name::HeaderName;

/// One Reason value: `Q.850;cause=16;text="Normal call clearing"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason<'a> {
    /// `SIP`, `Q.850` or another protocol, as sent.
    pub protocol: &'a [u8],
    /// The cause in that protocol's numbers; `None` if there is no valid one.
    pub cause: Option<u16>,
    /// The text as sent, without quotes; no one may match on it.
    pub text: Option<&'a [u8]>,
    params: &'a [u8],
}

impl<'a> Reason<'a> {
    /// Reads one value, also the unescaped `Reason` of a History-Info URI (RFC 7044).
    pub fn parse(value: &'a [u8]) -> Reason<'a> {
        let (protocol, params) = cut(value, memchr::memchr(b';', value).unwrap_or(value.len()));
        let found = Params::new(params);
        let cause = found.find(b"cause").and_then(number).and_then(|cause| u16::try_from(cause).ok());
        Reason { protocol: unquote(trim(protocol)), cause, text: found.find(b"text"), params }
    }

    /// Any parameter, its name in any case, without quotes.
    pub fn param(&self, name: &[u8]) -> Option<&'a [u8]> {
        Params::new(self.params).find(name)
    }
}

/// The Reason values of a message, in order.
pub fn reasons<'a>(message: &Message<'a>) -> impl Iterator<Item = Reason<'a>> + use<'a> {
    message.values(HeaderName::Reason).map(Reason::parse)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_reasons_in_one_line_are_read() {
        let message = Message::parse(
            b"BYE sip:1@h SIP/2.0\r\nReason: SIP ;cause=200 ;text=\"Call completed, elsewhere\",\r\n Q.850;cause=016\r\nReason: preemption\r\n\r\n",
        )
        .unwrap();
        let found: Vec<_> = reasons(&message).map(|reason| (reason.protocol, reason.cause)).collect();
        assert_eq!(found, [(&b"SIP"[..], Some(200)), (b"Q.850", Some(16)), (b"preemption", None)]);
        assert_eq!(reasons(&message).next().and_then(|r| r.text), Some(&b"Call completed, elsewhere"[..]));
    }

    #[test]
    fn a_cause_that_is_no_number_is_none() {
        assert_eq!(Reason::parse(b"Q.850;cause=x").cause, None);
        assert_eq!(Reason::parse(b"Q.850;cause=70000").cause, None);
        assert_eq!(Reason::parse(b"X;cause=NORMAL;a-b=\"7\"").param(b"A-B"), Some(&b"7"[..]));
    }
}

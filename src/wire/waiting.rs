//! How many messages wait in a mailbox, as a NOTIFY of message-summary tells it (RFC 3842 5.2).
//!
//! Voice messages only; what the body says of mail, fax and urgent messages is left out.

use super::sip::{HeaderName, Message, Method};

/// What a notice says of a mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// There are new messages.
    pub any: bool,
    /// How many new voice messages there are, if it says so.
    pub new: Option<u32>,
}

impl Waiting {
    /// Reads a notice; none if the message is no such.
    pub fn of(message: &Message<'_>) -> Option<Waiting> {
        if message.method() != Method::Notify || message.status().is_some() {
            return None;
        }
        let event = message.header(HeaderName::Event)?;
        if !event.get(..SUMMARY.len()).is_some_and(|start| start.eq_ignore_ascii_case(SUMMARY)) {
            return None;
        }
        let any = line(message, b"Messages-Waiting")?.to_ascii_lowercase().starts_with(b"yes");
        let count =
            line(message, b"Voice-Message").and_then(|counts| counts.split(|byte| *byte == b'/').next());
        let count = count.and_then(|count| std::str::from_utf8(count).ok()?.trim().parse().ok());
        Some(Waiting { any, new: count })
    }
}

/// The value of a line of the body.
fn line<'a>(message: &Message<'a>, name: &[u8]) -> Option<&'a [u8]> {
    let lines = message.body().split(|byte| *byte == b'\n').take(MOST_LINES);
    lines.into_iter().find_map(|line| {
        let (found, value) = line.split_at_checked(memchr::memchr(b':', line)?)?;
        found.trim_ascii().eq_ignore_ascii_case(name).then(|| value.get(1..).unwrap_or_default().trim_ascii())
    })
}

const SUMMARY: &[u8] = b"message-summary";

/// A summary is a few lines; the headers of single messages may follow.
const MOST_LINES: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn told(event: &str, body: &str) -> Option<Waiting> {
        let text = format!(
            "NOTIFY sip:201@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:6000@h>;tag=a\r\n\
             To: <sip:201@h>;tag=b\r\nCall-ID: c\r\nCSeq: 1 NOTIFY\r\nEvent: {event}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Waiting::of(&Message::parse(text.as_bytes()).expect("a message"))
    }

    #[test]
    fn a_notice_says_whether_messages_wait_and_perhaps_how_many() {
        let counted = "Messages-Waiting: yes\r\nMessage-Account: sip:*97@h\r\nVoice-Message: 2/8 (0/2)\r\n";
        assert_eq!(told("message-summary", counted), Some(Waiting { any: true, new: Some(2) }));
        assert_eq!(
            told("Message-Summary;id=1", "messages-waiting:NO"),
            Some(Waiting { any: false, new: None })
        );
        assert_eq!(
            told("message-summary", "Messages-Waiting: yes\nVoice-Message: x/y"),
            Some(Waiting { any: true, new: None })
        );
        assert_eq!(told("message-summary", "Voice-Message: 2/8"), None);
        assert_eq!(told("dialog", counted), None);
    }
}

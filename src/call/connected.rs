//! With whom an answer says that it connects.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::call::identity::present;
use crate::call::role::{self, Party};
use crate::call::transaction::VoicemailSign;
use crate::settings::Roles;
use crate::wire::sdp::Sdp;
use crate::wire::sip::{HeaderName, Message, NameAddr};

/// Why a 2xx looks like voicemail's: it names a pilot as the party connected, or wants its media at a host
/// that is nothing but voicemail.
pub fn voicemail_sign(roles: &Roles, message: &Message<'_>) -> Option<VoicemailSign> {
    if !roles.voicemail_pilots.is_empty() && names_pilot(roles, message) {
        return Some(VoicemailSign::Connected);
    }
    let at_voicemail = || {
        let body = message.sdp()?;
        let ip = Sdp::parse(body).audio()?.addr()?.ip();
        let known = role::party(roles, ip) == Party::Voicemail;
        (known || roles.voicemail_media.iter().any(|net| net.contains(ip))).then_some(VoicemailSign::Media)
    };
    if roles.voicemail_hosts.is_empty() && roles.voicemail_media.is_empty() { None } else { at_voicemail() }
}

/// Whether the session that an answer agrees on is a fax (T.38): an image stream that isn't refused.
pub fn is_fax(message: &Message<'_>) -> bool {
    let image = |body: &&[u8]| IMAGE.find(body).is_some();
    message.sdp().filter(image).is_some_and(|body| {
        Sdp::parse(body).media().any(|media| media.kind.eq_ignore_ascii_case(b"image") && media.port != 0)
    })
}

static IMAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("=image "));

fn names_pilot(roles: &Roles, message: &Message<'_>) -> bool {
    let called = |id: &NameAddr<'_>| id.param(b"party").is_none_or(|party| party == b"called");
    let values = present(message, &CONNECTED).flat_map(|name| message.values(name));
    let mut ids = values.map(NameAddr::parse).filter(called).chain(message.contact());
    ids.any(|id| role::is_pilot(roles, id.uri().user()))
}

/// The headers by which an answer names the party connected.
const CONNECTED: [HeaderName; 2] = [HeaderName::PAssertedIdentity, HeaderName::RemotePartyId];

#[cfg(test)]
mod tests {
    use super::*;

    fn roles() -> Roles {
        Roles {
            voicemail_hosts: vec!["192.168.10.6".parse().expect("a net")],
            voicemail_media: vec!["192.168.10.64/30".parse().expect("a net")],
            voicemail_pilots: vec![regex_lite::Regex::new("^(?:6000)$").expect("a pattern")],
            ..Roles::default()
        }
    }

    fn answer(header: &str, body: &str) -> String {
        format!(
            "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:1@h>;tag=a\r\nTo: <sip:2@h>;tag=b\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\n{header}Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    }

    fn sign(header: &str, host: &str) -> Option<VoicemailSign> {
        let body = format!("v=0\r\nc=IN IP4 {host}\r\nm=audio 4000 RTP/AVP 0\r\n");
        let text = answer(header, &body);
        voicemail_sign(&roles(), &Message::parse(text.as_bytes()).expect("a message"))
    }

    #[test]
    fn an_answer_tells_voicemail_by_the_party_connected_or_by_where_its_media_is() {
        let pai = "P-Asserted-Identity: \"Voice Mail\" <sip:6000@192.168.10.5>\r\n";
        assert_eq!(sign(pai, "192.168.10.5"), Some(VoicemailSign::Connected));
        assert_eq!(
            sign("Contact: <sip:6000@192.168.10.5>\r\n", "192.168.10.5"),
            Some(VoicemailSign::Connected)
        );
        assert_eq!(sign("", "192.168.10.6"), Some(VoicemailSign::Media));
        assert_eq!(sign("", "192.168.10.66"), Some(VoicemailSign::Media));
        assert_eq!(sign("P-Asserted-Identity: <sip:201@192.168.10.5>\r\n", "192.168.10.5"), None);
        assert_eq!(sign("Remote-Party-ID: <sip:6000@h>;party=calling\r\n", "192.168.10.5"), None);
    }

    #[test]
    fn a_fax_is_an_image_stream_that_is_not_refused() {
        let fax = |media: &str| {
            let text = answer("", &format!("v=0\r\nc=IN IP4 192.0.2.1\r\n{media}"));
            is_fax(&Message::parse(text.as_bytes()).expect("a message"))
        };
        assert!(fax("m=image 4000 udptl t38\r\n"));
        assert!(!fax("m=audio 4000 RTP/AVP 0\r\nm=image 0 udptl t38\r\n"));
        assert!(!fax("m=audio 4000 RTP/AVP 0\r\n"));
    }
}

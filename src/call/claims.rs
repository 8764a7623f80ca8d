//! What carriers claim about a caller's number: verification, attestation, and what was signed (STIR/SHAKEN).
//!
//! Each claim becomes a reason of the call's record, by whom it was made: `verstat` is the last carrier's word, that it
//! checked a signature (3GPP TS 24.229 7.2A.20); an attestation header is the trunk's; a PASSporT came along from the
//! first carrier, unchecked. None of them decides a verdict: whoever rings the business was missed or wasn't.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::call::identity::{Called, Caller};
use crate::call::invite::{Address, Invite};
use crate::limits;
use crate::phone::{Dialplan, Number, Party};
use crate::wire::sip::{HeaderName, NameAddr, Passport};

/// Claims about one caller, a bit each by its place among `RULES`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Claims(u16);

impl Claims {
    /// Reads what an INVITE claims. Responses that stand for an INVITE not seen name other parties, and claim nothing.
    pub fn read(invite: &Invite<'_>, caller: &Caller, called: &Called, dialplan: &Dialplan) -> Claims {
        let mut claims = Claims::default();
        if invite.target.is_none() {
            return claims;
        }
        let message = invite.message;
        if message.header(HeaderName::From).is_some_and(|from| LETTERS.find(from).is_some()) {
            invite.from.iter().for_each(|from| claims.verified(from));
        }
        if message.has(HeaderName::PAssertedIdentity)
            && message.may_hold(HeaderName::PAssertedIdentity, &LETTERS)
        {
            let asserted =
                message.values(HeaderName::PAssertedIdentity).take(limits::CLAIMS).map(NameAddr::parse);
            asserted.for_each(|name| claims.verified(&Address { uri: name.uri(), name }));
        }
        for header in [HeaderName::PAttestationIndicator, HeaderName::AttestationInfo] {
            if message.has(header) {
                message.headers(header).take(limits::CLAIMS).for_each(|value| claims.attested(value));
            }
        }
        for header in [HeaderName::Identity, HeaderName::PIdentity] {
            if message.has(header) {
                let signed: Vec<_> =
                    message.headers(header).take(limits::CLAIMS).map(Passport::parse).collect();
                claims.signed(&signed, &Parties::of(invite, caller, called, dialplan));
            }
        }
        claims
    }

    /// The rules that records show, in a fixed order.
    pub fn rules(self) -> impl Iterator<Item = &'static str> {
        RULES.iter().enumerate().filter(move |(n, _)| self.0 >> n & 1 == 1).map(|(_, rule)| *rule)
    }

    fn claim(&mut self, rule: &str) {
        if let Some(n) = RULES.iter().position(|known| *known == rule) {
            self.0 |= 1 << n;
        }
    }

    /// Takes the `verstat` of an identity, within its user part or behind it.
    fn verified(&mut self, id: &Address<'_>) {
        let Some(word) = verstat(id) else { return };
        let starts =
            |start: &[u8]| word.get(..start.len()).is_some_and(|word| word.eq_ignore_ascii_case(start));
        if starts(b"TN-Validation-Passed") {
            self.claim("caller.verstat_passed");
            if let Some([b'-', level]) = word.get(b"TN-Validation-Passed".len()..) {
                self.level([ATTESTED_A, ATTESTED_B, ATTESTED_C], *level);
            }
        } else if starts(b"TN-Validation-Failed") {
            self.claim("caller.verstat_failed");
        } else if starts(b"No-TN-Validation") {
            self.claim("caller.verstat_none");
        }
    }

    /// Takes the level that a header of the trunk names.
    fn attested(&mut self, value: &[u8]) {
        let word = value.split(|byte| *byte == b';').next().unwrap_or_default();
        let mut letters = word.iter().copied().filter(|byte| !matches!(byte, b'"' | b' ' | b'\t'));
        if let (Some(level), None) = (letters.next(), letters.next()) {
            self.level([ATTESTED_A, ATTESTED_B, ATTESTED_C], level);
        }
    }

    fn signed(&mut self, signed: &[Option<Passport>], parties: &Parties) {
        let diverted = signed.iter().flatten().any(|passport| passport.diverted);
        for passport in signed {
            let Some(passport) = passport else {
                self.claim("caller.passport_unreadable");
                continue;
            };
            if let Some([level]) = passport.attest.as_deref().map(str::as_bytes) {
                self.level(["caller.passport_a", "caller.passport_b", "caller.passport_c"], *level);
            }
            let orig = passport.orig.as_deref().and_then(number);
            if orig.is_some_and(|orig| is_other(&parties.calling, &[orig])) {
                self.claim("caller.passport_other_caller");
            }
            let dest: Vec<Number> = passport.dest.iter().filter_map(|tn| number(tn)).collect();
            if !diverted && !dest.is_empty() && is_other(&parties.called, &dest) {
                self.claim("caller.passport_other_called");
            }
        }
        if diverted {
            self.claim("caller.passport_diverted");
        }
    }

    fn level(&mut self, rules: [&str; 3], level: u8) {
        match level.to_ascii_uppercase() {
            b'A' => self.claim(rules[0]),
            b'B' => self.claim(rules[1]),
            b'C' => self.claim(rules[2]),
            _ => {}
        }
    }
}

/// Whom an INVITE names, to compare with what was signed.
struct Parties {
    calling: Vec<Number>,
    called: Vec<Number>,
}

impl Parties {
    fn of(invite: &Invite<'_>, caller: &Caller, called: &Called, dialplan: &Dialplan) -> Parties {
        let number = |party: &Option<Party>| party.as_ref().and_then(Party::number);
        let at = |address: &Option<Address<'_>>| {
            address.and_then(|address| dialplan.read(&address.telephone())).and_then(|party| party.number())
        };
        Parties {
            calling: number(&caller.party).into_iter().chain(at(&invite.from)).collect(),
            called: number(&called.party).into_iter().chain(at(&invite.to)).collect(),
        }
    }
}

/// Whether numbers are known, and none is among those signed.
fn is_other(known: &[Number], signed: &[Number]) -> bool {
    !known.is_empty() && !known.iter().any(|number| signed.contains(number))
}

/// A number as PASSporTs write it: digits with the country's code (RFC 8224 8.3).
fn number(tn: &str) -> Option<Number> {
    Number::parse(tn.get(..limits::COMPARED).unwrap_or(tn))
}

fn verstat<'a>(id: &Address<'a>) -> Option<&'a [u8]> {
    let user = id.uri.subscriber();
    let within = || user.split(|byte| *byte == b';').skip(1).find_map(value_of_verstat);
    within().or_else(|| id.uri.param(VERSTAT)).or_else(|| id.name.param(VERSTAT))
}

fn value_of_verstat(param: &[u8]) -> Option<&[u8]> {
    let (name, value) = param.split_at_checked(VERSTAT.len())?;
    value.strip_prefix(b"=").filter(|_| name.eq_ignore_ascii_case(VERSTAT))
}

/// Every claim, in the order that records show them.
pub const RULES: [&str; 13] = [
    "caller.verstat_passed",
    "caller.verstat_failed",
    "caller.verstat_none",
    ATTESTED_A,
    ATTESTED_B,
    ATTESTED_C,
    "caller.passport_a",
    "caller.passport_b",
    "caller.passport_c",
    "caller.passport_other_caller",
    "caller.passport_other_called",
    "caller.passport_diverted",
    "caller.passport_unreadable",
];

const ATTESTED_A: &str = "caller.attested_a";
const ATTESTED_B: &str = "caller.attested_b";
const ATTESTED_C: &str = "caller.attested_c";

const VERSTAT: &[u8] = b"verstat";

/// Letters of it that all write alike: an INVITE without them is done with.
static LETTERS: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("erstat"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::make::Make;
    use crate::settings::{Numbers, Profile};
    use crate::wire::sip::Message;

    /// The rules of an INVITE from +13125550142 to +13125550111 with these lines.
    fn claimed(from: &str, lines: &str) -> Vec<&'static str> {
        let text = format!(
            "INVITE sip:+13125550111@h SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: {from};tag=a\r\n\
             To: <sip:+13125550111@h>\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n{lines}\r\n\r\n"
        );
        let message = Message::parse(text.as_bytes()).expect("a message");
        let invite = Invite::of(&message);
        let dialplan = Dialplan::new(&Numbers::default(), Some("US"));
        let caller = Caller::read(&invite, true, &Make::new(&Profile::default()), &dialplan);
        let called = Called::read(&invite, None, &dialplan);
        Claims::read(&invite, &caller, &called, &dialplan).rules().collect()
    }

    const FROM: &str = "<sip:+13125550142@h>";

    /// `{"attest":"A","dest":{"tn":["13125550111"]},"orig":{"tn":"13125550142"}}`, header and payload.
    const TOKEN: &str = "e30.eyJhdHRlc3QiOiJBIiwiZGVzdCI6eyJ0biI6WyIxMzEyNTU1MDExMSJdfSwib3JpZyI6eyJ0biI6IjEzMTI1NTUwMTQyIn19.c2ln";

    #[test]
    fn a_carriers_verification_is_told_wherever_it_is_written() {
        for id in [
            "<sip:+13125550142;verstat=TN-Validation-Passed@h;user=phone>",
            "<sip:+13125550142@h;user=phone;verstat=tn-validation-passed>",
            "<sip:+13125550142@h>;verstat=TN-Validation-Passed",
            "<tel:+13125550142;verstat=TN-Validation-Passed>",
        ] {
            assert_eq!(claimed(id, "X-A: b"), ["caller.verstat_passed"], "{id}");
            assert_eq!(
                claimed(FROM, &format!("P-Asserted-Identity: {id}")),
                ["caller.verstat_passed"],
                "{id}"
            );
        }
        let word =
            |word: &str| claimed(FROM, &format!("P-Asserted-Identity: <sip:+1312555014@h>;verstat={word}"));
        assert_eq!(word("TN-Validation-Passed-B"), ["caller.verstat_passed", "caller.attested_b"]);
        assert_eq!(word("TN-Validation-Failed-C"), ["caller.verstat_failed"]);
        assert_eq!(word("No-TN-Validation"), ["caller.verstat_none"]);
        assert_eq!(word("TN"), [""; 0]);
        assert_eq!(claimed(FROM, "X-A: b"), [""; 0]);
    }

    #[test]
    fn the_trunks_attestation_is_a_letter_alone() {
        assert_eq!(claimed(FROM, "P-Attestation-Indicator: A"), ["caller.attested_a"]);
        assert_eq!(claimed(FROM, "Attestation-Info: \"c\";x=1"), ["caller.attested_c"]);
        assert_eq!(claimed(FROM, "P-Attestation-Indicator: Bad"), [""; 0]);
    }

    #[test]
    fn what_was_signed_is_held_against_the_parties() {
        assert_eq!(claimed(FROM, &format!("Identity: {TOKEN};info=<x>")), ["caller.passport_a"]);
        assert_eq!(claimed(FROM, &format!("P-Identity: {TOKEN}")), ["caller.passport_a"]);
        let other = claimed("<sip:+13125550199@h>", &format!("Identity: {TOKEN}"));
        assert_eq!(other, ["caller.passport_a", "caller.passport_other_caller"]);
        let withheld = claimed("<sip:anonymous@anonymous.invalid>", &format!("y: {TOKEN}"));
        assert_eq!(withheld, ["caller.passport_a"], "nobody is shown who could be another");
        assert_eq!(claimed(FROM, "Identity: x"), ["caller.passport_unreadable"]);
    }

    #[test]
    fn a_flood_of_tokens_is_cut() {
        let good = format!("Identity: {TOKEN}");
        let lines: Vec<&str> =
            std::iter::repeat_n("Identity: x", limits::CLAIMS).chain([good.as_str()]).collect();
        assert_eq!(claimed(FROM, &lines.join("\r\n")), ["caller.passport_unreadable"]);
    }
}
